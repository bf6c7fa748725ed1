//! Layers of Keras 1 in the words of Keras 2, as Keras 2.0 to 2.2 translated them themselves (`keras/legacy/interfaces.py`).
//!
//! The words of the two do not overlap, so a config says itself which it is in.

use serde_json::{Map, Value, json};

/// Classes that have another name.
const CLASSES: &[(&str, &str)] = &[
    ("Convolution1D", "Conv1D"),
    ("Convolution2D", "Conv2D"),
    ("Convolution3D", "Conv3D"),
    ("AtrousConvolution1D", "Conv1D"),
    ("AtrousConvolution2D", "Conv2D"),
    ("AtrousConv1D", "Conv1D"),
    ("AtrousConv2D", "Conv2D"),
    ("Deconvolution2D", "Conv2DTranspose"),
    ("Deconvolution3D", "Conv3DTranspose"),
    ("SeparableConvolution2D", "SeparableConv2D"),
    // Keras 2 calls a Dense on each step by itself.
    ("TimeDistributedDense", "Dense"),
    // Layers for cuDNN, which compute what the plain ones do.
    ("CuDNNLSTM", "LSTM"),
    ("CuDNNGRU", "GRU"),
];

/// Keys that have another name, whatever the class.
const KEYS: &[(&str, &str)] = &[
    ("init", "kernel_initializer"),
    ("inner_init", "recurrent_initializer"),
    ("W_regularizer", "kernel_regularizer"),
    ("U_regularizer", "recurrent_regularizer"),
    ("b_regularizer", "bias_regularizer"),
    ("W_constraint", "kernel_constraint"),
    ("b_constraint", "bias_constraint"),
    ("beta_init", "beta_initializer"),
    ("gamma_init", "gamma_initializer"),
    ("bias", "use_bias"),
    ("p", "rate"),
    ("sigma", "stddev"),
    ("nb_filter", "filters"),
    ("filter_length", "kernel_size"),
    ("subsample_length", "strides"),
    ("subsample", "strides"),
    ("stride", "strides"),
    ("pool_length", "pool_size"),
    ("length", "size"),
    ("atrous_rate", "dilation_rate"),
    ("border_mode", "padding"),
    ("dim_ordering", "data_format"),
    ("inner_activation", "recurrent_activation"),
    ("dropout_W", "dropout"),
    ("dropout_U", "recurrent_dropout"),
    ("input_dtype", "dtype"),
];

/// Keys that say how to compute, or what `batch_input_shape` says too.
const DROPPED: [&str; 4] = ["consume_less", "input_dim", "input_length", "weights"];

/// Classes of Keras 2 that a layer of Keras 1 can be of, by its keys; others are left alone.
const TRANSLATED: &[&str] = &[
    "InputLayer",
    "Dense",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "SeparableConv2D",
    "LSTM",
    "GRU",
    "SimpleRNN",
    "ConvLSTM2D",
    "Embedding",
    "BatchNormalization",
    "Dropout",
    "GaussianNoise",
    "GaussianDropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "PReLU",
    "MaxPooling1D",
    "AveragePooling1D",
    "MaxPooling2D",
    "AveragePooling2D",
    "MaxPooling3D",
    "AveragePooling3D",
    "GlobalMaxPooling2D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling3D",
    "GlobalAveragePooling3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "Cropping2D",
    "Cropping3D",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "Merge",
];

/// A layer of Keras 1, or of cuDNN, in the words of Keras 2; `None` where it is of neither.
pub(super) fn translated(layer: &Map<String, Value>) -> Option<Map<String, Value>> {
    if layer.get("module").is_some_and(Value::is_string) {
        return None;
    }
    let found = layer.get("class_name")?.as_str()?;
    let config = layer.get("config")?.as_object()?;
    let class = CLASSES.iter().find(|(there, _)| *there == found).map_or(found, |(_, here)| here);
    if !TRANSLATED.contains(&class) || class == found && !is_older(class, config) {
        return None;
    }
    let mut config = config.clone();
    let class = match found {
        "Merge" => merge(&mut config)?,
        "CuDNNLSTM" | "CuDNNGRU" => {
            of_cudnn(class, &mut config);
            class
        }
        _ => {
            rewrite(class, &mut config);
            class
        }
    };
    let mut layer = layer.clone();
    layer.insert("class_name".into(), class.into());
    layer.insert("config".into(), Value::Object(config));
    Some(layer)
}

/// Returns whether a config has a layer of Keras 1, or of cuDNN, anywhere.
pub(super) fn is_in(value: &Value) -> bool {
    match value {
        Value::Object(map) => translated(map).is_some() || map.values().any(is_in),
        Value::Array(list) => list.iter().any(is_in),
        _ => false,
    }
}

/// Returns whether a config has a word that Keras 2 does not have in that class.
fn is_older(class: &str, config: &Map<String, Value>) -> bool {
    let has = |key: &str| config.contains_key(key);
    KEYS.iter().any(|(there, _)| has(there))
        || has("consume_less")
        || class == "Merge"
        || class == "BatchNormalization" && has("mode")
        || class != "Embedding" && has("output_dim")
        || class == "Embedding" && has("W_constraint")
}

/// The class that a `Merge` is by its mode, with the keys that are left.
fn merge(config: &mut Map<String, Value>) -> Option<&'static str> {
    let mode = config.get("mode")?.as_str()?.to_owned();
    let taken = |config: &mut Map<String, Value>, key: &str| config.shift_remove(key).unwrap_or_default();
    let (axis, axes) = (taken(config, "concat_axis"), taken(config, "dot_axes"));
    config.retain(|key, _| matches!(key.as_str(), "name" | "trainable" | "dtype"));
    Some(match mode.as_str() {
        "sum" => "Add",
        "mul" => "Multiply",
        "ave" => "Average",
        "max" => "Maximum",
        "concat" => {
            config.insert("axis".into(), axis);
            "Concatenate"
        }
        "dot" | "cos" => {
            // `[[1], [1]]`: for each of both.
            let plain: Option<Vec<Value>> = axes
                .as_array()
                .map(|list| list.iter().map(|a| a.get(0).cloned().unwrap_or_else(|| a.clone())).collect());
            config.insert("axes".into(), plain.map_or(axes, Value::Array));
            config.insert("normalize".into(), (mode == "cos").into());
            "Dot"
        }
        _ => return None,
    })
}

/// What a layer for cuDNN leaves out of its config, for it has no choice.
fn of_cudnn(class: &str, config: &mut Map<String, Value>) {
    config.insert("activation".into(), "tanh".into());
    config.insert("recurrent_activation".into(), "sigmoid".into());
    config.insert("use_bias".into(), true.into());
    if class == "GRU" {
        config.insert("reset_after".into(), true.into());
    }
}

fn rewrite(class: &str, config: &mut Map<String, Value>) {
    if class == "PReLU" {
        rename(config, "init", "alpha_initializer");
    }
    if class == "Embedding" {
        for (from, to) in [
            ("init", "embeddings_initializer"),
            ("W_regularizer", "embeddings_regularizer"),
            ("W_constraint", "embeddings_constraint"),
        ] {
            rename(config, from, to);
        }
        config.shift_remove("dropout");
        config.shift_remove("weights");
    } else {
        rename(config, "output_dim", "units");
        sizes(config);
    }
    if class == "SeparableConv2D"
        && let Some(init) = config.shift_remove("init")
    {
        config.insert("depthwise_initializer".into(), init.clone());
        config.insert("pointwise_initializer".into(), init);
    }
    // The output's shape, which follows from the others.
    if class.ends_with("Transpose") {
        config.shift_remove("output_shape");
    }
    if class == "BatchNormalization" && config.get("mode").is_some_and(|mode| mode == 0) {
        config.shift_remove("mode");
    }
    if let Some(bias) = config.shift_remove("forget_bias_init") {
        config.insert("unit_forget_bias".into(), (bias == "one").into());
    }
    for (from, to) in KEYS {
        rename(config, from, to);
    }
    if class != "Embedding" {
        DROPPED.iter().for_each(|key| drop(config.shift_remove(*key)));
    }
    if let Some(format) = config.get_mut("data_format") {
        *format = match format.as_str() {
            Some("th") => "channels_first".into(),
            Some("tf" | "default") => "channels_last".into(),
            _ => format.take(),
        };
    }
    if class == "ZeroPadding2D"
        && let Some([top, bottom, left, right]) =
            config.get("padding").and_then(Value::as_array).map(Vec::as_slice)
    {
        let sides = json!([[top, bottom], [left, right]]);
        config.insert("padding".into(), sides);
    }
    for (key, value) in config.iter_mut() {
        if key.ends_with("_initializer") {
            *value = initializer(value);
        } else if key.ends_with("_regularizer") || key.ends_with("_constraint") {
            *value = penalty(value);
        }
    }
}

fn rename(config: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = config.shift_remove(from) {
        config.entry(to).or_insert(value);
    }
}

/// The sizes that Keras 1 has a key for each of.
fn sizes(config: &mut Map<String, Value>) {
    for keys in [&["nb_row", "nb_col"][..], &["kernel_dim1", "kernel_dim2", "kernel_dim3"]] {
        let sizes: Vec<Value> = keys.iter().filter_map(|key| config.shift_remove(*key)).collect();
        if sizes.len() == keys.len() {
            config.insert("kernel_size".into(), Value::Array(sizes));
        }
    }
}

fn initializer(value: &Value) -> Value {
    match value.as_str() {
        Some("uniform") => "random_uniform".into(),
        Some("normal") => "random_normal".into(),
        Some("zero") => "zeros".into(),
        Some("one") => "ones".into(),
        _ => value.clone(),
    }
}

/// A regularizer or constraint, whose name stands among its numbers.
fn penalty(value: &Value) -> Value {
    let Some((name, numbers)) = value.get("name").and_then(Value::as_str).zip(value.as_object()) else {
        return value.clone();
    };
    let mut config = numbers.clone();
    config.shift_remove("name");
    rename(&mut config, "m", "max_value");
    let class = match name {
        "WeightRegularizer" | "ActivityRegularizer" | "L1L2Regularizer" => "L1L2",
        other => other,
    };
    json!({"class_name": class, "config": config})
}
