//! Learning rates that change with the step.

use std::f64::consts::PI;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::LearningRateSchedule;
use crate::{Error, config};

/// Makes a schedule from a config.
pub type Make = fn(Map<String, Value>) -> Result<Arc<dyn LearningRateSchedule>, Error>;

/// A row of the table of schedules.
#[derive(Debug)]
pub struct Class {
    /// The class.
    pub name: &'static str,
    /// Reads a config.
    pub make: Make,
}

/// Keras' schedules.
pub static SCHEDULES: &[Class] = &[
    Class { name: "ExponentialDecay", make: make::<ExponentialDecay> },
    Class { name: "PiecewiseConstantDecay", make: make::<PiecewiseConstantDecay> },
    Class { name: "PolynomialDecay", make: make::<PolynomialDecay> },
    Class { name: "InverseTimeDecay", make: make::<InverseTimeDecay> },
    Class { name: "CosineDecay", make: make::<CosineDecay> },
    Class { name: "CosineDecayRestarts", make: make::<CosineDecayRestarts> },
];

/// A schedule's own check of its settings.
trait Checked {
    fn check(&self) -> Result<(), String>;
}

fn make<S: LearningRateSchedule + Checked + DeserializeOwned + Serialize + 'static>(
    config: Map<String, Value>,
) -> Result<Arc<dyn LearningRateSchedule>, Error> {
    let class = config::class_of::<S>();
    let schedule = config::read::<S>(class, &config, |_, _| false)?;
    schedule.check().map_err(|what| Error::Config { object: class.into(), what })?;
    Ok(Arc::new(schedule))
}

/// Makes a schedule's struct: arguments that must be given, then those with defaults; the steps that must be positive.
macro_rules! schedule {
    (
        $(#[$doc:meta])*
        $class:ident $name:literal
        { $($(#[$required_doc:meta])* $required:ident: $required_type:ty,)+ }
        { $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr,)* }
        check |$c:ident| $check:expr;
        at |$s:ident, $step:ident| $at:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct $class {
            $($(#[$required_doc])* $required: $required_type,)+
            $(#[serde(default = $default)] $field: $type,)*
            #[serde(default)]
            name: Option<String>,
        }

        impl $class {
            /// With Keras' defaults for the rest.
            ///
            /// # Errors
            /// An argument is out of range.
            pub fn new($($required: impl Into<$required_type>),+) -> Result<Self, Error> {
                let fields = Map::from_iter([$((stringify!($required).to_string(), serde_json::json!($required.into()))),+]);
                let read = serde_json::from_value::<Self>(Value::Object(fields)).map_err(|e| e.to_string());
                read.and_then(|s| s.check().map(|()| $class { name: Some($name.into()), ..s }))
                    .map_err(|what| Error::Argument { what: format!(concat!(stringify!($class), ": {}"), what) })
            }
            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(mut self, $field: impl Into<$type>) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*
        }

        impl Checked for $class {
            fn check(&self) -> Result<(), String> {
                let $c = self;
                $check
            }
        }

        impl LearningRateSchedule for $class {
            fn spec(&self) -> Value {
                let mut config = serde_json::to_value(self).unwrap_or_default();
                // Configs of Keras 2 have null here.
                if let Some(name) = config.get_mut("name").filter(|n| n.is_null()) {
                    *name = $name.into();
                }
                crate::graph::serialized("keras.optimizers.schedules", stringify!($class), config)
            }
            fn at(&self, step: i64) -> f64 {
                let ($s, $step) = (self, step as f64);
                $at
            }
        }
    };
}

fn positive(name: &str, value: f64) -> Result<(), String> {
    if value > 0.0 { Ok(()) } else { Err(format!("{name} is {value}, but must be above 0")) }
}

mod default {
    pub(super) fn no() -> bool {
        false
    }
    pub(super) fn zero() -> f64 {
        0.0
    }
    pub(super) fn one() -> f64 {
        1.0
    }
    pub(super) fn two() -> f64 {
        2.0
    }
    pub(super) fn end() -> f64 {
        0.0001
    }
}

schedule!(
    /// rate · decay_rate^(step / decay_steps).
    ExponentialDecay "ExponentialDecay"
    {
        /// The rate at step 0.
        initial_learning_rate: f64,
        /// Steps of one decay.
        decay_steps: f64,
        /// Factor of one decay.
        decay_rate: f64,
    }
    {
        /// Whether it falls at whole multiples of the steps alone.
        staircase: bool = "default::no",
    }
    check |s| positive("decay_steps", s.decay_steps);
    at |s, step| {
        let p = step / s.decay_steps;
        s.initial_learning_rate * s.decay_rate.powf(if s.staircase { p.floor() } else { p })
    }
);

schedule!(
    /// rate / (1 + decay_rate · step / decay_steps).
    InverseTimeDecay "InverseTimeDecay"
    {
        /// The rate at step 0.
        initial_learning_rate: f64,
        /// Steps of one decay.
        decay_steps: f64,
        /// How fast it falls.
        decay_rate: f64,
    }
    {
        /// Whether it falls at whole multiples of the steps alone.
        staircase: bool = "default::no",
    }
    check |s| positive("decay_steps", s.decay_steps);
    at |s, step| {
        let p = step / s.decay_steps;
        s.initial_learning_rate / (1.0 + s.decay_rate * if s.staircase { p.floor() } else { p })
    }
);

schedule!(
    /// One rate up to and with each boundary, the next after it.
    PiecewiseConstantDecay "PiecewiseConstant"
    {
        /// Steps at which it changes, ascending.
        boundaries: Vec<f64>,
        /// The rates: one more than boundaries.
        values: Vec<f64>,
    }
    {}
    check |s| match s.values.len() == s.boundaries.len() + 1 {
        true => Ok(()),
        false => Err(format!("{} boundaries need {} values, not {}", s.boundaries.len(), s.boundaries.len() + 1, s.values.len())),
    };
    at |s, step| {
        let i = s.boundaries.iter().take_while(|b| step > **b).count();
        s.values.get(i).copied().unwrap_or(f64::NAN)
    }
);

schedule!(
    /// From one rate to another along a power.
    PolynomialDecay "PolynomialDecay"
    {
        /// The rate at step 0.
        initial_learning_rate: f64,
        /// Steps of the whole way.
        decay_steps: f64,
    }
    {
        /// The rate at the end.
        end_learning_rate: f64 = "default::end",
        /// The power; 1 is a straight line.
        power: f64 = "default::one",
        /// Whether it starts again, over more steps each time.
        cycle: bool = "default::no",
    }
    check |s| positive("decay_steps", s.decay_steps);
    at |s, step| {
        let (step, steps) = if s.cycle {
            let times = if step == 0.0 { 1.0 } else { (step / s.decay_steps).ceil() };
            (step, s.decay_steps * times)
        } else {
            (step.min(s.decay_steps), s.decay_steps)
        };
        (s.initial_learning_rate - s.end_learning_rate) * (1.0 - step / steps).powf(s.power) + s.end_learning_rate
    }
);

/// From 1 to `alpha` along half a cosine.
fn cosine(fraction: f64, alpha: f64) -> f64 {
    (1.0 - alpha) * 0.5 * (1.0 + (PI * fraction).cos()) + alpha
}

schedule!(
    /// From one rate to a part of it along half a cosine, after a linear warm-up if there is one.
    CosineDecay "CosineDecay"
    {
        /// The rate at step 0.
        initial_learning_rate: f64,
        /// Steps of the whole way, after the warm-up.
        decay_steps: f64,
    }
    {
        /// Which part of the rate is left at the end.
        alpha: f64 = "default::zero",
        /// The rate at the end of the warm-up; none without it.
        warmup_target: Option<f64> = "Default::default",
        /// Steps of the warm-up.
        warmup_steps: f64 = "default::zero",
    }
    check |s| positive("decay_steps", s.decay_steps);
    at |s, step| match s.warmup_target {
        None => s.initial_learning_rate * cosine(step.min(s.decay_steps) / s.decay_steps, s.alpha),
        Some(target) => {
            let step = step.min(s.decay_steps + s.warmup_steps);
            if step < s.warmup_steps {
                (target - s.initial_learning_rate) * (step / s.warmup_steps) + s.initial_learning_rate
            } else {
                target * cosine((step - s.warmup_steps) / s.decay_steps, s.alpha)
            }
        }
    }
);

schedule!(
    /// Half cosines one after the other, each longer and lower.
    CosineDecayRestarts "SGDRDecay"
    {
        /// The rate at step 0.
        initial_learning_rate: f64,
        /// Steps of the first of them.
        first_decay_steps: f64,
    }
    {
        /// Factor of each one's steps.
        t_mul: f64 = "default::two",
        /// Factor of each one's first rate.
        m_mul: f64 = "default::one",
        /// Which part of the rate is left at the end of each.
        alpha: f64 = "default::zero",
    }
    check |s| positive("first_decay_steps", s.first_decay_steps);
    at |s, step| {
        let done = step / s.first_decay_steps;
        let (restarts, fraction) = if s.t_mul == 1.0 {
            (done.floor(), done - done.floor())
        } else {
            let i = ((1.0 - done * (1.0 - s.t_mul)).ln() / s.t_mul.ln()).floor();
            let before = (1.0 - s.t_mul.powf(i)) / (1.0 - s.t_mul);
            (i, (done - before) / s.t_mul.powf(i))
        };
        let wave = s.m_mul.powf(restarts) * cosine(fraction, 0.0);
        s.initial_learning_rate * ((1.0 - s.alpha) * wave + s.alpha)
    }
);
