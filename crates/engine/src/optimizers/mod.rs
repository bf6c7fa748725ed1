//! Optimizers: an expression per slot over (parameter, gradient, slots, step columns).
//!
//! To add one: a file with `optimizer!` and `impl Rule`, and a row of [`OPTIMIZERS`]; one around others is a row of [`WRAPPERS`].

mod apply;
mod common;
mod given;
mod gradients;
mod pattern;
mod rule;
pub mod schedules;

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod ftrl;
mod lamb;
mod lion;
mod loss_scale;
mod multi;
mod muon;
mod nadam;
mod rmsprop;
mod schedule_free_adamw;
mod sgd;
mod unusable;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use apply::Stepping;
pub use common::Common;
pub use ftrl::Ftrl;
pub use given::{IntoOptimizer, OptimizerSpec};
pub use lamb::Lamb;
pub use lion::Lion;
pub use loss_scale::LossScaleOptimizer;
pub use multi::MultiOptimizer;
pub use muon::Muon;
pub use nadam::Nadam;
pub use rmsprop::RMSprop;
pub(crate) use rule::make;
pub use rule::{Rule, Touched};
pub use schedule_free_adamw::ScheduleFreeAdamW;
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
    /// Each optimizer inside has its own.
    Several,
}

impl LearningRate {
    /// The rate at a step, counted from 0.
    pub fn at(&self, step: i64) -> f64 {
        match self {
            LearningRate::Constant(rate) => f64::from(*rate),
            // Keras computes schedules in f32; its value is what the parameters see.
            LearningRate::Schedule(schedule) => f64::from(schedule.at(step) as f32),
            LearningRate::Several => f64::NAN,
        }
    }
}

impl std::fmt::Debug for LearningRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LearningRate::Constant(rate) => write!(f, "{rate}"),
            LearningRate::Schedule(schedule) => write!(f, "{}", schedule.spec()),
            LearningRate::Several => f.write_str("several"),
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

/// A variable that an optimizer changes.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The variable.
    pub variable: Variable,
    /// Keras' path of it, of the names of layers: `dense/kernel`, behind the name of a Sequential that it is in.
    pub path: String,
    /// Says whether its layer does as Keras 2.
    pub keras2: bool,
}

impl Parameter {
    /// One whose path is its name, of a layer that does as Keras 3.
    pub fn new(variable: &Variable) -> Self {
        Parameter { variable: variable.clone(), path: variable.name().into(), keras2: false }
    }
}

/// One slot of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotInfo {
    /// Keras 3's name: `momentum`, `velocity`.
    pub name: &'static str,
    /// First value.
    pub initial: f32,
    /// Says whether it begins as its parameter is then.
    pub from_parameter: bool,
    /// Its shape; `None` for that of its parameter.
    pub shape: Option<Vec<usize>>,
    /// Files hold the slots of group 0 of all parameters, then those of group 1, and so on; see [`slot_order`].
    pub group: usize,
    /// Says whether its parameter becomes it when training ends.
    pub finalizes: bool,
}

impl SlotInfo {
    /// A slot of group 0 that starts at zero, of its parameter's shape.
    pub fn new(name: &'static str) -> Self {
        SlotInfo { name, initial: 0.0, from_parameter: false, shape: None, group: 0, finalizes: false }
    }

    /// Another first value.
    #[must_use]
    pub fn initial(mut self, initial: f64) -> Self {
        self.initial = initial as f32;
        self
    }

    /// Begins as its parameter is then.
    #[must_use]
    pub fn from_parameter(mut self) -> Self {
        self.from_parameter = true;
        self
    }

    /// Another shape.
    #[must_use]
    pub fn shape(mut self, shape: impl Into<Vec<usize>>) -> Self {
        self.shape = Some(shape.into());
        self
    }

    /// Another group.
    #[must_use]
    pub fn group(mut self, group: usize) -> Self {
        self.group = group;
        self
    }

    /// Is what its parameter becomes when training ends.
    #[must_use]
    pub fn finalizes(mut self) -> Self {
        self.finalizes = true;
        self
    }
}

/// The order of slot variables in files, as (parameter, slot): group by group, in each group parameter by parameter. So Adam
/// with amsgrad has m0 v0 m1 v1 …, then v̂0 v̂1 …. `slots` are those of each parameter.
pub fn slot_order(slots: &[Vec<SlotInfo>]) -> Vec<(usize, usize)> {
    let of = |(parameter, infos): (usize, &Vec<SlotInfo>)| {
        let places = infos.iter().enumerate().map(|(slot, info)| (info.group, parameter, slot));
        places.collect::<Vec<_>>()
    };
    let mut order: Vec<(usize, usize, usize)> = slots.iter().enumerate().flat_map(of).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, parameter, slot)| (parameter, slot)).collect()
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
    /// Its slots of a parameter.
    fn slots(&self, parameter: &Parameter) -> Vec<SlotInfo>;
    /// This step's columns of the step table, computed in f64; `iteration` counts from 0 for the first step. May change host state
    /// (Nadam's `u_product`).
    fn scalars(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64>;
    /// Host state that files hold besides the slots, by Keras' names.
    fn host_state(&self) -> Vec<(String, f32)> {
        Vec::new()
    }
    /// Puts host state back.
    fn set_host_state(&mut self, _state: &[(String, f32)]) {}
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
    /// The optimizers inside one of several, in the order of files.
    fn inside(&self) -> Vec<&dyn Optimizer> {
        Vec::new()
    }
    /// Which of the optimizers inside a parameter has.
    fn part_of(&self, _parameter: &Parameter) -> Option<usize> {
        None
    }
    /// Adds the nodes of a whole step: `parameters` with their gradients and slots.
    ///
    /// # Errors
    /// A setting that cannot be done.
    fn apply(&self, parameters: &[Applied]) -> Result<(), Error>;
}

/// A parameter in [`Optimizer::apply`].
#[derive(Clone, Debug)]
pub struct Applied {
    /// The parameter.
    pub parameter: Parameter,
    /// Its gradient; `None` where the loss does not depend on it.
    pub gradient: Option<Tensor>,
    /// Its slots.
    pub slots: Vec<Variable>,
    /// A scalar that is 0 where nothing is to be changed; `None` to change it always.
    pub when: Option<Tensor>,
    /// Number of the optimizer's first column in the step table.
    pub first_column: usize,
}

impl Applied {
    /// A parameter that is always changed.
    pub fn new(parameter: Parameter, gradient: Option<Tensor>, slots: Vec<Variable>) -> Self {
        Applied { parameter, gradient, slots, when: None, first_column: 0 }
    }
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
    Class { names: &["Lamb", "lamb"], make: rule::make::<Lamb> },
    Class { names: &["Adafactor", "adafactor"], make: rule::make::<Adafactor> },
    Class { names: &["Muon", "muon"], make: rule::make::<Muon> },
    Class { names: &["ScheduleFreeAdamW", "schedulefreeadamw"], make: rule::make::<ScheduleFreeAdamW> },
];

/// Makes an optimizer of a config, whatever class it is of.
pub type Inner<'a> = &'a dyn Fn(Value) -> Result<Box<dyn Optimizer>, Error>;

/// Makes an optimizer around others from a config.
pub type MakeAround = fn(&Map<String, Value>, Inner) -> Result<Box<dyn Optimizer>, Error>;

/// A row of the table of optimizers around others.
#[derive(Debug)]
pub struct Wrapper {
    /// The class.
    pub name: &'static str,
    /// Reads a config; those inside are anybody's.
    pub make: MakeAround,
}

/// Keras' optimizers around others.
pub static WRAPPERS: &[Wrapper] = &[
    Wrapper { name: LossScaleOptimizer::CLASS, make: LossScaleOptimizer::make },
    Wrapper { name: MultiOptimizer::CLASS, make: MultiOptimizer::make },
];
