//! Shares of right predictions.

use super::class::metric;
use crate::graph::Tensor;
use crate::losses::{same_rank, squeeze_labels};

/// 1 where a prediction is above a threshold; NaN is above none.
pub(super) fn above(p: Tensor, threshold: f64) -> Tensor {
    (-p).less(-threshold)
}

metric!(
    /// Share of predictions that equal the targets.
    Accuracy "accuracy" {}
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        t.equal(p)
    }
);

metric!(
    /// Share of predictions on the target's side of a threshold.
    BinaryAccuracy "binary_accuracy" {
        /// Predictions above it count as 1.
        threshold: f64 = 0.5,
    }
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        t.equal(above(p, s.threshold).to_f32())
    }
);

metric!(
    /// Share of predictions whose largest element is that of the one-hot target.
    CategoricalAccuracy "categorical_accuracy" {}
    |s, t, p| t.to_f32().argmax().equal(p.argmax())
);

metric!(
    /// Share of predictions whose largest element is that of the class number.
    SparseCategoricalAccuracy "sparse_categorical_accuracy" {}
    |s, t, p| squeeze_labels(t, p).to_f32().equal(p.argmax()),
    fn takes_class_numbers(&self) -> bool {
        true
    }
);
