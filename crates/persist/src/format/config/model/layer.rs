//! The layers of a model, as a dialect writes them.

use serde_json::{Map, Value, json};

use super::super::objects::{self, Role};
use super::super::{Context, calls, identity, keras1, kinds, layer, ops};
use super::read;
use crate::Error;
use crate::tree::{Dialect, LayerConfig, ModelConfig, ModelKind};

/// Whether a class is a model whose config lists layers.
pub(in super::super) fn is_model(class: &str, config: &Value) -> bool {
    let layers = config.is_array() || config.get("layers").is_some_and(Value::is_array);
    matches!(class, "Sequential" | "Functional" | "Model") && layers
}

pub(super) fn read_layer(
    cx: &Context<'_>,
    place: &str,
    value: &Value,
    depth: usize,
) -> Result<LayerConfig, Error> {
    let map = cx.map(place, value)?;
    let older = (cx.dialect == Dialect::TfKeras).then(|| keras1::translated(cx.age, map)).flatten();
    let map = older.as_ref().unwrap_or(map);
    let class = cx.text(place, map, "class_name")?;
    let config = map.get("config").unwrap_or(&Value::Null);
    let own_name = map.get("name").or_else(|| config.get("name")).and_then(Value::as_str);
    let calls = match map.get("inbound_nodes") {
        Some(nodes) => calls::read(cx, &format!("{place}.inbound_nodes"), class, nodes)?,
        None => Vec::new(),
    };
    let op = (cx.dialect == Dialect::Keras3).then(|| ops::unnamed(class, map)).flatten();
    let identity::Identity { class, registered } = match &op {
        Some(_) => identity::Identity { class: class.to_owned(), registered: Some(class.to_owned()) },
        None => identity::of(Role::Layer, class, map),
    };
    if registered.is_none() {
        kinds::check_build(cx, place, map.get("build_config"))?;
    }
    let mut build_config = map.get("build_config").filter(|b| b.is_object()).cloned();
    let input_shape = map.get("inbound_nodes").and_then(calls::input_shape);
    if registered.is_none() && is_model(&class, config) {
        let layer = nested(read(cx, place, value, depth + 1)?, own_name);
        return Ok(LayerConfig { build_config, input_shape, calls, ..layer });
    }
    let config = cx.map(&format!("{place}.config"), config)?;
    let place = format!("{place} ({class})");
    let mut config = match registered {
        None => layer::canonical(cx, &place, &class, config)?,
        Some(_) => objects::canonical_map(cx, &place, config)?,
    };
    let name = own_name.ok_or_else(|| cx.error(&place, "a layer without a name", "`name`"))?.to_owned();
    config.insert("name".into(), name.as_str().into());
    if registered.is_none() {
        kinds::check(cx, &place, &class, &config, 0)?;
    }
    if class == "MultiHeadAttention" {
        build_config = attention_shapes(cx, map, &mut config, build_config);
    }
    if matches!(class.as_str(), "BatchNormalization" | "LayerNormalization") && cx.dialect == Dialect::TfKeras
    {
        axis_from_the_end(&mut config, build_config.as_ref());
    }
    let found = map.get("module").and_then(Value::as_str).map(str::to_owned).or(op);
    let module = if registered.is_some() { found } else { Some("keras.layers".into()) };
    Ok(LayerConfig {
        class_name: class,
        registered_name: registered,
        module,
        name,
        config,
        build_config,
        input_shape,
        calls,
        model: None,
    })
}

/// A model that is a layer of another one.
fn nested(model: ModelConfig, name: Option<&str>) -> LayerConfig {
    let name = name.unwrap_or(&model.name).to_owned();
    let mut config = model.config.clone();
    config.insert("name".into(), name.as_str().into());
    let (class, module) = match model.kind {
        ModelKind::Sequential => ("Sequential", "keras"),
        ModelKind::Functional => ("Functional", "keras.src.models.functional"),
    };
    LayerConfig {
        class_name: class.into(),
        module: Some(module.into()),
        name,
        config,
        model: Some(Box::new(model)),
        ..LayerConfig::default()
    }
}

/// The shapes that attention is built for, which tf_keras has in the config, and Keras 3's `.h5` with the call alone.
fn attention_shapes(
    cx: &Context<'_>,
    map: &Map<String, Value>,
    config: &mut Map<String, Value>,
    build_config: Option<Value>,
) -> Option<Value> {
    let mut found = build_config;
    if cx.dialect == Dialect::TfKeras {
        found = layer::attention_shapes(config).or(found);
        for key in ["query_shape", "key_shape", "value_shape"] {
            config.shift_remove(key);
        }
    }
    found.or_else(|| map.get("inbound_nodes").and_then(calls::attention_shapes))
}

/// The input layer that older files of Sequential models leave out.
pub(super) fn implied_input(
    cx: &Context<'_>,
    place: &str,
    first: &Value,
) -> Result<Option<LayerConfig>, Error> {
    let map = cx.map(place, first)?;
    if cx.text(place, map, "class_name")? == "InputLayer" {
        return Ok(None);
    }
    // A nested model or a wrapper may have it further inside.
    let mut at = first;
    let shape = loop {
        let Some(config) = at.get("config") else { return Ok(None) };
        if let Some(shape) = config.get("batch_input_shape") {
            break shape;
        }
        let layers = config.as_array().or_else(|| config.get("layers").and_then(Value::as_array));
        match layers.and_then(|l| l.first()) {
            Some(inner) if inner.get("class_name").is_some_and(|c| c == "InputLayer") => return Ok(None),
            Some(inner) => at = inner,
            None => return Ok(None),
        }
    };
    let first_name = first.pointer("/config/name").and_then(Value::as_str).unwrap_or("sequential");
    let dtype = first.pointer("/config/dtype").or(first.pointer("/config/input_dtype"));
    let dtype = dtype.and_then(Value::as_str).filter(|d| !d.starts_with("mixed_"));
    let name = format!("{first_name}_input");
    let config = json!({
        "batch_shape": shape,
        "dtype": dtype.unwrap_or("float32"),
        "sparse": false,
        "name": name,
    });
    let config = config.as_object().cloned().unwrap_or_default();
    kinds::check(cx, &format!("{place} (InputLayer)"), "InputLayer", &config, 0)?;
    Ok(Some(LayerConfig {
        class_name: "InputLayer".into(),
        module: Some("keras.layers".into()),
        name,
        config,
        ..LayerConfig::default()
    }))
}

/// tf_keras writes the axis that it found, Keras 3 the one that was given, which is -1 nearly always. The rank tells
/// whether the one is the other.
fn axis_from_the_end(config: &mut Map<String, Value>, build: Option<&Value>) {
    let Some(rank) = build.and_then(|b| b.get("input_shape")).and_then(Value::as_array).map(Vec::len) else {
        return;
    };
    let last = |v: &Value| {
        v.as_u64().is_some_and(|a| usize::try_from(a).ok().and_then(|a| a.checked_add(1)) == Some(rank))
    };
    match config.get_mut("axis") {
        Some(Value::Array(list)) => list.iter_mut().filter(|v| last(v)).for_each(|v| *v = json!(-1)),
        Some(axis) if last(axis) => *axis = json!(-1),
        _ => {}
    }
}
