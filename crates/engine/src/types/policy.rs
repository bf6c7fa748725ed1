//! Dtype policies: what configs say of the types that a layer computes with.

use serde_json::Value;

use super::{DType, Integer};

/// The policy of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// float32.
    Float32,
    /// Another float, or two of them, which are computed as float32.
    Other(&'static str),
    /// An integer type.
    Integer(Integer),
}

/// Float policies that are computed as float32.
const OTHERS: [&str; 5] = ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"];

impl Policy {
    /// Reads what a config says: a name, or a serialized policy; null is the default.
    ///
    /// # Errors
    /// Says what was found: a name that is no dtype, or one that is not supported.
    pub fn of(value: &Value) -> Result<Self, String> {
        let name = match value {
            Value::Null => return Ok(Policy::Float32),
            Value::String(name) => name.as_str(),
            other => match other.pointer("/config/name").or(other.get("config")).or(other.get("name")) {
                Some(Value::String(name)) => name,
                _ => return Err(format!("dtype {} is neither a name nor a policy", short(other))),
            },
        };
        if name == "float32" {
            return Ok(Policy::Float32);
        }
        if let Some(other) = OTHERS.into_iter().find(|known| *known == name) {
            return Ok(Policy::Other(other));
        }
        Integer::named(name).map(Policy::Integer).ok_or_else(|| {
            format!("dtype {name:?} is not supported; float32 is, and integer types of inputs")
        })
    }

    /// Returns the integer type, if it is one.
    pub fn integer(self) -> Option<Integer> {
        if let Policy::Integer(integer) = self { Some(integer) } else { None }
    }

    /// Returns the type that tensors of it have here.
    pub fn dtype(self) -> DType {
        self.integer().map_or(DType::F32, DType::Whole)
    }

    /// Returns its name, where it is computed as float32 instead.
    pub fn narrowed(self) -> Option<&'static str> {
        if let Policy::Other(name) = self { Some(name) } else { None }
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
