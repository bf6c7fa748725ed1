//! The architecture of a model.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::objects::{self, Role};
use super::{Context, Form, as_found, calls, ends, identity, integers, kinds, layer, ops};
use crate::tree::{Dialect, Found, LayerConfig, ModelConfig, ModelKind, TensorRef};
use crate::{Error, limits};

/// Reads a model with everything below it.
pub(crate) fn read_model(cx: &Context<'_>, value: &Value) -> Result<ModelConfig, Error> {
    let model = read(cx, "model", value, 0)?;
    Ok(ModelConfig { found: as_found::keep(cx, value), ..model })
}

/// Returns whether a model is of a class whose config does not say what it is made of.
pub(crate) fn is_subclassed(value: &Value) -> bool {
    let class = value.get("class_name").and_then(Value::as_str);
    let lists = value.get("config").is_some_and(|config| config.is_array() || config.get("layers").is_some());
    class.is_some_and(|class| !matches!(class, "Sequential" | "Functional" | "Model")) && !lists
}

/// Whether a class is a model whose config lists layers.
fn is_model(class: &str, config: &Value) -> bool {
    let layers = config.is_array() || config.get("layers").is_some_and(Value::is_array);
    matches!(class, "Sequential" | "Functional" | "Model") && layers
}

fn read(cx: &Context<'_>, place: &str, value: &Value, depth: usize) -> Result<ModelConfig, Error> {
    if depth > limits::MODEL_DEPTH {
        return Err(cx.error(place, "models inside models", &format!("{} at most", limits::MODEL_DEPTH)));
    }
    let map = cx.map(place, value)?;
    let class = cx.text(place, map, "class_name")?;
    let config = map.get("config").unwrap_or(&Value::Null);
    let graph = config.get("input_layers").is_some() && config.get("output_layers").is_some();
    let kind = match class {
        "Sequential" => ModelKind::Sequential,
        "Functional" | "Model" => ModelKind::Functional,
        // A subclass of a functional model, saved with its graph.
        _ if graph && config.get("layers").is_some() => ModelKind::Functional,
        other => {
            let what = format!("the model class `{other}`");
            return Err(cx.unsupported(
                place,
                what,
                "only Sequential and functional models say what they are made of",
            ));
        }
    };
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
        for (key, bare) in [("input_layers", true), ("output_layers", false)] {
            let value = rest.get(key).unwrap_or(&Value::Null);
            let (list, nested) = ends::read(cx, &format!("{place}.config.{key}"), value)?;
            // One tensor is one tensor, in a list or not: so do Keras' own loaders see it.
            let single = list.len() == 1 && !nested;
            if nested {
                model.config.insert(key.into(), value.clone());
            }
            if bare {
                (model.inputs, model.bare.0) = (list, single);
            } else {
                (model.outputs, model.bare.1) = (list, single);
            }
        }
        count_from_zero(cx.dialect, &mut model);
        check_references(cx, place, &model)?;
    }
    Ok(model)
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

/// Every reference must lead to a call that is there.
fn check_references(cx: &Context<'_>, place: &str, model: &ModelConfig) -> Result<(), Error> {
    let calls =
        |l: &LayerConfig| if l.class_name == "InputLayer" { usize::MAX } else { l.calls.len().max(1) };
    let layers: HashMap<&str, usize> = model.layers.iter().map(|l| (l.name.as_str(), calls(l))).collect();
    let known =
        |tensor: &TensorRef| layers.get(tensor.layer.as_str()).is_some_and(|calls| tensor.node < *calls);
    let mut bad = None;
    for layer in &model.layers {
        for call in &layer.calls {
            calls::each(call, &mut |tensor| {
                if !known(tensor) {
                    bad.get_or_insert((format!("{place}, layer `{}`", layer.name), tensor.clone()));
                }
            });
        }
    }
    for tensor in model.inputs.iter().chain(&model.outputs) {
        if !known(tensor) {
            bad.get_or_insert((place.to_owned(), tensor.clone()));
        }
    }
    match bad {
        None => check_order(cx, place, model),
        Some((place, tensor)) => {
            let found = format!("a tensor of call {} of `{}`", tensor.node, tensor.layer);
            Err(cx.error(&place, &found, "a call of one of the model's layers"))
        }
    }
}

/// The calls of a model must have an order: a call that waits for itself has no value.
fn check_order(cx: &Context<'_>, place: &str, model: &ModelConfig) -> Result<(), Error> {
    order(model).map(drop).map_err(|stuck| {
        let place = format!("{place}, layer `{stuck}`");
        cx.error(&place, "a call whose inputs wait for its own output", "calls in an order")
    })
}

/// Returns the calls of a model, each behind those whose outputs it takes: the places of their layers, and their numbers there. The error is the
/// name of a layer whose call waits for itself.
pub(super) fn order(model: &ModelConfig) -> Result<Vec<(usize, usize)>, String> {
    // Calls by their number, those of a layer one after the other.
    let mut first = HashMap::new();
    let mut owners = Vec::new();
    for (place, layer) in model.layers.iter().enumerate() {
        first.insert(layer.name.as_str(), owners.len());
        owners.extend((0..layer.calls.len().max(1)).map(|call| (place, call)));
    }
    let name = |call: usize| {
        owners
            .get(call)
            .and_then(|(place, _)| model.layers.get(*place))
            .map_or("", |layer| layer.name.as_str())
    };
    let mut waits = vec![0usize; owners.len()];
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); owners.len()];
    for layer in model.layers.iter().filter(|l| l.class_name != "InputLayer") {
        let Some(start) = first.get(layer.name.as_str()) else { continue };
        for (i, call) in layer.calls.iter().enumerate() {
            calls::each(call, &mut |tensor| {
                let from = first.get(tensor.layer.as_str()).and_then(|first| first.checked_add(tensor.node));
                // Who counts the calls of an input means its only one.
                let input = from.is_none_or(|from| name(from) != tensor.layer);
                if let (Some(from), false) = (from, input) {
                    if let Some(list) = next.get_mut(from) {
                        list.push(start + i);
                    }
                    if let Some(n) = waits.get_mut(start + i) {
                        *n += 1;
                    }
                }
            });
        }
    }
    let mut ready: Vec<usize> = (0..owners.len()).filter(|i| waits.get(*i) == Some(&0)).collect();
    let mut done = Vec::new();
    while let Some(call) = ready.pop() {
        done.extend(owners.get(call).copied());
        for later in next.get_mut(call).map(std::mem::take).unwrap_or_default() {
            if let Some(n) = waits.get_mut(later) {
                *n -= 1;
                if *n == 0 {
                    ready.push(later);
                }
            }
        }
    }
    if done.len() == owners.len() {
        return Ok(done);
    }
    Err(waits.iter().position(|n| *n > 0).map(name).unwrap_or_default().to_owned())
}

/// The input layer that older files of Sequential models leave out.
fn implied_input(cx: &Context<'_>, place: &str, first: &Value) -> Result<Option<LayerConfig>, Error> {
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
    let dtype = first.pointer("/config/dtype").and_then(Value::as_str).filter(|d| !d.starts_with("mixed_"));
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

fn read_layer(cx: &Context<'_>, place: &str, value: &Value, depth: usize) -> Result<LayerConfig, Error> {
    let map = cx.map(place, value)?;
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
    if registered.is_none() && is_model(&class, config) {
        let model = read(cx, place, value, depth + 1)?;
        let name = own_name.unwrap_or(&model.name).to_owned();
        let mut config = model.config.clone();
        config.insert("name".into(), name.as_str().into());
        let (class, module) = match model.kind {
            ModelKind::Sequential => ("Sequential", "keras"),
            ModelKind::Functional => ("Functional", "keras.src.models.functional"),
        };
        return Ok(LayerConfig {
            class_name: class.into(),
            registered_name: None,
            module: Some(module.into()),
            name,
            config,
            build_config,
            input_shape: map.get("inbound_nodes").and_then(calls::input_shape),
            calls,
            model: Some(Box::new(model)),
        });
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
    if class == "MultiHeadAttention" && cx.dialect == Dialect::TfKeras {
        build_config = layer::attention_shapes(&config).or(build_config);
        for key in ["query_shape", "key_shape", "value_shape"] {
            config.shift_remove(key);
        }
    }
    if class == "MultiHeadAttention" && build_config.is_none() {
        // Keras 3's `.h5` says them with the call alone.
        build_config = map.get("inbound_nodes").and_then(calls::attention_shapes);
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
        input_shape: map.get("inbound_nodes").and_then(calls::input_shape),
        calls,
        model: None,
    })
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
        for (key, list) in [("input_layers", &model.inputs), ("output_layers", &model.outputs)] {
            let offset =
                |t: &TensorRef| if keras3 { layers.end_offset(&t.layer) } else { layers.offset(&t.layer) };
            let mut written = list.iter().map(|t| calls::write_ref(t, offset(t)));
            let value = match model.config.get(key) {
                Some(structure) => ends::write(structure, &mut written),
                // A list also for one: every version of both libraries reads it.
                None => written.collect(),
            };
            config.insert(key.into(), value);
        }
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
    if cx.dialect == Dialect::TfKeras && identity::is_op(layer.module.as_deref()) {
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
            let module = layer.module.as_deref().map_or(Value::Null, Value::from);
            objects::wrap(cx, true, &module, &layer.class_name, registered, Value::Object(config))
        }
    };
    let Value::Object(map) = &mut out else { return Ok(out) };
    if cx.form == Form::Keras
        && let Some(build) = &layer.build_config
    {
        let query = build.pointer("/shapes_dict/query_shape");
        // tf_keras knows one shape, or a list of them; Keras 3 names them by argument.
        let first = build.get("shapes_dict").and_then(|shapes| shapes.as_object()?.values().next());
        let states = calls::RECURRENT.contains(&layer.class_name.as_str());
        let inputs = build
            .get("input_shape")
            .and_then(|shape| shape.get(0))
            .filter(|first| states && first.is_array());
        let build = match (cx.dialect, query.or(first), inputs) {
            (Dialect::TfKeras, Some(shape), _) | (Dialect::Keras3, None, Some(shape)) => {
                json!({"input_shape": shape})
            }
            _ => build.clone(),
        };
        map.insert("build_config".into(), build);
    }
    if let Some(graph) = graph {
        map.insert("name".into(), layer.name.as_str().into());
        map.insert("inbound_nodes".into(), calls::write(cx, &place, layer, graph)?);
    }
    Ok(out)
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
