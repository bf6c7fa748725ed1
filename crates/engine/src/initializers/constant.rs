//! Initializers without randomness.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{spec, unfit};
use crate::Error;
use crate::graph::Initializer;
use crate::ops::Numbers;

/// All 0.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Zeros {}

impl Initializer for Zeros {
    fn spec(&self) -> Value {
        spec("Zeros", self)
    }
    fn init(&self, shape: &[usize], _seed: u64) -> Result<Vec<f32>, Error> {
        Ok(vec![0.0; shape.iter().product()])
    }
}

/// All 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ones {}

impl Initializer for Ones {
    fn spec(&self) -> Value {
        spec("Ones", self)
    }
    fn init(&self, shape: &[usize], _seed: u64) -> Result<Vec<f32>, Error> {
        Ok(vec![1.0; shape.iter().product()])
    }
}

/// All the same number; or lists of numbers, which broadcast over the last axes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Constant {
    value: Numbers,
}

impl Default for Constant {
    fn default() -> Self {
        Constant::new(0.0)
    }
}

impl Constant {
    /// Of this number, or of these.
    pub fn new(value: impl Into<Numbers>) -> Self {
        Constant { value: value.into() }
    }
}

impl Initializer for Constant {
    fn spec(&self) -> Value {
        spec("Constant", self)
    }
    fn init(&self, shape: &[usize], _seed: u64) -> Result<Vec<f32>, Error> {
        let values = self.value.broadcast(shape).ok_or_else(|| {
            let what = format!("value {:?} does not broadcast to the shape {shape:?}", self.value.parts().0);
            Error::Argument { what: format!("Constant: {what}") }
        })?;
        Ok(values.into_iter().map(|v| v as f32).collect())
    }
}

/// `gain` on the diagonal of a matrix, 0 elsewhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    // Keras does not write it, but reads it.
    #[serde(skip_serializing)]
    gain: f64,
}

impl Default for Identity {
    fn default() -> Self {
        Identity { gain: 1.0 }
    }
}

impl Identity {
    /// With 1 on the diagonal.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number on the diagonal.
    #[must_use]
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }
}

impl Initializer for Identity {
    fn spec(&self) -> Value {
        spec("Identity", self)
    }
    fn init(&self, shape: &[usize], _seed: u64) -> Result<Vec<f32>, Error> {
        let &[rows, cols] = shape else { return Err(unfit("Identity", shape, "matrices")) };
        let mut values = vec![0.0; rows * cols];
        values.iter_mut().step_by(cols + 1).take(rows.min(cols)).for_each(|v| *v = self.gain as f32);
        Ok(values)
    }
}
