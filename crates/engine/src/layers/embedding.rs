//! Vectors of numbers that stand for something.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lora::{self, Asked, Lora};
use super::quantized::{QuantizationConfig, QuantizedTable, without_lora};
use super::{Axes, Unset};
use crate::Error;
use crate::graph::{
    Adapted, Builder, CallContext, Constraint, DType, Initializer, Integers, Layer, Named, Regularizer,
    Resolver, Shape, Tensor, Variable,
};
use crate::initializers::RandomUniform;

pub(super) fn uniform() -> Named<dyn Initializer> {
    RandomUniform::default().into()
}

/// Gives for each number from 0 to `input_dim - 1` a vector of `output_dim`. A number that is none of these gives NaN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Embedding {
    input_dim: usize,
    output_dim: usize,
    #[serde(default = "uniform")]
    embeddings_initializer: Named<dyn Initializer>,
    #[serde(default)]
    embeddings_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    activity_regularizer: Unset,
    #[serde(default)]
    embeddings_constraint: Named<dyn Constraint>,
    #[serde(default)]
    mask_zero: bool,
    #[serde(default)]
    quantization_config: QuantizationConfig,
    /// Of Keras 2, which takes the shape of the input from it where nothing else says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_length: Option<Axes>,
    #[serde(default)]
    lora_rank: Option<usize>,
    #[serde(default)]
    lora_alpha: Option<f64>,
    #[serde(skip)]
    embeddings: Variable,
    #[serde(skip)]
    lora: Lora,
    #[serde(skip)]
    table: QuantizedTable,
}

impl Embedding {
    /// With Keras' defaults.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Embedding {
            input_dim,
            output_dim,
            embeddings_initializer: uniform(),
            embeddings_regularizer: Named::default(),
            activity_regularizer: Unset,
            embeddings_constraint: Named::default(),
            mask_zero: false,
            quantization_config: QuantizationConfig::default(),
            table: QuantizedTable::default(),
            input_length: None,
            lora_rank: None,
            lora_alpha: None,
            lora: Lora::default(),
            embeddings: Variable::default(),
        }
    }
}

builders! {
    impl Embedding {
        /// First values of the vectors.
        #[must_use]
        pub fn embeddings_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
            self.embeddings_initializer = initializer.into();
            self
        }

        /// Penalty on the vectors.
        #[must_use]
        pub fn embeddings_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
            self.embeddings_regularizer = regularizer.into();
            self
        }

        /// What the vectors are made to be after each step of training.
        #[must_use]
        pub fn embeddings_constraint(mut self, constraint: impl Into<Named<dyn Constraint>>) -> Self {
            self.embeddings_constraint = constraint.into();
            self
        }

        /// Sets the rank of a product of two small matrices that is added to the vectors, which are frozen (LoRA).
        #[must_use]
        pub fn lora_rank(mut self, rank: impl Into<Option<usize>>) -> Self {
            self.lora_rank = rank.into();
            self
        }

        /// Sets what that product is multiplied by, times 1 / rank. Keras takes the rank when the layer is built, whatever stands here.
        #[must_use]
        pub fn lora_alpha(mut self, alpha: impl Into<Option<f64>>) -> Self {
            self.lora_alpha = alpha.into();
            self
        }

        /// Sets how the layer was quantized, as Keras keeps it beside a quantized dtype policy.
        #[must_use]
        pub fn quantization_config(mut self, config: QuantizationConfig) -> Self {
            self.quantization_config = config;
            self
        }

        /// Sets whether 0 stands for nothing, and is masked.
        #[must_use]
        pub fn mask_zero(mut self, mask_zero: bool) -> Self {
            self.mask_zero = mask_zero;
            self
        }
    }
}

impl Layer for Embedding {
    const CLASS: &'static str = "Embedding";
    const REQUIRED: &'static [&'static str] = &["input_dim", "output_dim"];

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.embeddings_initializer.bind(resolver)?;
        self.embeddings_regularizer.bind(resolver)?;
        self.embeddings_constraint.bind(resolver)
    }

    fn build(&mut self, builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        for (key, value) in [("input_dim", self.input_dim), ("output_dim", self.output_dim)] {
            if value == 0 {
                return Err(Error::Argument { what: format!("{key} is 0, but must be positive") });
            }
        }
        let shape = [self.input_dim, self.output_dim];
        if let Some(mode) = builder.quantized()? {
            without_lora(self.lora_rank, mode)?;
            self.embeddings = self.table.build(builder, mode, &self.quantization_config, shape)?;
            return Ok(());
        }
        self.embeddings =
            builder.add_weight("embeddings", shape, self.embeddings_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.embeddings,
            &self.embeddings_regularizer,
            &self.embeddings_constraint,
        )?;
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

    fn config(&self) -> Map<String, Value> {
        lora::config(self)
    }

    /// Indices stay whole numbers, whatever floats the layer computes with.
    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Sees
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
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
        _cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        vec![self.mask_zero.then(|| 1.0 - xs[0].to_f32().equal(0.0))]
    }
}
