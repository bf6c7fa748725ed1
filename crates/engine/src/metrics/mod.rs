//! Metrics: sums that a step adds up on the device, and what they mean in the end.

use serde_json::Value;

use crate::graph::Tensor;

/// A sum that a metric adds up over steps.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// What is summed over all its elements; `None` for the constant 1.
    pub tensor: Option<Tensor>,
    /// Factor.
    pub scale: f64,
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
    /// has the shape of the values or broadcasts to it.
    fn sums(&self, y_true: Tensor, y_pred: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
        weighted_mean(self.call(y_true, y_pred), weight)
    }
    /// The result, given the sums over all steps so far.
    fn result(&self, sums: &[f64]) -> f64 {
        if sums[1] == 0.0 { 0.0 } else { sums[0] / sums[1] }
    }
    /// Whether the targets are class numbers.
    fn takes_class_numbers(&self) -> bool {
        false
    }
}

/// The two sums of a weighted mean.
pub fn weighted_mean(values: Tensor, weight: Option<Tensor>) -> Vec<Sum> {
    match weight {
        None => {
            let count = values.ty().len() as f64;
            vec![Sum { tensor: Some(values), scale: 1.0 }, Sum { tensor: None, scale: count }]
        }
        Some(weight) => {
            let weight = weight.broadcast_to(&values.shape());
            vec![Sum { tensor: Some(values * weight), scale: 1.0 }, Sum { tensor: Some(weight), scale: 1.0 }]
        }
    }
}
