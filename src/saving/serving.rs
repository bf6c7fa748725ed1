//! From the engine's serving graph to the tree's.

use rhyton_engine::export;
use rhyton_engine::graph::{LayerRef, Variable};
use rhyton_engine::models;
use rhyton_persist::tree::{
    Attribute, DType, ModelConfig, Object, Place, Port, Serving, ServingNode, Source,
};

use super::to_tree::{children, object};
use crate::Error;

/// Returns the serving graph of a model.
///
/// # Errors
/// It has none: what to say of that once the model is saved.
pub(super) fn serving(root: &LayerRef) -> Result<Serving, String> {
    let made = models::serving(root).and_then(|serving| converted(root, &serving));
    made.map_err(|why| without(&root.name(), &why))
}

/// The serving graph of a model that is written from its configs and arrays, given the network of them; as [`serving()`].
pub(super) fn of_tree(
    config: &ModelConfig,
    root: &Object,
    network: Result<LayerRef, Error>,
) -> Result<Serving, String> {
    let known = network.map_err(|e| e.to_string()).and_then(|network| {
        let built =
            network.layer().as_any().downcast_ref::<models::Network>().is_some_and(models::Network::is_built);
        match (built, fits(&network, root)) {
            (false, _) => Err("its input shape is not known".into()),
            // The graph reads them as the layers have them.
            (true, false) => Err("its variables are of other types than its layers have".into()),
            (true, true) => Ok(network),
        }
    });
    known.map_err(|why| without(&config.name, &why)).and_then(|network| serving(&network))
}

/// Returns whether the variables of a model's arrays are of the types that its layers have.
pub(super) fn fits(network: &LayerRef, root: &Object) -> bool {
    same_types(&object(network, None), root)
}

/// Returns whether the variables of an object, and of those inside, are of the types that the layers have.
fn same_types(layer: &Object, file: &Object) -> bool {
    let types = |object: &Object| object.variables.iter().map(|v| v.dtype).collect::<Vec<_>>();
    let child = |name: &str| file.children.iter().find(|(edge, _)| edge == name);
    types(layer) == types(file)
        && layer.children.iter().all(|(edge, l)| child(edge).is_some_and(|(_, f)| same_types(l, f)))
}

fn without(name: &str, why: &str) -> String {
    format!(
        "the model `{name}` is saved without a serving signature: {why}. It loads and trains on; programs that run its graph \
         alone (TensorFlow Serving) cannot use it."
    )
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
    Ok(Serving {
        inputs: ports(&serving.inputs),
        outputs: ports(&serving.outputs),
        variables,
        nodes: serving.nodes.iter().map(node).collect(),
    })
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
        export::Element::F16 => DType::F16,
        export::Element::BF16 => DType::BF16,
        export::Element::I32 => DType::I32,
        export::Element::U32 => DType::U32,
        export::Element::I8 => DType::I8,
        export::Element::U8 => DType::U8,
        export::Element::I16 => DType::I16,
        export::Element::U16 => DType::U16,
        export::Element::I64 => DType::I64,
        export::Element::U64 => DType::U64,
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
