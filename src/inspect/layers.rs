//! The layers of a model: their classes, shapes and numbers of parameters.

use rhyton_engine::graph::LayerRef;
use rhyton_engine::models::Network;
use rhyton_persist::Location;
use rhyton_persist::tree::{ModelConfig, Object, Tree};
use serde_json::Value;

use crate::saving::network_of;

/// A layer of a model.
#[derive(Clone, Debug)]
pub struct LayerFacts {
    /// Name.
    pub name: String,
    /// Class.
    pub class: String,
    /// `(None, 10)`; `?` where nobody knows.
    pub output_shape: String,
    /// Numbers in its variables; `None` where the arrays are not those that the configs say.
    pub parameters: Option<u64>,
}

pub(super) fn class_of(config: &ModelConfig) -> &'static str {
    match config.kind {
        rhyton_persist::tree::ModelKind::Sequential => "Sequential",
        rhyton_persist::tree::ModelKind::Functional => "Functional",
    }
}

pub(super) fn size(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |n, d| n.saturating_mul(*d as u64))
}

pub(super) fn count(object: &Object) -> u64 {
    let own = object.variables.iter().map(|v| size(&v.shape));
    own.chain(object.children.iter().map(|(_, child)| count(child))).fold(0, u64::saturating_add)
}

/// As Keras lists them: a Sequential without its input layer.
pub(super) fn layers(config: &ModelConfig, tree: Option<&Tree>, path: &Location) -> Vec<LayerFacts> {
    let sequential = class_of(config) == "Sequential";
    // Where all layers are known, the network knows their shapes.
    let network = network_of(config, path).ok();
    let shown = config.layers.iter().filter(|l| !(sequential && l.class_name == "InputLayer"));
    let facts = shown.enumerate().map(|(i, layer)| LayerFacts {
        name: layer.name.clone(),
        class: layer.class_name.clone(),
        output_shape: network
            .as_ref()
            .and_then(|root| output_shape(root, &layer.name))
            .or_else(|| layer.config.get("batch_shape").map(shape_text))
            .unwrap_or_else(|| "?".into()),
        parameters: tree.and_then(|t| t.root.children.get(i)).map(|(_, object)| count(object)),
    });
    facts.collect()
}

fn output_shape(root: &LayerRef, name: &str) -> Option<String> {
    let held = root.layer();
    let network = held.as_any().downcast_ref::<Network>()?;
    let calls = network.calls.iter().rev();
    let call = calls.into_iter().find(|c| network.layers.get(c.layer).is_some_and(|l| l.name() == name))?;
    let shapes: Vec<String> = call.outputs.iter().map(|(shape, _)| shape.to_string()).collect();
    Some(if let [one] = shapes.as_slice() { one.clone() } else { format!("[{}]", shapes.join(", ")) })
}

fn shape_text(shape: &Value) -> String {
    let axis = |v: &Value| v.as_u64().map_or("None".to_owned(), |n| n.to_string());
    let axes: Vec<String> = shape.as_array().into_iter().flatten().map(axis).collect();
    format!("({})", axes.join(", "))
}
