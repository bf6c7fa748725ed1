//! Losses of regression.

use super::class::loss;
use super::{EPSILON, same_rank};

loss!(
    /// Mean of the squared differences over the last axis.
    MeanSquaredError "mean_squared_error" {}
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        (t - p).square().mean(&[-1])
    }
);

loss!(
    /// Mean of the absolute differences over the last axis.
    MeanAbsoluteError "mean_absolute_error" {}
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        (t - p).abs().mean(&[-1])
    }
);

loss!(
    /// Mean of the absolute differences in percent of the targets, over the last axis.
    MeanAbsolutePercentageError "mean_absolute_percentage_error" {}
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        ((t - p) / t.abs().maximum(EPSILON)).abs().mean(&[-1]) * 100.0
    }
);

loss!(
    /// Mean of the squared differences of log(1 + x) over the last axis.
    MeanSquaredLogarithmicError "mean_squared_logarithmic_error" {}
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        let log = |x: crate::graph::Tensor| (x.maximum(EPSILON) + 1.0).log();
        (log(p) - log(t)).square().mean(&[-1])
    }
);

loss!(
    /// Half the square of differences up to `delta`, linear beyond; mean over the last axis.
    Huber "huber_loss" {}
    not saved {
        /// Where it turns linear. Keras' files do not hold it.
        delta: f64 = 1.0,
    }
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        let error = p - t;
        let size = error.abs();
        let within = size.less_equal(s.delta);
        within.select(error.square() * 0.5, size * s.delta - 0.5 * s.delta * s.delta).mean(&[-1])
    }
);

loss!(
    /// Mean of log(cosh(difference)) over the last axis.
    LogCosh "log_cosh" {}
    |s, t, p| {
        let (t, p) = same_rank(t, p);
        let x = p - t;
        (x + (x * -2.0).softplus() - std::f64::consts::LN_2).mean(&[-1])
    }
);
