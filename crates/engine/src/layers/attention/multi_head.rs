//! Attention with several heads (Vaswani et al., 2017).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::projection::{Shared, projection};
use super::{both, check_share, places, weights};
use crate::Error;
use crate::graph::{
    Arguments, Builder, CallContext, Constraint, Initializer, Layer, LayerRef, Named, Regularizer, Resolver,
    Shape, Tensor, fail,
};
use crate::initializers::Seed;
use crate::layers::config::Field;
use crate::layers::dense::{glorot, zeros};

/// Numbers, or none; configs have one for a list of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sizes(Option<Vec<usize>>);

impl From<usize> for Sizes {
    fn from(size: usize) -> Self {
        Sizes(Some(vec![size]))
    }
}
impl<const N: usize> From<[usize; N]> for Sizes {
    fn from(sizes: [usize; N]) -> Self {
        Sizes(Some(sizes.to_vec()))
    }
}
impl From<Vec<usize>> for Sizes {
    fn from(sizes: Vec<usize>) -> Self {
        Sizes(Some(sizes))
    }
}

impl<'de> Deserialize<'de> for Sizes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number, or a list of them")]
        enum Given {
            None,
            One(usize),
            Many(Vec<usize>),
        }
        Ok(Sizes(match Given::deserialize(deserializer)? {
            Given::None => None,
            Given::One(size) => Some(vec![size]),
            Given::Many(sizes) => Some(sizes),
        }))
    }
}

impl Field for Sizes {}

config! {
    /// Attention with several heads: called on a query and a value, and perhaps a key.
    MultiHeadAttention(num_heads: usize, key_dim: usize) {
        /// Length of a head's values; that of its keys by default.
        value_dim <- Option<usize> = None;
        /// Share of the weights that training sets to zero.
        dropout: f64 = 0.0;
        /// Sets whether the projections have biases.
        use_bias: bool = true;
        /// Sets whether a part of the query opens and closes the heads, which is not supported.
        use_gate: bool = false;
        /// Features of the output; those of the query by default.
        output_shape <- Sizes = Sizes::default();
        /// Axes that are attended over: the steps.
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

    /// Projects by one of the layers inside.
    fn project(&self, k: usize, x: Tensor, cx: &CallContext) -> Tensor {
        self.projections.get(k).and_then(|(_, layer)| layer.call(&[x], cx).first().copied()).unwrap_or(x)
    }

    /// `[batch, steps, heads, n]` as `[batch · heads, steps, n]`.
    fn by_head(x: Tensor) -> Tensor {
        let shape = x.shape();
        let [batch, steps, heads, n] = [shape[0], shape[1], shape[2], shape[3]];
        x.transpose(&[0, 2, 1, 3]).reshape([batch * heads, steps, n])
    }
}

const PARAMETERS: &[&str] = &[
    "query",
    "value",
    "key",
    "query_mask",
    "value_mask",
    "key_mask",
    "attention_mask",
    "return_attention_scores",
    "training",
    "use_causal_mask",
];

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
        let (query, value) = match inputs {
            [query, value, ..] if inputs.len() < 4 && inputs.iter().all(|s| s.rank() == 3) => (query, value),
            _ => {
                let shapes = inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let what = format!(
                    "MultiHeadAttention takes query, value and perhaps key, of shape (batch, steps, features) each, but was given {shapes}"
                );
                return Err(Error::Shape { layer: String::new(), what });
            }
        };
        for (key, n) in [
            ("num_heads", self.num_heads),
            ("key_dim", self.key_dim),
            ("value_dim", self.values()),
            ("sliding_window", self.sliding_window.unwrap_or(1)),
        ] {
            if n == 0 {
                return Err(Error::Argument { what: format!("{key} is 0, but must be positive") });
            }
        }
        check_share(self.dropout)?;
        if self.use_gate {
            return Err(Error::Argument { what: "use_gate is not supported".into() });
        }
        if self.attention_axes.0.as_ref().is_some_and(|axes| *axes != [1]) {
            return Err(Error::Argument {
                what: "attention_axes other than the steps are not supported".into(),
            });
        }
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
        let (heads, values) = (self.num_heads, self.values());
        let key = inputs.get(2).unwrap_or(value);
        let inner = Shape(vec![query.0[0], query.0[1], Some(heads), Some(values)]);
        self.projections.clear();
        for (attribute, name, contracted, output, input) in [
            ("query_dense", "query", 1, vec![heads, self.key_dim], query),
            ("key_dense", "key", 1, vec![heads, self.key_dim], key),
            ("value_dense", "value", 1, vec![heads, values], value),
            ("output_dense", "attention_output", 2, output, &inner),
        ] {
            let layer = projection(builder.inner_settings(name), contracted, &output, &shared);
            layer.build(builder.resolver(), std::slice::from_ref(input))?;
            self.projections.push((attribute.into(), layer));
        }
        Ok(())
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        let one = |name: &str| cx.argument(name).and_then(|list| list.first().copied());
        let (Some(query), Some(value)) = (one("query"), one("value")) else {
            fail(Error::Shape {
                layer: String::new(),
                what: "MultiHeadAttention takes query and value".into(),
            });
            return xs.to_vec();
        };
        let key = one("key");
        if [Some(query), Some(value), key].iter().flatten().any(|x| x.rank() != 3) {
            let what = "MultiHeadAttention takes tensors of three axes";
            fail(Error::Shape { layer: String::new(), what: what.into() });
            return xs.to_vec();
        }
        let (batch, queries) = (query.shape()[0], query.shape()[1]);
        let keys = value.shape()[1];
        let given = |name: &str| cx.setting(name).and_then(|v| v.as_bool()).unwrap_or(false);
        // Masks of [batch, queries, keys].
        let keras2 = cx.layer_is_keras2();
        let row = if keras2 { cx.argument_mask("query") } else { cx.mask(query) };
        let rows = row.map(|m| m.reshape([batch, queries, 1]));
        let of = |name: &str| cx.argument_mask(name).map(|m| m.reshape([batch, 1, keys]));
        let mut mask = both(rows, of("value"));
        let keyed = key.is_some() || cx.argument("key_mask").is_some();
        mask = both(mask, if keyed { of("key") } else { None });
        let near = places(queries, keys, given("use_causal_mask"), self.sliding_window);
        mask = both(mask, near.map(|p| p.reshape([1, queries, keys])));
        mask = both(mask, one("attention_mask"));
        let mask = mask.map(|m| {
            let mut shape = m.shape();
            // The heads stand behind the batch.
            if shape.len() < 4 {
                shape.insert(shape.len().saturating_sub(2), 1);
            }
            m.reshape(shape)
        });
        let q = self.project(0, query, cx) * (1.0 / (self.key_dim as f64).sqrt());
        let (k, v) = (self.project(1, key.unwrap_or(value), cx), self.project(2, value, cx));
        let scores = Self::by_head(q).batch_matmul(Self::by_head(k), false, true);
        let scores = scores.reshape([batch, self.num_heads, queries, keys]);
        // Keras 3 has a kernel of its own where it needs not the weights, with other words for rows that look at nothing.
        let zeros = !keras2 && (self.dropout > 0.0 || given("return_attention_scores"));
        let weights = weights(scores, mask, zeros, self.dropout, cx);
        let each = weights.reshape([batch * self.num_heads, queries, keys]);
        let output = each.batch_matmul(Self::by_head(v), false, false);
        let output = output.reshape([batch, self.num_heads, queries, self.values()]).transpose(&[0, 2, 1, 3]);
        let output = self.project(3, output, cx);
        if given("return_attention_scores") { vec![output, weights] } else { vec![output] }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.projections.clone()
    }
}
