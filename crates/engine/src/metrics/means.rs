//! Means of losses, and what else is a mean of values per example.

use super::Sum;
use super::class::metric;
use crate::graph::Tensor;
use crate::losses::{self, same_rank};

macro_rules! loss_mean {
    ($($(#[$doc:meta])* $class:ident $name:literal = $loss:ident;)+) => {$(
        metric!(
            $(#[$doc])*
            $class $name {}
            |s, t, p| losses::$loss::new().values(t, p)
        );
    )+};
}

loss_mean!(
    /// Mean of squared differences.
    MeanSquaredError "mean_squared_error" = MeanSquaredError;
    /// Mean of absolute differences.
    MeanAbsoluteError "mean_absolute_error" = MeanAbsoluteError;
    /// Mean of absolute differences in percent of the targets.
    MeanAbsolutePercentageError "mean_absolute_percentage_error" = MeanAbsolutePercentageError;
    /// Mean of squared differences of log(1 + x).
    MeanSquaredLogarithmicError "mean_squared_logarithmic_error" = MeanSquaredLogarithmicError;
    /// Mean of log(cosh(difference)).
    LogCoshError "logcosh" = LogCosh;
    /// Mean of max(1 - y · p, 0).
    Hinge "hinge" = Hinge;
    /// Mean of max(1 - y · p, 0)².
    SquaredHinge "squared_hinge" = SquaredHinge;
    /// Mean of max(largest p off the class - p of the class + 1, 0).
    CategoricalHinge "categorical_hinge" = CategoricalHinge;
    /// Mean Kullback-Leibler divergence.
    KLDivergence "kl_divergence" = KLDivergence;
    /// Mean of p - y · log(p).
    Poisson "poisson" = Poisson;
);

metric!(
    /// Root of the mean of squared differences.
    RootMeanSquaredError "root_mean_squared_error" {}
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        (p - t).square()
    },
    fn result(&self, sums: &[f64]) -> f64 {
        super::mean_of(sums).sqrt()
    }
    fn takes_mask(&self) -> bool {
        false
    }
);

metric!(
    /// Mean cosine between targets and predictions.
    CosineSimilarity "cosine_similarity" {}
    not saved {
        /// Axis of the vectors. Keras' files do not hold it.
        axis: losses::Axes = losses::Axes::One(-1),
    }
    |s, t, p| -losses::CosineSimilarity::new().axis(s.axis.clone()).values(t, p)
);

metric!(
    /// Mean cross-entropy of yes-or-no targets.
    BinaryCrossentropy "binary_crossentropy" {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// How far targets are drawn towards one half.
        label_smoothing: f64 = 0.0,
    }
    |s, t, p| {
        losses::BinaryCrossentropy::new().from_logits(s.from_logits).label_smoothing(s.label_smoothing).values(t, p)
    }
);

metric!(
    /// Mean cross-entropy with one-hot rows as targets.
    CategoricalCrossentropy "categorical_crossentropy" {
        /// Whether predictions are logits.
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
        let loss = losses::CategoricalCrossentropy::new().from_logits(s.from_logits).axis(s.axis);
        loss.label_smoothing(s.label_smoothing).smoothing_axis(s.smoothing_axis).values(t, p)
    }
);

metric!(
    /// Mean cross-entropy with class numbers as targets.
    SparseCategoricalCrossentropy "sparse_categorical_crossentropy" {
        /// Whether predictions are logits.
        from_logits: bool = false,
        /// Targets with this number count for nothing.
        ignore_class: Option<i64> = None,
        /// Axis of the classes: the last.
        axis: isize = -1,
    }
    |s, t, p| s.loss().values(t, p),
    fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
        // As in Keras, ignored targets count (as zeros) where there are no weights.
        let mask = losses::Loss::mask(&self.loss(), y_true, y_pred);
        let weight = weight.map(|w| mask.map_or(w, |m| w.to_f32() * m));
        super::weighted_mean(self.call(y_true, y_pred), weight)
    }
    fn takes_class_numbers(&self) -> bool {
        true
    }
);

impl SparseCategoricalCrossentropy {
    fn loss(&self) -> losses::SparseCategoricalCrossentropy {
        losses::SparseCategoricalCrossentropy::new()
            .from_logits(self.from_logits)
            .ignore_class(self.ignore_class)
            .axis(self.axis)
    }
}
