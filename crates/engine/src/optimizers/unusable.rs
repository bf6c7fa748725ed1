//! [`Unusable`]: an optimizer of a file that cannot go on here.

use serde_json::Value;

use super::{Applied, LearningRate, Optimizer, Parameter, SlotInfo};
use crate::Error;

/// Stands for an optimizer that a file names and that cannot take a step: its class is not known, a setting cannot be done, or its state
/// is not one of this model. A model that has it evaluates, and is saved with its config; each training says why it cannot be.
#[derive(Debug)]
pub struct Unusable {
    config: Value,
    why: Error,
    rate: LearningRate,
}

impl Unusable {
    /// The optimizer that `config` says, which cannot be used because of `why`.
    pub fn new(config: Value, why: Error) -> Self {
        let rate = config.pointer("/config/learning_rate").and_then(Value::as_f64).unwrap_or(0.0);
        Unusable { config, why, rate: LearningRate::from(rate) }
    }
}

impl Optimizer for Unusable {
    fn class_name(&self) -> &'static str {
        "Unusable"
    }
    fn spec(&self) -> Value {
        self.config.clone()
    }
    fn learning_rate(&self) -> &LearningRate {
        &self.rate
    }
    fn set_learning_rate(&mut self, rate: LearningRate) {
        self.rate = rate;
    }
    fn slots(&self, _parameter: &Parameter) -> Vec<SlotInfo> {
        Vec::new()
    }
    fn scalars(&mut self, _iteration: i64, _learning_rate: f64) -> Vec<f64> {
        Vec::new()
    }
    fn usable(&self) -> Result<(), Error> {
        Err(self.why.clone())
    }
    fn apply(&self, _parameters: &[Applied]) -> Result<(), Error> {
        Err(self.why.clone())
    }
}
