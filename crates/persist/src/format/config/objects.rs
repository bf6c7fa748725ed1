//! Serialized objects inside configs: initializers, regularizers, activations, layers, schedules.

use serde_json::{Map, Value, json};

use super::{Context, Form, compile, dialects, identity, keras1, layer};
use crate::Error;
use crate::tree::{Dialect, ModelConfig};

/// What an object is for, which says where Keras has its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Layer,
    Initializer,
    Regularizer,
    Constraint,
    Activation,
    Dtype,
    Loss,
    Metric,
    Optimizer,
    Schedule,
    Other,
}

impl Role {
    /// From the key under which an object stands.
    pub(super) fn of(key: &str) -> Self {
        match key {
            "layer" | "forward_layer" | "backward_layer" | "cell" | "cells" | "layers" => Self::Layer,
            "dtype" => Self::Dtype,
            "learning_rate" => Self::Schedule,
            "optimizer" | "inner_optimizer" => Self::Optimizer,
            "initializer" => Self::Initializer,
            "regularizer" => Self::Regularizer,
            "activation" => Self::Activation,
            _ if key.ends_with("_initializer") => Self::Initializer,
            _ if key.ends_with("_regularizer") => Self::Regularizer,
            _ if key.ends_with("_constraint") => Self::Constraint,
            _ if key.ends_with("_activation") => Self::Activation,
            _ => Self::Other,
        }
    }

    fn module(self) -> Option<&'static str> {
        match self {
            Self::Layer => Some("keras.layers"),
            Self::Initializer => Some("keras.initializers"),
            Self::Regularizer => Some("keras.regularizers"),
            Self::Constraint => Some("keras.constraints"),
            Self::Loss => Some("keras.losses"),
            Self::Metric => Some("keras.metrics"),
            Self::Optimizer => Some("keras.optimizers"),
            Self::Schedule => Some("keras.optimizers.schedules"),
            Self::Activation | Self::Dtype | Self::Other => None,
        }
    }
}

/// What tf_keras means by `hard_sigmoid`: `clip(0.2 x + 0.5, 0, 1)`. Keras 3 means `clip(x / 6 + 0.5, 0, 1)` and has no
/// name for the other, so the canonical form has one of its own.
pub(super) const TF_KERAS_HARD_SIGMOID: &str = "hard_sigmoid_tf_keras";

/// The canonical form of a value.
pub(super) fn canonical(cx: &Context<'_>, place: &str, role: Role, value: &Value) -> Result<Value, Error> {
    match value {
        Value::Array(list) => {
            let items =
                list.iter().enumerate().map(|(i, v)| canonical(cx, &format!("{place}[{i}]"), role, v));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        Value::String(name) if role == Role::Activation => Ok(canonical_activation(cx, name)),
        Value::Object(map)
            if map.get("class_name").is_some_and(Value::is_string) && map.contains_key("config") =>
        {
            canonical_object(cx, place, role, map)
        }
        Value::Object(map) => canonical_map(cx, place, map).map(Value::Object),
        other => Ok(other.clone()),
    }
}

/// The canonical form of each value of a map.
pub(super) fn canonical_map(
    cx: &Context<'_>,
    place: &str,
    map: &Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let pairs = map.iter().filter(|(k, _)| *k != "shared_object_id").map(|(key, value)| {
        canonical(cx, &format!("{place}.{key}"), Role::of(key), value).map(|value| (key.clone(), value))
    });
    pairs.collect()
}

fn canonical_activation(cx: &Context<'_>, name: &str) -> Value {
    match (name, cx.dialect) {
        ("swish", _) => "silu".into(),
        ("hard_sigmoid", Dialect::TfKeras) => TF_KERAS_HARD_SIGMOID.into(),
        _ if name.contains('>') => {
            let short = name.rsplit('>').next().unwrap_or(name);
            json!({"module": null, "class_name": "function", "config": short, "registered_name": name})
        }
        _ => name.into(),
    }
}

fn canonical_object(
    cx: &Context<'_>,
    place: &str,
    role: Role,
    map: &Map<String, Value>,
) -> Result<Value, Error> {
    let older =
        || (cx.dialect == Dialect::TfKeras && role == Role::Layer).then(|| keras1::translated(cx.age, map));
    let older = older().flatten();
    let map = older.as_ref().unwrap_or(map);
    let class = cx.text(place, map, "class_name")?;
    let config = map.get("config").unwrap_or(&Value::Null);
    match (class, config) {
        // A policy that is only its name.
        ("DTypePolicy" | "Policy" | "FloatDTypePolicy", Value::Object(policy)) if role == Role::Dtype => {
            if let Some(name @ Value::String(_)) = policy.get("name") {
                return Ok(name.clone());
            }
        }
        // A built-in function is only its name.
        ("function", Value::String(name)) => {
            let registered = map.get("registered_name").and_then(Value::as_str).filter(|r| r.contains('>'));
            let module = map.get("module").and_then(Value::as_str);
            // Somebody's function of that name is not Keras'.
            let known = module.is_none_or(|m| m == "builtins" || identity::part(m).is_some());
            if registered.is_none() && known {
                return Ok(if role == Role::Activation {
                    canonical_activation(cx, name)
                } else {
                    name.as_str().into()
                });
            }
        }
        _ => {}
    }
    let identity::Identity { class, registered } = match class {
        "function" => identity::function(map),
        _ => identity::of(role, class, map),
    };
    let class = match (role, class.as_str()) {
        (Role::Initializer, "OrthogonalInitializer") => "Orthogonal".to_owned(),
        (Role::Initializer, "IdentityInitializer") => "Identity".to_owned(),
        _ => class,
    };
    let found = map.get("module").and_then(Value::as_str);
    let module = match (role.module(), &registered) {
        (Some("keras.layers"), None) if class == "Sequential" => "keras".into(),
        (Some("keras.layers"), None) if matches!(class.as_str(), "Functional" | "Model") => {
            found.map_or(Value::Null, Value::from)
        }
        (Some(module), None) => Value::from(module),
        _ => found.map_or(Value::Null, Value::from),
    };
    let place = format!("{place} ({class})");
    if role == Role::Layer && registered.is_none() && super::model::is_model(&class, config) {
        let model = super::model::read_inside(cx, &place, map)?;
        return Ok(with_others(model.to_object(), map));
    }
    let config = match config {
        Value::Object(config) => {
            let config = if role == Role::Layer && registered.is_none() {
                layer::canonical(cx, &place, &class, config)?
            } else {
                canonical_map(cx, &place, config)?
            };
            Value::Object(canonical_keys(cx, role, &class, config))
        }
        other => other.clone(),
    };
    if role == Role::Optimizer {
        return Ok(compile::canonical_optimizer(&class, registered.as_deref(), &module, config));
    }
    let object =
        json!({"module": module, "class_name": class, "config": config, "registered_name": registered});
    Ok(with_others(object, map))
}

/// An object with what else stood beside its config, as `build_config`.
fn with_others(object: Value, map: &Map<String, Value>) -> Value {
    let Value::Object(mut object) = object else { return object };
    for (key, value) in map.iter().filter(|(key, _)| *key != "shared_object_id") {
        if !object.contains_key(key) {
            object.insert(key.clone(), value.clone());
        }
    }
    Value::Object(object)
}

/// Arguments that only new versions of Keras 3 know, and that say nothing where they are null.
fn drop_unset_axes(config: &mut Map<String, Value>) {
    for key in ["input_axes", "output_axes"] {
        if config.get(key).is_some_and(Value::is_null) {
            config.shift_remove(key);
        }
    }
}

fn canonical_keys(
    cx: &Context<'_>,
    role: Role,
    class: &str,
    mut config: Map<String, Value>,
) -> Map<String, Value> {
    match role {
        Role::Initializer => {
            drop_unset_axes(&mut config);
            // Files up to Keras 2.3.
            config.shift_remove("dtype");
            if class == "Identity" && config.get("gain").is_some_and(|g| g.as_f64() == Some(1.0)) {
                config.shift_remove("gain");
            }
        }
        Role::Loss | Role::Metric => {
            if class != "MeanMetricWrapper" && class != "LossFunctionWrapper" {
                config.shift_remove("fn");
            }
            dialects::read_smoothing(cx.dialect, class, &mut config);
            if role == Role::Loss && config.get("reduction").is_none_or(|r| r == "auto") {
                config.insert("reduction".into(), "sum_over_batch_size".into());
            }
            if class == "CosineSimilarity" && config.get("axis").is_some_and(|a| a == -1) {
                config.shift_remove("axis");
            }
            if class == "Huber" && config.get("delta").is_some_and(|d| d.as_f64() == Some(1.0)) {
                config.shift_remove("delta");
            }
        }
        Role::Schedule if config.get("name").is_none_or(Value::is_null) => {
            let name = match class {
                "CosineDecayRestarts" => "SGDRDecay",
                "PiecewiseConstantDecay" => "PiecewiseConstant",
                other => other,
            };
            config.insert("name".into(), name.into());
        }
        _ => {}
    }
    config
}

/// A canonical value in the words of a dialect and form.
pub(super) fn plain(cx: &Context<'_>, place: &str, role: Role, value: &Value) -> Result<Value, Error> {
    match value {
        Value::Array(list) => {
            let items = list.iter().enumerate().map(|(i, v)| plain(cx, &format!("{place}[{i}]"), role, v));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        Value::String(name) if role == Role::Activation => plain_activation(cx, place, name),
        Value::Object(map)
            if map.get("class_name").is_some_and(Value::is_string) && map.contains_key("config") =>
        {
            plain_object(cx, place, role, map)
        }
        Value::Object(map) => plain_map(cx, place, map).map(Value::Object),
        other => Ok(other.clone()),
    }
}

/// Each value of a map.
pub(super) fn plain_map(
    cx: &Context<'_>,
    place: &str,
    map: &Map<String, Value>,
) -> Result<Map<String, Value>, Error> {
    let pairs = map.iter().map(|(key, value)| {
        plain(cx, &format!("{place}.{key}"), Role::of(key), value).map(|value| (key.clone(), value))
    });
    pairs.collect()
}

fn plain_activation(cx: &Context<'_>, place: &str, name: &str) -> Result<Value, Error> {
    let other = |library: &str| {
        let what = format!("the activation `{name}`, which {library} has not under any name,");
        Err(cx.unsupported(place, what, "write the other dialect, or use another activation"))
    };
    match (cx.dialect, name) {
        (Dialect::TfKeras, TF_KERAS_HARD_SIGMOID) => Ok("hard_sigmoid".into()),
        (Dialect::TfKeras, "hard_sigmoid") => other("tf_keras"),
        (Dialect::Keras3, TF_KERAS_HARD_SIGMOID) => other("Keras 3"),
        // Known to tf_keras as `swish` in all its versions.
        (Dialect::TfKeras, "silu") => Ok("swish".into()),
        _ => Ok(name.into()),
    }
}

fn plain_object(cx: &Context<'_>, place: &str, role: Role, map: &Map<String, Value>) -> Result<Value, Error> {
    let class = cx.text(place, map, "class_name")?;
    let registered = map.get("registered_name").and_then(Value::as_str);
    let place = format!("{place} ({class})");
    refuse_namesake(cx, &place, role, class, registered)?;
    if role == Role::Optimizer {
        return compile::plain_optimizer(cx, &place, map, None);
    }
    if role == Role::Layer
        && let Some(model) = ModelConfig::of_object(&Value::Object(map.clone()))
    {
        return Ok(with_others(super::model::write_inside(cx, &place, &model)?, map));
    }
    if class == "function" && cx.form == Form::H5 {
        // Keras 3 says `function` of every function, and names it in the config.
        let registered = registered.filter(|r| *r != "function");
        if let Some(module) = map.get("module").and_then(Value::as_str)
            && registered.is_some_and(|name| !name.contains('>'))
            && module != "builtins"
            && identity::part(module).is_none()
        {
            let what = format!(
                "the function {} of the module {module}, which is in no package,",
                registered.unwrap_or_default()
            );
            return Err(cx.unsupported(&place, what, "write `.keras`"));
        }
        return Ok(registered.map_or_else(|| map.get("config").cloned().unwrap_or_default(), Value::from));
    }
    let config = match map.get("config") {
        Some(Value::Object(config)) if role == Role::Layer && registered.is_none() => {
            Value::Object(layer::plain(cx, &place, class, config)?)
        }
        Some(Value::Object(config)) => {
            let mut config = plain_map(cx, &place, config)?;
            if role == Role::Initializer {
                drop_unset_axes(&mut config);
            }
            Value::Object(match registered {
                None => dialects::fit(cx, &place, role, class, config)?,
                Some(_) => config,
            })
        }
        other => other.cloned().unwrap_or_default(),
    };
    // In `.h5`, layers inside layers have the full form that those of a model have not.
    let short = matches!(role, Role::Loss | Role::Metric);
    let wrapped = wrap(cx, short, map.get("module").unwrap_or(&Value::Null), class, registered, config);
    Ok(if short { wrapped } else { with_others(wrapped, map) })
}

/// Refuses a class that is in no package and is named as one of Keras' own, where a file has its name alone: the library would take its own.
pub(super) fn refuse_namesake(
    cx: &Context<'_>,
    place: &str,
    role: Role,
    class: &str,
    registered: Option<&str>,
) -> Result<(), Error> {
    let nameless = registered.is_some_and(|name| !name.contains('>'));
    if nameless && cx.form == Form::H5 && cx.dialect == Dialect::TfKeras && dialects::is_of_keras(role, class)
    {
        let what =
            format!("the class {class} of another module, whose name alone tf_keras would take for its own,");
        return Err(cx.unsupported(place, what, "register it in a package, or write `.keras`"));
    }
    Ok(())
}

/// Puts around a config what the form has around it; `short`: where `.h5` has class and config alone.
pub(super) fn wrap(
    cx: &Context<'_>,
    short: bool,
    module: &Value,
    class: &str,
    registered: Option<&str>,
    config: Value,
) -> Value {
    // Without its module, a class of no package reads as Keras' own of that name.
    if cx.form == Form::H5 && short && registered.is_none_or(|name| name.contains('>')) {
        return json!({"class_name": registered.unwrap_or(class), "config": config});
    }
    let class = if cx.form == Form::Keras && registered.is_none() { identity::public(class) } else { class };
    json!({"module": module, "class_name": class, "config": config, "registered_name": registered})
}
