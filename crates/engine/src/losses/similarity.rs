//! Losses of margins, angles and overlaps.

use super::class::loss;
use super::{EPSILON, same_rank};
use crate::graph::Tensor;
use crate::regularizers::normalize;

/// Targets of 0 and 1 as -1 and 1; others as they are.
fn signed(t: Tensor) -> Tensor {
    let t = t.to_f32();
    let other = t.equal(0.0).select(0.0, t.equal(1.0).select(0.0, 1.0));
    other.max(&[]).equal(0.0).select(t * 2.0 - 1.0, t)
}

loss!(
    /// Mean of max(1 - y · p, 0) over the last axis; targets of 0 and 1 count as -1 and 1.
    Hinge "hinge" {}
    |s, t, p| (1.0 - signed(t) * p).relu().mean(&[-1])
);

loss!(
    /// Mean of max(1 - y · p, 0)² over the last axis; targets of 0 and 1 count as -1 and 1.
    SquaredHinge "squared_hinge" {}
    |s, t, p| (1.0 - signed(t) * p).relu().square().mean(&[-1])
);

loss!(
    /// max(largest p off the class - p of the class + 1, 0), with one-hot rows as targets.
    CategoricalHinge "categorical_hinge" {}
    |s, t, p| {
        let t = t.to_f32();
        let (right, wrong) = ((t * p).sum(&[-1]), ((1.0 - t) * p).max(&[-1]));
        (wrong - right + 1.0).relu()
    }
);

loss!(
    /// Minus the cosine between targets and predictions.
    CosineSimilarity "cosine_similarity" {}
    not saved {
        /// Axis of the vectors. Keras' files do not hold it.
        axis: Axes = Axes::One(-1),
    }
    |s, t, p| {
        let ((t, p), axes) = (same_rank(t, p), s.axis.list());
        -(normalize(t, axes, EPSILON) * normalize(p, axes, EPSILON)).sum(axes)
    }
);

/// Axes of a config: none (all), one or several.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged, expecting = "expected null, a whole number, or a list of them")]
#[allow(missing_docs)]
pub enum Axes {
    All(Option<()>),
    One(isize),
    Many(Vec<isize>),
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes::One(axis)
    }
}
impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Axes::Many(axes)
    }
}

impl Axes {
    fn list(&self) -> &[isize] {
        match self {
            Axes::All(_) => &[],
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Many(axes) => axes,
        }
    }
}

loss!(
    /// 1 - 2 · overlap / (sum of targets + sum of predictions).
    Dice "dice" {
        /// Axes that are summed over; all by default.
        axis: Axes = Axes::All(None),
    }
    |s, t, p| {
        let (t, axes) = (t.to_f32(), s.axis.list());
        let overlap = (t * p).sum(axes);
        1.0 - overlap * 2.0 / (t.sum(axes) + p.sum(axes) + EPSILON)
    }
);

loss!(
    /// 1 - overlap / (overlap + alpha · false positives + beta · false negatives).
    Tversky "tversky" {
        /// Weight of targets that predictions lack (Keras names them false positives).
        alpha: f64 = 0.5,
        /// Weight of predictions without target.
        beta: f64 = 0.5,
        /// Axes that are summed over; all by default.
        axis: Axes = Axes::All(None),
    }
    |s, t, p| {
        let (t, axes) = (t.to_f32(), s.axis.list());
        let overlap = (t * p).sum(axes);
        let missed = ((1.0 - p) * t).sum(axes);
        let extra = (p * (1.0 - t)).sum(axes);
        1.0 - overlap / (overlap + missed * s.alpha + extra * s.beta + EPSILON)
    }
);
