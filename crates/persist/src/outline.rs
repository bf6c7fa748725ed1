//! The objects of a model as its configs alone say them: for files whose layers are data, not code.
//!
//! [`shell`] knows which variables and inner objects Keras' own layers have (checked against Keras 3.15's layers and against the
//! engine's); shapes and types come from the file, and so does all that is in layers of other classes.

use serde_json::{Map, Value};

use crate::format::values;
use crate::format::vocabulary::LOOKUPS;
use crate::format::weights_h5::IDF;
use crate::tree::{LayerConfig, ModelConfig, ModelKind, Object, Variable};

/// A skeleton of the model. Variables are of [`ANY_SHAPE`](crate::tree::ANY_SHAPE); layers of classes that are not Keras' own, and
/// those without weights, are empty.
#[must_use]
pub fn shell(model: &ModelConfig) -> Object {
    of_model(&model.name, model)
}

fn of_model(name: &str, model: &ModelConfig) -> Object {
    let sequential = model.kind == ModelKind::Sequential;
    let layers = model.layers.iter().filter(|l| !(sequential && l.class_name == "InputLayer"));
    Object {
        name: name.into(),
        class_name: if sequential { "Sequential" } else { "Functional" }.into(),
        is_model: true,
        variables: Vec::new(),
        merged: Vec::new(),
        states: Vec::new(),
        has_table: false,
        children: layers.map(|l| (l.name.clone(), of_layer(l))).collect(),
    }
}

fn of_layer(layer: &LayerConfig) -> Object {
    match &layer.model {
        Some(model) => of_model(&layer.name, model),
        None => {
            let known = layer.registered_name.is_none() && setting(&layer.config).is_none();
            object(&layer.name, &layer.class_name, known.then_some(&layer.config))
        }
    }
}

/// A setting of a layer of Keras' own that changes which variables it has, and what it saves where: its key and value.
pub fn setting(config: &Map<String, Value>) -> Option<(&str, &Value)> {
    let set = |(key, value): &(&String, &Value)| match key.as_str() {
        "lora_rank" | "quantization_config" | "gptq_unpacked_column_size" => !value.is_null(),
        // A policy that a name says is that name.
        "dtype" => value.is_object() || value.as_str().is_some_and(|name| name.contains("_from_")),
        _ => false,
    };
    config.iter().find(set).map(|(key, value)| (key.as_str(), value))
}

/// Returns whether a layer, or one that it wraps, has such a setting.
pub(crate) fn has_setting(config: &Map<String, Value>) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::Object(map) => {
                map.get("config").and_then(Value::as_object).is_some_and(|c| setting(c).is_some())
                    || map.values().any(inside)
            }
            Value::Array(list) => list.iter().any(inside),
            _ => false,
        }
    }
    let inner = ["layer", "forward_layer", "backward_layer", "cell", "cells", "layers"];
    setting(config).is_some() || inner.iter().filter_map(|key| config.get(*key)).any(inside)
}

/// `config`: of a class of Keras' own.
fn object(name: &str, class: &str, config: Option<&Map<String, Value>>) -> Object {
    let mut out = Object { name: name.into(), class_name: class.into(), ..Object::default() };
    if let Some(config) = config {
        out.has_table = LOOKUPS.contains(&class) && config.get("vocabulary").is_none_or(Value::is_null);
        out.variables = variables(class, config);
        out.children = children(class, config).unwrap_or_default();
    }
    out
}

/// The variables of a layer in Keras' order.
fn variables(class: &str, config: &Map<String, Value>) -> Vec<Variable> {
    let is = |key: &str, default: bool| config.get(key).and_then(Value::as_bool).unwrap_or(default);
    let trained = |names: &[(&str, bool)]| -> Vec<Variable> {
        names.iter().filter(|(_, there)| *there).map(|(name, _)| values::any(name, true)).collect()
    };
    let bias = is("use_bias", true);
    match class {
        "Dense" | "Conv1D" | "Conv2D" | "Conv3D" | "Conv1DTranspose" | "Conv2DTranspose"
        | "Conv3DTranspose" | "DepthwiseConv1D" | "DepthwiseConv2D" | "LocallyConnected1D"
        | "LocallyConnected2D" => trained(&[("kernel", true), ("bias", bias)]),
        "STFTSpectrogram" => {
            let mode = config.get("mode").and_then(Value::as_str);
            trained(&[("real_kernel", mode != Some("imag")), ("imag_kernel", mode != Some("real"))])
        }
        "EinsumDense" => {
            let bias = config.get("bias_axes").is_some_and(|axes| !axes.is_null());
            trained(&[("kernel", true), ("bias", bias)])
        }
        "SeparableConv1D" | "SeparableConv2D" => {
            trained(&[("depthwise_kernel", true), ("pointwise_kernel", true), ("bias", bias)])
        }
        "LSTMCell" | "GRUCell" | "SimpleRNNCell" | "ConvLSTMCell" => {
            trained(&[("kernel", true), ("recurrent_kernel", true), ("bias", bias)])
        }
        "BatchNormalization" => {
            let mut all = trained(&[("gamma", is("scale", true)), ("beta", is("center", true))]);
            all.extend(["moving_mean", "moving_variance"].map(|name| values::any(name, false)));
            if is("renorm", false) {
                let more = ["moving_stddev", "renorm_mean", "renorm_stddev"];
                all.extend(more.map(|name| values::any(name, false)));
            }
            all
        }
        "LayerNormalization" | "GroupNormalization" => {
            let root_mean_square = is("rms_scaling", false);
            trained(&[
                ("gamma", is("scale", true) || root_mean_square),
                ("beta", is("center", true) && !root_mean_square),
            ])
        }
        "RMSNormalization" => trained(&[("scale", true)]),
        "Embedding" => trained(&[("embeddings", true)]),
        "ReversibleEmbedding" => {
            trained(&[("embeddings", true), ("reverse_embeddings", !is("tie_weights", true))])
        }
        "StringLookup" | "IntegerLookup" | "TextVectorization"
            if config.get("output_mode").is_some_and(|mode| mode == "tf_idf" || mode == "tf-idf") =>
        {
            vec![values::any(IDF, false)]
        }
        "SpectralNormalization" => {
            let embeds =
                config.get("layer").and_then(|layer| layer.get("class_name")) == Some(&"Embedding".into());
            let kernel = if embeds { "embeddings" } else { "kernel" };
            vec![values::any(kernel, true), values::any("vector_u", false)]
        }
        "PReLU" => trained(&[("alpha", true)]),
        "LayerScale" => trained(&[("variable", true)]),
        "Attention" => {
            let concat = config.get("score_mode").is_some_and(|mode| mode == "concat");
            trained(&[("scale", is("use_scale", false)), ("concat_score_weight", concat)])
        }
        "AdditiveAttention" => trained(&[("scale", is("use_scale", true))]),
        "Normalization" if config.get("mean").is_none_or(Value::is_null) => {
            ["mean", "variance", "count"].map(|name| values::any(name, false)).into()
        }
        _ => Vec::new(),
    }
}

/// The objects inside a layer, by attribute. `None` where they are not of Keras' own classes.
fn children(class: &str, config: &Map<String, Value>) -> Option<Vec<(String, Object)>> {
    let one = |attribute: &str, object: Object| Some(vec![(attribute.to_owned(), object)]);
    match class {
        "LSTM" => one("cell", self::object("lstm_cell", "LSTMCell", Some(config))),
        "GRU" => one("cell", self::object("gru_cell", "GRUCell", Some(config))),
        "SimpleRNN" => one("cell", self::object("simple_rnn_cell", "SimpleRNNCell", Some(config))),
        "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D" => {
            one("cell", self::object("conv_lstm_cell", "ConvLSTMCell", Some(config)))
        }
        "RNN" => one("cell", inner(config.get("cell")?, "")?),
        "StackedRNNCells" => {
            let cells = config.get("cells")?.as_array()?.iter().enumerate();
            cells.map(|(i, cell)| Some((format!("cells/{i}"), inner(cell, "")?))).collect()
        }
        "Pipeline" => {
            let layers = config.get("layers")?.as_array()?.iter().enumerate();
            layers.map(|(i, layer)| Some((format!("layers/{i}"), inside(layer, "")?))).collect()
        }
        "TimeDistributed" | "SpectralNormalization" => one("layer", inner(config.get("layer")?, "")?),
        "Bidirectional" => {
            let forward = config.get("layer")?;
            let backward = config.get("backward_layer").filter(|b| !b.is_null());
            let backward = match backward {
                Some(own) => inner(own, "")?,
                None => inner(forward, "backward_")?,
            };
            Some(vec![
                ("forward_layer".into(), inner(forward, "forward_")?),
                ("backward_layer".into(), backward),
            ])
        }
        "MultiHeadAttention" | "GroupedQueryAttention" => {
            let mut dense = Map::new();
            if config.get("use_bias").and_then(Value::as_bool).unwrap_or(true) {
                dense.insert("bias_axes".into(), "".into());
            }
            let gate = config.get("use_gate").is_some_and(|gate| gate == true);
            let names = [
                ("query_dense", "query"),
                ("key_dense", "key"),
                ("gate_dense", "gate"),
                ("value_dense", "value"),
                ("output_dense", "attention_output"),
            ];
            let all = names.into_iter().filter(|(edge, _)| gate || *edge != "gate_dense");
            Some(all.map(|(edge, name)| (edge.into(), object(name, "EinsumDense", Some(&dense)))).collect())
        }
        _ => None,
    }
}

/// A serialized layer or model inside a config. `None` for registered classes: the file says what is in them.
fn inner(serialized: &Value, prefix: &str) -> Option<Object> {
    inside(serialized, prefix).filter(|found| !found.variables.is_empty() || !found.children.is_empty())
}

/// The same, also of a layer that has neither variables nor objects inside.
fn inside(serialized: &Value, prefix: &str) -> Option<Object> {
    let class = serialized.get("class_name")?.as_str()?;
    let registered = serialized.get("registered_name").and_then(Value::as_str);
    let config = serialized.get("config")?.as_object()?;
    if let Some(model) = ModelConfig::of_object(serialized) {
        return Some(of_model(&model.name, &model));
    }
    let own = registered.is_none() && !class.contains('>');
    if !own || setting(config).is_some() {
        return None;
    }
    let name = config.get("name").and_then(Value::as_str).unwrap_or(class);
    // Keras 3 writes the name that the layer has inside.
    let name = name.strip_prefix(prefix).unwrap_or(name);
    Some(object(&format!("{prefix}{name}"), class, Some(config)))
}
