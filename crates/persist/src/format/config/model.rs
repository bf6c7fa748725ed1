//! The architecture of a model.

mod layer;
mod order;
mod write;

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::objects::{self, Role};
use super::{Context, as_found, calls, ends, kinds};
use crate::tree::{Dialect, Found, LayerConfig, ModelConfig, ModelKind, TensorRef};
use crate::{Error, limits};
pub(super) use layer::is_model;
use layer::{implied_input, read_layer};
pub(super) use order::order;
pub(super) use write::write_inside;
pub(crate) use write::write_model;

/// Reads a model with everything below it.
pub(crate) fn read_model(cx: &Context<'_>, value: &Value) -> Result<ModelConfig, Error> {
    let model = read(cx, "model", value, 0)?;
    Ok(ModelConfig { found: as_found::keep(cx, value), ..model })
}

/// Reads a model that is inside a layer's config.
pub(super) fn read_inside(
    cx: &Context<'_>,
    place: &str,
    map: &Map<String, Value>,
) -> Result<ModelConfig, Error> {
    read(cx, place, &Value::Object(map.clone()), 1)
}

/// Returns whether a model is of a class whose config does not say what it is made of.
pub(crate) fn is_subclassed(value: &Value) -> bool {
    let class = value.get("class_name").and_then(Value::as_str);
    let lists = value.get("config").is_some_and(|config| config.is_array() || config.get("layers").is_some());
    class.is_some_and(|class| !matches!(class, "Sequential" | "Functional" | "Model")) && !lists
}

fn read(cx: &Context<'_>, place: &str, value: &Value, depth: usize) -> Result<ModelConfig, Error> {
    if depth > limits::MODEL_DEPTH {
        return Err(cx.error(place, "models inside models", &format!("{} at most", limits::MODEL_DEPTH)));
    }
    let map = cx.map(place, value)?;
    let class = cx.text(place, map, "class_name")?;
    let config = map.get("config").unwrap_or(&Value::Null);
    let kind = kind(cx, place, class, config)?;
    let empty = Map::new();
    let (rest, layers) = match config {
        // Keras up to 2.1.6.
        Value::Array(layers) => (&empty, layers),
        _ => {
            let map = cx.map(&format!("{place}.config"), config)?;
            let layers = map.get("layers").unwrap_or(&Value::Null);
            (map, cx.list(&format!("{place}.config.layers"), layers)?)
        }
    };
    let name = rest.get("name").and_then(Value::as_str).unwrap_or(if kind == ModelKind::Sequential {
        "sequential"
    } else {
        "functional"
    });
    let mut model = ModelConfig {
        kind,
        name: name.to_owned(),
        layers: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        bare: (false, false),
        config: Map::new(),
        found: Found::default(),
    };
    for (i, value) in layers.iter().enumerate() {
        let place = format!("{place}.layers[{i}]");
        if kind == ModelKind::Sequential && i == 0 {
            model.layers.extend(implied_input(cx, &place, value)?);
        }
        model.layers.push(read_layer(cx, &place, value, depth)?);
    }
    let mut names = HashSet::new();
    if let Some(double) = model.layers.iter().find(|layer| !names.insert(layer.name.as_str())) {
        let found = format!("two layers called `{}`", double.name);
        return Err(cx.error(&format!("{place}.config.layers"), &found, "a name of its own for each"));
    }
    for key in ["trainable", "dtype", "build_input_shape"] {
        if let Some(value) = rest.get(key).filter(|v| !v.is_null()) {
            kinds::check_key(cx, &format!("{place}.config"), "Model", key, value)?;
            let place = format!("{place}.config.{key}");
            model.config.insert(key.into(), objects::canonical(cx, &place, Role::of(key), value)?);
        }
    }
    if kind == ModelKind::Functional {
        read_ends(cx, place, rest, &mut model)?;
        count_from_zero(cx.dialect, &mut model);
        order::check_references(cx, place, &model)?;
    }
    Ok(model)
}

/// Which kind of model a class is.
///
/// # Errors
/// One that does not say what it is made of.
fn kind(cx: &Context<'_>, place: &str, class: &str, config: &Value) -> Result<ModelKind, Error> {
    let graph = config.get("input_layers").is_some() && config.get("output_layers").is_some();
    match class {
        "Sequential" => Ok(ModelKind::Sequential),
        "Functional" | "Model" => Ok(ModelKind::Functional),
        // A subclass of a functional model, saved with its graph.
        _ if graph && config.get("layers").is_some() => Ok(ModelKind::Functional),
        other => {
            let what = format!("the model class `{other}`");
            Err(cx.unsupported(
                place,
                what,
                "only Sequential and functional models say what they are made of",
            ))
        }
    }
}

/// Reads which tensors go in and come out.
fn read_ends(
    cx: &Context<'_>,
    place: &str,
    config: &Map<String, Value>,
    model: &mut ModelConfig,
) -> Result<(), Error> {
    for (key, is_input) in [("input_layers", true), ("output_layers", false)] {
        let value = config.get(key).unwrap_or(&Value::Null);
        let (list, nested) = ends::read(cx, &format!("{place}.config.{key}"), value)?;
        // One tensor is one tensor, in a list or not: so do Keras' own loaders see it.
        let single = list.len() == 1 && !nested;
        if nested {
            model.config.insert(key.into(), value.clone());
        }
        if is_input {
            (model.inputs, model.bare.0) = (list, single);
        } else {
            (model.outputs, model.bare.1) = (list, single);
        }
    }
    Ok(())
}

/// Takes off what the libraries add to the numbers of a nested model's calls. tf_keras counts the call of its own that such a model has;
/// Keras 3 does so where it names the outputs (and inputs) of the model around it, and not among the arguments of calls.
fn count_from_zero(dialect: Dialect, model: &mut ModelConfig) {
    let offset = |l: &LayerConfig| match dialect {
        Dialect::TfKeras => calls::call_offset(l),
        Dialect::Keras3 => calls::end_offset(l),
    };
    let mut offsets: Vec<(String, usize)> =
        model.layers.iter().map(|l| (l.name.clone(), offset(l))).filter(|(_, o)| *o > 0).collect();
    if offsets.is_empty() {
        return;
    }
    let calls = model.layers.iter_mut().flat_map(|l| &mut l.calls);
    let mut calls: Vec<&mut crate::tree::Call> = calls.filter(|_| dialect == Dialect::TfKeras).collect();
    let mut ends: Vec<&mut TensorRef> = model.inputs.iter_mut().chain(&mut model.outputs).collect();
    let mut zero = |tensor: &mut TensorRef| {
        // A file that counts from zero itself.
        if tensor.node == 0 {
            offsets.retain(|(name, _)| *name != tensor.layer);
        }
    };
    for call in &mut calls {
        calls::visit(call, &mut zero);
    }
    ends.iter_mut().for_each(|t| zero(t));
    let mut shift = |tensor: &mut TensorRef| {
        if let Some((_, offset)) = offsets.iter().find(|(name, _)| *name == tensor.layer) {
            tensor.node = tensor.node.saturating_sub(*offset);
        }
    };
    for call in calls {
        calls::visit(call, &mut shift);
    }
    ends.into_iter().for_each(shift);
}
