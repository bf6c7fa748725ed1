//! Losses of classification: cross-entropies of one class, several classes, and their focal forms.

use super::EPSILON;
use super::class::loss;
use super::shape::{same_shape, sigmoid_logits, softmax_logits, squeeze_labels};
use crate::Error;
use crate::graph::{Tensor, fail};
use crate::ops::Numbers;
use crate::types::axis_index;

/// Probabilities kept off 0 and 1, as Keras keeps them before it takes logarithms.
fn clipped(p: Tensor) -> Tensor {
    p.clip(EPSILON, 1.0 - EPSILON)
}

fn smooth(y_true: Tensor, smoothing: f64, classes: f64) -> Tensor {
    if smoothing == 0.0 { y_true } else { y_true * (1.0 - smoothing) + smoothing / classes }
}

/// Elementwise cross-entropy of yes-or-no targets.
fn binary(t: Tensor, p: Tensor, from_logits: bool) -> Tensor {
    if let Some(x) = sigmoid_logits(p).or(from_logits.then_some(p)) {
        return x.softplus() - x * t;
    }
    let p = clipped(p);
    -(t * p.log() + (1.0 - t) * (1.0 - p).log())
}

loss!(
    /// Cross-entropy with class numbers as targets.
    SparseCategoricalCrossentropy "sparse_categorical_crossentropy" {
        /// Whether predictions are logits; else probabilities, clipped to 1e-7 and 1 - 1e-7.
        from_logits: bool = false,
        /// Targets with this number count for nothing.
        ignore_class: Option<i64> = None,
    }
    not saved {
        /// Axis of the classes: the last, as in Keras. Its files do not hold it.
        axis: isize = -1,
    }
    |s, t, p| {
        if s.axis != -1 && usize::try_from(s.axis).ok() != p.rank().checked_sub(1) {
            let what = format!("SparseCategoricalCrossentropy: axis = {} is not supported, only the last is", s.axis);
            fail(Error::Argument { what });
        }
        let labels = squeeze_labels(t, p);
        let labels = match s.ignore_class {
            // They get some class, so that no row is out of range.
            Some(ignored) => labels.to_f32().equal(ignored as f64).select(0.0, labels.to_f32()),
            None => labels,
        };
        let logits = match softmax_logits(p) {
            Some(logits) => logits,
            None if s.from_logits => p,
            None => clipped(p).log(),
        };
        let losses = logits.sparse_cross_entropy(labels);
        match crate::losses::Loss::mask(s, t, p) {
            Some(mask) => mask.select(losses, 0.0),
            None => losses,
        }
    },
    fn mask(&self, y_true: Tensor, y_pred: Tensor) -> Option<Tensor> {
        let ignored = self.ignore_class?;
        Some(1.0 - squeeze_labels(y_true, y_pred).to_f32().equal(ignored as f64))
    }
    fn takes_class_numbers(&self) -> bool {
        true
    }
    fn ignored_class(&self) -> Option<i64> {
        self.ignore_class
    }
);

loss!(
    /// Cross-entropy with one-hot rows as targets.
    CategoricalCrossentropy "categorical_crossentropy" {
        /// Whether predictions are logits; else probabilities, which are divided by their sum and clipped to 1e-7 and 1 - 1e-7.
        from_logits: bool = false,
        /// How much of a target's 1 is spread over all classes.
        label_smoothing: f64 = 0.0,
        /// Axis of the classes.
        axis: isize = -1,
    }
    not saved {
        /// Axis whose length says how thin a smoothed target is spread: the last in Keras 3, that of the classes in Keras 2.
        smoothing_axis: isize = -1,
    }
    |s, t, p| {
        let (t, p) = same_shape(t, p, "CategoricalCrossentropy");
        let classes = axis_index(s.smoothing_axis, t.rank()).map_or(1, |i| t.shape()[i]);
        let t = smooth(t, s.label_smoothing, classes as f64);
        let log_p = match softmax_logits(p).or(s.from_logits.then_some(p)) {
            Some(logits) => crate::activations::log_softmax(logits, s.axis),
            None => clipped(p / p.sum_keep(&[s.axis])).log(),
        };
        -(t * log_p).sum(&[s.axis])
    }
);

loss!(
    /// Cross-entropy of yes-or-no targets.
    BinaryCrossentropy "binary_crossentropy" {
        /// Whether predictions are logits; else probabilities, clipped to 1e-7 and 1 - 1e-7.
        from_logits: bool = false,
        /// How far targets are drawn towards one half.
        label_smoothing: f64 = 0.0,
        /// Axis that the mean is taken over.
        axis: isize = -1,
    }
    |s, t, p| {
        let (t, p) = super::same_rank(t, p);
        let (t, p) = same_shape(t, p, "BinaryCrossentropy");
        binary(smooth(t, s.label_smoothing, 2.0), p, s.from_logits).mean(&[s.axis])
    }
);

loss!(
    /// Cross-entropy of yes-or-no targets that counts easy examples less.
    BinaryFocalCrossentropy "binary_focal_crossentropy" {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far targets are drawn towards one half.
        label_smoothing: f64 = 0.0,
        /// Axis that the mean is taken over.
        axis: isize = -1,
        /// Whether the classes are weighted by `alpha` and 1 - `alpha`.
        apply_class_balancing: bool = false,
        /// Weight of class 1.
        alpha: f64 = 0.25,
        /// How much less easy examples count: the power of 1 - p.
        gamma: f64 = 2.0,
    }
    |s, t, p| {
        let (t, p) = super::same_rank(t, p);
        let (t, p) = same_shape(t, p, "BinaryFocalCrossentropy");
        let t = smooth(t, s.label_smoothing, 2.0);
        let p = if s.from_logits { p.sigmoid() } else { p };
        let right = t * p + (1.0 - t) * (1.0 - p);
        let focal = (1.0 - right).pow(s.gamma) * binary(t, p, false);
        let focal = if s.apply_class_balancing {
            (t * s.alpha + (1.0 - t) * (1.0 - s.alpha)) * focal
        } else {
            focal
        };
        focal.mean(&[s.axis])
    }
);

loss!(
    /// Cross-entropy with one-hot rows as targets that counts easy examples less.
    CategoricalFocalCrossentropy "categorical_focal_crossentropy" {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How much of a target's 1 is spread over all classes.
        label_smoothing: f64 = 0.0,
        /// Axis of the classes.
        axis: isize = -1,
        /// Factor, or one for each class.
        alpha: Numbers = Numbers::from(0.25),
        /// How much less easy examples count: the power of 1 - p.
        gamma: f64 = 2.0,
    }
    |s, t, p| {
        let (t, p) = same_shape(t, p, "CategoricalFocalCrossentropy");
        let t = smooth(t, s.label_smoothing, t.shape().last().copied().unwrap_or(1) as f64);
        let p = if s.from_logits { crate::activations::softmax(p, s.axis) } else { p };
        let p = clipped(p / p.sum_keep(&[s.axis]));
        (-(t * p.log()) * (1.0 - p).pow(s.gamma) * s.alpha.tensor()).sum(&[s.axis])
    }
);
