//! Constraints: what weights are made to be after each step of training.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::graph::{Constraint, Tensor, fail, serialized};
use crate::types::Axes;
use crate::{Error, config};

/// Makes a constraint from a config.
pub type Make = fn(Map<String, Value>) -> Result<Arc<dyn Constraint>, Error>;

/// A row of the table of constraints.
#[derive(Debug)]
pub struct Class {
    /// Names that configs use.
    pub names: &'static [&'static str],
    /// Reads a config.
    pub make: Make,
}

/// Keras' constraints.
pub static CONSTRAINTS: &[Class] = &[
    Class { names: &["MaxNorm", "max_norm"], make: make::<MaxNorm> },
    Class { names: &["MinMaxNorm", "min_max_norm"], make: make::<MinMaxNorm> },
    Class { names: &["NonNeg", "non_neg"], make: make::<NonNeg> },
    Class { names: &["UnitNorm", "unit_norm"], make: make::<UnitNorm> },
];

/// Keras' epsilon, which keeps a length of 0 from dividing.
const EPSILON: f64 = 1e-7;

fn make<C: Constraint + DeserializeOwned + Serialize + 'static>(
    config: Map<String, Value>,
) -> Result<Arc<dyn Constraint>, Error> {
    Ok(Arc::new(config::read::<C>(config::class_of::<C>(), &config, |_, _| false)?))
}

fn spec(class: &str, config: &impl Serialize) -> Value {
    serialized("keras.constraints", class, serde_json::to_value(config).unwrap_or_default())
}

/// Returns the lengths of a weight's vectors along these axes, which are kept with a length of 1.
fn norms(weight: Tensor, axes: &Axes) -> Tensor {
    match axes.of_rank(weight.rank()) {
        // A vector of one number is as long as that is.
        Ok(list) if list.is_empty() => weight.abs(),
        Ok(list) => {
            let list: Vec<isize> = list.into_iter().filter_map(|a| isize::try_from(a).ok()).collect();
            weight.square().sum_keep(&list).sqrt()
        }
        Err(error) => {
            fail(error);
            weight
        }
    }
}

/// Returns the weight with vectors of these lengths.
fn scaled(weight: Tensor, norms: Tensor, wanted: Tensor) -> Tensor {
    weight * (wanted / (norms + EPSILON))
}

/// Vectors along an axis are no longer than a value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MaxNorm {
    max_value: f64,
    axis: Axes,
}

impl Default for MaxNorm {
    fn default() -> Self {
        MaxNorm { max_value: 2.0, axis: Axes::One(0) }
    }
}

impl MaxNorm {
    /// Returns it for vectors of this length at most, along the first axis.
    pub fn new(max_value: f64) -> Self {
        MaxNorm { max_value, ..MaxNorm::default() }
    }

    /// Sets along which axis or axes the vectors are: `[0, 1, 2]` for the filters of a convolution over images.
    #[must_use]
    pub fn axis(self, axis: impl Into<Axes>) -> Self {
        MaxNorm { axis: axis.into(), ..self }
    }
}

impl Constraint for MaxNorm {
    fn spec(&self) -> Value {
        spec("MaxNorm", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        let norms = norms(weight, &self.axis);
        scaled(weight, norms, norms.minimum(self.max_value).maximum(0.0))
    }
}

/// Vectors along an axis have a length between two values, or move towards one at a rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct MinMaxNorm {
    min_value: f64,
    max_value: f64,
    rate: f64,
    axis: Axes,
}

impl Default for MinMaxNorm {
    fn default() -> Self {
        MinMaxNorm { min_value: 0.0, max_value: 1.0, rate: 1.0, axis: Axes::One(0) }
    }
}

impl MinMaxNorm {
    /// Returns it for vectors of a length between these, along the first axis.
    pub fn new(min_value: f64, max_value: f64) -> Self {
        MinMaxNorm { min_value, max_value, ..MinMaxNorm::default() }
    }

    /// Sets how far a length moves towards the nearest one that is allowed: 1 is all the way.
    #[must_use]
    pub fn rate(self, rate: f64) -> Self {
        MinMaxNorm { rate, ..self }
    }

    /// Sets along which axis or axes the vectors are.
    #[must_use]
    pub fn axis(self, axis: impl Into<Axes>) -> Self {
        MinMaxNorm { axis: axis.into(), ..self }
    }
}

impl Constraint for MinMaxNorm {
    fn spec(&self) -> Value {
        spec("MinMaxNorm", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        let norms = norms(weight, &self.axis);
        let cut = norms.minimum(self.max_value).maximum(self.min_value);
        let wanted = if self.rate == 1.0 { cut } else { cut * self.rate + norms * (1.0 - self.rate) };
        scaled(weight, norms, wanted)
    }
}

/// No number is below 0.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NonNeg {}

impl NonNeg {
    /// Returns it.
    pub fn new() -> Self {
        NonNeg {}
    }
}

impl Constraint for NonNeg {
    fn spec(&self) -> Value {
        spec("NonNeg", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        weight.maximum(0.0)
    }
}

/// Vectors along an axis have a length of 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitNorm {
    axis: Axes,
}

impl Default for UnitNorm {
    fn default() -> Self {
        UnitNorm { axis: Axes::One(0) }
    }
}

impl UnitNorm {
    /// Returns it for vectors along the first axis.
    pub fn new() -> Self {
        UnitNorm::default()
    }

    /// Sets along which axis or axes the vectors are.
    #[must_use]
    pub fn axis(self, axis: impl Into<Axes>) -> Self {
        UnitNorm { axis: axis.into() }
    }
}

impl Constraint for UnitNorm {
    fn spec(&self) -> Value {
        spec("UnitNorm", self)
    }
    fn call(&self, weight: Tensor) -> Tensor {
        weight / (norms(weight, &self.axis) + EPSILON)
    }
}
