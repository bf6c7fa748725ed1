//! Layer calls of functional models: Keras 3's `{"args": ..., "kwargs": ...}` and tf_keras' nested lists.

use serde_json::{Map, Value, json};

use super::{Context, kind_of};
use crate::Error;
use crate::tree::{Arg, Call, Dialect, LayerConfig, ModelKind, TensorRef};

/// Layers whose further inputs are initial states, which tf_keras lists behind the input.
pub(super) const RECURRENT: &[&str] =
    &["RNN", "SimpleRNN", "LSTM", "GRU", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"];

/// Holds what tf_keras makes of operators and functions of TensorFlow that are used as layers. Their first argument is a tensor or a list as it
/// stands.
pub(super) const OPERATIONS: &[&str] =
    &["TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"];

/// Names of positional arguments after the first, which tf_keras writes as keywords.
fn positional(class: &str) -> &'static [&'static str] {
    match class {
        "MultiHeadAttention" => &["value", "key"],
        "LSTM" | "GRU" | "SimpleRNN" | "RNN" | "Bidirectional" => &["initial_state", "mask"],
        _ => &[],
    }
}

/// A reference `["dense", 0, 0]`.
pub(super) fn tensor_ref(value: &Value) -> Option<TensorRef> {
    let list = value.as_array()?;
    let index = |i: usize| list.get(i).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    Some(TensorRef { layer: list.first()?.as_str()?.to_owned(), node: index(1)?, tensor: index(2)? })
}

/// The same, written.
pub(super) fn write_ref(tensor: &TensorRef, offset: usize) -> Value {
    json!([tensor.layer, tensor.node + offset, tensor.tensor])
}

/// Reads `inbound_nodes`.
pub(super) fn read(cx: &Context<'_>, place: &str, class: &str, nodes: &Value) -> Result<Vec<Call>, Error> {
    let nodes = cx.list(place, nodes)?;
    let calls = nodes.iter().enumerate().map(|(i, node)| {
        let place = format!("{place}[{i}]");
        match node {
            Value::Object(node) => read_keras3(cx, &place, node),
            Value::Array(node) => read_tf_keras(cx, &place, class, node),
            other => Err(cx.error(&place, kind_of(other), "the arguments of a call")),
        }
    });
    calls.collect()
}

/// The shapes of the tensors in the first call of an attention layer, as its `build_config` says them.
pub(super) fn attention_shapes(nodes: &Value) -> Option<Value> {
    let node = nodes.get(0)?;
    let shape = |tensor: &Value| tensor.pointer("/config/shape").filter(|s| s.is_array()).cloned();
    let names = ["query_shape", "value_shape", "key_shape"];
    let by_place =
        names.iter().zip(node.get("args")?.as_array()?).map(|(name, tensor)| (*name, shape(tensor)));
    let by_name = ["query", "value", "key"].iter().zip(names).filter_map(|(name, shape_name)| {
        node.get("kwargs").and_then(|k| k.get(name)).map(|tensor| (shape_name, shape(tensor)))
    });
    let shapes: Option<Map<String, Value>> =
        by_place.chain(by_name).map(|(name, shape)| shape.map(|s| (name.to_owned(), s))).collect();
    shapes.filter(|s| s.contains_key("query_shape")).map(|shapes| json!({"shapes_dict": shapes}))
}

/// The shape of the first argument of a layer's first call, as Keras 3 says it.
pub(super) fn input_shape(nodes: &Value) -> Option<Value> {
    fn shape(argument: &Value) -> Option<Value> {
        match argument {
            Value::Array(list) if !list.is_empty() => list.iter().map(shape).collect(),
            // One axis of any length is what stands where nobody knew.
            other => other.pointer("/config/shape").filter(|s| s.is_array() && **s != json!([null])).cloned(),
        }
    }
    shape(nodes.get(0)?.get("args")?.get(0)?)
}

fn read_keras3(cx: &Context<'_>, place: &str, node: &Map<String, Value>) -> Result<Call, Error> {
    let empty = Value::Array(Vec::new());
    let args = cx.list(&format!("{place}.args"), node.get("args").unwrap_or(&empty))?;
    let args = args.iter().map(|a| keras3_arg(cx, place, a)).collect::<Result<_, _>>()?;
    let mut kwargs = Vec::new();
    if let Some(given) = node.get("kwargs") {
        for (name, value) in cx.map(&format!("{place}.kwargs"), given)? {
            // Null is every argument's default, and the model's own call overrides `training`.
            if !value.is_null() && name != "training" {
                kwargs.push((name.clone(), keras3_arg(cx, place, value)?));
            }
        }
    }
    Ok(Call { args, kwargs, bare: false })
}

fn keras3_arg(cx: &Context<'_>, place: &str, value: &Value) -> Result<Arg, Error> {
    if value.get("class_name").is_some_and(|c| c == "__keras_tensor__") {
        let tensor = value.pointer("/config/keras_history").and_then(tensor_ref);
        let missing =
            || cx.error(place, "a tensor without a history", "`keras_history`: layer, node, tensor");
        return tensor.map(Arg::Tensor).ok_or_else(missing);
    }
    match value {
        Value::Array(list) => {
            let list: Vec<Arg> = list.iter().map(|v| keras3_arg(cx, place, v)).collect::<Result<_, _>>()?;
            // A list of plain values is a value.
            let plain = list.iter().all(|a| matches!(a, Arg::Value(_)));
            Ok(if plain { Arg::Value(value.clone()) } else { Arg::List(list) })
        }
        Value::Object(map) if contains_tensor(value) => {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            let what = format!("an object of tensors ({}) as argument", keys.join(", "));
            Err(cx.unsupported(place, what, "pass the tensors in a list"))
        }
        other => Ok(Arg::Value(other.clone())),
    }
}

fn contains_tensor(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            map.get("class_name").is_some_and(|c| c == "__keras_tensor__")
                || map.values().any(contains_tensor)
        }
        Value::Array(list) => list.iter().any(contains_tensor),
        _ => false,
    }
}

fn read_tf_keras(cx: &Context<'_>, place: &str, class: &str, node: &[Value]) -> Result<Call, Error> {
    let mut call = Call::default();
    // A call of one tensor may stand without a list around it.
    let single = node.first().is_some_and(Value::is_string);
    call.bare = single;
    let keeps_structure = OPERATIONS.contains(&class);
    let whole = Value::Array(node.to_vec());
    let entries: Vec<&Value> = if single { vec![&whole] } else { node.iter().collect() };
    let mut args = Vec::new();
    for entry in entries {
        let list = cx.list(place, entry)?;
        // The keywords stand with each tensor, always the same.
        if let (true, Some(kwargs)) = (call.kwargs.is_empty(), list.get(3)) {
            for (name, value) in cx.map(place, kwargs)? {
                if !value.is_null() || keeps_structure {
                    call.kwargs.push((name.clone(), tf_keras_arg(value)));
                }
            }
        }
        args.push(if is_constant(list) {
            Arg::Value(list.get(2).cloned().unwrap_or_default())
        } else {
            let tensor = tensor_ref(entry);
            Arg::Tensor(
                tensor.ok_or_else(|| cx.error(place, &short(entry), "[layer, node, tensor, keywords]"))?,
            )
        });
    }
    let mut args = args.into_iter();
    if let Some(first) = args.next() {
        let rest: Vec<Arg> = args.collect();
        if rest.is_empty() && (single || !keeps_structure) {
            call.args.push(first);
        } else if RECURRENT.contains(&class) {
            call.args.push(first);
            call.kwargs.push(("initial_state".into(), Arg::List(rest)));
        } else {
            call.args.push(Arg::List(std::iter::once(first).chain(rest).collect()));
        }
    }
    Ok(call)
}

fn is_constant(list: &[Value]) -> bool {
    list.first().is_some_and(|v| v == "_CONSTANT_VALUE")
}

fn tf_keras_arg(value: &Value) -> Arg {
    match value {
        Value::Array(list) if is_constant(list) => Arg::Value(list.get(2).cloned().unwrap_or_default()),
        Value::Array(list) if list.len() == 3 && list.first().is_some_and(Value::is_string) => {
            tensor_ref(value).map_or_else(|| Arg::Value(value.clone()), Arg::Tensor)
        }
        Value::Array(list) => {
            let list: Vec<Arg> = list.iter().map(tf_keras_arg).collect();
            let plain = list.iter().all(|a| matches!(a, Arg::Value(_)));
            if plain { Arg::Value(value.clone()) } else { Arg::List(list) }
        }
        other => Arg::Value(other.clone()),
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

/// Every reference in a call, for change.
pub(super) fn visit(call: &mut Call, f: &mut impl FnMut(&mut TensorRef)) {
    fn arg(a: &mut Arg, f: &mut impl FnMut(&mut TensorRef)) {
        match a {
            Arg::Tensor(tensor) => f(tensor),
            Arg::List(list) => list.iter_mut().for_each(|a| arg(a, f)),
            Arg::Value(_) => {}
        }
    }
    call.args.iter_mut().chain(call.kwargs.iter_mut().map(|(_, a)| a)).for_each(|a| arg(a, f));
}

/// Calls `f` with every tensor of a call, in order.
pub(super) fn each<'c>(call: &'c Call, f: &mut impl FnMut(&'c TensorRef)) {
    fn arg<'c>(a: &'c Arg, f: &mut impl FnMut(&'c TensorRef)) {
        match a {
            Arg::Tensor(tensor) => f(tensor),
            Arg::List(list) => list.iter().for_each(|a| arg(a, f)),
            Arg::Value(_) => {}
        }
    }
    call.args.iter().chain(call.kwargs.iter().map(|(_, a)| a)).for_each(|a| arg(a, f));
}

/// What a writer must know of the other layers.
pub(super) struct Layers<'a> {
    pub(super) layers: &'a [LayerConfig],
}

impl Layers<'_> {
    /// What tf_keras adds to the call's index: models that know their input have a call of their own before.
    pub(super) fn offset(&self, name: &str) -> usize {
        self.layers.iter().find(|l| l.name == name).map_or(0, call_offset)
    }

    /// Returns what Keras 3 adds to it among a model's inputs and outputs.
    pub(super) fn end_offset(&self, name: &str) -> usize {
        self.layers.iter().find(|l| l.name == name).map_or(0, end_offset)
    }
}

/// See [`Layers::offset`].
pub(super) fn call_offset(layer: &LayerConfig) -> usize {
    match &layer.model {
        Some(model) => usize::from(model.layers.first().is_some_and(|l| l.class_name == "InputLayer")),
        None => 0,
    }
}

/// See [`Layers::end_offset`].
pub(super) fn end_offset(layer: &LayerConfig) -> usize {
    usize::from(layer.model.as_ref().is_some_and(|model| model.kind == ModelKind::Functional))
}

/// Writes `inbound_nodes`.
pub(super) fn write(
    cx: &Context<'_>,
    place: &str,
    layer: &LayerConfig,
    layers: &Layers<'_>,
) -> Result<Value, Error> {
    let nodes = layer.calls.iter().map(|call| match cx.dialect {
        Dialect::Keras3 => Ok(write_keras3(layer, call, layers)),
        Dialect::TfKeras => write_tf_keras(cx, place, layer, call, layers),
    });
    Ok(Value::Array(nodes.collect::<Result<_, _>>()?))
}

fn write_keras3(layer: &LayerConfig, call: &Call, layers: &Layers<'_>) -> Value {
    let mut index = 0;
    let mut arg = |a: &Arg| keras3_value(a, layer, layers, &mut index);
    let args: Vec<Value> = call.args.iter().map(&mut arg).collect();
    let kwargs: Map<String, Value> = call.kwargs.iter().map(|(name, a)| (name.clone(), arg(a))).collect();
    json!({"args": args, "kwargs": kwargs})
}

fn keras3_value(arg: &Arg, layer: &LayerConfig, layers: &Layers<'_>, index: &mut usize) -> Value {
    match arg {
        Arg::Tensor(tensor) => {
            let producer = layers.layers.iter().find(|l| l.name == tensor.layer);
            let input = producer.filter(|l| l.class_name == "InputLayer");
            let dtype =
                input.and_then(|l| l.config.get("dtype")).cloned().unwrap_or_else(|| "float32".into());
            // Keras computes the true shape when it calls the layer; what stands here needs only to be a shape.
            let shape = input.and_then(|l| l.config.get("batch_shape")).cloned();
            let shape = shape.or_else(|| built_shape(layer, *index)).unwrap_or_else(|| json!([null]));
            *index += 1;
            json!({
                "class_name": "__keras_tensor__",
                "config": {"shape": shape, "dtype": dtype, "keras_history": write_ref(tensor, 0)},
            })
        }
        Arg::List(list) => Value::Array(list.iter().map(|a| keras3_value(a, layer, layers, index)).collect()),
        Arg::Value(value) => value.clone(),
    }
}

/// The shape of a layer's input, from its `build_config` or from the graph that it was read from.
fn built_shape(layer: &LayerConfig, index: usize) -> Option<Value> {
    let from_build = layer.build_config.as_ref().and_then(|build| of_build(build, index));
    from_build.or_else(|| one_of(layer.input_shape.as_ref()?, index))
}

fn one_of(shape: &Value, index: usize) -> Option<Value> {
    let several = shape.as_array()?.iter().any(Value::is_array);
    if several { shape.get(index).cloned() } else { Some(shape.clone()) }
}

/// The shapes in a list of lists.
fn flatten<'v>(shape: &'v Value, out: &mut Vec<&'v Value>) {
    match shape.as_array() {
        Some(list) if list.iter().any(Value::is_array) => list.iter().for_each(|s| flatten(s, out)),
        _ => out.push(shape),
    }
}

fn of_build(build: &Value, index: usize) -> Option<Value> {
    if let Some(shapes) = build.get("shapes_dict").and_then(Value::as_object) {
        let mut flat = Vec::new();
        shapes.values().for_each(|shape| flatten(shape, &mut flat));
        return flat.get(index).or(flat.first()).map(|shape| (*shape).clone());
    }
    one_of(build.get("input_shape")?, index)
}

fn write_tf_keras(
    cx: &Context<'_>,
    place: &str,
    layer: &LayerConfig,
    call: &Call,
    layers: &Layers<'_>,
) -> Result<Value, Error> {
    let mut args = call.args.iter();
    let mut kwargs = Map::new();
    let mut first: Vec<&Arg> = match args.next() {
        Some(Arg::List(list)) => list.iter().collect(),
        Some(other) => vec![other],
        None => Vec::new(),
    };
    let named = args.enumerate().map(|(i, arg)| match positional(&layer.class_name).get(i) {
        Some(name) => Ok((*name, arg)),
        None => {
            let what = format!("a call with {} positional arguments", call.args.len());
            Err(cx.unsupported(place, what, "pass all but the first by name, or write the Keras 3 dialect"))
        }
    });
    let named: Vec<(&str, &Arg)> = named.collect::<Result<_, _>>()?;
    for (name, arg) in named.into_iter().chain(call.kwargs.iter().map(|(name, arg)| (name.as_str(), arg))) {
        match arg {
            Arg::List(states)
                if name == "initial_state" && RECURRENT.contains(&layer.class_name.as_str()) =>
            {
                first.extend(states);
            }
            _ => {
                kwargs.insert(name.into(), tf_keras_value(arg, layers));
            }
        }
    }
    let whole = call.bare && first.len() == 1;
    let entry = |arg: &&Arg| match arg {
        Arg::Tensor(t) => Ok(json!([t.layer, t.node + layers.offset(&t.layer), t.tensor, kwargs])),
        Arg::Value(value) => Ok(json!(["_CONSTANT_VALUE", -1, value, kwargs])),
        Arg::List(_) => Err(cx.unsupported(place, "a list inside a list of tensors".into(), "pass one list")),
    };
    let mut entries: Vec<Value> = first.iter().map(entry).collect::<Result<_, _>>()?;
    Ok(match entries.pop() {
        Some(one) if whole => one,
        last => entries.into_iter().chain(last).collect(),
    })
}

fn tf_keras_value(arg: &Arg, layers: &Layers<'_>) -> Value {
    match arg {
        Arg::Tensor(tensor) => write_ref(tensor, layers.offset(&tensor.layer)),
        Arg::List(list) => Value::Array(list.iter().map(|a| tf_keras_value(a, layers)).collect()),
        Arg::Value(value) => value.clone(),
    }
}
