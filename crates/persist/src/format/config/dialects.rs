//! Where the two dialects' configs differ: for every class, which keys each library takes (dialects.json, made by make_dialects.py).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Context;
use super::objects::Role;
use crate::Error;
use crate::tree::Dialect;

/// Values of a key that say nothing.
type Silent = Vec<Value>;

/// Describes what a class takes.
#[derive(Deserialize)]
struct Row {
    /// Keys that both libraries take.
    both: Vec<String>,
    /// Those of them that tf_keras takes and does not write.
    #[serde(default)]
    unwritten: Vec<String>,
    /// Keys that Keras 3 alone takes; `None`: it has no such class.
    keras3: Option<HashMap<String, Silent>>,
    /// Keys that tf_keras alone takes; `None`: it has no such class.
    tf_keras: Option<HashMap<String, Silent>>,
    /// Says whether tf_keras must be told the shape that a layer was built for.
    #[serde(default)]
    builds: bool,
    /// Says whether tf_keras' class is called with `training`.
    #[serde(default)]
    trains: bool,
}

impl Row {
    fn only(&self, dialect: Dialect) -> Option<&HashMap<String, Silent>> {
        match dialect {
            Dialect::Keras3 => self.keras3.as_ref(),
            Dialect::TfKeras => self.tf_keras.as_ref(),
        }
    }

    /// Returns whether a value of a key that a dialect does not take says nothing.
    fn is_silent(&self, key: &str, value: &Value, dialect: Dialect) -> bool {
        let found = self.only(other(dialect)).and_then(|only| only.get(key));
        value.is_null() || found.is_some_and(|silent| silent.iter().any(|v| same(v, value)))
    }
}

/// Rows by kind and class.
static TABLE: LazyLock<HashMap<String, HashMap<String, Row>>> = LazyLock::new(|| {
    let table = serde_json::from_str(include_str!("dialects.json"));
    debug_assert!(table.is_ok(), "{:?}", table.as_ref().err());
    table.unwrap_or_default()
});

/// Keys that say nothing whatever their value: tf_keras' layers write what their base classes have and they ignore, which of several equal
/// ways computes them, and what is beside the config in other files.
const IGNORED: &[(&str, &[&str])] = &[
    ("groups", &["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]),
    ("groups", DEPTHWISE),
    ("kernel_initializer", DEPTHWISE),
    ("kernel_regularizer", DEPTHWISE),
    ("kernel_constraint", DEPTHWISE),
    ("implementation", &["GRU", "GRUCell", "LSTM", "LSTMCell", "SimpleRNN"]),
    ("input_length", &["Embedding"]),
    ("fused", &["BatchNormalization"]),
    ("use_cudnn", &["GRU", "LSTM"]),
    // Of layers without weights.
    (
        "trainable",
        &["Discretization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "InputLayer"],
    ),
];

const DEPTHWISE: &[&str] = &["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"];

/// Of every layer.
const IGNORED_EVERYWHERE: &[&str] = &["batch_input_shape", "dynamic", "autocast", "rng_type", "build_config"];

/// Returns whether one of the two libraries has a layer class of this name.
pub(super) fn is_layer(class: &str) -> bool {
    row(Role::Layer, class).is_some()
}

fn row(role: Role, class: &str) -> Option<&'static Row> {
    let kind = match role {
        Role::Layer => "layers",
        Role::Initializer => "initializers",
        Role::Regularizer => "regularizers",
        Role::Constraint => "constraints",
        Role::Loss => "losses",
        Role::Metric => "metrics",
        _ => return None,
    };
    TABLE.get(kind)?.get(class)
}

/// Returns whether either library has a class of its own of this name.
pub(super) fn is_of_keras(role: Role, class: &str) -> bool {
    match role {
        Role::Optimizer => crate::format::optimizer::class(class).is_some(),
        role => row(role, class).is_some(),
    }
}

fn other(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::Keras3 => Dialect::TfKeras,
        Dialect::TfKeras => Dialect::Keras3,
    }
}

fn library(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Keras3 => "Keras 3",
        Dialect::TfKeras => "tf_keras",
    }
}

pub(super) fn is_ignored(class: &str, key: &str) -> bool {
    IGNORED_EVERYWHERE.contains(&key)
        || IGNORED.iter().any(|(k, classes)| *k == key && classes.contains(&class))
}

/// Returns whether tf_keras builds layers of a class itself, without being told a shape. False for classes that nobody knows.
pub(crate) fn builds_itself(class: &str) -> bool {
    row(Role::Layer, class).is_some_and(|row| row.tf_keras.is_some() && !row.builds)
}

/// Returns whether tf_keras calls layers of a class with `training`.
pub(crate) fn takes_training(class: &str) -> bool {
    row(Role::Layer, class).is_none_or(|row| row.trains)
}

/// Drops from a config, read in one dialect, the keys that the other one does not have and that say nothing here.
pub(super) fn drop_silent(role: Role, class: &str, config: &mut Map<String, Value>) {
    let Some(row) = row(role, class) else { return };
    drop_renorm(class, config);
    config.retain(|key, value| {
        let lone = [Dialect::Keras3, Dialect::TfKeras].into_iter().any(|d| {
            row.only(d).is_some_and(|only| only.contains_key(key)) && row.is_silent(key, value, other(d))
        });
        let default = row.unwritten.contains(key) && (value.is_null() || *value == false);
        let base = matches!(key.as_str(), "trainable" | "activity_regularizer" | "shape" | "batch_shape");
        base || !(lone || default || is_ignored(class, key))
    });
}

/// Drops the bounds of a renormalization that there is not: tf_keras has none of its keys then.
fn drop_renorm(class: &str, config: &mut Map<String, Value>) {
    if class == "BatchNormalization" && config.get("renorm").is_none_or(|renorm| *renorm != true) {
        config.retain(|key, value| {
            !key.starts_with("renorm") || key == "renorm" && !value.is_null() && *value != false
        });
    }
}

/// A config of Keras' own class in the words of a dialect: what its class does not take there and says nothing is left out.
///
/// # Errors
/// The class is not there, or does not take a key that says something.
pub(super) fn fit(
    cx: &Context<'_>,
    place: &str,
    role: Role,
    class: &str,
    mut config: Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let Some(row) = row(role, class) else { return Ok(config) };
    write_smoothing(cx, place, class, &mut config)?;
    if cx.dialect == Dialect::TfKeras {
        drop_renorm(class, &mut config);
    }
    let (to, there) = (library(cx.dialect), library(other(cx.dialect)));
    let advice = format!("write {there}'s dialect, or save the model without it");
    let Some(only) = row.only(cx.dialect) else {
        return Err(cx.unsupported(place, format!("the class {class}, which {to} does not have,"), &advice));
    };
    let elsewhere = row.only(other(cx.dialect));
    let reduction = config.get("reduction").and_then(Value::as_str).filter(|_| role == Role::Loss);
    if let (Some(word @ ("mean" | "mean_with_sample_weight")), Dialect::TfKeras) = (reduction, cx.dialect) {
        return Err(cx.unsupported(
            place,
            format!("`reduction` = \"{word}\", which {to} does not have,"),
            &advice,
        ));
    }
    let mut out = Map::new();
    for (key, value) in config {
        let taken = row.both.contains(&key) || only.contains_key(&key);
        // What neither of them has is a newer version's, and stays in its dialect.
        let newer = !taken && elsewhere.is_none_or(|keys| !keys.contains_key(&key));
        if taken || (newer && cx.source.is_none_or(|source| source == cx.dialect)) {
            out.insert(key, value);
        } else if !says_nothing(row, role, class, &key, &value, cx.dialect) {
            let shown: String = value.to_string().chars().take(80).collect();
            return Err(cx.unsupported(
                place,
                format!("`{key}` = {shown}, which {to} does not have,"),
                &advice,
            ));
        }
    }
    Ok(out)
}

/// Key of the axis over which a smoothed target is spread, which no file has: it follows from the dialect.
const SMOOTHING: &str = "smoothing_axis";

/// Returns the axis of a smoothed cross-entropy whose classes are not on the last one.
fn smoothed_axis(class: &str, config: &Map<String, Value>) -> Option<Value> {
    let smooths = config.get("label_smoothing").and_then(Value::as_f64).is_some_and(|s| s != 0.0);
    let axis = config.get("axis").filter(|axis| !axis.is_null() && **axis != -1);
    axis.filter(|_| smooths && class == "CategoricalCrossentropy").cloned()
}

/// Adds the axis over which tf_keras spreads a smoothed target: that of the classes, where Keras 3 takes the last.
pub(super) fn read_smoothing(dialect: Dialect, class: &str, config: &mut Map<String, Value>) {
    config.shift_remove(SMOOTHING);
    if let (Dialect::TfKeras, Some(axis)) = (dialect, smoothed_axis(class, config)) {
        config.insert(SMOOTHING.into(), axis);
    }
}

/// Takes that axis away again.
///
/// # Errors
/// The library of the dialect would take another one.
fn write_smoothing(
    cx: &Context<'_>,
    place: &str,
    class: &str,
    config: &mut Map<String, Value>,
) -> Result<(), Error> {
    let found = config.shift_remove(SMOOTHING);
    let Some(axis) = smoothed_axis(class, config) else { return Ok(()) };
    let wanted = (cx.dialect == Dialect::TfKeras).then_some(&axis);
    if found.as_ref() == wanted {
        return Ok(());
    }
    let (to, there) = (library(cx.dialect), library(other(cx.dialect)));
    let what = format!("`label_smoothing` with `axis` = {axis}, which {to} spreads otherwise than {there},");
    Err(cx.unsupported(place, what, &format!("write {there}'s dialect, or save the model without it")))
}

fn says_nothing(row: &Row, role: Role, class: &str, key: &str, value: &Value, dialect: Dialect) -> bool {
    let usual = role == Role::Loss && key == "dtype" && value == "float32";
    usual || is_ignored(class, key) || row.is_silent(key, value, dialect)
}

/// Returns whether two values of a config mean the same: numbers as numbers.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}
