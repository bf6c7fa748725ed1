//! [`Rule`]: what an optimizer with an elementwise update says; the rest is the same for all.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::apply::clipped;
use super::{Applied, LearningRate, Optimizer, SlotInfo, Update};
use crate::graph::{Expr, IntoTensor, Tensor, assign, rounded_throughout, serialized, serialized_custom};
use crate::ops::{over_rows, pointwise_many};
use crate::{Error, config};

/// Settings that every optimizer has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Common {
    pub(super) name: String,
    #[serde(skip_deserializing, serialize_with = "rate")]
    pub(super) learning_rate: LearningRate,
    pub(super) weight_decay: Option<f64>,
    pub(super) clipnorm: Option<f64>,
    pub(super) global_clipnorm: Option<f64>,
    pub(super) clipvalue: Option<f64>,
    pub(super) use_ema: bool,
    pub(super) ema_momentum: f64,
    pub(super) ema_overwrite_frequency: Option<i64>,
    pub(super) loss_scale_factor: Option<f64>,
    pub(super) gradient_accumulation_steps: Option<i64>,
}

fn rate<S: serde::Serializer>(rate: &LearningRate, serializer: S) -> Result<S::Ok, S::Error> {
    match rate {
        LearningRate::Constant(rate) => serializer.serialize_f64(f64::from(*rate)),
        LearningRate::Schedule(schedule) => schedule.spec().serialize(serializer),
    }
}

impl Default for LearningRate {
    fn default() -> Self {
        LearningRate::Constant(0.001)
    }
}

impl Default for Common {
    fn default() -> Self {
        Common {
            name: String::new(),
            learning_rate: LearningRate::default(),
            weight_decay: None,
            clipnorm: None,
            global_clipnorm: None,
            clipvalue: None,
            use_ema: false,
            ema_momentum: 0.99,
            ema_overwrite_frequency: None,
            loss_scale_factor: None,
            gradient_accumulation_steps: None,
        }
    }
}

impl Common {
    pub(super) fn with_rate(rate: f32) -> Self {
        Common { learning_rate: LearningRate::Constant(rate), ..Common::default() }
    }

    fn check(&self, class: &str) -> Result<(), Error> {
        let unsupported =
            |what: &str| Err(Error::Argument { what: format!("{class}: {what} is not supported") });
        if self.use_ema {
            return unsupported("use_ema");
        }
        if let Some(factor) = self.loss_scale_factor.filter(|f| !(*f > 0.0 && f.is_finite())) {
            let what = format!("{class}: loss_scale_factor is {factor}, but must be positive");
            return Err(Error::Argument { what });
        }
        if self.gradient_accumulation_steps.is_some() {
            return unsupported("gradient_accumulation_steps");
        }
        let clips = [self.clipnorm, self.global_clipnorm, self.clipvalue];
        if clips.iter().flatten().count() > 1 {
            let what = format!(
                "{class}: only one of clipnorm, global_clipnorm and clipvalue can be set, not {clips:?}"
            );
            return Err(Error::Argument { what });
        }
        Ok(())
    }
}

/// An optimizer whose update is elementwise: its settings, slots and formulas. Everything else (weight decay, clipping,
/// configs) is done by the `impl Optimizer` that every rule has.
pub trait Rule: Serialize + Send + Sync + 'static {
    /// Class name.
    const CLASS: &'static str;
    /// Settings that all have.
    fn common(&self) -> &Common;
    /// The same, to change them.
    fn common_mut(&mut self) -> &mut Common;
    /// Its slots.
    fn slots(&self) -> Vec<SlotInfo>;
    /// Columns of the step table for the step that follows `iteration` earlier ones.
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64>;
    /// The formulas, where `Step(c)` is a column.
    fn update(&self) -> Update;
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

    fn slots(&self) -> Vec<SlotInfo> {
        Rule::slots(self)
    }

    fn scalars(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let mut columns = self.columns(iteration, learning_rate);
        if let Some(decay) = self.common().weight_decay {
            columns.push(learning_rate * decay);
        }
        columns
    }

    fn host_state(&self) -> Vec<(String, f32)> {
        Rule::host_state(self)
    }

    fn set_host_state(&mut self, state: &[(String, f32)]) {
        Rule::set_host_state(self, state);
    }

    fn update(&self) -> Update {
        let update = Rule::update(self);
        if self.common().weight_decay.is_none() {
            return update;
        }
        // Keras takes the decay off first; the rule then sees the smaller parameter. Its column comes after the rule's own.
        let column = used_columns(&update);
        let decayed = Expr::In(0) - Expr::In(0) * Expr::Step(column);
        let decay = |e: &Expr| e.replace(&Expr::In(0), &decayed);
        Update { parameter: decay(&update.parameter), slots: update.slots.iter().map(decay).collect() }
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
        let common = self.common();
        let update = Optimizer::update(self);
        let mut exprs = vec![update.parameter];
        exprs.extend(update.slots);
        if let Some(limit) = common.clipvalue.filter(|l| *l > 0.0) {
            let cut = Expr::In(1).max(-limit).min(limit);
            exprs.iter_mut().for_each(|e| *e = e.replace(&Expr::In(1), &cut));
        }
        let gradients = clipped(parameters, common.clipnorm, common.global_clipnorm);
        for (applied, gradient) in parameters.iter().zip(gradients) {
            let mut operands: Vec<Tensor> = vec![(&applied.variable).into_tensor(), gradient];
            operands.extend(applied.slots.iter().map(IntoTensor::into_tensor));
            let mut exprs = exprs.clone();
            // Clipping adds the rows up.
            if applied.by_rows && common.clipvalue.or(common.clipnorm).or(common.global_clipnorm).is_none() {
                squares_by_rows(&mut exprs, gradient, &mut operands);
            }
            if let Some(when) = applied.when {
                let condition = Expr::In(operands.len());
                // Operand 1 is the gradient.
                let old = |i: usize| Expr::In(if i == 0 { 0 } else { i + 1 });
                exprs
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, e)| *e = condition.clone().select(e.clone(), old(i)));
                operands.push(when);
            }
            if let Some(half) = applied.variable.ty().and_then(|ty| ty.dtype.half()) {
                exprs.iter_mut().for_each(|e| *e = rounded_throughout(half, e));
            }
            let first = pointwise_many(exprs, &operands, Some(applied.variable.shape()));
            let targets = std::iter::once(&applied.variable).chain(&applied.slots);
            targets.enumerate().for_each(|(i, variable)| assign(variable, first.sibling(i)));
        }
        Ok(())
    }
}

/// Takes the squares and the sizes of a gradient that is a sum over rows row by row.
fn squares_by_rows(exprs: &mut [Expr], gradient: Tensor, operands: &mut Vec<Tensor>) {
    let g = || Expr::In(1);
    type Of = fn(Tensor) -> Tensor;
    for (what, f) in [(g().square(), Tensor::square as Of), (g().abs(), Tensor::abs)] {
        let with = Expr::In(operands.len());
        let changed: Vec<Expr> = exprs.iter().map(|e| e.replace(&what, &with)).collect();
        if changed != *exprs
            && let Some(sums) = over_rows(gradient, &f)
        {
            exprs.clone_from_slice(&changed);
            operands.push(sums);
        }
    }
}

/// A setting as Keras has it where it takes powers of it: rounded to f32. In 1 - beta_2 that shows.
pub(super) fn rounded(setting: f64) -> f64 {
    f64::from(setting as f32)
}

/// Tells serde to leave out what is as usual.
#[allow(clippy::trivially_copy_pass_by_ref)]
pub(super) fn is_false(setting: &bool) -> bool {
    !*setting
}

/// Number of columns that the formulas read: one more than the highest.
fn used_columns(update: &Update) -> usize {
    let mut count = 0;
    for expr in std::iter::once(&update.parameter).chain(&update.slots) {
        expr.visit(&mut |e| {
            if let Expr::Step(c) = e {
                count = count.max(c + 1);
            }
        });
    }
    count
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

/// Builders of the settings that all optimizers have.
macro_rules! common_builders {
    ($class:ident) => {
        impl $class {
            /// A rate, or a schedule.
            #[must_use]
            pub fn learning_rate(mut self, rate: impl Into<$crate::optimizers::LearningRate>) -> Self {
                self.common.learning_rate = rate.into();
                self
            }
            /// How much of each parameter, times the learning rate, is taken off in each step.
            #[must_use]
            pub fn weight_decay(mut self, decay: f64) -> Self {
                self.common.weight_decay = Some(decay);
                self
            }
            /// Longest gradient of one parameter.
            #[must_use]
            pub fn clipnorm(mut self, norm: f64) -> Self {
                self.common.clipnorm = Some(norm);
                self
            }
            /// Largest element of a gradient.
            #[must_use]
            pub fn clipvalue(mut self, value: f64) -> Self {
                self.common.clipvalue = Some(value);
                self
            }
            /// Longest gradient of all parameters together.
            #[must_use]
            pub fn global_clipnorm(mut self, norm: f64) -> Self {
                self.common.global_clipnorm = Some(norm);
                self
            }
            /// What the loss is multiplied by before gradients are taken, which are divided by it.
            #[must_use]
            pub fn loss_scale_factor(mut self, factor: f64) -> Self {
                self.common.loss_scale_factor = Some(factor);
                self
            }
            /// Its name in configs.
            #[must_use]
            pub fn name(mut self, name: &str) -> Self {
                self.common.name = name.into();
                self
            }
        }
    };
}

/// Makes an optimizer's struct with defaults and builders: its learning rate, then its own settings.
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        $class:ident $rate:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)*
        }
        $(older: $(#[$legacy_doc:meta])* $legacy:ident,)?
        $(state: $($state:ident: $state_type:ty = $state_default:expr,)*)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $class {
            #[serde(flatten)]
            common: $crate::optimizers::Common,
            $($field: $type,)*
            $(
                $(#[$legacy_doc])*
                #[serde(rename = "is_legacy_optimizer", skip_serializing_if = "crate::optimizers::rule::is_false")]
                $legacy: bool,
            )?
            $($(#[serde(skip)] $state: $state_type,)*)?
        }

        impl Default for $class {
            fn default() -> Self {
                $class {
                    common: $crate::optimizers::Common::with_rate($rate),
                    $($field: $default,)*
                    $($legacy: false,)?
                    $($($state: $state_default,)*)?
                }
            }
        }

        impl $class {
            /// With Keras' defaults.
            pub fn new() -> Self {
                Self::default()
            }
            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
            $(
                $(#[$legacy_doc])*
                #[must_use]
                pub fn $legacy(mut self, $legacy: bool) -> Self {
                    self.$legacy = $legacy;
                    self
                }
            )?
        }

        $crate::optimizers::rule::common_builders!($class);
    };
}
pub(super) use common_builders;
pub(super) use optimizer;
