//! From the neutral form of a model to a dialect's.

use serde_json::{Map, Value, json};

use super::super::objects::{self, Role};
use super::super::{Context, Form, calls, ends, identity, integers, layer};
use crate::Error;
use crate::tree::{Dialect, LayerConfig, ModelConfig, ModelKind, TensorRef};

/// Writes a model with everything below it.
pub(crate) fn write_model(cx: &Context<'_>, model: &ModelConfig) -> Result<Value, Error> {
    let cx = &Context { source: model.found.dialect().or(cx.source), ..*cx };
    integers::check(cx, model)?;
    let mut out = write(cx, "model", model, &model.name)?;
    let built = model.layers.first().filter(|_| model.kind == ModelKind::Sequential);
    let shape = built.filter(|l| l.class_name == "InputLayer").and_then(|l| l.config.get("batch_shape"));
    if let (Form::Keras, Some(shape), Value::Object(out)) = (cx.form, shape, &mut out) {
        out.insert("build_config".into(), json!({"input_shape": shape}));
    }
    Ok(out)
}

/// Writes a model that is inside a layer's config, which has the full form in every file.
pub(in super::super) fn write_inside(
    cx: &Context<'_>,
    place: &str,
    model: &ModelConfig,
) -> Result<Value, Error> {
    let mut out = write(&Context { form: Form::Keras, ..*cx }, place, model, &model.name)?;
    // The layer gives it one tensor, which Keras 3 does not take for a list of one.
    let config = out.get_mut("config").and_then(Value::as_object_mut);
    if let (Dialect::Keras3, Some(config)) = (cx.dialect, config) {
        for (key, bare) in [("input_layers", model.bare.0), ("output_layers", model.bare.1)] {
            if let Some(one) = config.get(key).and_then(|list| list.get(0)).filter(|_| bare).cloned() {
                config.insert(key.into(), one);
            }
        }
    }
    Ok(out)
}

fn write(cx: &Context<'_>, place: &str, model: &ModelConfig, name: &str) -> Result<Value, Error> {
    let mut config = Map::new();
    config.insert("name".into(), name.into());
    let functional = model.kind == ModelKind::Functional;
    let keras3 = cx.dialect == Dialect::Keras3;
    if functional || keras3 {
        config.insert("trainable".into(), model.config.get("trainable").cloned().unwrap_or(json!(true)));
    }
    if keras3 && !functional {
        let dtype = model.config.get("dtype").cloned().unwrap_or_else(|| "float32".into());
        config.insert("dtype".into(), objects::plain(cx, place, Role::Dtype, &dtype)?);
    }
    let layers = calls::Layers { layers: &model.layers };
    let written = model.layers.iter().map(|layer| write_layer(cx, layer, functional.then_some(&layers)));
    config.insert("layers".into(), Value::Array(written.collect::<Result<_, _>>()?));
    if functional {
        write_ends(cx, model, &layers, &mut config);
    } else if keras3 {
        let shape = model
            .layers
            .first()
            .filter(|l| l.class_name == "InputLayer")
            .and_then(|l| l.config.get("batch_shape"));
        if let Some(shape) = shape.or_else(|| model.config.get("build_input_shape")) {
            config.insert("build_input_shape".into(), shape.clone());
        }
    }
    let (class, module, registered) = match (model.kind, cx.dialect) {
        (ModelKind::Sequential, _) => ("Sequential", "keras", Value::Null),
        (ModelKind::Functional, Dialect::Keras3) => {
            ("Functional", "keras.src.models.functional", "Functional".into())
        }
        // Keras 2.15's name, which tf_keras 2.21 reads too.
        (ModelKind::Functional, Dialect::TfKeras) => {
            ("Functional", "keras.src.engine.functional", "Functional".into())
        }
    };
    Ok(match cx.form {
        Form::Keras => {
            json!({"module": module, "class_name": class, "config": config, "registered_name": registered})
        }
        Form::H5 => json!({"class_name": class, "config": config}),
    })
}

/// Which tensors go in and come out.
fn write_ends(
    cx: &Context<'_>,
    model: &ModelConfig,
    layers: &calls::Layers<'_>,
    config: &mut Map<String, Value>,
) {
    for (key, list) in [("input_layers", &model.inputs), ("output_layers", &model.outputs)] {
        let offset = |t: &TensorRef| match cx.dialect {
            Dialect::Keras3 => layers.end_offset(&t.layer),
            Dialect::TfKeras => layers.offset(&t.layer),
        };
        let mut written = list.iter().map(|t| calls::write_ref(t, offset(t)));
        let value = match model.config.get(key) {
            Some(structure) => ends::write(structure, &mut written),
            // A list also for one: every version of both libraries reads it.
            None => written.collect(),
        };
        config.insert(key.into(), value);
    }
}

fn write_layer(
    cx: &Context<'_>,
    layer: &LayerConfig,
    graph: Option<&calls::Layers<'_>>,
) -> Result<Value, Error> {
    let place = format!("layer `{}` ({})", layer.name, layer.class_name);
    let registered = layer.registered_name.as_deref();
    check_name(cx, &place, &layer.name)?;
    if cx.dialect == Dialect::Keras3 && calls::OPERATIONS.contains(&layer.class_name.as_str()) {
        let function = layer.config.get("function").and_then(Value::as_str).unwrap_or(&layer.class_name);
        let what = format!("the operation {function}, for which Keras 3 has a layer of another kind,");
        return Err(cx.unsupported(&place, what, "write tf_keras' dialect"));
    }
    if cx.dialect == Dialect::TfKeras && layer.is_op() {
        let what = format!("the operation {}, which tf_keras does not have,", layer.class_name);
        return Err(cx.unsupported(&place, what, "write the Keras 3 dialect"));
    }
    let mut out = match &layer.model {
        Some(model) => {
            let mut out = write(cx, &place, model, &layer.name)?;
            let trainable = layer.config.get("trainable");
            if let (Some(config), Some(trainable)) =
                (out.get_mut("config").and_then(Value::as_object_mut), trainable)
                && config.contains_key("trainable")
            {
                config.insert("trainable".into(), trainable.clone());
            }
            out
        }
        None => {
            let mut config = match registered {
                None => layer::plain(cx, &place, &layer.class_name, &layer.config)?,
                Some(_) => objects::plain_map(cx, &place, &layer.config)?,
            };
            if layer.class_name == "MultiHeadAttention" && cx.dialect == Dialect::TfKeras {
                add_attention_shapes(cx, &place, layer, &mut config)?;
            }
            let hidden = match registered {
                None => identity::hidden(cx.dialect, &layer.class_name),
                Some(_) => None,
            };
            let module = hidden.as_deref().or(layer.module.as_deref()).map_or(Value::Null, Value::from);
            let mut out =
                objects::wrap(cx, true, &module, &layer.class_name, registered, Value::Object(config));
            if let Some(name) = out.get_mut("registered_name").filter(|_| hidden.is_some()) {
                *name = layer.class_name.as_str().into();
            }
            out
        }
    };
    let Value::Object(map) = &mut out else { return Ok(out) };
    if let (Form::Keras, Some(build)) = (cx.form, &layer.build_config) {
        map.insert("build_config".into(), build_config(cx, layer, build));
    }
    if let Some(graph) = graph {
        map.insert("name".into(), layer.name.as_str().into());
        map.insert("inbound_nodes".into(), calls::write(cx, &place, layer, graph)?);
    }
    Ok(out)
}

/// What a layer was built for, as each library says it: tf_keras knows one shape, or a list of them; Keras 3 names them by argument.
fn build_config(cx: &Context<'_>, layer: &LayerConfig, build: &Value) -> Value {
    let query = build.pointer("/shapes_dict/query_shape");
    let first = build.get("shapes_dict").and_then(|shapes| shapes.as_object()?.values().next());
    let states = calls::RECURRENT.contains(&layer.class_name.as_str());
    let inputs =
        build.get("input_shape").and_then(|shape| shape.get(0)).filter(|first| states && first.is_array());
    match (cx.dialect, query.or(first), inputs) {
        (Dialect::TfKeras, Some(shape), _) | (Dialect::Keras3, None, Some(shape)) => {
            json!({"input_shape": shape})
        }
        _ => build.clone(),
    }
}

/// Keras 3 takes no names with slashes.
fn check_name(cx: &Context<'_>, place: &str, name: &str) -> Result<(), Error> {
    if cx.dialect == Dialect::Keras3 && name.contains('/') {
        let what = format!("the name `{name}`, whose `/` Keras 3 refuses,");
        return Err(cx.unsupported(place, what, "write tf_keras' dialect, or rename the layer"));
    }
    Ok(())
}

/// tf_keras builds attention from shapes in its config, and cannot load weights without them.
fn add_attention_shapes(
    cx: &Context<'_>,
    place: &str,
    layer: &LayerConfig,
    config: &mut Map<String, Value>,
) -> Result<(), Error> {
    let build = layer.build_config.as_ref();
    let shape = |key: &str| {
        build.and_then(|b| b.get("shapes_dict")).and_then(|s| s.get(key)).filter(|s| s.is_array())
    };
    let input = build.and_then(|b| b.get("input_shape")).filter(|s| s.is_array());
    let Some(query) = shape("query_shape").or(input) else {
        let what = "an attention layer whose `build_config` does not say its shapes".into();
        return Err(cx.unsupported(
            place,
            what,
            "build the model before it is saved, or write the Keras 3 dialect",
        ));
    };
    let value = shape("value_shape").unwrap_or(query);
    let key = shape("key_shape").unwrap_or(value);
    for (name, shape) in [("query_shape", query), ("key_shape", key), ("value_shape", value)] {
        config.insert(name.into(), shape.clone());
    }
    Ok(())
}
