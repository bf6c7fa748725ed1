//! Layers of Keras 1 in the words of Keras 2, as Keras 2.0 to 2.2 translated them themselves (`keras/legacy/interfaces.py`).
//!
//! A file says by its version whether it is so old: a class of somebody's may have any words.

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
];

/// What the version of a file says of the words in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Age {
    /// Those of Keras 2 and later.
    #[default]
    Today,
    /// Those of Keras 2 up to 2.2, which still had `Merge`.
    Keras2,
    /// Those of Keras 1, which names its version from 1.2 on.
    Keras1,
}

impl Age {
    /// Of a file that says this version.
    pub(crate) fn of(version: Option<&str>) -> Self {
        let mut numbers = version.unwrap_or("1.0").split('.').map(|part| part.trim().parse::<u32>().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(1), _) => Self::Keras1,
            (Some(2), Some(0..=2)) => Self::Keras2,
            _ => Self::Today,
        }
    }
}

/// A layer of Keras 1, or of cuDNN, in the words of Keras 2; `None` where it is of neither.
pub(super) fn translated(age: Age, layer: &Map<String, Value>) -> Option<Map<String, Value>> {
    let said = |key: &str| layer.get(key).is_some_and(Value::is_string);
    if said("module") || said("registered_name") {
        return None;
    }
    let found = layer.get("class_name")?.as_str()?;
    let config = layer.get("config")?.as_object()?;
    let class = CLASSES.iter().find(|(there, _)| *there == found).map_or(found, |(_, here)| here);
    let mut config = config.clone();
    let class = match (found, age) {
        ("CuDNNLSTM" | "CuDNNGRU", _) => {
            of_cudnn(class, &mut config);
            class
        }
        ("Merge", Age::Keras1 | Age::Keras2) => merge(&mut config)?,
        (_, Age::Keras1) if TRANSLATED.contains(&class) => {
            rewrite(class, &mut config);
            class
        }
        (_, Age::Keras1) => {
            config.shift_remove("input_dtype")?;
            class
        }
        _ => return None,
    };
    let mut layer = layer.clone();
    layer.insert("class_name".into(), class.into());
    layer.insert("config".into(), Value::Object(config));
    Some(layer)
}

/// Returns whether a config has a layer of Keras 1, or of cuDNN, anywhere.
pub(super) fn is_in(age: Age, value: &Value) -> bool {
    match value {
        Value::Object(map) => translated(age, map).is_some() || map.values().any(|value| is_in(age, value)),
        Value::Array(list) => list.iter().any(|value| is_in(age, value)),
        _ => false,
    }
}

/// The class that a `Merge` is by its mode, with the keys that are left.
fn merge(config: &mut Map<String, Value>) -> Option<&'static str> {
    let mode = config.get("mode")?.as_str()?.to_owned();
    // One of models, as the first layer of a Sequential: it has inputs of its own.
    if config.get("layers").and_then(Value::as_array).is_some_and(|layers| !layers.is_empty()) {
        return None;
    }
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
        // `cos` is another formula than that of Dot.
        "dot" => {
            // `[[1], [1]]`: for each of both.
            let plain: Option<Vec<Value>> = axes
                .as_array()
                .map(|list| list.iter().map(|a| a.get(0).cloned().unwrap_or_else(|| a.clone())).collect());
            config.insert("axes".into(), plain.map_or(axes, Value::Array));
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
    // Of the input, which an InputLayer alone is.
    let input = config.shift_remove("input_dtype");
    if let (Some(dtype), "InputLayer") = (input, class) {
        config.entry("dtype").or_insert(dtype);
    }
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
