//! The config of one layer.

use serde_json::{Map, Value, json};

use super::objects::Role;
use super::{Context, Form, dialects, objects};
use crate::Error;
use crate::tree::Dialect;

/// The canonical config of a layer of Keras' own.
pub(super) fn canonical(
    cx: &Context<'_>,
    place: &str,
    class: &str,
    config: &Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let mut config = objects::canonical_map(cx, place, config)?;
    if class == "InputLayer" {
        return Ok(canonical_input(config));
    }
    config.shift_remove("batch_input_shape");
    if cx.dialect == Dialect::TfKeras {
        if class == "LeakyReLU" {
            rename(&mut config, "alpha", "negative_slope");
        }
        if matches!(class, "GRU" | "GRUCell") && !config.contains_key("reset_after") {
            // Keras up to 2.3.
            config.insert("reset_after".into(), json!(false));
        }
        if matches!(class, "BatchNormalization") {
            // tf_keras writes the resolved axis in a list.
            if let Some([axis]) = config.get("axis").and_then(Value::as_array).map(Vec::as_slice) {
                let axis = axis.clone();
                config.insert("axis".into(), axis);
            }
        }
    }
    dialects::drop_silent(Role::Layer, class, &mut config);
    // Of the base class: written by some layers always, by others only where it is set.
    if config.get("activity_regularizer").is_some_and(Value::is_null) {
        config.shift_remove("activity_regularizer");
    }
    if class == "Bidirectional" {
        canonical_bidirectional(&mut config);
    }
    Ok(config)
}

fn canonical_input(mut config: Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    let shape = config.shift_remove("batch_shape");
    let other = config.shift_remove("batch_input_shape");
    out.insert("batch_shape".into(), shape.or(other).unwrap_or_default());
    out.insert("dtype".into(), config.shift_remove("dtype").unwrap_or_else(|| "float32".into()));
    out.insert(
        "sparse".into(),
        config.shift_remove("sparse").filter(Value::is_boolean).unwrap_or(json!(false)),
    );
    for key in ["ragged", "optional"] {
        if config.get(key).is_none_or(|v| v == false || v.is_null()) {
            config.shift_remove(key);
        }
    }
    config.shift_remove("trainable");
    out.extend(config);
    out
}

/// Keras 3 writes both directions, tf_keras the one that was given: what follows from it is left out.
fn canonical_bidirectional(config: &mut Map<String, Value>) {
    let inner = |config: &Map<String, Value>, key: &str| {
        let mut inner = config.get(key)?.get("config")?.as_object()?.clone();
        inner.shift_remove("name");
        inner.shift_remove("go_backwards");
        Some(inner)
    };
    let backwards =
        |key: &str| config.get(key).and_then(|l| l.pointer("/config/go_backwards")).and_then(Value::as_bool);
    let opposite = backwards("layer") != backwards("backward_layer");
    let (forward, backward) = (inner(config, "layer"), inner(config, "backward_layer"));
    if config.get("backward_layer").is_some_and(Value::is_null)
        || (opposite && backward.is_some() && forward == backward)
    {
        config.shift_remove("backward_layer");
    }
    if let Some(layer) =
        config.get_mut("layer").and_then(|l| l.get_mut("config")).and_then(Value::as_object_mut)
        && let Some(name) = layer.get("name").and_then(Value::as_str)
        && let Some(name) = name.strip_prefix("forward_")
    {
        let name = name.to_owned();
        layer.insert("name".into(), name.into());
    }
}

fn rename(config: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = config.shift_remove(from) {
        config.insert(to.into(), value);
    }
}

/// Layers whose type in tf_keras is that of what they give.
const GIVES_INDICES: &[&str] =
    &["StringLookup", "IntegerLookup", "TextVectorization", "Discretization", "Hashing", "HashedCrossing"];

/// The config of a layer of Keras' own in the words of a dialect.
pub(super) fn plain(
    cx: &Context<'_>,
    place: &str,
    class: &str,
    config: &Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let mut config = objects::plain_map(cx, place, config)?;
    if cx.dialect == Dialect::Keras3 {
        // Keras 3 takes this word in an `.h5` for its function of that name, and cannot load the layer; it is the default.
        if cx.form == Form::H5
            && class == "Attention"
            && config.get("score_mode").is_some_and(|mode| mode == "dot")
        {
            config.shift_remove("score_mode");
        }
        // A word alone is no function to it.
        if let Some(function) = config.get_mut("function").filter(|f| class == "Lambda" && f.is_string()) {
            let name = function.take();
            *function = json!({"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"});
        }
        return dialects::fit(cx, place, Role::Layer, class, config);
    }
    if class == "InputLayer" {
        let mut out = Map::new();
        out.insert("batch_input_shape".into(), config.shift_remove("batch_shape").unwrap_or_default());
        out.insert("dtype".into(), config.shift_remove("dtype").unwrap_or_else(|| "float32".into()));
        out.insert("sparse".into(), config.shift_remove("sparse").unwrap_or(json!(false)));
        out.insert("ragged".into(), config.shift_remove("ragged").unwrap_or(json!(false)));
        out.extend(config);
        return dialects::fit(cx, place, Role::Layer, class, out);
    }
    if class == "LeakyReLU" {
        rename(&mut config, "negative_slope", "alpha");
    }
    if class == "Discretization" && config.get("bin_boundaries").is_some_and(|b| !b.is_null()) {
        // tf_keras takes the one or the other.
        config.insert("num_bins".into(), Value::Null);
    }
    // The type of a layer that gives indices is one of integers in tf_keras, and that of computing in Keras 3.
    let floats = config.get("dtype").and_then(Value::as_str).is_some_and(|d| d.contains("float"));
    if GIVES_INDICES.contains(&class) && floats {
        config.shift_remove("dtype");
    }
    dialects::fit(cx, place, Role::Layer, class, config)
}
/// What tf_keras keeps in the config of an attention layer and Keras 3 beside it: `build_config` from the config.
pub(super) fn attention_shapes(config: &Map<String, Value>) -> Option<Value> {
    let mut shapes = Map::new();
    for key in ["query_shape", "value_shape", "key_shape"] {
        if let Some(shape) = config.get(key).filter(|s| s.is_array()) {
            shapes.insert(key.into(), shape.clone());
        }
    }
    // A key of the value's shape is not written by Keras 3.
    if shapes.get("key_shape") == shapes.get("value_shape") {
        shapes.shift_remove("key_shape");
    }
    shapes.contains_key("query_shape").then(|| json!({"shapes_dict": shapes}))
}
