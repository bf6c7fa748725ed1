//! Clipping of gradients by their length.

use super::Applied;
use crate::graph::Tensor;

/// The gradients, cut to `clipnorm` each or `global_clipnorm` all together.
pub(super) fn clipped(
    parameters: &[Applied],
    clipnorm: Option<f64>,
    global_clipnorm: Option<f64>,
) -> Vec<Tensor> {
    let gradients = || parameters.iter().map(|p| p.gradient);
    if let Some(limit) = clipnorm.filter(|l| *l > 0.0) {
        let cut = |g: Tensor| g * (limit / g.square().sum(&[]).sqrt().maximum(limit));
        return gradients().map(cut).collect();
    }
    if let Some(limit) = global_clipnorm.filter(|l| *l > 0.0) {
        let squares = gradients().map(|g| g.square().sum(&[])).reduce(|a, b| a + b);
        if let Some(squares) = squares {
            let scale = limit / squares.sqrt().maximum(limit);
            return gradients().map(|g| g * scale).collect();
        }
    }
    gradients().collect()
}
