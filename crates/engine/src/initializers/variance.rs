//! Variance by the number of inputs and outputs.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::random::{Seed, draw, truncated};
use super::spec;
use crate::Error;
use crate::graph::Initializer;
use crate::random::Generator;
use crate::types::axis_index;

/// Standard deviation of a standard normal cut at two standard deviations.
const TRUNCATED_STDDEV: f64 = 0.879_625_661_034_239_8;

/// By what the scale is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Mode {
    #[default]
    FanIn,
    FanOut,
    FanAvg,
}

/// What is drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Distribution {
    #[default]
    #[serde(alias = "normal")]
    TruncatedNormal,
    UntruncatedNormal,
    Uniform,
}

/// Axes of a kernel, negative from the end, that count as inputs or outputs.
type Axes = Option<Vec<isize>>;

/// (inputs, outputs) of a kernel.
fn fans(shape: &[usize], input: &Axes, output: &Axes) -> Result<(f64, f64), Error> {
    let over = |axes: &[isize]| {
        let length = |a: &isize| {
            axis_index(*a, shape.len()).map(|i| shape[i] as f64).ok_or_else(|| Error::Argument {
                what: format!("an initializer names axis {a} of the shape {shape:?}"),
            })
        };
        axes.iter().map(length).product::<Result<f64, Error>>()
    };
    if let (Some(input), Some(output)) = (input, output) {
        return Ok((over(input)?, over(output)?));
    }
    Ok(match shape {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [receptive @ .., input, output] => {
            let size: f64 = receptive.iter().map(|n| *n as f64).product();
            (*input as f64 * size, *output as f64 * size)
        }
    })
}

/// Random numbers whose variance is `scale` divided by the number of inputs, outputs, or their mean.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct VarianceScaling {
    seed: Seed,
    #[serde(deserialize_with = "positive")]
    scale: f64,
    mode: Mode,
    distribution: Distribution,
    input_axes: Axes,
    output_axes: Axes,
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let scale = f64::deserialize(deserializer)?;
    if scale > 0.0 {
        return Ok(scale);
    }
    Err(serde::de::Error::custom(format!("scale is {scale}, but must be positive")))
}

impl Default for VarianceScaling {
    fn default() -> Self {
        Self::of(1.0, Mode::FanIn, Distribution::TruncatedNormal)
    }
}

impl VarianceScaling {
    /// With Keras' defaults: 1, fan_in, truncated_normal.
    pub fn new() -> Self {
        Self::default()
    }

    fn of(scale: f64, mode: Mode, distribution: Distribution) -> Self {
        VarianceScaling {
            seed: Seed::default(),
            scale,
            mode,
            distribution,
            input_axes: None,
            output_axes: None,
        }
    }

    /// The variance before it is divided; must be positive.
    #[must_use]
    pub fn scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// By what it is divided.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What is drawn from.
    #[must_use]
    pub fn distribution(mut self, distribution: Distribution) -> Self {
        self.distribution = distribution;
        self
    }

    /// Draws the same numbers every time.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed::fixed(seed);
        self
    }

    fn values(&self, shape: &[usize], drawn: u64) -> Result<Vec<f32>, Error> {
        let (fan_in, fan_out) = fans(shape, &self.input_axes, &self.output_axes)?;
        let fan = match self.mode {
            Mode::FanIn => fan_in,
            Mode::FanOut => fan_out,
            Mode::FanAvg => (fan_in + fan_out) / 2.0,
        };
        let variance = self.scale / fan.max(1.0);
        let (factor, next): (f64, fn(&mut Generator) -> f64) = match self.distribution {
            Distribution::TruncatedNormal => (variance.sqrt() / TRUNCATED_STDDEV, truncated),
            Distribution::UntruncatedNormal => (variance.sqrt(), Generator::normal),
            Distribution::Uniform => ((3.0 * variance).sqrt(), |g| 2.0 * g.uniform() - 1.0),
        };
        Ok(draw(shape, &self.seed, drawn, |g| factor * next(g)))
    }
}

impl Initializer for VarianceScaling {
    fn spec(&self) -> Value {
        spec("VarianceScaling", self)
    }
    fn init(&self, shape: &[usize], seed: u64) -> Result<Vec<f32>, Error> {
        self.values(shape, seed)
    }
}

macro_rules! scaled {
    ($($(#[$doc:meta])* $class:ident $scale:literal $mode:ident $distribution:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $class {
            seed: Seed,
            input_axes: Axes,
            output_axes: Axes,
        }

        impl $class {
            /// With Keras' defaults.
            pub fn new() -> Self {
                Self::default()
            }
            /// Draws the same numbers every time.
            #[must_use]
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Seed::fixed(seed);
                self
            }
        }

        impl Initializer for $class {
            fn spec(&self) -> Value {
                spec(stringify!($class), self)
            }
            fn init(&self, shape: &[usize], seed: u64) -> Result<Vec<f32>, Error> {
                let scaling = VarianceScaling::of($scale, Mode::$mode, Distribution::$distribution);
                let (input_axes, output_axes) = (self.input_axes.clone(), self.output_axes.clone());
                VarianceScaling { seed: self.seed.clone(), input_axes, output_axes, ..scaling }.values(shape, seed)
            }
        }
    )+};
}

scaled!(
    /// Uniform, variance 2 / (inputs + outputs).
    GlorotUniform 1.0 FanAvg Uniform;
    /// Truncated normal, variance 2 / (inputs + outputs).
    GlorotNormal 1.0 FanAvg TruncatedNormal;
    /// Truncated normal, variance 1 / inputs.
    LecunNormal 1.0 FanIn TruncatedNormal;
    /// Uniform, variance 1 / inputs.
    LecunUniform 1.0 FanIn Uniform;
    /// Truncated normal, variance 2 / inputs.
    HeNormal 2.0 FanIn TruncatedNormal;
    /// Uniform, variance 2 / inputs.
    HeUniform 2.0 FanIn Uniform;
);
