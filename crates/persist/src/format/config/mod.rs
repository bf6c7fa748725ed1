//! Configs: from each dialect and each form of writing to the canonical form of [`crate::tree`], and back.
//!
//! The canonical form is Keras 3's, as short as older versions of Keras 3 read it too: dtype policies that a name
//! says are that name; arguments that only newer versions have are left out while they have their default.
//! `training` among the arguments of a call is kept from tf_keras, which obeys it, and dropped from Keras 3, where the
//! model's own call overrides it.

pub(crate) mod as_found;
mod calls;
mod compile;
mod dialects;
mod ends;
mod identity;
mod integers;
mod keras1;
mod kinds;
mod layer;
mod metrics;
mod model;
mod objects;
mod ops;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Error;
use crate::tree::{CompileConfig, Dialect, ModelConfig};

pub(crate) use compile::{check_compile, optimizer_config, rate, read_compile, write_compile};
pub(crate) use dialects::{builds_itself, takes_training};
pub(crate) use keras1::Age;
pub(crate) use model::{is_subclassed, read_model, write_model};

/// How much is written around each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `.keras`: module, class, config, registered name.
    Keras,
    /// `.h5`: class and config.
    H5,
}

/// What is read or written.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) path: &'a Path,
    pub(crate) dialect: Dialect,
    pub(crate) form: Form,
    /// When writing: the dialect of the file that the config was read from, where there was one.
    pub(crate) source: Option<Dialect>,
    /// When reading: the age of the file's words.
    pub(crate) age: Age,
}

impl<'a> Context<'a> {
    pub(crate) fn new(path: &'a Path, dialect: Dialect, form: Form) -> Self {
        Self { path, dialect, form, source: None, age: Age::Today }
    }
}

impl Context<'_> {
    /// The config is not what it should be.
    fn error(&self, place: &str, found: &str, expected: &str) -> Error {
        Error::Format {
            path: self.path.into(),
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// The config says something that this dialect, or Rhyton, has no words for.
    fn unsupported(&self, place: &str, what: String, advice: &str) -> Error {
        Error::Unsupported {
            path: self.path.into(),
            place: place.into(),
            what,
            advice: format!("; {advice}"),
        }
    }

    fn map<'v>(&self, place: &str, value: &'v Value) -> Result<&'v Map<String, Value>, Error> {
        value.as_object().ok_or_else(|| self.error(place, kind_of(value), "an object"))
    }

    fn list<'v>(&self, place: &str, value: &'v Value) -> Result<&'v Vec<Value>, Error> {
        value.as_array().ok_or_else(|| self.error(place, kind_of(value), "a list"))
    }

    fn text<'v>(&self, place: &str, map: &'v Map<String, Value>, key: &str) -> Result<&'v str, Error> {
        let value = map.get(key).ok_or_else(|| self.error(place, &format!("no `{key}`"), "a string"))?;
        value.as_str().ok_or_else(|| self.error(&format!("{place}.{key}"), kind_of(value), "a string"))
    }
}

/// The version of Keras in what a file says of itself; `None` where it says none.
pub(crate) fn keras_version(path: &Path, place: &str, metadata: &Value) -> Result<Option<String>, Error> {
    let bad = |place: String, value: &Value, expected: &str| Error::Format {
        path: path.into(),
        place,
        found: kind_of(value).into(),
        expected: expected.into(),
    };
    match metadata {
        Value::Null => Ok(None),
        Value::Object(map) => match map.get("keras_version") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(version)) => check_version(path, place, Some(version.clone())),
            Some(other) => Err(bad(format!("{place}, keras_version"), other, "a string")),
        },
        other => Err(bad(place.into(), other, "an object")),
    }
}

/// Checks that a version is one: `3.15.1`, `2.4.3-tf`.
pub(crate) fn check_version(
    path: &Path,
    place: &str,
    version: Option<String>,
) -> Result<Option<String>, Error> {
    let number = |part: Option<&str>| part.is_some_and(|p| p.starts_with(|c: char| c.is_ascii_digit()));
    let is_one = |version: &str| {
        let mut parts = version.trim().split('.');
        number(parts.next()) && number(parts.next())
    };
    match version {
        Some(version) if !is_one(&version) => Err(Error::Format {
            path: path.into(),
            place: format!("{place}, keras_version"),
            found: format!("{version:?}"),
            expected: "a version, such as `3.15.1`".into(),
        }),
        version => Ok(version),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The version that files of a dialect name.
pub(crate) fn version(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Keras3 => "3.15.1",
        Dialect::TfKeras => "2.21.0",
    }
}

/// The dialect of a version: `2.15.0`, `2.4.3-tf`, `3.3.3`.
pub(crate) fn dialect_of_version(version: &str) -> Option<Dialect> {
    let major: u32 = version.split('.').next()?.trim().parse().ok()?;
    Some(if major >= 3 { Dialect::Keras3 } else { Dialect::TfKeras })
}

/// The dialect of a config that has no version beside it: tf_keras alone says `batch_input_shape`.
pub(crate) fn dialect_of_config(value: &Value) -> Dialect {
    fn says(value: &Value) -> bool {
        match value {
            Value::Object(map) => {
                map.contains_key("batch_input_shape")
                    || map.contains_key("is_legacy_optimizer")
                    || map.values().any(says)
            }
            Value::Array(list) => list.iter().any(says),
            _ => false,
        }
    }
    if says(value) { Dialect::TfKeras } else { Dialect::Keras3 }
}

/// The architecture for a file: as it stood in one of the same kind and dialect, else written anew.
pub(crate) fn model_json(cx: &Context<'_>, model: &ModelConfig) -> Result<Value, Error> {
    as_found::model(cx, model).map_or_else(|| write_model(cx, model), Ok)
}

/// Checks whether a dialect has words for an architecture.
pub(crate) fn check_model(
    path: &Path,
    dialect: Dialect,
    form: Form,
    model: &ModelConfig,
) -> Result<(), Error> {
    model_json(&Context::new(path, dialect, form), model).map(drop)
}

/// The compile config for a file, as [`model_json`].
pub(crate) fn compile_json(
    cx: &Context<'_>,
    model: &ModelConfig,
    compile: &CompileConfig,
    rate: Option<f32>,
) -> Result<Value, Error> {
    let found = as_found::compile(cx, compile, model, rate);
    found.map_or_else(|| write_compile(cx, model, compile, rate), Ok)
}

/// JSON as Python's `json.dumps` writes it: `", "`, `": "`, ASCII only.
pub(crate) fn to_json(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Python);
    // Writing a value into memory cannot fail: its keys are strings.
    let written = value.serialize(&mut serializer);
    debug_assert!(written.is_ok());
    String::from_utf8(out).unwrap_or_default()
}

struct Python;

impl serde_json::ser::Formatter for Python {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> std::io::Result<()> {
        for c in text.chars() {
            if c.is_ascii() {
                write!(out, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}
