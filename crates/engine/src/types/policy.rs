//! Dtype policies: what configs say of the types that a layer computes with and keeps its variables in.

use std::cell::Cell;

use serde_json::Value;

use super::{DType, Half, Integer, Quantized};

/// The policy of a layer (`keras.DTypePolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// float32.
    #[default]
    Float32,
    /// float64, which is computed as float32.
    Float64,
    /// Computes in a float type of 16 bits and keeps variables in it: `float16`, `bfloat16`.
    Half(Half),
    /// Computes in a float type of 16 bits and keeps variables in float32: `mixed_float16`, `mixed_bfloat16`.
    Mixed(Half),
    /// An integer type.
    Integer(Integer),
    /// Strings.
    Text,
}

thread_local! {
    static GLOBAL: Cell<Policy> = const { Cell::new(Policy::Float32) };
}

/// Sets the policy of layers and models that this thread makes from now on and that say none (`keras.config.set_dtype_policy`): `"mixed_float16"`,
/// `"mixed_bfloat16"`, `"float16"`, `"bfloat16"` or `"float32"`, which it is at first.
///
/// ```
/// use rhyton_engine::types::{dtype_policy, set_dtype_policy};
/// set_dtype_policy("mixed_bfloat16")?;
/// assert_eq!(dtype_policy().name(), "mixed_bfloat16");
/// # set_dtype_policy("float32")?;
/// # Ok::<(), rhyton_engine::Error>(())
/// ```
///
/// # Errors
/// It is no policy of floats.
pub fn set_dtype_policy(name: &str) -> Result<(), crate::Error> {
    match Policy::named(name) {
        Some(policy) if policy.integer().is_none() && !matches!(policy, Policy::Float64 | Policy::Text) => {
            GLOBAL.set(policy);
        }
        _ => {
            let what = format!("{name:?} is no dtype policy; there are {}", FLOATS.join(", "));
            return Err(crate::Error::Argument { what });
        }
    }
    Ok(())
}

/// Returns the policy that [`set_dtype_policy`] set.
pub fn dtype_policy() -> Policy {
    GLOBAL.get()
}

const FLOATS: [&str; 5] = ["float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"];

impl Policy {
    /// Reads what a config says: a name, or a serialized policy; null is the default.
    ///
    /// # Errors
    /// Says what was found: a name that is no dtype, or one that is not supported.
    pub fn of(value: &Value) -> Result<Self, String> {
        // What a quantized layer computes with is the policy that it was made of.
        if let Some((_, source)) = Quantized::of(value)? {
            return Ok(source);
        }
        let name = match value {
            Value::Null => return Ok(Policy::Float32),
            Value::String(name) => name.as_str(),
            other => match other.pointer("/config/name").or(other.get("config")).or(other.get("name")) {
                Some(Value::String(name)) => name,
                _ => return Err(format!("dtype {} is neither a name nor a policy", short(other))),
            },
        };
        Policy::named(name).ok_or_else(|| {
            format!("dtype {name:?} is not supported; {} and integer types are", FLOATS.join(", "))
        })
    }

    /// Returns the policy of this name in Keras.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "float32" => Some(Policy::Float32),
            "float64" => Some(Policy::Float64),
            "string" => Some(Policy::Text),
            _ => {
                let mixed = name.strip_prefix("mixed_").and_then(Half::named).map(Policy::Mixed);
                mixed.or(Half::named(name).map(Policy::Half)).or(Integer::named(name).map(Policy::Integer))
            }
        }
    }

    /// Returns its name in Keras.
    pub fn name(self) -> &'static str {
        match self {
            Policy::Float32 => "float32",
            Policy::Float64 => "float64",
            Policy::Half(half) => half.name(),
            Policy::Mixed(Half::F16) => "mixed_float16",
            Policy::Mixed(Half::BF16) => "mixed_bfloat16",
            Policy::Integer(integer) => integer.name(),
            Policy::Text => "string",
        }
    }

    /// Returns the integer type, if it is one.
    pub fn integer(self) -> Option<Integer> {
        if let Policy::Integer(integer) = self { Some(integer) } else { None }
    }

    /// Returns the type of results (Keras' `compute_dtype`).
    pub fn compute(self) -> DType {
        match self {
            Policy::Float32 | Policy::Float64 => DType::F32,
            Policy::Half(half) | Policy::Mixed(half) => DType::Half(half),
            Policy::Integer(integer) => DType::Whole(integer),
            Policy::Text => DType::Text,
        }
    }

    /// Returns the type of variables (Keras' `variable_dtype`). Layers of integers have none.
    pub fn variable(self) -> DType {
        match self {
            Policy::Half(half) => DType::Half(half),
            _ => DType::F32,
        }
    }

    /// Returns its name, where it is computed as float32 instead.
    pub fn narrowed(self) -> Option<&'static str> {
        (self == Policy::Float64).then(|| self.name())
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
