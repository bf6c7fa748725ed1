//! Dropout that keeps mean and variance of what a SELU gives.

use super::dropout::{check_noise, check_rate, noise_of, of_random};
use crate::Error;
use crate::graph::{Builder, CallContext, Expr, Integers, Layer, Resolver, Shape, Tensor};
use crate::initializers::Seed;
use crate::ops::{pointwise, random_uniform};

config! {
    /// In training sets a share of the elements to the least that a SELU gives, and scales and moves all so that mean 0 and variance 1 are kept.
    AlphaDropout(rate: f64) {
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
        /// Shape of the mask, `None` for an axis as it is: axes of length 1 share their draw.
        noise_shape <- Option<Vec<Option<usize>>> = None;
    }
    unset {}
    then {}
    read {}
    skip {}
}

/// α' = -α · scale of G. Klambauer and others, "Self-Normalizing Neural Networks", 2017.
const LEAST: f64 = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;

impl Layer for AlphaDropout {
    const CLASS: &'static str = "AlphaDropout";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        check_noise(self.noise_shape.as_deref(), input)?;
        check_rate(self.rate)
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_random(Self::CLASS, self.rate, cx)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let rate = self.rate;
        if !cx.training || cx.no_dropout || rate == 0.0 {
            return x;
        }
        let noise = self.noise_shape.as_ref().map_or_else(|| x.shape(), |noise| noise_of(noise, x));
        let a = ((1.0 - rate) * (1.0 + rate * LEAST * LEAST)).powf(-0.5);
        let b = -a * LEAST * rate;
        let kept = Expr::Const(rate).le(Expr::In(1)).select(Expr::In(0), Expr::Const(LEAST));
        pointwise(kept * a + b, &[x, random_uniform(&noise)], None)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
