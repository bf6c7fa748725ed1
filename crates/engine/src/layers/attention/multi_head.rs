//! Attention with several heads (Vaswani et al., 2017).

use serde_json::{Map, Value};

use super::heads::{self, Attend, PARAMETERS, Projection, Sizes, check_sizes, given, project, says};
use super::projection::Shared;
use crate::Error;
use crate::graph::{
    Arguments, Builder, CallContext, Constraint, Initializer, Layer, LayerRef, Named, Regularizer, Resolver,
    Shape, Tensor, fail,
};
use crate::initializers::Seed;
use crate::layers::dense::{glorot, zeros};

config! {
    /// Attention with several heads: called on a query and a value, and perhaps a key.
    MultiHeadAttention(num_heads: usize, key_dim: usize) {
        /// Length of a head's values; that of its keys by default.
        value_dim <- Option<usize> = None;
        /// Share of the weights that training sets to zero.
        dropout: f64 = 0.0;
        /// Sets whether the projections have biases.
        use_bias: bool = true;
        /// Sets whether what the heads give is multiplied by a sigmoid of a projection of the query (Qiu et al., 2025).
        use_gate: bool = false;
        /// Features of the output; those of the query by default.
        output_shape <- Sizes = Sizes::default();
        /// Axes that are attended over; by default all between batch and features.
        attention_axes <- Sizes = Sizes::default();
        /// Sets how far a position sees, itself included.
        sliding_window <- Option<usize> = None;
        /// First value of the kernels.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the biases.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernels.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the biases.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// What the kernel is made to be after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    read {}
    skip { projections: Vec<(String, LayerRef)> }
}

impl MultiHeadAttention {
    fn values(&self) -> usize {
        self.value_dim.unwrap_or(self.key_dim)
    }

    /// Returns the axes that are attended over, for inputs of this rank: all between batch and features, where none are named.
    ///
    /// # Errors
    /// They have no such axes.
    fn axes(&self, rank: usize) -> Result<Vec<usize>, Error> {
        let axes = match &self.attention_axes.0 {
            Some(axes) => axes.clone(),
            None => (1..rank - 1).collect(),
        };
        let ascending = axes.windows(2).all(|pair| pair[0] < pair[1]);
        if axes.is_empty() || !ascending || axes.iter().any(|axis| !(1..rank - 1).contains(axis)) {
            let what = format!("attention_axes are {axes:?}, but must ascend between 1 and {}", rank - 2);
            return Err(Error::Argument { what });
        }
        Ok(axes)
    }

    /// Returns the output, and the weights where the call asks for them.
    ///
    /// # Errors
    /// The tensors do not suit it.
    fn attend(&self, cx: &CallContext) -> Result<Vec<Tensor>, Error> {
        let wrong = |what: &str| Error::Shape { layer: String::new(), what: what.into() };
        let [query, value, key] =
            given(cx).ok_or_else(|| wrong("MultiHeadAttention takes query and value"))?;
        let rank = query.rank();
        if rank < 3 || value.rank() != rank || key.rank() != rank {
            return Err(wrong("MultiHeadAttention takes tensors of three axes, or of more"));
        }
        let axes = self.axes(rank)?;
        let keras2 = cx.layer_is_keras2();
        let scores = says(cx, "return_attention_scores");
        // Keras 3 has a kernel of its own where it needs not the weights, with other words for rows that look at nothing.
        let zeros = !keras2 && (self.dropout > 0.0 || scores || rank > 3);
        let heads = Attend { axes: &axes, window: self.sliding_window, dropout: self.dropout, zeros };
        let row = if keras2 { cx.argument_mask("query") } else { cx.mask(query) };
        let mask = heads.mask(cx, [query, value], row)?;
        let projected = |name: &str, x: Tensor| project(&self.projections, name, x, cx);
        let q = projected("query_dense", query) * (1.0 / (self.key_dim as f64).sqrt());
        let (k, v) = (projected("key_dense", key), projected("value_dense", value));
        let (mut output, weights) = heads.call([q, k, v], mask, cx);
        if self.use_gate {
            output = output * projected("gate_dense", query);
        }
        let output = projected("output_dense", output);
        Ok(if scores { vec![output, weights] } else { vec![output] })
    }
}

impl Layer for MultiHeadAttention {
    const CLASS: &'static str = "MultiHeadAttention";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn arguments(&self, count: usize) -> Arguments {
        Arguments::each(count)
    }

    /// Returns it with the length of a head's values, as Keras writes it.
    fn config(&self) -> Map<String, Value> {
        let mut all = match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        };
        all.insert("value_dim".into(), self.values().into());
        all
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        let same = |s: &Shape| s.rank() == inputs[0].rank();
        let (query, value) = match inputs {
            [query, value, ..] if inputs.len() < 4 && query.rank() > 2 && inputs.iter().all(same) => {
                (query, value)
            }
            _ => {
                let shapes = inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let what = format!(
                    "MultiHeadAttention takes query, value and perhaps key, of shape (batch, steps, features) each, or with more axes of steps, but was given {shapes}"
                );
                return Err(Error::Shape { layer: String::new(), what });
            }
        };
        let (heads, values) = (self.num_heads, self.values());
        let window = self.sliding_window.unwrap_or(1);
        let sizes = [
            ("num_heads", heads),
            ("key_dim", self.key_dim),
            ("value_dim", values),
            ("sliding_window", window),
        ];
        check_sizes(&sizes, self.dropout)?;
        self.axes(query.rank())?;
        // An empty shape is none, as in Keras.
        let output = match &self.output_shape.0 {
            Some(shape) if !shape.is_empty() => shape.clone(),
            _ => vec![query.known(-1)?],
        };
        if output.contains(&0) {
            return Err(Error::Argument {
                what: format!("output_shape is {output:?}, but must be positive"),
            });
        }
        let shared = Shared {
            use_bias: self.use_bias,
            kernel_initializer: self.kernel_initializer.clone(),
            bias_initializer: self.bias_initializer.clone(),
            kernel_regularizer: self.kernel_regularizer.clone(),
            bias_regularizer: self.bias_regularizer.clone(),
            kernel_constraint: self.kernel_constraint.clone(),
            bias_constraint: self.bias_constraint.clone(),
            activity_regularizer: builder.take_activity_regularizer(),
        };
        let key = inputs.get(2).unwrap_or(value);
        let mut inner = query.0[..query.rank() - 1].to_vec();
        inner.extend([Some(heads), Some(values)]);
        let inner = Shape(inner);
        let of = |attribute, name, n, input| Projection {
            attribute,
            name,
            contracted: 1,
            output: vec![heads, n],
            input,
            activation: None,
        };
        let mut all = vec![
            of("query_dense", "query", self.key_dim, query),
            of("key_dense", "key", self.key_dim, key),
            of("value_dense", "value", values, value),
        ];
        if self.use_gate {
            let gate = of("gate_dense", "gate", values, query);
            all.insert(2, Projection { activation: Some("sigmoid"), ..gate });
        }
        let last = of("output_dense", "attention_output", values, &inner);
        all.push(Projection { contracted: 2, output, ..last });
        self.projections = heads::build(builder, &shared, all)?;
        Ok(())
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        self.attend(cx).unwrap_or_else(|error| {
            fail(error);
            xs.to_vec()
        })
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.projections.clone()
    }
}
