//! Settings that every optimizer has, and the macro that makes an optimizer's struct.

use serde::{Deserialize, Serialize};

use super::{LearningRate, Parameter, pattern};
use crate::Error;

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
    /// Says whether it is one of before TensorFlow 2.11 (`tf_keras.optimizers.legacy`).
    #[serde(rename = "is_legacy_optimizer", skip_serializing_if = "is_usual")]
    pub(super) legacy: bool,
    /// Patterns of the names of parameters that do not decay. No config of Keras has them.
    #[serde(skip)]
    pub(super) undecayed: Vec<String>,
}

fn rate<S: serde::Serializer>(rate: &LearningRate, serializer: S) -> Result<S::Ok, S::Error> {
    match rate {
        LearningRate::Constant(rate) => serializer.serialize_f64(f64::from(*rate)),
        LearningRate::Schedule(schedule) => schedule.spec().serialize(serializer),
        LearningRate::Several => serializer.serialize_none(),
    }
}

/// Tells serde to leave out what is as usual.
pub(super) fn is_usual<T: Default + PartialEq>(setting: &T) -> bool {
    *setting == T::default()
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
            legacy: false,
            undecayed: Vec::new(),
        }
    }
}

impl Common {
    pub(super) fn with_rate(rate: f32) -> Self {
        Common { learning_rate: LearningRate::Constant(rate), ..Common::default() }
    }

    pub(super) fn check(&self, class: &str) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what: format!("{class}: {what}") });
        if self.use_ema && !(0.0..=1.0).contains(&self.ema_momentum) {
            return wrong(format!("ema_momentum is {}, but must be between 0 and 1", self.ema_momentum));
        }
        if let Some(n) = self.ema_overwrite_frequency.filter(|n| self.use_ema && *n < 0) {
            return wrong(format!("ema_overwrite_frequency is {n}, but must be a positive number of steps"));
        }
        if let Some(factor) = self.loss_scale_factor.filter(|f| !(*f > 0.0 && f.is_finite())) {
            return wrong(format!("loss_scale_factor is {factor}, but must be positive"));
        }
        if let Some(n) = self.gradient_accumulation_steps.filter(|n| *n != 0 && *n < 2) {
            return wrong(format!("gradient_accumulation_steps is {n}, but must be 2 or more"));
        }
        let clips = [self.clipnorm, self.global_clipnorm, self.clipvalue];
        if clips.iter().flatten().count() > 1 {
            let what = "only one of clipnorm, global_clipnorm and clipvalue can be set, not";
            return wrong(format!("{what} {clips:?}"));
        }
        self.undecayed.iter().try_for_each(|words| pattern::search(words, "").map(drop))
    }

    /// Returns over how many steps gradients are summed up, where that is more than one.
    pub(super) fn accumulates(&self) -> Option<i64> {
        self.gradient_accumulation_steps.filter(|n| *n > 1)
    }

    /// Returns after how many steps parameters become their averages.
    pub(super) fn overwrites(&self) -> Option<i64> {
        self.ema_overwrite_frequency.filter(|n| self.use_ema && *n > 0)
    }

    /// Returns whether a parameter decays, as far as its name tells.
    pub(super) fn decays(&self, of: &Parameter) -> bool {
        // What Keras calls a variable's name: the path in tf_keras.
        let name = if of.keras2 { format!("{}:0", of.path) } else { of.variable.name().to_owned() };
        !self.undecayed.iter().any(|words| matches!(pattern::search(words, &name), Ok(true)))
    }
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
            /// Regular expressions of the names of parameters (`bias`) that do not decay; for a model of Keras 2 those of paths (`dense/bias`). As in
            /// Keras, no config and no file has them: say it again for a loaded model.
            #[must_use]
            pub fn exclude_from_weight_decay<N: Into<String>>(
                mut self,
                names: impl IntoIterator<Item = N>,
            ) -> Self {
                self.common.undecayed = names.into_iter().map(Into::into).collect();
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
            /// Whether averages of the parameters over the steps are kept, which the parameters become when `fit` ends.
            #[must_use]
            pub fn use_ema(mut self, averages: bool) -> Self {
                self.common.use_ema = averages;
                self
            }
            /// How much of an average is kept in each step. Default 0.99.
            #[must_use]
            pub fn ema_momentum(mut self, momentum: f64) -> Self {
                self.common.ema_momentum = momentum;
                self
            }
            /// After how many steps the parameters become their averages, besides the end of `fit`.
            #[must_use]
            pub fn ema_overwrite_frequency(mut self, steps: i64) -> Self {
                self.common.ema_overwrite_frequency = Some(steps);
                self
            }
            /// What the loss is multiplied by before gradients are taken, which are divided by it.
            #[must_use]
            pub fn loss_scale_factor(mut self, factor: f64) -> Self {
                self.common.loss_scale_factor = Some(factor);
                self
            }
            /// Over how many steps gradients are summed up before the parameters change, by the mean of them.
            #[must_use]
            pub fn gradient_accumulation_steps(mut self, steps: i64) -> Self {
                self.common.gradient_accumulation_steps = Some(steps);
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

/// Makes an optimizer's struct with defaults and builders: its learning rate, how much parameters decay, then its own settings; `besides` are those that
/// Keras 3 has not.
macro_rules! optimizer {
    (
        $(#[$doc:meta])*
        $class:ident $rate:literal $(decay $decay:literal)? {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)*
        }
        $(besides: $(#[$beside_doc:meta])* $beside:ident: $beside_type:ty,)?
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
            $(#[serde(skip_serializing_if = "crate::optimizers::common::is_usual")] $beside: $beside_type,)?
            $($(#[serde(skip)] $state: $state_type,)*)?
        }

        impl Default for $class {
            fn default() -> Self {
                #[allow(unused_mut)]
                let mut common = $crate::optimizers::Common::with_rate($rate);
                $(common.weight_decay = Some($decay);)?
                $class {
                    common,
                    $($field: $default,)*
                    $($beside: Default::default(),)?
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
                $(#[$beside_doc])*
                #[must_use]
                pub fn $beside(mut self, $beside: $beside_type) -> Self {
                    self.$beside = $beside;
                    self
                }
            )?
            $(
                $(#[$legacy_doc])*
                #[must_use]
                pub fn $legacy(mut self, $legacy: bool) -> Self {
                    self.common.legacy = $legacy;
                    self
                }
            )?
        }

        $crate::optimizers::common::common_builders!($class);
    };
}
pub(super) use common_builders;
pub(super) use optimizer;
