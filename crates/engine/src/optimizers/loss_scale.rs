//! Loss scaling: another optimizer's steps with a loss that is made larger, so that gradients in float16 do not vanish (Micikevicius et al., 2018).

use rhyton_kernels::dispatch::{STEP_COLUMNS, STEP_WORDS};
use serde_json::{Map, Value, json};

use super::{Applied, Inner, LearningRate, Optimizer, Parameter, SlotInfo};
use crate::Error;
use crate::graph::{Expr, serialized};

/// Column of the step table that holds the scale: the last, behind those of any inner optimizer.
pub(super) const COLUMN: usize = STEP_WORDS - STEP_COLUMNS - 1;

/// Multiplies the loss by a scale and divides the gradients by it (`keras.optimizers.LossScaleOptimizer`).
///
/// A step whose gradients are not all finite is skipped, and halves the scale; after `dynamic_growth_steps` steps without such a one it doubles. Whether
/// they were finite is read from the device after each step.
///
/// ```
/// # use rhyton_engine as rhyton;
/// # use rhyton::optimizers::{Adam, LossScaleOptimizer, Optimizer};
/// let optimizer = LossScaleOptimizer::new(Adam::new()).initial_scale(1024.0).dynamic_growth_steps(100);
/// assert_eq!(optimizer.host_state()[1], ("dynamic_scale".to_owned(), 1024.0));
/// ```
pub struct LossScaleOptimizer {
    inner: Box<dyn Optimizer>,
    name: String,
    initial_scale: f64,
    dynamic_growth_steps: i64,
    /// Says whether the scale changes. tf_keras can have one that does not.
    dynamic: bool,
    scale: f64,
    /// Counts the steps with finite gradients since the scale changed.
    counter: i64,
    /// Host state of the inner optimizer before the step that is being taken.
    before: Vec<(String, f32)>,
}

impl LossScaleOptimizer {
    /// Class name.
    pub const CLASS: &'static str = "LossScaleOptimizer";

    /// Around this optimizer, with Keras' defaults: a scale of 2¹⁵, doubled after 2000 steps.
    pub fn new(inner: impl Optimizer + 'static) -> Self {
        Self::around(Box::new(inner))
    }

    /// Returns an optimizer that scales the loss: this one, if it does already.
    pub(crate) fn scaling(optimizer: Box<dyn Optimizer>) -> Box<dyn Optimizer> {
        if optimizer.class_name() == Self::CLASS { optimizer } else { Box::new(Self::around(optimizer)) }
    }

    fn around(inner: Box<dyn Optimizer>) -> Self {
        LossScaleOptimizer {
            inner,
            name: "loss_scale_optimizer".into(),
            initial_scale: 32_768.0,
            dynamic_growth_steps: 2000,
            dynamic: true,
            scale: 32_768.0,
            counter: 0,
            before: Vec::new(),
        }
    }

    /// Sets the first scale. Default 2¹⁵.
    #[must_use]
    pub fn initial_scale(mut self, scale: f64) -> Self {
        (self.initial_scale, self.scale) = (scale, scale);
        self
    }

    /// Sets after how many steps the scale doubles. Default 2000.
    #[must_use]
    pub fn dynamic_growth_steps(mut self, steps: i64) -> Self {
        self.dynamic_growth_steps = steps;
        self
    }

    /// Sets its name in configs.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Returns the optimizer inside.
    pub fn inner_optimizer(&self) -> &dyn Optimizer {
        self.inner.as_ref()
    }

    /// Returns the scale of the next step.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Reads a config.
    ///
    /// # Errors
    /// Names a key that is not known, or whose value is wrong.
    pub(super) fn make(config: &Map<String, Value>, inner: Inner) -> Result<Box<dyn Optimizer>, Error> {
        let inner = inner(config.get("inner_optimizer").cloned().unwrap_or_default())?;
        Ok(Box::new(Self::read(inner, config)?))
    }

    fn read(inner: Box<dyn Optimizer>, config: &Map<String, Value>) -> Result<Self, Error> {
        let mut made = Self::around(inner);
        let wrong = |key: &str, value: &Value, expected: &str| Error::Config {
            object: Self::CLASS.into(),
            what: format!("{key}: found {value}, expected {expected}"),
        };
        let mut growth = None;
        for (key, value) in config {
            let unset = value.is_null() || value == &json!(false);
            match key.as_str() {
                "inner_optimizer" => {}
                "name" => made.name = value.as_str().unwrap_or(&made.name).into(),
                "dynamic" => {
                    made.dynamic = value.as_bool().ok_or_else(|| wrong(key, value, "true or false"))?
                }
                "initial_scale" if value.is_null() => {}
                "initial_scale" => {
                    let scale = value.as_f64().ok_or_else(|| wrong(key, value, "a number"))?;
                    made = made.initial_scale(scale);
                }
                "dynamic_growth_steps" if value.is_null() => {}
                "dynamic_growth_steps" => {
                    growth = Some(value.as_i64().ok_or_else(|| wrong(key, value, "a whole number"))?);
                }
                // What Keras 3.0 wrote and does not use.
                "ema_momentum" => {}
                "learning_rate" if value == &json!(0.0) || value.is_null() => {}
                "weight_decay"
                | "clipnorm"
                | "global_clipnorm"
                | "clipvalue"
                | "use_ema"
                | "ema_overwrite_frequency"
                | "loss_scale_factor"
                | "gradient_accumulation_steps"
                | "is_legacy_optimizer"
                | "jit_compile"
                    if unset => {}
                _ => return Err(wrong(key, value, "no such key: set it on the inner optimizer")),
            }
        }
        made.dynamic_growth_steps = growth.unwrap_or(made.dynamic_growth_steps);
        Optimizer::check(&made)?;
        Ok(made)
    }
}

impl Optimizer for LossScaleOptimizer {
    fn class_name(&self) -> &'static str {
        Self::CLASS
    }

    fn spec(&self) -> Value {
        let mut config = json!({
            "name": self.name,
            "inner_optimizer": self.inner.spec(),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        });
        if !self.dynamic {
            config["dynamic"] = false.into();
            config["dynamic_growth_steps"] = Value::Null;
        }
        serialized("keras.optimizers", Self::CLASS, config)
    }

    fn learning_rate(&self) -> &LearningRate {
        self.inner.learning_rate()
    }

    fn set_learning_rate(&mut self, rate: LearningRate) {
        self.inner.set_learning_rate(rate);
    }

    fn slots(&self, parameter: &Parameter) -> Vec<SlotInfo> {
        self.inner.slots(parameter)
    }

    fn scalars(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        self.before = self.inner.host_state();
        let mut columns = self.inner.scalars(iteration, learning_rate);
        // One with more columns than there is room for keeps them, and is an error of the step.
        columns.resize(columns.len().max(COLUMN), 0.0);
        columns.push(self.scale);
        columns
    }

    fn host_state(&self) -> Vec<(String, f32)> {
        let own = [("step_counter", self.counter as f32), ("dynamic_scale", self.scale as f32)];
        let own = if self.dynamic { &own[..] } else { &[] };
        own.iter().map(|(name, value)| ((*name).to_owned(), *value)).chain(self.inner.host_state()).collect()
    }

    fn set_host_state(&mut self, state: &[(String, f32)]) {
        for (name, value) in state {
            match name.as_str() {
                "step_counter" => self.counter = *value as i64,
                // A damaged one would skip every step, or turn gradients round.
                "dynamic_scale" if *value > 0.0 && value.is_finite() => self.scale = f64::from(*value),
                _ => {}
            }
        }
        self.inner.set_host_state(state);
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what: format!("{}: {what}", Self::CLASS) });
        if self.inner.class_name() == Self::CLASS {
            return wrong("the optimizer inside is one already".into());
        }
        if !self.inner.inside().is_empty() {
            return wrong(format!(
                "a {} inside is not supported: give that one a loss_scale_factor",
                self.inner.class_name()
            ));
        }
        if !(self.initial_scale > 0.0 && self.initial_scale <= f64::from(f32::MAX)) {
            return wrong(format!("initial_scale is {}, but must be positive", self.initial_scale));
        }
        if self.dynamic_growth_steps < 1 {
            return wrong(format!(
                "dynamic_growth_steps is {}, but must be positive",
                self.dynamic_growth_steps
            ));
        }
        self.inner.check()
    }

    fn usable(&self) -> Result<(), Error> {
        self.inner.usable()
    }

    fn loss_scale(&self) -> Option<Expr> {
        Some(Expr::Step(COLUMN))
    }

    fn skips(&self) -> bool {
        self.dynamic
    }

    fn stepped(&mut self, finite: bool, keras2: bool) {
        if !finite {
            self.inner.set_host_state(&std::mem::take(&mut self.before));
            let least = if keras2 { 1.0 } else { 0.0 };
            (self.scale, self.counter) = ((self.scale * 0.5).max(least), 0);
        } else if self.counter >= self.dynamic_growth_steps - 1 {
            let doubled = self.scale * 2.0;
            let too_large = keras2 && doubled > f64::from(f32::MAX);
            (self.scale, self.counter) = (if too_large { self.scale } else { doubled }, 0);
        } else {
            self.counter = self.counter.saturating_add(1);
        }
    }

    fn apply(&self, parameters: &[Applied]) -> Result<(), Error> {
        self.inner.apply(parameters)
    }
}

debug!(LossScaleOptimizer, |o| inner: o.inner.spec(), scale: o.scale, counter: o.counter);
