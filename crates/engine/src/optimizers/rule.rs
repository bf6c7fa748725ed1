//! [`Rule`]: what an optimizer says whose settings, slots and formulas are its own; the rest is the same for all.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::apply::{Stepping, apply};
use super::common::Common;
use super::{Applied, LearningRate, Optimizer, Parameter, SlotInfo, Update};
use crate::graph::{Expr, Tensor, serialized, serialized_custom};
use crate::{Error, config};

/// Which elements of a parameter change where its gradient is a sum over rows, as an embedding's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touched {
    /// All of the parameter and of its slots.
    All,
    /// The slots, and of the parameter the rows that the sum has.
    Parameter,
    /// The rows that the sum has, of the slots too.
    Rows,
}

/// An optimizer: its settings, slots and formulas. Everything else (weight decay, clipping, averages, sums of gradients, configs) is done by the
/// `impl Optimizer` that every rule has.
pub trait Rule: Serialize + Send + Sync + 'static {
    /// Class name.
    const CLASS: &'static str;
    /// Settings that all have.
    fn common(&self) -> &Common;
    /// The same, to change them.
    fn common_mut(&mut self) -> &mut Common;
    /// Its slots.
    fn slots(&self) -> Vec<SlotInfo>;
    /// Its slots of one parameter, where not all have the same.
    fn slots_of(&self, _parameter: &Parameter) -> Vec<SlotInfo> {
        self.slots()
    }
    /// Columns of the step table for the step that follows `iteration` earlier ones.
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64>;
    /// The formulas, where `Step(c)` is a column; not asked for where [`Rule::step`] says all.
    fn update(&self) -> Update {
        Update { parameter: Expr::In(0), slots: Vec::new() }
    }
    /// The next values of a parameter and its slots, where formulas for each element do not say them.
    fn step(&self, _stepping: &Stepping) -> Option<(Tensor, Vec<Tensor>)> {
        None
    }
    /// How much of a parameter, times the learning rate, is taken off in each step.
    fn decay(&self, _parameter: &Parameter) -> Option<f64> {
        self.common().weight_decay
    }
    /// Which elements change where the gradient is a sum over rows.
    fn touched(&self) -> Touched {
        Touched::All
    }
    /// Host state besides the slots.
    fn host_state(&self) -> Vec<(String, f32)> {
        Vec::new()
    }
    /// Puts it back.
    fn set_host_state(&mut self, _state: &[(String, f32)]) {}
    /// Whether its own settings are in range.
    ///
    /// # Errors
    /// Names the setting.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Name of the slot that holds averages of a parameter.
const AVERAGE: &str = "average";

/// Which columns and slots all rules with these settings have before their own.
pub(super) struct Shared {
    /// Column of the learning rate, for what decays.
    pub rate: usize,
    /// Column that says how much of the averages is kept.
    pub momentum: usize,
    /// Column that says whether parameters become their averages.
    pub overwrites: usize,
    /// Column that says whether parameters change, where gradients are summed up.
    pub updates: usize,
    /// Number of columns.
    pub columns: usize,
    /// Place of the slot of averages.
    pub average: Option<usize>,
    /// Place of the slot of sums.
    pub sum: Option<usize>,
    /// Number of slots.
    pub slots: usize,
}

impl Shared {
    pub(super) fn of(common: &Common) -> Self {
        let mut columns = 1;
        let mut column = |there: bool| {
            columns += usize::from(there);
            columns - 1
        };
        let (momentum, overwrites) = (column(common.use_ema), column(common.overwrites().is_some()));
        let sums = common.accumulates().is_some();
        let updates = column(sums);
        let average = common.use_ema.then_some(0);
        let sum = sums.then_some(usize::from(common.use_ema));
        let slots = usize::from(common.use_ema) + usize::from(sums);
        Shared { rate: 0, momentum, overwrites, updates, columns, average, sum, slots }
    }

    /// The numbers of these columns.
    fn values(common: &Common, iteration: i64, rate: f64) -> Vec<f64> {
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        let counted = iteration / common.accumulates().unwrap_or(1);
        let mut values = vec![rate];
        // Keras 3 begins with the parameters as they are after the first step.
        values.extend(common.use_ema.then_some(if counted == 0 { 0.0 } else { common.ema_momentum }));
        values.extend(common.overwrites().map(|n| flag((counted + 1) % n == 0)));
        values.extend(common.accumulates().map(|n| flag((iteration + 1) % n == 0)));
        values
    }
}

impl<R: Rule> Optimizer for R {
    fn class_name(&self) -> &'static str {
        R::CLASS
    }

    fn spec(&self) -> Value {
        let mut config = serde_json::to_value(self).unwrap_or_default();
        if let Some(name) = config.get_mut("name").filter(|n| **n == Value::String(String::new())) {
            *name = crate::names::snake_case(R::CLASS).into();
        }
        match crate::names::registered::<R>() {
            Some(name) => serialized_custom(&name, config),
            // A class of the user's that is not registered: by its name alone, which registering it in a package will find.
            None if !super::OPTIMIZERS.iter().any(|c| c.names.contains(&R::CLASS)) => {
                serialized_custom(R::CLASS, config)
            }
            None => serialized("keras.optimizers", R::CLASS, config),
        }
    }

    fn learning_rate(&self) -> &LearningRate {
        &self.common().learning_rate
    }

    fn set_learning_rate(&mut self, rate: LearningRate) {
        self.common_mut().learning_rate = rate;
    }

    fn slots(&self, parameter: &Parameter) -> Vec<SlotInfo> {
        let common = self.common();
        let mut slots = Vec::new();
        if common.use_ema {
            // tf_keras begins with the parameter, Keras 3 takes it over in the first step.
            let average = SlotInfo::new(AVERAGE).group(slots.len()).finalizes();
            slots.push(if parameter.keras2 { average.from_parameter() } else { average });
        }
        if common.accumulates().is_some() {
            slots.push(SlotInfo::new("gradient_accumulator").group(slots.len()));
        }
        let groups = slots.len();
        slots.extend(self.slots_of(parameter).into_iter().map(|slot| {
            let group = slot.group + groups;
            slot.group(group)
        }));
        slots
    }

    fn scalars(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let mut columns = Shared::values(self.common(), iteration, learning_rate);
        let sums = self.common().accumulates();
        // Where gradients are summed up, the rule sees a step when parameters change.
        let before = sums.filter(|n| (iteration + 1) % n != 0).map(|_| Rule::host_state(self));
        columns.extend(self.columns(iteration / sums.unwrap_or(1), learning_rate));
        if let Some(before) = before {
            Rule::set_host_state(self, &before);
        }
        columns
    }

    fn host_state(&self) -> Vec<(String, f32)> {
        Rule::host_state(self)
    }

    fn set_host_state(&mut self, state: &[(String, f32)]) {
        Rule::set_host_state(self, state);
    }

    fn loss_scale(&self) -> Option<Expr> {
        self.common().loss_scale_factor.map(Expr::Const)
    }

    fn check(&self) -> Result<(), Error> {
        self.common().check(R::CLASS)?;
        Rule::check(self)
    }

    fn apply(&self, parameters: &[Applied]) -> Result<(), Error> {
        Optimizer::check(self)?;
        apply(self, parameters);
        Ok(())
    }
}

/// A setting as Keras has it where it takes powers of it: rounded to f32. In 1 - beta_2 that shows.
pub(super) fn rounded(setting: f64) -> f64 {
    f64::from(setting as f32)
}

/// Reads a config; what it does not say is as the class has it by default.
pub(crate) fn make<R: Rule + Default + DeserializeOwned>(
    given: Map<String, Value>,
    rate: Option<LearningRate>,
) -> Result<Box<dyn Optimizer>, Error> {
    let default = R::default();
    let mut whole = match serde_json::to_value(&default) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    whole.extend(given);
    // The rate is given beside the config; how a step is compiled changes no number.
    let idle = |key: &str, _: &Value| ["learning_rate", "jit_compile", "is_legacy_optimizer"].contains(&key);
    let mut rule = config::read::<R>(R::CLASS, &whole, idle)?;
    rule.common_mut().learning_rate = rate.unwrap_or_else(|| default.common().learning_rate.clone());
    Optimizer::check(&rule)?;
    Ok(Box::new(rule))
}
