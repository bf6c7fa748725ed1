//! Random numbers of other distributions, made of uniform and normal ones: gamma, beta, an order.

use super::augment::{batch, normal, uniform};
use crate::graph::Tensor;

/// How often a number is drawn until it is accepted: of each twenty times one is not at most, so that of 64 million numbers one is the middle of all.
const TRIES: usize = 6;

/// Returns logarithms of numbers of a gamma distribution with this shape parameter, which is positive.
///
/// This is Marsaglia and Tsang's method with the parameter plus 1, times a power of a uniform number; of small parameters the numbers themselves would be 0.
pub(super) fn log_gamma(shape: &[usize], alpha: Tensor) -> Tensor {
    let above = alpha + (1.0 - 1.0 / 3.0);
    let width = 1.0 / (above * 9.0).sqrt();
    let tried = (0..TRIES).fold(Tensor::full(&[], 0.0), |other, _| {
        let drawn = normal(shape);
        let root = drawn * width + 1.0;
        let cube = (root * root * root).maximum(1e-30);
        let log = cube.log();
        let most = drawn.square() * 0.5 + above - above * cube + above * log;
        let accepted = (1.0 - uniform(shape, [0.0, 1.0])).log().less(most);
        (accepted * Tensor::full(&[], 0.0).less(root)).select(log, other)
    });
    tried + above.log() + (1.0 - uniform(shape, [0.0, 1.0])).log() / alpha
}

/// Returns numbers of a beta distribution both of whose parameters are this one.
pub(super) fn beta(shape: &[usize], alpha: Tensor) -> Tensor {
    (log_gamma(shape, alpha) - log_gamma(shape, alpha)).sigmoid()
}

/// Returns images in an order that is drawn.
pub(super) fn shuffled(x: Tensor) -> Tensor {
    let (n, shape) = (batch(x), x.shape());
    let order = uniform(&[n], [0.0, 1.0]).argsort(false);
    x.reshape([n, x.ty().len() / n.max(1)]).rows_at(order).reshape(shape)
}
