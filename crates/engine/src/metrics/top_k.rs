//! Shares of targets among the k largest predictions.

use super::class::metric;
use crate::graph::Tensor;
use crate::losses::{one_hot, squeeze_labels};

/// 1 where fewer than k predictions are larger than the target's. As TensorFlow's `in_top_k`, which also says no where the target is no
/// class, or a prediction is not finite.
fn in_top_k(hot: Tensor, p: Tensor, k: usize) -> Tensor {
    let classes = p.shape().last().copied().unwrap_or(1);
    let of_target = hot.select(p, 0.0).sum_keep(&[-1]);
    let finite = p.abs().less_equal(f64::from(f32::MAX));
    // Above k where one is not.
    let larger = finite.select(of_target.less(p), (classes + k) as f64).sum(&[-1]);
    larger.less(k as f64) * hot.sum(&[-1])
}

metric!(
    /// Share of one-hot targets whose class is among the k largest predictions.
    TopKCategoricalAccuracy "top_k_categorical_accuracy" {
        /// How many.
        k: usize = 5_usize,
    }
    |s, t, p| {
        let classes = p.shape().last().copied().unwrap_or(1);
        in_top_k(one_hot(t.to_f32().argmax(), classes), p, s.k)
    }
);

metric!(
    /// Share of class numbers that are among the k largest predictions.
    SparseTopKCategoricalAccuracy "sparse_top_k_categorical_accuracy" {
        /// How many.
        k: usize = 5_usize,
    }
    |s, t, p| {
        let classes = p.shape().last().copied().unwrap_or(1);
        in_top_k(one_hot(squeeze_labels(t, p), classes), p, s.k)
    },
    fn takes_class_numbers(&self) -> bool {
        true
    }
);
