//! From the engine's serving graph to the tree's.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use rhyton_engine::export;
use rhyton_engine::graph::{LayerRef, Variable};
use rhyton_engine::models;
use rhyton_persist::tree::{Attribute, DType, Place, Port, Serving, ServingNode, Source};

use super::to_tree::children;

/// The serving graph of a model; `None`, after saying why, where it has none.
pub(super) fn serving(root: &LayerRef) -> Option<Serving> {
    let made = models::serving(root).and_then(|serving| converted(root, &serving));
    match made {
        Ok(serving) => Some(serving),
        Err(why) => none(&root.name(), &why),
    }
}

/// Says why a model has no serving graph.
pub(super) fn none(model: &str, why: &str) -> Option<Serving> {
    say(&format!(
        "the model `{model}` is saved without a serving signature: {why}. It loads and trains on; programs that run its graph \
         alone (TensorFlow Serving) cannot use it."
    ));
    None
}

/// Says something on stderr, once: a callback may save every epoch.
fn say(text: &str) {
    static SAID: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.get_or_insert_default().insert(text.into()) {
        eprintln!("Warning: {text}");
    }
}

fn converted(root: &LayerRef, serving: &models::Serving) -> Result<Serving, String> {
    let lost = |v: &Variable| format!("the variable `{}` is none of the model's layers'", v.name());
    let variables = serving
        .variables
        .iter()
        .map(|v| place(root, v, &mut vec![]).ok_or_else(|| lost(v)))
        .collect::<Result<_, _>>()?;
    let ports = |ports: &[models::Port]| {
        let port = |port: &models::Port| Port {
            name: port.name.clone(),
            dtype: dtype(port.element),
            shape: port.shape.clone(),
            source: source(port.source),
        };
        ports.iter().map(port).collect()
    };
    let node = |node: &export::Node| ServingNode {
        scope: node.scope.clone(),
        op: node.op.into(),
        output: node.output.into(),
        inputs: node.inputs.iter().copied().map(source).collect(),
        attributes: node.attributes.iter().map(|(name, a)| ((*name).into(), attribute(a))).collect(),
    };
    let mut converted = Serving {
        inputs: ports(&serving.inputs),
        outputs: ports(&serving.outputs),
        variables,
        nodes: serving.nodes.iter().map(node).collect(),
    };
    for (number, declared) in declared(root).into_iter().enumerate() {
        if let Some(declared) = declared {
            declare(&mut converted, number, declared);
        }
    }
    Ok(converted)
}

/// The element types that the input layers declare, where they say one.
fn declared(root: &LayerRef) -> Vec<Option<DType>> {
    use DType::*;
    let held = root.layer();
    let Some(network) = held.as_any().downcast_ref::<models::Network>() else { return vec![] };
    let of = |call: &usize| {
        let settings = network.layers.get(network.calls.get(*call)?.layer)?.settings();
        let name = settings.dtype.as_ref()?.as_str()?.to_owned();
        [F16, BF16, F32, F64, I8, I16, I32, I64, U8, U16, U32, Bool].into_iter().find(|t| t.name() == name)
    };
    network.inputs.iter().map(of).collect()
}

/// Lets an input have the type that its layer declares, where the engine computes with another.
fn declare(serving: &mut Serving, number: usize, declared: DType) {
    let Some(port) = serving.inputs.get_mut(number).filter(|port| port.dtype != declared) else { return };
    let computed = std::mem::replace(&mut port.dtype, declared);
    let cast = ServingNode {
        scope: String::new(),
        op: "Cast".into(),
        output: "y".into(),
        inputs: vec![Source::Input(number)],
        attributes: vec![
            ("SrcT".into(), Attribute::Type(declared)),
            ("DstT".into(), Attribute::Type(computed)),
        ],
    };
    let moved = |source: &mut Source| match source {
        Source::Input(i) if *i == number => *source = Source::Node(0),
        Source::Node(i) => *i += 1,
        _ => {}
    };
    serving.nodes.iter_mut().flat_map(|n| &mut n.inputs).for_each(moved);
    serving.outputs.iter_mut().for_each(|port| moved(&mut port.source));
    serving.nodes.insert(0, cast);
}

/// Where a variable is in the tree's object of a layer.
fn place(layer: &LayerRef, variable: &Variable, way: &mut Vec<usize>) -> Option<Place> {
    if let Some(found) = layer.own_variables().iter().position(|v| v == variable) {
        return Some(Place { children: way.clone(), variable: found });
    }
    for (i, (_, child)) in children(layer).into_iter().enumerate() {
        way.push(i);
        let found = place(&child, variable, way);
        way.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}

fn source(source: export::Source) -> Source {
    match source {
        export::Source::Input(i) => Source::Input(i),
        export::Source::Variable(i) => Source::Variable(i),
        export::Source::Node(i) => Source::Node(i),
    }
}

fn dtype(element: export::Element) -> DType {
    match element {
        export::Element::F32 => DType::F32,
        export::Element::I32 => DType::I32,
        export::Element::U32 => DType::U32,
        export::Element::Bool => DType::Bool,
    }
}

fn attribute(attribute: &export::Attribute) -> Attribute {
    match attribute {
        export::Attribute::Type(element) => Attribute::Type(dtype(*element)),
        export::Attribute::Bool(yes) => Attribute::Bool(*yes),
        export::Attribute::Int(n) => Attribute::Int(*n),
        export::Attribute::Ints(list) => Attribute::Ints(list.clone()),
        export::Attribute::Text(text) => Attribute::Text((*text).into()),
        export::Attribute::Tensor(element, shape, words) => {
            let bytes = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            Attribute::Tensor(dtype(*element), shape.clone(), bytes)
        }
    }
}
