//! Normal noise in training.

use std::f64::consts::TAU;

use rhyton_kernels::pointwise as table;
use serde::{Deserialize, Serialize};

use super::dropout::{check_rate, of_random, stream};
use crate::Error;
use crate::graph::{Builder, CallContext, Expr, Integers, Layer, Shape, Tensor};
use crate::initializers::Seed;
use crate::ops::pointwise;

/// A standard normal number for each element, by Box and Muller from two streams.
pub(super) fn normal() -> Expr {
    // 1 - u is never 0.
    let radius = ((1.0 - stream()).ln() * -2.0).sqrt();
    radius * Expr::call(&table::COS, vec![stream() * TAU])
}

/// Adds normal noise in training.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GaussianNoise {
    stddev: f64,
    #[serde(default)]
    seed: Seed,
}

impl GaussianNoise {
    /// Of this standard deviation.
    pub fn new(stddev: f64) -> Self {
        GaussianNoise { stddev, seed: Seed::default() }
    }
}

builders! {
impl GaussianNoise {
    /// Kept in the config. The draws themselves follow the seed of the model.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed::fixed(seed);
        self
    }
}
}

impl Layer for GaussianNoise {
    const CLASS: &'static str = "GaussianNoise";

    fn build(&mut self, _builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        if self.stddev >= 0.0 {
            return Ok(());
        }
        Err(Error::Argument { what: format!("stddev is {}, but must be 0 or positive", self.stddev) })
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_random(Self::CLASS, self.stddev, cx)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        if !cx.training || cx.no_dropout || self.stddev == 0.0 {
            return x;
        }
        pointwise(Expr::In(0) + normal() * self.stddev, &[x], None)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// Multiplies by normal noise of mean 1 in training.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GaussianDropout {
    rate: f64,
    #[serde(default)]
    seed: Seed,
}

impl GaussianDropout {
    /// With the standard deviation √(rate / (1 - rate)).
    pub fn new(rate: f64) -> Self {
        GaussianDropout { rate, seed: Seed::default() }
    }
}

builders! {
impl GaussianDropout {
    /// Kept in the config. The draws themselves follow the seed of the model.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed::fixed(seed);
        self
    }
}
}

impl Layer for GaussianDropout {
    const CLASS: &'static str = "GaussianDropout";

    fn build(&mut self, _builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        check_rate(self.rate)
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_random(Self::CLASS, self.rate, cx)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        if !cx.training || cx.no_dropout || self.rate == 0.0 {
            return x;
        }
        let stddev = (self.rate / (1.0 - self.rate)).sqrt();
        pointwise(Expr::In(0) * (normal() * stddev + 1.0), &[x], None)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
