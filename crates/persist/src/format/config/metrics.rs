//! Names of metrics in models with several outputs. tf_keras puts the output's name before a metric's when the model is first used, and
//! saves the metric under that name; the canonical form has the name that the user gave.

use serde_json::{Value, json};

use super::compile::long_name;
use crate::tree::ModelConfig;

/// Metrics that are functions in tf_keras: what a string stands for.
const FUNCTIONS: [&str; 19] = [
    "binary_accuracy",
    "binary_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "hinge",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
];

/// Returns metrics from a file of tf_keras under their own names, with a list for each output where one list was for all.
pub(super) fn without_outputs(model: &ModelConfig, metrics: Value) -> Value {
    match metrics {
        Value::Array(list) if !list.is_empty() && !list.iter().any(|m| m.is_array() || m.is_null()) => {
            let of = |output: &str| Value::Array(list.clone()).map_metrics(&|m| shortened(output, m));
            model.outputs.iter().map(|o| of(&o.layer)).collect()
        }
        other => by_output(model, other, &shortened),
    }
}

/// Returns metrics as tf_keras saves those of a model that was used: each under a name with its output's before it.
pub(super) fn with_outputs(model: &ModelConfig, metrics: Value) -> Value {
    by_output(model, metrics, &lengthened)
}

fn by_output(model: &ModelConfig, metrics: Value, change: &dyn Fn(&str, Value) -> Value) -> Value {
    match metrics {
        Value::Array(list) if list.len() == model.outputs.len() => {
            let outputs = model.outputs.iter().zip(list);
            outputs.map(|(output, metrics)| metrics.map_metrics(&|m| change(&output.layer, m))).collect()
        }
        Value::Object(map) if !map.contains_key("class_name") => {
            let of = |(output, metrics): (String, Value)| {
                let changed = metrics.map_metrics(&|m| change(&output, m));
                (output, changed)
            };
            Value::Object(map.into_iter().map(of).collect())
        }
        other => other,
    }
}

trait MapMetrics {
    fn map_metrics(self, change: &dyn Fn(Value) -> Value) -> Value;
}

impl MapMetrics for Value {
    /// One metric or several; tf_keras has null in the list of an output without.
    fn map_metrics(self, change: &dyn Fn(Value) -> Value) -> Value {
        match self {
            Value::Array(list) => {
                list.into_iter().filter(|m| !m.is_null()).map(|m| m.map_metrics(change)).collect()
            }
            Value::Null => Value::Null,
            one => change(one),
        }
    }
}

fn shortened(output: &str, mut metric: Value) -> Value {
    let name = metric.pointer("/config/name").and_then(Value::as_str);
    let short = name.and_then(|n| n.strip_prefix(output)?.strip_prefix('_')).map(str::to_owned);
    if let (Some(short), Some(name)) = (short, metric.pointer_mut("/config/name")) {
        *name = short.into();
    }
    metric
}

fn lengthened(output: &str, mut metric: Value) -> Value {
    if let Some(given) = metric.as_str().filter(|n| FUNCTIONS.contains(&long_name(n))) {
        return json!({
            "module": "keras.metrics",
            "class_name": "MeanMetricWrapper",
            "config": {"name": format!("{output}_{given}"), "dtype": "float32", "fn": long_name(given)},
            "registered_name": null,
        });
    }
    if let Some(name) = metric.pointer_mut("/config/name")
        && let Some(given) = name.as_str()
    {
        *name = format!("{output}_{given}").into();
    }
    metric
}
