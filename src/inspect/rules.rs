//! Output shapes of Keras' own layers that are not built here but whose configs say them.

use rhyton_engine::types::{DType, Shape};
use rhyton_persist::tree::LayerConfig;
use serde_json::{Map, Value};

use super::shapes::Type;

/// Layers that give what they take.
const SAME: [&str; 16] = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "GroupNormalization",
    "Identity",
    "LayerNormalization",
    "Masking",
    "Normalization",
    "RMSNormalization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "ThresholdedReLU",
    "UnitNormalization",
];

/// Returns what a layer of Keras gives for these inputs; empty where its class or its config does not say.
pub(super) fn outputs(layer: &LayerConfig, inputs: &[Option<Type>]) -> Vec<Option<Type>> {
    let module = layer.module.as_deref().and_then(|module| module.split('.').next());
    let is_own =
        layer.registered_name.is_none() && matches!(module, Some("keras" | "tf_keras" | "tensorflow"));
    let Some(Some((input, _))) = inputs.first().filter(|_| is_own) else { return vec![] };
    match shape(&layer.class_name, &layer.config, input) {
        Some(shape) => vec![Some((shape, DType::F32))],
        None => vec![],
    }
}

fn shape(class: &str, config: &Map<String, Value>, input: &Shape) -> Option<Shape> {
    let is = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(false);
    let axes = &input.0;
    match class {
        _ if SAME.contains(&class) => Some(input.clone()),
        "Embedding" => Some(Shape([axes.as_slice(), &[Some(number(config, "output_dim")?)]].concat())),
        // With states there are several outputs.
        "LSTM" | "GRU" | "SimpleRNN" if axes.len() == 3 && !is("return_state") && !is("time_major") => {
            let units = Some(number(config, "units")?);
            let time = is("return_sequences").then_some(axes[1]);
            Some(Shape(std::iter::once(axes[0]).chain(time).chain([units]).collect()))
        }
        "Bidirectional" => {
            let mut out = inner(config, input)?;
            match config.get("merge_mode")?.as_str()? {
                "concat" => {
                    let last = out.0.last_mut()?;
                    *last = last.map(|n| n.saturating_mul(2));
                }
                "sum" | "mul" | "ave" => {}
                _ => return None,
            }
            Some(out)
        }
        "TimeDistributed" if axes.len() >= 2 => {
            let each = Shape([&axes[..1], &axes[2..]].concat());
            let out = inner(config, &each)?;
            Some(Shape([&out.0[..1], &axes[1..2], &out.0[1..]].concat()))
        }
        // Called on the query first.
        "MultiHeadAttention" | "GroupedQueryAttention"
            if config.get("output_shape").is_none_or(Value::is_null) =>
        {
            (!is("return_attention_scores")).then(|| input.clone())
        }
        "Flatten" if axes.len() >= 2 => {
            let size = axes[1..].iter().try_fold(1_usize, |n, axis| axis.and_then(|d| n.checked_mul(d)));
            Some(Shape(vec![axes[0], size]))
        }
        "Dense" if axes.len() >= 2 => {
            Some(Shape([&axes[..axes.len() - 1], &[Some(number(config, "units")?)]].concat()))
        }
        _ => None,
    }
}

/// Returns what the wrapped layer gives, where it is one of Keras' own.
fn inner(config: &Map<String, Value>, input: &Shape) -> Option<Shape> {
    let layer = config.get("layer")?;
    let class = layer.get("class_name")?.as_str()?;
    let own = layer.get("registered_name").is_none_or(|name| name.is_null() || name.as_str() == Some(class));
    shape(class, layer.get("config")?.as_object()?, input).filter(|_| own)
}

fn number(config: &Map<String, Value>, key: &str) -> Option<usize> {
    config.get(key)?.as_u64().and_then(|n| usize::try_from(n).ok())
}
