//! Optimizers: an expression per slot over (parameter, gradient, slots, step columns).

use std::sync::Arc;

use serde_json::Value;

use crate::Error;
use crate::graph::{Expr, Tensor, Variable};

/// A learning rate that changes with the step.
pub trait LearningRateSchedule: Send + Sync {
    /// As configs name it.
    fn spec(&self) -> Value;
    /// The rate at a step, counted from 0.
    fn at(&self, step: i64) -> f64;
}

/// A learning rate.
#[derive(Clone)]
pub enum LearningRate {
    /// The same until somebody changes it. Keras keeps it as f32.
    Constant(f32),
    /// Computed.
    Schedule(Arc<dyn LearningRateSchedule>),
}

/// What one step does to one parameter, elementwise. Operands: `In(0)` the parameter, `In(1)` its gradient, `In(2 + i)` slot `i`;
/// `Step(c)` is column `c` of [`Optimizer::scalars`].
#[derive(Clone, Debug)]
pub struct Update {
    /// The parameter's next value.
    pub parameter: Expr,
    /// The slots' next values.
    pub slots: Vec<Expr>,
}

/// One slot of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotInfo {
    /// Keras 3's name: `momentum`, `velocity`.
    pub name: &'static str,
    /// First value.
    pub initial: f32,
}

/// Order of the slot variables of all parameters in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotOrder {
    /// All slots of the first parameter, then those of the second: m0 v0 m1 v1.
    ByParameter,
    /// The first slot of all parameters, then the second: m0 m1 v0 v1.
    BySlot,
}

/// An optimizer.
pub trait Optimizer: Send + Sync {
    /// Class name.
    fn class_name(&self) -> &'static str;
    /// As compile configs name it, with the learning rate as it is now.
    fn spec(&self) -> Value;
    /// The learning rate.
    fn learning_rate(&self) -> &LearningRate;
    /// Changes it.
    fn set_learning_rate(&mut self, rate: LearningRate);
    /// Its slots.
    fn slots(&self) -> Vec<SlotInfo>;
    /// Their order in files.
    fn slot_order(&self) -> SlotOrder {
        SlotOrder::ByParameter
    }
    /// This step's columns of the step table, computed in f64; `iteration` counts from 0 for the first step. May change host state
    /// (Nadam's `u_product`).
    fn scalars(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64>;
    /// Host state that files hold besides the slots, by Keras' names.
    fn host_state(&self) -> Vec<(String, f32)> {
        Vec::new()
    }
    /// Puts host state back.
    fn set_host_state(&mut self, _state: &[(String, f32)]) {}
    /// The update of one parameter.
    fn update(&self) -> Update;
    /// Adds the nodes of a whole step: `parameters` with their gradients and slots. The default clips as configured and assigns
    /// [`Optimizer::update`] to each.
    ///
    /// # Errors
    /// A setting that cannot be done.
    fn apply(&self, parameters: &[Applied]) -> Result<(), Error>;
}

/// A parameter in [`Optimizer::apply`].
#[derive(Clone)]
pub struct Applied {
    /// The parameter.
    pub variable: Variable,
    /// Its gradient.
    pub gradient: Tensor,
    /// Its slots.
    pub slots: Vec<Variable>,
}
