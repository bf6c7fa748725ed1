//! Attention by a product or by a sum of queries and keys.

use super::{both, check_share, places, weights};
use crate::Error;
use crate::graph::{Builder, CallContext, IntoTensor, Layer, Resolver, Shape, Tensor, Variable, fail};
use crate::initializers::{GlorotUniform, Ones, Seed};
use crate::layers::config::Field;
use crate::words::{Word, Words};

/// Says how queries and keys become scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScoreMode {
    /// Their product.
    #[default]
    Dot,
    /// The sum of the hyperbolic tangent of their sum.
    Concat,
}

impl Words for ScoreMode {
    const OPTION: &'static str = "score_mode";
    const WORDS: &'static [(&'static str, Self)] = &[("dot", ScoreMode::Dot), ("concat", ScoreMode::Concat)];
}

impl Field for Word<ScoreMode> {}

config! {
    /// Attention of Luong's kind, on `[query, value]` or `[query, value, key]`.
    Attention() {
        /// Sets whether scores are multiplied by a variable.
        use_scale: bool = false;
        /// Sets how queries and keys become scores: `"dot"` or `"concat"`.
        score_mode <- Word<ScoreMode> = ScoreMode::Dot.into();
        /// Share of the weights that training sets to zero.
        dropout: f64 = 0.0;
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    unset {}
    then {}
    read {}
    skip { scale: Variable, concat_score_weight: Variable }
}

config! {
    /// Attention of Bahdanau's kind, on `[query, value]` or `[query, value, key]`.
    AdditiveAttention() {
        /// Sets whether the terms of scores are multiplied by a variable.
        use_scale: bool = true;
        /// Share of the weights that training sets to zero.
        dropout: f64 = 0.0;
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    unset {}
    then {}
    read {}
    skip { scale: Variable }
}

const PARAMETERS: &[&str] = &["inputs", "mask", "training", "return_attention_scores", "use_causal_mask"];

fn check(inputs: &[Shape], class: &str) -> Result<(), Error> {
    if matches!(inputs.len(), 2 | 3) && inputs.iter().all(|s| s.rank() == 3) {
        return Ok(());
    }
    let shapes = inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let what = format!(
        "{class} takes query, value and perhaps key, of shape (batch, steps, features) each, but was given {shapes}"
    );
    Err(Error::Shape { layer: String::new(), what })
}

/// Queries and keys beside each other: `[batch, queries, 1, features]` and `[batch, 1, keys, features]`.
fn spread(query: Tensor, key: Tensor) -> [Tensor; 2] {
    let (q, k) = (query.shape(), key.shape());
    [query.reshape([q[0], q[1], 1, q[2]]), key.reshape([k[0], 1, k[1], k[2]])]
}

/// The output of attention, and the weights where the call asks for them.
fn attend(
    xs: &[Tensor],
    dropout: f64,
    cx: &CallContext,
    score: impl Fn(Tensor, Tensor) -> Tensor,
) -> Vec<Tensor> {
    let &[query, value, ref rest @ ..] = xs else {
        fail(Error::Shape { layer: String::new(), what: "attention takes query and value".into() });
        return xs.to_vec();
    };
    let key = rest.first().copied().unwrap_or(value);
    if [query, value, key].iter().any(|x| x.rank() != 3) {
        fail(Error::Shape { layer: String::new(), what: "attention takes tensors of three axes".into() });
        return xs.to_vec();
    }
    let (q, k) = (query.shape(), key.shape());
    let given = |name: &str| cx.setting(name).and_then(|v| v.as_bool()).unwrap_or(false);
    let causal = places(q[1], k[1], given("use_causal_mask"), None).map(|p| p.reshape([1, q[1], k[1]]));
    let there = cx.input_mask(1).map(|m| m.reshape([k[0], 1, k[1]]));
    let weights = weights(score(query, key), both(there, causal), false, dropout, 1, cx);
    let mut output = weights.batch_matmul(value, false, false);
    if let Some(mask) = cx.input_mask(0) {
        output = mask.expand_last().select(output, 0.0);
    }
    if given("return_attention_scores") { vec![output, weights] } else { vec![output] }
}

impl Layer for Attention {
    const CLASS: &'static str = "Attention";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        check(inputs, Self::CLASS)?;
        check_share(self.dropout)?;
        if self.use_scale {
            self.scale = builder.add_weight("scale", [], Ones::default(), true)?;
        }
        if self.score_mode.get()? == ScoreMode::Concat {
            self.concat_score_weight =
                builder.add_weight("concat_score_weight", [], Ones::default(), true)?;
        }
        Ok(())
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        let scaled = |x: Tensor| if self.use_scale { x * &self.scale } else { x };
        attend(xs, self.dropout, cx, |query, key| match *self.score_mode {
            ScoreMode::Dot => scaled(query.batch_matmul(key, false, true)),
            ScoreMode::Concat => {
                let [q, k] = spread(query, key);
                scaled(q + k).tanh().sum(&[-1]) * &self.concat_score_weight
            }
        })
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

impl Layer for AdditiveAttention {
    const CLASS: &'static str = "AdditiveAttention";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn parameters(&self) -> &'static [&'static str] {
        PARAMETERS
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        check(inputs, Self::CLASS)?;
        check_share(self.dropout)?;
        if self.use_scale {
            let features = inputs[0].known(-1)?;
            self.scale = builder.add_weight("scale", [features], GlorotUniform::new(), true)?;
        }
        Ok(())
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        attend(xs, self.dropout, cx, |query, key| {
            let [q, k] = spread(query, key);
            let terms = (q + k).tanh();
            if self.use_scale { (terms * self.scale.into_tensor()).sum(&[-1]) } else { terms.sum(&[-1]) }
        })
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
