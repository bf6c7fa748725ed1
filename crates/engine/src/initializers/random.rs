//! Random numbers of given moments or bounds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spec;
use crate::Error;
use crate::graph::Initializer;
use crate::random::Generator;

/// A seed as configs have it: `null`, or a number (a serialized `SeedGenerator` counts as its own seed).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(Value);

impl From<u64> for Seed {
    fn from(seed: u64) -> Self {
        Seed::fixed(seed)
    }
}

impl Seed {
    /// A fixed seed.
    pub fn fixed(seed: u64) -> Self {
        Seed(seed.into())
    }

    /// The number to draw with: its own, else `drawn`.
    pub(super) fn or(&self, drawn: u64) -> u64 {
        let of = |v: &Value| v.as_u64().or_else(|| v.as_i64().map(i64::cast_unsigned));
        of(&self.0).or_else(|| self.0.pointer("/config/seed").and_then(of)).unwrap_or(drawn)
    }
}

pub(super) fn draw(
    shape: &[usize],
    seed: &Seed,
    drawn: u64,
    mut f: impl FnMut(&mut Generator) -> f64,
) -> Vec<f32> {
    let mut generator = Generator::new(seed.or(drawn), 0);
    (0..shape.iter().product()).map(|_| f(&mut generator) as f32).collect()
}

/// Standard normal, drawn again beyond two standard deviations.
pub(super) fn truncated(generator: &mut Generator) -> f64 {
    loop {
        let z = generator.normal();
        if z.abs() < 2.0 {
            return z;
        }
    }
}

macro_rules! random {
    ($(#[$doc:meta])* $class:ident { $($(#[$field_doc:meta])* $field:ident = $default:literal),+ } |$s:ident, $generator:ident| $value:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $class {
            seed: Seed,
            $($field: f64,)+
        }

        impl Default for $class {
            fn default() -> Self {
                $class { seed: Seed::default(), $($field: $default),+ }
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
                pub fn $field(mut self, $field: f64) -> Self {
                    self.$field = $field;
                    self
                }
            )+
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
                let $s = self;
                Ok(draw(shape, &self.seed, seed, |$generator| $value))
            }
        }
    };
}

random!(
    /// Normal numbers.
    RandomNormal {
        /// Their mean.
        mean = 0.0,
        /// Their standard deviation.
        stddev = 0.05
    }
    |s, generator| s.mean + s.stddev * generator.normal()
);

random!(
    /// Normal numbers within two standard deviations.
    TruncatedNormal {
        /// Their mean.
        mean = 0.0,
        /// Their standard deviation before those beyond two of it are drawn again.
        stddev = 0.05
    }
    |s, generator| s.mean + s.stddev * truncated(generator)
);

random!(
    /// Uniform numbers.
    RandomUniform {
        /// Lower bound.
        minval = -0.05,
        /// Upper bound, never reached.
        maxval = 0.05
    }
    |s, generator| s.minval + (s.maxval - s.minval) * generator.uniform()
);
