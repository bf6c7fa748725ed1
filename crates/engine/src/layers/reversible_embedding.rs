//! Vectors of numbers that stand for something, and back (Press and Wolf, 2016).

use serde_json::{Map, Value};

use super::embedding::uniform;
use super::lora::{self, Asked, Lora};
use super::quantized::{QuantizationConfig, QuantizedTable, without_lora};
use crate::Error;
use crate::graph::{
    Adapted, Builder, CallContext, Constraint, DType, Initializer, Integers, IntoTensor, Layer, Named,
    Regularizer, Resolver, Shape, Tensor, Variable,
};
use crate::types::Policy;

config! {
    /// Gives for each number a vector, as [`Embedding`](super::Embedding) does; called with `reverse`, it gives for vectors how well each number suits.
    ReversibleEmbedding(input_dim: usize, output_dim: usize) {
        /// First values of the vectors.
        embeddings_initializer <- Named<dyn Initializer> = uniform();
        /// Penalty on the vectors.
        embeddings_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// Sets how the layer was quantized, as Keras keeps it beside a quantized dtype policy.
        quantization_config <- QuantizationConfig = QuantizationConfig::default();
        /// What the vectors are made to be after each step of training.
        embeddings_constraint <- Named<dyn Constraint> = Named::default();
        /// Sets whether 0 stands for nothing, and is masked.
        mask_zero: bool = false;
        /// Sets whether the way back uses the same vectors, and no weights of its own. Default true.
        tie_weights: bool = true;
        /// Sets the type that the way back is computed in: `"float32"`, `"float16"` or `"bfloat16"`; else that of the policy.
        reverse_dtype <- Option<String> = None;
        /// Bounds what the way back gives: `c · tanh(x / c)`.
        logit_soft_cap <- Option<f64> = None;
        /// Sets the rank of a product of two small matrices that is added to the vectors, which are frozen (LoRA).
        lora_rank <- Option<usize> = None;
        /// Sets what that product is multiplied by, times 1 / rank. Keras takes the rank when the layer is built, whatever stands here.
        lora_alpha <- Option<f64> = None;
    }
    read {}
    skip { embeddings: Variable, reverse_embeddings: Variable, lora: Lora, table: QuantizedTable, back: QuantizedTable }
}

impl ReversibleEmbedding {
    /// Returns the type that the way back is computed in, where it is named.
    ///
    /// # Errors
    /// It is none of floats.
    fn back(&self) -> Result<Option<DType>, Error> {
        let Some(name) = &self.reverse_dtype else { return Ok(None) };
        let found =
            Policy::named(name).filter(|policy| matches!(policy.compute(), DType::F32 | DType::Half(_)));
        let policy =
            found.filter(|policy| policy.compute().name() == name).ok_or_else(|| Error::Argument {
                what: format!(
                    "reverse_dtype is {name:?}, but must be \"float32\", \"float16\" or \"bfloat16\""
                ),
            })?;
        Ok(Some(policy.compute()))
    }

    fn reversed(&self, x: Tensor) -> Tensor {
        if self.table.is_built() {
            let logits = match self.tie_weights {
                true => self.table.reversed(x, &self.embeddings, &self.quantization_config),
                false => self.back.reversed_of(x, &self.reverse_embeddings, &self.quantization_config),
            };
            return self.logit_soft_cap.map_or(logits, |cap| (logits / cap).tanh() * cap);
        }
        let kernel = if self.tie_weights {
            self.lora.added(&self.embeddings).transpose(&[1, 0])
        } else {
            self.reverse_embeddings.into_tensor()
        };
        let cast = |x: Tensor| self.back().ok().flatten().map_or(x, |dtype| x.float_as(dtype));
        let logits = cast(x).matmul(cast(kernel));
        self.logit_soft_cap.map_or(logits, |cap| (logits / cap).tanh() * cap)
    }
}

/// Returns whether the call goes the way back.
fn reverse(cx: &CallContext) -> bool {
    cx.setting("reverse").and_then(|value| value.as_bool()).unwrap_or(false)
}

impl Layer for ReversibleEmbedding {
    const CLASS: &'static str = "ReversibleEmbedding";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn config(&self) -> Map<String, Value> {
        let Ok(Value::Object(mut config)) = serde_json::to_value(self) else { return Map::new() };
        // Keras writes it behind what the class has of Embedding.
        if let Some(none) = config.shift_remove("quantization_config") {
            let at = config.keys().position(|key| key == "tie_weights").unwrap_or(config.len());
            config.shift_insert(at, "quantization_config".into(), none);
        }
        // Behind what it has of Embedding, and before its own.
        let mut all = Map::new();
        lora::behind(&mut config);
        let own =
            ["tie_weights", "reverse_dtype", "logit_soft_cap"].map(|key| (key, config.shift_remove(key)));
        all.append(&mut config);
        all.extend(own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        all
    }

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "reverse"]
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        for (key, value) in [("input_dim", self.input_dim), ("output_dim", self.output_dim)] {
            if value == 0 {
                return Err(Error::Argument { what: format!("{key} is 0, but must be positive") });
            }
        }
        self.back().map(|_| ())
    }

    fn build(&mut self, builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        self.check()?;
        let shape = [self.input_dim, self.output_dim];
        if let Some(mode) = builder.quantized()? {
            without_lora(self.lora_rank, mode)?;
            self.embeddings = self.table.build(builder, mode, &self.quantization_config, shape)?;
            if !self.tie_weights {
                self.reverse_embeddings =
                    self.back.build_back(builder, mode, &self.quantization_config, shape, &self.table)?;
            }
            return Ok(());
        }
        self.embeddings =
            builder.add_weight("embeddings", shape, self.embeddings_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.embeddings,
            &self.embeddings_regularizer,
            &self.embeddings_constraint,
        )?;
        if !self.tie_weights {
            let shape = [self.output_dim, self.input_dim];
            self.reverse_embeddings =
                builder.add_weight("reverse_embeddings", shape, self.embeddings_initializer.clone(), true)?;
        }
        match self.lora_rank {
            None | Some(0) => Ok(()),
            Some(rank) => self.enable_lora(builder, rank, None),
        }
    }

    fn enable_lora(&mut self, builder: &mut Builder, rank: usize, alpha: Option<f64>) -> Result<(), Error> {
        let alpha = alpha.unwrap_or(rank as f64);
        let asked = Asked {
            what: "embeddings",
            constraint: ("embeddings_constraint", &self.embeddings_constraint),
            regularizer: &self.embeddings_regularizer,
            rank,
            alpha,
        };
        self.lora.build(builder, &self.embeddings, &asked)?;
        (self.lora_rank, self.lora_alpha) = (Some(rank), Some(alpha));
        Ok(())
    }

    fn adapted(&self) -> Option<Adapted> {
        self.lora.adapted(&self.embeddings)
    }

    /// Indices stay whole numbers, whatever floats the layer computes with.
    fn integers(&self, cx: &CallContext) -> Integers {
        if reverse(cx) { Integers::Floats } else { Integers::Sees }
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        if reverse(cx) {
            return self.reversed(x);
        }
        let vectors = match self.table.is_built() {
            true => self.table.floats(&self.embeddings),
            false => self.lora.added(&self.embeddings),
        };
        vectors.rows_at(x.as_type(DType::F32).truncated())
    }

    fn compute_mask(
        &self,
        xs: &[Tensor],
        _masks: &[Option<Tensor>],
        cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        let masks = self.mask_zero && !reverse(cx);
        vec![masks.then(|| 1.0 - xs[0].to_f32().equal(0.0))]
    }
}
