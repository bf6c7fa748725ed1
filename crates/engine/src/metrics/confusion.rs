//! Counts of yes-or-no predictions above a threshold, and what is made of them.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Sum;
use super::accuracy::above;
use super::class::metric;
use crate::Error;
use crate::graph::{Tensor, fail};
use crate::losses::same_rank;
use crate::ops::count_up;

/// The threshold of a config: null for 0.5, a number, or a list of one.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Threshold(Value);

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let one = match &value {
            Value::Array(list) => list.len() == 1 && list[0].is_number(),
            other => other.is_null() || other.is_number(),
        };
        if one {
            return Ok(Threshold(value));
        }
        Err(serde::de::Error::custom(format!(
            "thresholds {value}: one is supported, since a metric is one number"
        )))
    }
}

impl From<f64> for Threshold {
    fn from(value: f64) -> Self {
        Threshold(value.into())
    }
}

impl Threshold {
    fn get(&self) -> Option<f64> {
        self.0.as_f64().or_else(|| self.0.get(0).and_then(Value::as_f64))
    }
}

/// Stands in the place of what is not among the k largest: below every threshold.
const LEFT_OUT: f64 = -1e10;

/// Predictions with all but the k largest of each row left out; of equal ones the first count, as TensorFlow sorts them.
fn largest(p: Tensor, k: usize) -> Tensor {
    let shape = p.shape();
    let (n, lead) = (shape.last().copied().unwrap_or(0), &shape[..shape.len().saturating_sub(1)]);
    if k == 0 || k > n {
        fail(Error::Argument { what: format!("top_k is {k}, but must be between 1 and the {n} classes") });
        return p;
    }
    let with = |tail: [usize; 2]| [lead, &tail].concat();
    let (one, other) = (p.reshape(with([n, 1])), p.reshape(with([1, n])));
    let places = count_up(n);
    let earlier = places.reshape([1, n]).less(places.reshape([n, 1]));
    let before = one.less(other) + one.equal(other) * earlier;
    before.sum(&[-1]).less(k as f64).select(p, LEFT_OUT)
}

/// Sums over all examples of those with this target and this prediction: (yes, yes), (no, yes), (yes, no), (no, no) as `kinds`
/// asks for, weighted.
fn counts(
    kinds: &[(bool, bool)],
    y_true: Tensor,
    y_pred: Tensor,
    weight: Option<Tensor>,
    thresholds: &Threshold,
    [top_k, class]: [Option<usize>; 2],
) -> Vec<Sum> {
    let (mut t, mut p) = same_rank(y_true, y_pred);
    if let Some(k) = top_k {
        p = largest(p, k);
    }
    let threshold = thresholds.get().unwrap_or(if top_k.is_some() { LEFT_OUT } else { 0.5 });
    if let Some(class) = class {
        let (last, classes) = (p.rank().saturating_sub(1), p.shape().last().copied().unwrap_or(0));
        if class >= classes || t.shape() != p.shape() {
            let what = format!("class_id {class} of targets {:?} and predictions {:?}", t.shape(), p.shape());
            fail(Error::Shape { layer: String::new(), what });
            return kinds.iter().map(|_| Sum::constant(0.0)).collect();
        }
        (t, p) = (t.slice(last, class, 1), p.slice(last, class, 1));
    }
    let above = above(p, threshold);
    let no = t.equal(0.0);
    let weight = weight.map(|w| {
        let mut w = w.to_f32();
        while w.rank() < p.rank() {
            w = w.expand_last();
        }
        w
    });
    let count = |(target, predicted): &(bool, bool)| {
        let target = if *target { 1.0 - no } else { no };
        let predicted = if *predicted { above } else { 1.0 - above };
        let both = target * predicted;
        Sum::of(weight.map_or(both, |w| both * w))
    };
    kinds.iter().map(count).collect()
}

macro_rules! count {
    ($($(#[$doc:meta])* $class:ident $name:literal $target:literal $predicted:literal;)+) => {$(
        metric!(
            $(#[$doc])*
            $class $name {
                /// Predictions above it count as 1; 0.5 by default.
                thresholds: Threshold = Threshold::default(),
            }
            |s, t, p| p,
            fn takes_mask(&self) -> bool {
                false
            }
            fn size(&self) -> usize {
                1
            }
            fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
                counts(&[($target, $predicted)], y_true, y_pred, weight, &self.thresholds, [None, None])
            }
            fn result(&self, sums: &[f64]) -> f64 {
                sums.first().copied().unwrap_or(0.0)
            }
        );
    )+};
}

count!(
    /// Number of positive predictions of positive targets.
    TruePositives "true_positives" true true;
    /// Number of positive predictions of negative targets.
    FalsePositives "false_positives" false true;
    /// Number of negative predictions of positive targets.
    FalseNegatives "false_negatives" true false;
    /// Number of negative predictions of negative targets.
    TrueNegatives "true_negatives" false false;
);

macro_rules! ratio {
    ($($(#[$doc:meta])* $class:ident $name:literal $target:literal $predicted:literal;)+) => {$(
        metric!(
            $(#[$doc])*
            $class $name {
                /// Predictions above it count as 1; 0.5 by default, with `top_k` any.
                thresholds: Threshold = Threshold::default(),
                /// Counts the k largest predictions of each row alone as 1.
                top_k: Option<usize> = None,
                /// Looks at this class alone.
                class_id: Option<usize> = None,
            }
            |s, t, p| p,
            fn takes_mask(&self) -> bool {
                false
            }
            fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
                let kinds = [(true, true), ($target, $predicted)];
                counts(&kinds, y_true, y_pred, weight, &self.thresholds, [self.top_k, self.class_id])
            }
            fn result(&self, sums: &[f64]) -> f64 {
                match sums {
                    [right, wrong, ..] if right + wrong != 0.0 => right / (right + wrong),
                    _ => 0.0,
                }
            }
        );
    )+};
}

ratio!(
    /// Share of positive predictions whose targets are positive.
    Precision "precision" false true;
    /// Share of positive targets that are predicted so.
    Recall "recall" true false;
);
