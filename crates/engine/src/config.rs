//! Reading configs: a wrong value is told by its key, and a key that nothing heeds is an error.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::Error;

/// Describes what a config says of an object.
pub(crate) type Config = Map<String, Value>;

/// Reads a config.
///
/// # Errors
/// Names the key whose value is wrong.
pub(crate) fn parse<T: DeserializeOwned>(object: &str, config: &Config) -> Result<T, Error> {
    let read = |config: Config| serde_json::from_value::<T>(Value::Object(config)).map_err(|e| e.to_string());
    read(config.clone()).map_err(|what| {
        // An error is about the key without which there is none, or else another one.
        let without = |key: &str| {
            let mut rest = config.clone();
            rest.shift_remove(key);
            read(rest).err()
        };
        let about = config.keys().find(|key| without(key).is_none());
        match about.or_else(|| config.keys().find(|key| without(key).as_ref() != Some(&what))) {
            Some(key) if !what.starts_with(key.as_str()) => wrong(object, format!("{key}: {what}")),
            _ => wrong(object, what),
        }
    })
}

/// [`parse`], where the object says what it has read: see [`check_heeded`].
///
/// # Errors
/// Names the key.
pub(crate) fn read<T: DeserializeOwned + Serialize>(
    object: &str,
    config: &Config,
    idle: impl Fn(&str, &Value) -> bool,
) -> Result<T, Error> {
    let made = parse(object, config)?;
    check_heeded(object, config, &made, written, idle)?;
    Ok(made)
}

/// Checks for a key that has a value and that reading does not heed: another value there would make the same object. Null says nothing, and
/// `idle` tells which other values do not.
///
/// # Errors
/// Names the key.
pub(crate) fn check_heeded<T: DeserializeOwned>(
    object: &str,
    config: &Config,
    made: &T,
    written: impl Fn(&T) -> Config,
    idle: impl Fn(&str, &Value) -> bool,
) -> Result<(), Error> {
    let kept = written(made);
    let heeded = |key: &str| {
        if kept.get(key).is_some_and(|v| !v.is_null()) {
            return true;
        }
        let mut other = config.clone();
        other.insert(key.into(), json!({"another": []}));
        serde_json::from_value::<T>(Value::Object(other)).map_or(true, |o| written(&o) != kept)
    };
    match config.iter().find(|(key, value)| !value.is_null() && !idle(key, value) && !heeded(key)) {
        Some((key, value)) => Err(unsupported(object, key, value)),
        None => Ok(()),
    }
}

/// The error that a key has a value which is not supported.
pub(crate) fn unsupported(object: &str, key: &str, value: &Value) -> Error {
    let shown: String = value.to_string().chars().take(80).collect();
    wrong(object, format!("{key} = {shown} is not supported"))
}

/// The error that an operation is called in a way that is not supported.
pub(crate) fn unsupported_call(operation: &str, what: String) -> Error {
    wrong(operation, format!("{what} is not supported"))
}

/// Returns what serde makes of an object.
fn written(object: &impl Serialize) -> Config {
    match serde_json::to_value(object) {
        Ok(Value::Object(map)) => map,
        _ => Config::new(),
    }
}

fn wrong(object: &str, what: String) -> Error {
    Error::Config { object: object.into(), what }
}

/// The name of a class: that of its type.
pub(crate) fn class_of<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}
