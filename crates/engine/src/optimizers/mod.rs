//! Optimizers: an expression per slot over (parameter, gradient, slots, step columns).
//!
//! To add one whose update is elementwise: a file with a serde struct and `impl Rule`, and a row of [`OPTIMIZERS`].

mod apply;
mod given;
mod rule;
pub mod schedules;

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod ftrl;
mod lion;
mod loss_scale;
mod nadam;
mod rmsprop;
mod sgd;
mod unusable;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use ftrl::Ftrl;
pub use given::{IntoOptimizer, OptimizerSpec};
pub use lion::Lion;
pub use loss_scale::LossScaleOptimizer;
pub use nadam::Nadam;
pub use rmsprop::RMSprop;
pub(crate) use rule::make;
pub use rule::{Common, Rule};
pub use sgd::SGD;
pub use unusable::Unusable;

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

impl LearningRate {
    /// The rate at a step, counted from 0.
    pub fn at(&self, step: i64) -> f64 {
        match self {
            LearningRate::Constant(rate) => f64::from(*rate),
            // Keras computes schedules in f32; its value is what the parameters see.
            LearningRate::Schedule(schedule) => f64::from(schedule.at(step) as f32),
        }
    }
}

impl std::fmt::Debug for LearningRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LearningRate::Constant(rate) => write!(f, "{rate}"),
            LearningRate::Schedule(schedule) => write!(f, "{}", schedule.spec()),
        }
    }
}

impl From<f32> for LearningRate {
    fn from(rate: f32) -> Self {
        LearningRate::Constant(rate)
    }
}
impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        LearningRate::Constant(rate as f32)
    }
}
impl<S: LearningRateSchedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        LearningRate::Schedule(Arc::new(schedule))
    }
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
    /// Files hold the slots of group 0 of all parameters, then those of group 1, and so on; see [`slot_order`].
    pub group: usize,
}

impl SlotInfo {
    /// A slot of group 0 that starts at zero.
    pub fn new(name: &'static str) -> Self {
        SlotInfo { name, initial: 0.0, group: 0 }
    }

    /// Another first value.
    #[must_use]
    pub fn initial(mut self, initial: f64) -> Self {
        self.initial = initial as f32;
        self
    }

    /// Another group.
    #[must_use]
    pub fn group(mut self, group: usize) -> Self {
        self.group = group;
        self
    }
}

/// The order of slot variables in files, as (parameter, slot): group by group, in each group parameter by parameter. So Adam
/// with amsgrad has m0 v0 m1 v1 …, then v̂0 v̂1 ….
pub fn slot_order(slots: &[SlotInfo], parameters: usize) -> Vec<(usize, usize)> {
    let groups = slots.iter().map(|s| s.group + 1).max().unwrap_or(0);
    let mut order = Vec::with_capacity(slots.len() * parameters);
    for group in 0..groups {
        for parameter in 0..parameters {
            let of_group = slots.iter().enumerate().filter(|(_, s)| s.group == group);
            order.extend(of_group.map(|(slot, _)| (parameter, slot)));
        }
    }
    order
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
    /// Whether its settings can be done; told when the model is compiled.
    ///
    /// # Errors
    /// Names the setting that is out of range or not supported.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
    /// Checks whether it can take a step.
    ///
    /// # Errors
    /// It stands for one that cannot: see [`Unusable`].
    fn usable(&self) -> Result<(), Error> {
        Ok(())
    }
    /// Returns what the loss is multiplied by before the gradients are taken, which are divided by it: a constant, or a column of the step table.
    fn loss_scale(&self) -> Option<Expr> {
        None
    }
    /// Returns whether a step whose gradients are not all finite is skipped; each step then says by [`Optimizer::stepped`] whether they were.
    fn skips(&self) -> bool {
        false
    }
    /// Hears of the last step whether its gradients were finite, and whether the model does as Keras 2.
    fn stepped(&mut self, _finite: bool, _keras2: bool) {}
    /// Adds the nodes of a whole step: `parameters` with their gradients and slots. The default clips as configured and assigns
    /// [`Optimizer::update`] to each.
    ///
    /// # Errors
    /// A setting that cannot be done.
    fn apply(&self, parameters: &[Applied]) -> Result<(), Error>;
}

/// A parameter in [`Optimizer::apply`].
#[derive(Clone, Debug)]
pub struct Applied {
    /// The parameter.
    pub variable: Variable,
    /// Its gradient.
    pub gradient: Tensor,
    /// Its slots.
    pub slots: Vec<Variable>,
    /// A scalar that is 0 where nothing is to be changed; `None` to change it always.
    pub when: Option<Tensor>,
    /// Says whether the squares of a gradient that is a sum over rows, as an embedding's, are the sum of the squares, as in Keras 3 on TensorFlow; else the
    /// square of the sum.
    pub by_rows: bool,
}

/// Makes an optimizer from a config; the learning rate is given beside it.
pub type Make = fn(Map<String, Value>, Option<LearningRate>) -> Result<Box<dyn Optimizer>, Error>;

/// A row of the table of optimizers.
#[derive(Debug)]
pub struct Class {
    /// Names that configs use: the class, then strings.
    pub names: &'static [&'static str],
    /// Reads a config.
    pub make: Make,
}

/// Keras' optimizers.
pub static OPTIMIZERS: &[Class] = &[
    Class { names: &["SGD", "sgd"], make: rule::make::<SGD> },
    Class { names: &["Adam", "adam"], make: rule::make::<Adam> },
    Class { names: &["AdamW", "adamw"], make: rule::make::<AdamW> },
    Class { names: &["Adamax", "adamax"], make: rule::make::<Adamax> },
    Class { names: &["Nadam", "nadam"], make: rule::make::<Nadam> },
    Class { names: &["RMSprop", "rmsprop"], make: rule::make::<RMSprop> },
    Class { names: &["Adagrad", "adagrad"], make: rule::make::<Adagrad> },
    Class { names: &["Adadelta", "adadelta"], make: rule::make::<Adadelta> },
    Class { names: &["Ftrl", "ftrl"], make: rule::make::<Ftrl> },
    Class { names: &["Lion", "lion"], make: rule::make::<Lion> },
];
