//! Metrics: sums that a step adds up on the device, and what they mean in the end.
//!
//! To add one: a row of `metric!` in the file of its family, and a row of [`METRICS`].

mod accuracy;
mod class;
mod confusion;
mod given;
mod means;
mod top_k;

use serde_json::Value;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use class::{
    Class, METRICS, Make, NamedMetric, builtin, is_accuracy, renamed, resolve_accuracy, waits_for_shapes,
};
pub use confusion::{FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives};
pub use given::{IntoMetricSpec, IntoMetrics, MetricSpec, Metrics, per_output};
pub use means::{
    BinaryCrossentropy, CategoricalCrossentropy, CategoricalHinge, CosineSimilarity, Hinge, KLDivergence,
    LogCoshError, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError, Poisson, RootMeanSquaredError, SparseCategoricalCrossentropy, SquaredHinge,
};
pub use top_k::{SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy};

use crate::graph::{Tensor, serialized_custom_function};
use crate::names::function_name;

/// A sum that a metric adds up over steps.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// What is summed over all its elements; `None` for the constant 1.
    pub tensor: Option<Tensor>,
    /// Factor.
    pub scale: f64,
}

impl Sum {
    /// Of all elements of a tensor.
    pub fn of(tensor: Tensor) -> Self {
        Sum { tensor: Some(tensor), scale: 1.0 }
    }

    /// The same number in every step.
    pub fn constant(value: f64) -> Self {
        Sum { tensor: None, scale: value }
    }
}

/// Describes which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Larger ones.
    Up,
    /// Smaller ones.
    Down,
}

/// A metric.
pub trait Metric: Send + Sync {
    /// As compile configs name it.
    fn spec(&self) -> Value;
    /// Name in logs.
    fn name(&self) -> String;
    /// Number of its sums.
    fn size(&self) -> usize {
        2
    }
    /// Values per example, for metrics that are a weighted mean of them.
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor;
    /// This step's sums. By default those of a weighted mean: the sum of value·weight and the sum of weights. The weight, if any,
    /// has the shape of the values or of their first axes.
    fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
        weighted_mean(self.call(y_true, y_pred), weight)
    }
    /// The result, given the sums over all steps so far.
    fn result(&self, sums: &[f64]) -> f64 {
        mean_of(sums)
    }
    /// Returns which values are better, for callbacks that watch it in mode `"auto"`. `None`: not known, as of functions.
    fn direction(&self) -> Option<Direction> {
        None
    }
    /// Whether the targets are class numbers.
    fn takes_class_numbers(&self) -> bool {
        false
    }
    /// Returns whether the mask of predictions is part of the weight, as it is for means of values per example.
    fn takes_mask(&self) -> bool {
        true
    }
}

/// A function or closure of the user's: the mean of its values. Configs name it as it was registered, else as it is called in
/// the source.
impl<F: Fn(Tensor, Tensor) -> Tensor + Send + Sync + 'static> Metric for F {
    fn spec(&self) -> Value {
        serialized_custom_function(&function_name::<F>())
    }
    fn name(&self) -> String {
        let name = function_name::<F>();
        name.rsplit('>').next().unwrap_or(&name).into()
    }
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor {
        self(y_true, y_pred)
    }
}

/// The first sum divided by the second; 0 where nothing was counted.
pub fn mean_of(sums: &[f64]) -> f64 {
    match sums {
        [total, count, ..] if *count != 0.0 => total / count,
        _ => 0.0,
    }
}

/// The two sums of a weighted mean, as Keras takes them: axes that the weight lacks are averaged over first.
pub fn weighted_mean(values: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
    let Some(weight) = weight else {
        return vec![Sum::of(values), Sum::constant(values.ty().len() as f64)];
    };
    let mut weight = weight.to_f32();
    if let Some((1, lead)) = weight.shape().split_last().map(|(n, lead)| (*n, lead.to_vec()))
        && lead.len() == values.rank()
    {
        weight = weight.reshape(lead);
    }
    let extra: Vec<isize> = (weight.rank()..values.rank()).map(|a| a as isize).collect();
    let values = if extra.is_empty() { values } else { values.mean(&extra) };
    let weight = weight.broadcast_to(&values.shape());
    vec![Sum::of(values * weight), Sum::of(weight)]
}
