//! Initializers: how a variable gets its first value.
//!
//! To add one: a serde struct with `impl Initializer`, and a row of [`INITIALIZERS`].

mod constant;
mod orthogonal;
mod random;
mod variance;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use constant::{Constant, Identity, Ones, Zeros};
pub use orthogonal::Orthogonal;
pub use random::Seed;
pub use random::{RandomNormal, RandomUniform, TruncatedNormal};
pub use variance::{
    Distribution, GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, Mode,
    VarianceScaling,
};

use crate::graph::{Initializer, serialized};
use crate::{Error, config};

/// Makes an initializer from a config.
pub type Make = fn(Map<String, Value>) -> Result<Arc<dyn Initializer>, Error>;

/// A row of the table of initializers.
#[derive(Debug)]
pub struct Class {
    /// Names that configs use: the class first, then its function name and aliases.
    pub names: &'static [&'static str],
    /// Reads a config.
    pub make: Make,
}

/// Keras' initializers.
pub static INITIALIZERS: &[Class] = &[
    Class { names: &["Zeros", "zeros", "zero"], make: make::<Zeros> },
    Class { names: &["Ones", "ones", "one"], make: make::<Ones> },
    Class { names: &["Constant", "constant"], make: make::<Constant> },
    Class { names: &["RandomNormal", "random_normal", "normal"], make: make::<RandomNormal> },
    Class { names: &["RandomUniform", "random_uniform", "uniform"], make: make::<RandomUniform> },
    Class { names: &["TruncatedNormal", "truncated_normal"], make: make::<TruncatedNormal> },
    Class { names: &["VarianceScaling", "variance_scaling"], make: make::<VarianceScaling> },
    Class { names: &["GlorotUniform", "glorot_uniform"], make: make::<GlorotUniform> },
    Class { names: &["GlorotNormal", "glorot_normal"], make: make::<GlorotNormal> },
    Class { names: &["HeNormal", "he_normal"], make: make::<HeNormal> },
    Class { names: &["HeUniform", "he_uniform"], make: make::<HeUniform> },
    Class { names: &["LecunNormal", "lecun_normal"], make: make::<LecunNormal> },
    Class { names: &["LecunUniform", "lecun_uniform"], make: make::<LecunUniform> },
    Class { names: &["Orthogonal", "orthogonal", "OrthogonalInitializer"], make: make::<Orthogonal> },
    Class { names: &["Identity", "identity", "IdentityInitializer"], make: make::<Identity> },
];

fn make<I: Initializer + DeserializeOwned + Serialize + 'static>(
    config: Map<String, Value>,
) -> Result<Arc<dyn Initializer>, Error> {
    // Old versions of Keras 2 repeat the layer's type.
    let idle = |key: &str, _: &Value| key == "dtype";
    Ok(Arc::new(config::read::<I>(config::class_of::<I>(), &config, idle)?))
}

/// The serialized form of an initializer of Keras.
fn spec(class: &str, config: &impl serde::Serialize) -> Value {
    serialized("keras.initializers", class, serde_json::to_value(config).unwrap_or_default())
}

fn unfit(class: &str, shape: &[usize], wants: &str) -> Error {
    Error::Argument { what: format!("{class} makes {wants}, but the shape is {shape:?}") }
}

#[cfg(test)]
mod tests;
