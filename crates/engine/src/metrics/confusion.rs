//! Counts of yes-or-no predictions above a threshold, and what is made of them.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Sum;
use super::class::metric;
use crate::Error;
use crate::graph::{Tensor, fail};
use crate::losses::same_rank;

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
    fn get(&self) -> f64 {
        self.0.as_f64().or_else(|| self.0.get(0).and_then(Value::as_f64)).unwrap_or(0.5)
    }
}

/// A setting that must be null.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Unset;

impl<'de> Deserialize<'de> for Unset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Unset),
            other => Err(serde::de::Error::custom(format!("top_k = {other} is not supported"))),
        }
    }
}

/// Sums over all examples of those with this target and this prediction: (yes, yes), (no, yes), (yes, no), (no, no) as `kinds`
/// asks for, weighted.
fn counts(
    kinds: &[(bool, bool)],
    y_true: Tensor,
    y_pred: Tensor,
    weight: Option<Tensor>,
    threshold: f64,
    class: Option<usize>,
) -> Vec<Sum> {
    let (mut t, mut p) = same_rank(y_true, y_pred);
    if let Some(class) = class {
        let (last, classes) = (p.rank().saturating_sub(1), p.shape().last().copied().unwrap_or(0));
        if class >= classes || t.shape() != p.shape() {
            let what = format!("class_id {class} of targets {:?} and predictions {:?}", t.shape(), p.shape());
            fail(Error::Shape { layer: String::new(), what });
            return kinds.iter().map(|_| Sum::constant(0.0)).collect();
        }
        (t, p) = (t.slice(last, class, 1), p.slice(last, class, 1));
    }
    let below = p.less_equal(threshold);
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
        let predicted = if *predicted { 1.0 - below } else { below };
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
            fn size(&self) -> usize {
                1
            }
            fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
                counts(&[($target, $predicted)], y_true, y_pred, weight, self.thresholds.get(), None)
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
                /// Predictions above it count as 1; 0.5 by default.
                thresholds: Threshold = Threshold::default(),
                /// Not supported.
                top_k: Unset = Unset,
                /// Looks at this class alone.
                class_id: Option<usize> = None,
            }
            |s, t, p| p,
            fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
                let kinds = [(true, true), ($target, $predicted)];
                counts(&kinds, y_true, y_pred, weight, self.thresholds.get(), self.class_id)
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
