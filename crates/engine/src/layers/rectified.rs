//! ReLU and its relatives, as layers.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::activations;
use crate::graph::{CallContext, Integers, IntoTensor, Layer, MAKE_FLOATS, Tensor};

/// max(x, 0), with a slope below a threshold and a largest value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReLU {
    max_value: Option<f64>,
    negative_slope: f64,
    threshold: f64,
}

impl ReLU {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl ReLU {
    /// Largest value.
    #[must_use]
    pub fn max_value(mut self, value: f64) -> Self {
        self.max_value = Some(value);
        self
    }

    /// Slope below the threshold.
    #[must_use]
    pub fn negative_slope(mut self, slope: f64) -> Self {
        self.negative_slope = slope;
        self
    }

    /// Where it begins.
    #[must_use]
    pub fn threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }
}
}

impl Layer for ReLU {
    const CLASS: &'static str = "ReLU";

    fn integers(&self, _cx: &CallContext) -> Integers {
        let bounds = [self.threshold, self.max_value.unwrap_or(0.0)];
        // Below 2^63 in magnitude: all i64 holds.
        let whole = bounds.iter().all(|n| n.fract() == 0.0 && n.abs() < 2f64.powi(63));
        let bounded = self.threshold != 0.0 || self.max_value.is_some();
        match (self.negative_slope == 0.0, whole) {
            (true, true) => Integers::KeepsWithin(bounds.map(|n| n as i64)),
            (false, _) if bounded => Integers::Refuses(format!(
                "a negative_slope with a threshold or max_value, over integers, is not supported; {MAKE_FLOATS}"
            )),
            (false, _) => Integers::Floats,
            (true, false) => Integers::Refuses(format!(
                "a threshold or max_value that is no whole number, over integers, is not supported; {MAKE_FLOATS}"
            )),
        }
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        activations::relu(x, self.negative_slope, self.max_value, self.threshold)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// x, or a small slope below zero.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LeakyReLU {
    negative_slope: f64,
}

impl Default for LeakyReLU {
    fn default() -> Self {
        LeakyReLU { negative_slope: 0.3 }
    }
}

impl LeakyReLU {
    /// With Keras' default slope of 0.3.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl LeakyReLU {
    /// Slope below zero.
    #[must_use]
    pub fn negative_slope(mut self, slope: f64) -> Self {
        self.negative_slope = slope;
        self
    }
}
}

impl Layer for LeakyReLU {
    const CLASS: &'static str = "LeakyReLU";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        activations::leaky_relu(x, self.negative_slope)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// x, or alpha · (eˣ - 1) below zero.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ELU {
    alpha: f64,
}

impl Default for ELU {
    fn default() -> Self {
        ELU { alpha: 1.0 }
    }
}

impl ELU {
    /// With Keras' default factor of 1.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl ELU {
    /// Minus the value far below zero.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }
}
}

impl Layer for ELU {
    const CLASS: &'static str = "ELU";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        activations::elu(x, self.alpha)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// x where it is above a threshold, else 0: a layer of Keras 2.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ThresholdedReLU {
    theta: f64,
}

impl Default for ThresholdedReLU {
    fn default() -> Self {
        ThresholdedReLU { theta: 1.0 }
    }
}

impl ThresholdedReLU {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl ThresholdedReLU {
    /// Threshold. Default 1.
    #[must_use]
    pub fn theta(mut self, theta: f64) -> Self {
        self.theta = theta;
        self
    }
}
}

impl Layer for ThresholdedReLU {
    const CLASS: &'static str = "ThresholdedReLU";

    fn check(&self) -> Result<(), Error> {
        if self.theta >= 0.0 {
            return Ok(());
        }
        Err(Error::Argument { what: format!("theta is {}, but must be 0 or more", self.theta) })
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        // A product, as TensorFlow computes it: what is no number stays none.
        x * self.theta.into_tensor().less(x)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
