//! Dropout.

use rhyton_kernels::pointwise as table;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::graph::MAKE_FLOATS;
use crate::graph::{Builder, CallContext, Expr, Integers, Layer, Shape, Tensor, with_open};
use crate::initializers::Seed;
use crate::ops::{pointwise, random_uniform};

/// In training sets a share of the elements to zero, and scales the others so that the sum is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dropout {
    rate: f64,
    #[serde(default)]
    seed: Seed,
    #[serde(default)]
    noise_shape: Option<Vec<Option<usize>>>,
}

impl Dropout {
    /// Of this share, between 0 and 1.
    pub fn new(rate: f64) -> Self {
        Dropout { rate, seed: Seed::default(), noise_shape: None }
    }
}

builders! {
impl Dropout {
    /// Shape of the mask, `None` for an axis as it is: axes of length 1 share their draw.
    #[must_use]
    pub fn noise_shape(mut self, shape: impl Into<Vec<Option<usize>>>) -> Self {
        self.noise_shape = Some(shape.into());
        self
    }

    /// Kept in the config. The draws themselves follow the seed of the model.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed::fixed(seed);
        self
    }
}
}

/// A random stream of the open graph that nothing else draws from.
pub(super) fn stream() -> Expr {
    let stream = with_open(|g| {
        g.streams += 1;
        g.streams - 1
    });
    Expr::Rand(stream.unwrap_or(0))
}

/// Returns what layers that are random in training do with integers: outside of it, and at a strength of 0, they give them back.
pub(super) fn of_random(class: &str, strength: f64, cx: &CallContext) -> Integers {
    if !cx.training || cx.no_dropout || strength == 0.0 {
        return Integers::Keeps;
    }
    Integers::Refuses(format!("{class} trains on floats only, but its input has integers; {MAKE_FLOATS}"))
}

pub(super) fn check_rate(rate: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::Argument { what: format!("rate is {rate}, but must be between 0 and 1") })
}

/// Checks that a shape of noise has as many axes as the input.
///
/// # Errors
/// It has not.
pub(super) fn check_noise(noise: Option<&[Option<usize>]>, input: &Shape) -> Result<(), Error> {
    match noise.filter(|s| s.len() != input.rank()) {
        None => Ok(()),
        Some(shape) => {
            let what = format!("noise_shape {shape:?} has not as many axes as the input of shape {input}");
            Err(Error::Shape { layer: String::new(), what })
        }
    }
}

/// Returns the shape of noise for this input.
pub(super) fn noise_of(noise: &[Option<usize>], x: Tensor) -> Vec<usize> {
    noise.iter().zip(x.shape()).map(|(n, d)| n.unwrap_or(d)).collect()
}

/// Returns what dropout of a share makes of a tensor, with noise of this shape.
pub(super) fn drop(x: Tensor, rate: f64, noise: Option<&[Option<usize>]>, cx: &CallContext) -> Tensor {
    if !cx.training || cx.no_dropout || rate == 0.0 {
        return x;
    }
    // At rate 1 nothing is kept, and nothing scaled.
    let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
    let keep = |draw: Expr| Expr::Const(rate).le(draw).select(scale, 0.0);
    match noise {
        // One expression, so that no mask is stored: the gradient draws again.
        None => pointwise(Expr::call(&table::MUL, vec![Expr::In(0), keep(stream())]), &[x], None),
        Some(noise) => x * pointwise(keep(Expr::In(0)), &[random_uniform(&noise_of(noise, x))], None),
    }
}

impl Layer for Dropout {
    const CLASS: &'static str = "Dropout";

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        check_noise(self.noise_shape.as_deref(), input)?;
        check_rate(self.rate)
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_random(Self::CLASS, self.rate, cx)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        drop(x, self.rate, self.noise_shape.as_deref(), cx)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
