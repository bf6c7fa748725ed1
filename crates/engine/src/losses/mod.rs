//! Losses: per-example values made of ops; the reduction to one number is the same for all.

use serde_json::Value;

use crate::graph::Tensor;

/// How per-example losses become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Sum over all elements divided by their number (Keras' default).
    #[default]
    SumOverBatchSize,
    /// Sum over all elements.
    Sum,
    /// Sum of weighted elements divided by the sum of weights.
    MeanWithSampleWeight,
    /// The per-example values themselves; training takes their mean.
    None,
}

/// A loss.
pub trait Loss: Send + Sync {
    /// As compile configs name it: a serialized object or a registered function's name.
    fn spec(&self) -> Value;
    /// Name in logs.
    fn name(&self) -> String;
    /// Losses per example: the shape of `y_pred` without its last axis (or of the class numbers).
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor;
    /// How they are joined.
    fn reduction(&self) -> Reduction {
        Reduction::SumOverBatchSize
    }
    /// Whether the targets are class numbers: they are then checked against the number of classes and passed as int32.
    fn takes_class_numbers(&self) -> bool {
        false
    }
}
