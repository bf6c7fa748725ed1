//! Losses between distributions and counts.

use super::EPSILON;
use super::class::loss;

loss!(
    /// Kullback-Leibler divergence: Σ y · log(y / p) over the last axis, both clipped to 1e-7 and 1.
    KLDivergence "kl_divergence" {}
    |s, t, p| {
        let (t, p) = (t.to_f32().clip(EPSILON, 1.0), p.clip(EPSILON, 1.0));
        (t * (t / p).log()).sum(&[-1])
    }
);

loss!(
    /// Mean of p - y · log(p) over the last axis.
    Poisson "poisson" {}
    |s, t, p| (p - t.to_f32() * (p + EPSILON).log()).mean(&[-1])
);
