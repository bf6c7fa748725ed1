//! Weights that are adapted by a product of two small ones (LoRA; Hu et al., 2021).

use super::Variable;

/// A weight that does not change any more, and what is added to it: scale · a · b.
#[derive(Clone, Debug)]
pub struct Adapted {
    /// The weight.
    pub weight: Variable,
    /// The first factor: the weight's axes but the last, and the rank.
    pub a: Variable,
    /// The second factor: the rank by the weight's last axis.
    pub b: Variable,
    /// Scales the product.
    pub scale: f64,
}
