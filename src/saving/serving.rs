//! From the engine's serving graph to the tree's.

use rhyton_engine::export;
use rhyton_engine::graph::{LayerRef, Variable};
use rhyton_engine::models;
use rhyton_persist::tree::{
    Attribute, DType, Element, ModelConfig, Object, Place, Port, Serving, ServingFunction, ServingNode,
    Source,
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
    // Of these tf_keras has float32, whatever the policy, and so have its files.
    let widened: Vec<usize> = (0..serving.variables.len())
        .filter(|i| is_of(root, &serving.variables[*i], "BatchNormalization"))
        .collect();
    let mut nodes = nodes(&serving.nodes);
    for node in nodes.iter_mut().filter(|node| node.op == "Cast") {
        if matches!(node.inputs.as_slice(), [Source::Variable(i)] if widened.contains(i)) {
            let from = node.attributes.iter_mut().filter(|(name, _)| name == "SrcT");
            from.for_each(|(_, of)| *of = Attribute::Type(Element::Of(DType::F32)));
        }
    }
    let ports = |ports: &[models::Port]| {
        let port = |port: &models::Port| {
            let Element::Of(dtype) = element(port.element) else {
                return Err(format!("`{}` is a list of tensors", port.name));
            };
            Ok(Port {
                name: port.name.clone(),
                dtype,
                shape: port.shape.clone(),
                source: source(port.source),
            })
        };
        ports.iter().map(port).collect::<Result<_, String>>()
    };
    Ok(Serving { inputs: ports(&serving.inputs)?, outputs: ports(&serving.outputs)?, variables, nodes })
}

/// Returns whether a variable is one of a layer of this class.
fn is_of(layer: &LayerRef, variable: &Variable, class: &str) -> bool {
    layer.class_name() == class && layer.own_variables().contains(variable)
        || layer.layer().inner().iter().any(|(_, inner)| is_of(inner, variable, class))
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
        export::Source::Output(i, k) => Source::Output(i, k),
    }
}

fn nodes(nodes: &[export::Node]) -> Vec<ServingNode> {
    let node = |node: &export::Node| ServingNode {
        scope: node.scope.clone(),
        op: node.op.into(),
        output: node.output.into(),
        inputs: node.inputs.iter().copied().map(source).collect(),
        attributes: node.attributes.iter().map(|(name, a)| ((*name).into(), attribute(a))).collect(),
    };
    nodes.iter().map(node).collect()
}

fn element(element: export::Element) -> Element {
    Element::Of(match element {
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
        export::Element::Variant => return Element::Variant,
    })
}

fn attribute(attribute: &export::Attribute) -> Attribute {
    match attribute {
        export::Attribute::Type(of) => Attribute::Type(element(*of)),
        export::Attribute::Bool(yes) => Attribute::Bool(*yes),
        export::Attribute::Int(n) => Attribute::Int(*n),
        export::Attribute::Ints(list) => Attribute::Ints(list.clone()),
        export::Attribute::Text(text) => Attribute::Text((*text).into()),
        export::Attribute::Tensor(of, shape, words) => {
            let bytes = words.iter().flat_map(|w| w.to_le_bytes()).collect();
            Attribute::Tensor(element(*of), shape.clone(), bytes)
        }
        export::Attribute::Types(list) => Attribute::Types(list.iter().copied().map(element).collect()),
        export::Attribute::Function(function) => Attribute::Function(ServingFunction {
            arguments: function.arguments.iter().copied().map(element).collect(),
            results: function.results.iter().map(|(s, e)| (source(*s), element(*e))).collect(),
            nodes: nodes(&function.nodes),
        }),
    }
}
