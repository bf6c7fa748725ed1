//! What the arguments of Keras' own layers may be: numbers where numbers belong, shapes where shapes belong.
//!
//! A file whose config says `"units": "ten"` is damaged, whoever reads it; so it is refused when it is opened, and not when the layer is built.

use serde_json::{Map, Value};

use super::{Context, dialects, kind_of};
use crate::{Error, limits};

/// The largest size: TensorFlow's ops count in 32 bits. Two of them can be multiplied without a second thought.
const LARGEST: i64 = i32::MAX as i64;

/// Describes what the value of a key is.
#[derive(Clone, Copy)]
enum Kind {
    /// A whole number from 1 on, [`LARGEST`] at most.
    Size,
    /// A whole number, or a list of them, from this one on.
    Sizes(i64),
    /// A whole number, or a list of them.
    Axes,
    /// A list of whole numbers, null or -1 where data decide.
    Lengths,
    /// A number.
    Float,
    /// True or false.
    Flag,
    /// Sizes from 0 on; null where data decide.
    Shape,
    /// An element type or a policy, by its name or with a config of its own.
    Dtype,
    /// Something with a config of its own, or the name of it.
    Object,
    /// Some of that: one, or lists and objects of them.
    Objects,
    /// A number, or an object that gives one.
    Rate,
}

use Kind::{Axes, Dtype, Flag, Float, Lengths, Object, Objects, Rate, Shape, Size, Sizes};

impl Kind {
    fn holds(self, value: &Value) -> bool {
        // How JSON of tf_keras writes a tuple.
        let value = match value.get("class_name").and_then(Value::as_str) {
            Some("__tuple__" | "TensorShape") => value.get("items").unwrap_or(value),
            _ => value,
        };
        let from = |least: i64, value: &Value| value.as_i64().is_some_and(|n| (least..=LARGEST).contains(&n));
        let every = |value: &Value, is: &dyn Fn(&Value) -> bool| match value {
            Value::Array(list) => list.iter().all(is),
            other => is(other),
        };
        match self {
            Size => from(1, value),
            Sizes(least) => every(value, &|v| from(least, v)),
            Axes => every(value, &|v| from(-LARGEST, v)),
            Lengths => every(value, &|v| v.is_null() || from(-1, v)),
            Float => value.is_number(),
            Flag => value.is_boolean(),
            Shape => value.as_array().is_some_and(|list| list.iter().all(|v| v.is_null() || from(0, v))),
            Dtype => match value {
                Value::String(name) => is_dtype(name),
                Value::Object(policy) => {
                    let own = policy.get("module").and_then(Value::as_str).is_none_or(is_keras);
                    let name = value.pointer("/config/name").filter(|name| !name.is_null());
                    !own || name.is_none_or(|name| name.as_str().is_some_and(is_dtype))
                }
                _ => false,
            },
            Object => value.is_string() || value.is_object(),
            Objects => value.is_string() || value.is_object() || value.is_array(),
            Rate => value.is_number() || value.is_object(),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Size => "a whole number from 1 to 2147483647",
            Sizes(0) => "a whole number from 0 to 2147483647, or a list of them",
            Sizes(_) => "a whole number from 1 to 2147483647, or a list of them",
            Axes => "a whole number, or a list of them",
            Lengths => "a list of whole numbers, with -1 where data decide",
            Float => "a number",
            Flag => "true or false",
            Shape => "a list of sizes, null where data decide",
            Dtype => "an element type or a policy",
            Object => "a name, or an object with class_name and config",
            Objects => "a name, an object with class_name and config, or several",
            Rate => "a number, or an object with class_name and config",
        }
    }
}

/// The kind of an argument; `None` where it may be several things.
fn kind(class: &str, key: &str) -> Option<Kind> {
    Some(match (key, class) {
        // Minus one is a group for each channel.
        ("groups", "GroupNormalization") => Axes,
        ("scale", "BatchNormalization" | "LayerNormalization" | "GroupNormalization") => Flag,
        ("momentum", "BatchNormalization") => Float,
        ("dims", "Permute") => Sizes(1),
        ("n", "RepeatVector") => Size,
        ("size", "UpSampling1D" | "UpSampling2D" | "UpSampling3D") => Sizes(1),
        ("target_shape", "Reshape") => Lengths,
        ("height" | "width", "Resizing" | "CenterCrop" | "RandomCrop") => Size,
        ("crop_to_aspect_ratio" | "pad_to_aspect_ratio" | "antialias", "Resizing") => Flag,
        (
            "rate",
            "Dropout" | "AlphaDropout" | "GaussianDropout" | "SpatialDropout1D" | "SpatialDropout2D"
            | "SpatialDropout3D",
        ) => Float,
        ("stddev", "GaussianNoise") => Float,
        (
            "units" | "filters" | "input_dim" | "output_dim" | "num_heads" | "key_dim" | "value_dim"
            | "groups",
            _,
        ) => Size,
        ("depth_multiplier", _) => Size,
        ("kernel_size" | "pool_size" | "strides" | "dilation_rate", _) => Sizes(1),
        ("output_padding", _) => Sizes(0),
        ("epsilon" | "dropout" | "recurrent_dropout", _) => Float,
        ("use_bias" | "trainable" | "return_sequences" | "return_state" | "go_backwards" | "stateful", _) => {
            Flag
        }
        ("unroll" | "center" | "mask_zero" | "reset_after" | "keepdims" | "unit_forget_bias", _) => Flag,
        ("axis", _) => Axes,
        ("batch_shape" | "batch_input_shape", _) => Shape,
        ("dtype", _) => Dtype,
        ("activation" | "recurrent_activation", _) => Object,
        (key, _)
            if key.ends_with("_initializer")
                || key.ends_with("_regularizer")
                || key.ends_with("_constraint") =>
        {
            Object
        }
        _ => return None,
    })
}

/// The kind of an argument of an optimizer.
fn of_optimizer(key: &str) -> Option<Kind> {
    Some(match key {
        "learning_rate" | "lr" => Rate,
        "momentum" | "beta_1" | "beta_2" | "epsilon" | "rho" | "weight_decay" | "clipnorm" | "clipvalue" => {
            Float
        }
        "global_clipnorm" | "ema_momentum" | "initial_accumulator_value" | "decay" => Float,
        "nesterov" | "amsgrad" | "centered" | "use_ema" => Flag,
        _ => return None,
    })
}

/// Checks what a model was compiled with.
pub(super) fn check_compile(
    cx: &Context<'_>,
    place: &str,
    compile: &Map<String, Value>,
) -> Result<(), Error> {
    let refuse = |key: &str, value: &Value, kind: Kind| {
        if value.is_null() || kind.holds(value) {
            return Ok(());
        }
        Err(cx.error(&format!("{place}.{key}"), &found(value), kind.expected()))
    };
    for (key, kind) in [
        ("optimizer", Object),
        ("optimizer_config", Object),
        ("loss", Objects),
        ("metrics", Objects),
        ("weighted_metrics", Objects),
    ] {
        refuse(key, compile.get(key).unwrap_or(&Value::Null), kind)?;
    }
    let Some(optimizer) = compile.get("optimizer_config").or_else(|| compile.get("optimizer")) else {
        return Ok(());
    };
    let own = optimizer.get("module").and_then(Value::as_str).is_none_or(is_keras)
        && !optimizer.get("class_name").and_then(Value::as_str).is_some_and(|class| class.contains('>'));
    for (key, value) in optimizer.get("config").and_then(Value::as_object).into_iter().flatten() {
        if let (true, Some(kind)) = (own, of_optimizer(key)) {
            refuse(&format!("optimizer.{key}"), value, kind)?;
        }
    }
    Ok(())
}

/// Checks what a layer was built for: shapes, under the names of its inputs.
pub(super) fn check_build(cx: &Context<'_>, place: &str, build: Option<&Value>) -> Result<(), Error> {
    let Some(build) = build.filter(|build| !build.is_null()) else { return Ok(()) };
    let place = format!("{place}.build_config");
    for (key, value) in cx.map(&place, build)? {
        if key.contains("shape") && !(value.is_null() || value.is_array() || value.is_object()) {
            return Err(cx.error(&format!("{place}.{key}"), &found(value), Shape.expected()));
        }
    }
    Ok(())
}

/// Returns what was there, with its kind where its text does not say it.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => format!("{}, {other}", kind_of(other)),
    }
}

/// Arguments that a layer cannot do without.
const NEEDED: [&str; 7] =
    ["units", "filters", "kernel_size", "input_dim", "output_dim", "num_heads", "key_dim"];

/// Checks the config of a layer of Keras' own, and of those that it wraps. What a class is given that Keras does not have is its own affair, and
/// may stand in a file without a module. Null is what many arguments are where they are not given.
pub(super) fn check(
    cx: &Context<'_>,
    place: &str,
    class: &str,
    config: &Map<String, Value>,
    depth: usize,
) -> Result<(), Error> {
    if depth > limits::MODEL_DEPTH {
        return Err(cx.error(place, "layers inside layers", &format!("{} at most", limits::MODEL_DEPTH)));
    }
    for (key, value) in config {
        let inside = format!("{place}.{key}");
        match (key.as_str(), value) {
            ("layer" | "forward_layer" | "backward_layer" | "cell", inner) => {
                check_inner(cx, &inside, inner, depth)?
            }
            ("cells", Value::Array(cells)) => {
                cells.iter().try_for_each(|cell| check_inner(cx, &inside, cell, depth))?;
            }
            _ => {}
        }
        check_key(cx, place, class, key, value)?;
    }
    Ok(())
}

/// Checks one argument of a layer, or of a model.
pub(super) fn check_key(
    cx: &Context<'_>,
    place: &str,
    class: &str,
    key: &str,
    value: &Value,
) -> Result<(), Error> {
    let known = class == "Model" || dialects::is_layer(class);
    match kind(class, key).filter(|_| known) {
        Some(kind) if !(kind.holds(value) || value.is_null() && !NEEDED.contains(&key)) => {
            Err(cx.error(&format!("{place}.{key}"), &found(value), kind.expected()))
        }
        _ => Ok(()),
    }
}

fn check_inner(cx: &Context<'_>, place: &str, layer: &Value, depth: usize) -> Result<(), Error> {
    let (Some(class), Some(Value::Object(config))) =
        (layer.get("class_name").and_then(Value::as_str), layer.get("config"))
    else {
        return Ok(());
    };
    let own = !class.contains('>') && layer.get("module").and_then(Value::as_str).is_none_or(is_keras);
    if own { check(cx, place, class, config, depth + 1) } else { Ok(()) }
}

/// Returns whether a module is of Keras.
pub(super) fn is_keras(module: &str) -> bool {
    matches!(module.split('.').next(), Some("keras" | "tf_keras" | "tensorflow"))
}

/// Element types that TensorFlow has a name for, and policies of both libraries.
fn is_dtype(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "float16",
        "float32",
        "float64",
        "bfloat16",
        "half",
        "single",
        "double",
        "float8_e4m3fn",
        "float8_e5m2",
        "int4",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
        "string",
        "complex64",
        "complex128",
        "mixed_float16",
        "mixed_bfloat16",
    ];
    // `int8_from_float32`, `int4/128_from_bfloat16`.
    match name.split_once("_from_") {
        Some((_, policy)) => NAMES.contains(&policy),
        None => NAMES.contains(&name) || name == "_infer",
    }
}
