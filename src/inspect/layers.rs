//! The layers of a model: classes, shapes, numbers of parameters, configs, and which of them feed which.

use rhyton_engine::types::Shape;
use rhyton_persist::tree::{LayerConfig, ModelConfig, ModelKind, Object};
use serde_json::{Map, Value};

use super::shapes::{Shapes, tensors};

/// A layer of a model.
#[derive(Clone, Debug)]
pub struct LayerFacts {
    /// Name.
    pub name: String,
    /// Class.
    pub class: String,
    /// Class of the layer inside it, where it wraps one: of `Bidirectional(LSTM)`, `LSTM`.
    pub wraps: Option<String>,
    /// Shapes of its outputs (of its last call), `None` where nobody knows. Empty where nobody knows how many there are.
    pub output_shapes: Vec<Option<Shape>>,
    /// Numbers in its variables; `None` where the arrays are not those that the configs say.
    pub parameters: Option<u64>,
    /// In a functional model the tensors that it reads, in all its calls, as Keras' summary has them: `dense[0][0]`. `None` in a Sequential.
    pub connected_to: Option<Vec<String>>,
    /// Its config.
    pub config: Map<String, Value>,
    /// The layers of a model that is a layer.
    pub layers: Vec<LayerFacts>,
}

impl LayerFacts {
    /// `Dense`, `Bidirectional(LSTM)`.
    pub fn full_class(&self) -> String {
        match &self.wraps {
            Some(inner) => format!("{}({inner})", self.class),
            None => self.class.clone(),
        }
    }
}

pub(super) fn class_of(config: &ModelConfig) -> &'static str {
    match config.kind {
        ModelKind::Sequential => "Sequential",
        ModelKind::Functional => "Functional",
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
pub(super) fn layers(config: &ModelConfig, root: Option<&Object>) -> Vec<LayerFacts> {
    within(config, root, Some(&Shapes::of(config, &[])))
}

fn within(config: &ModelConfig, object: Option<&Object>, shapes: Option<&Shapes>) -> Vec<LayerFacts> {
    let sequential = config.kind == ModelKind::Sequential;
    let shown = config.layers.iter().filter(|l| !(sequential && l.class_name == "InputLayer"));
    let facts = shown.enumerate().map(|(i, layer)| {
        let object = object.and_then(|o| o.children.get(i)).map(|(_, child)| child);
        let inner = shapes.and_then(|s| s.inner(&layer.name));
        LayerFacts {
            name: layer.name.clone(),
            class: layer.class_name.clone(),
            wraps: wraps(&layer.config),
            output_shapes: shapes.map(|s| s.outputs(&layer.name)).unwrap_or_default(),
            parameters: object.map(count),
            connected_to: (!sequential).then(|| connections(layer)),
            config: layer.config.clone(),
            layers: layer.model.as_ref().map(|model| within(model, object, inner)).unwrap_or_default(),
        }
    });
    facts.collect()
}

fn connections(layer: &LayerConfig) -> Vec<String> {
    let read = layer.calls.iter().flat_map(tensors);
    read.map(|r| format!("{}[{}][{}]", r.layer, r.node, r.tensor)).collect()
}

/// The class of the layer (or cells) that a config wraps.
fn wraps(config: &Map<String, Value>) -> Option<String> {
    let class = |serialized: &Value| {
        let class = serialized.get("class_name")?.as_str()?;
        let inner = serialized.get("config").and_then(Value::as_object).and_then(wraps);
        Some(inner.map_or(class.to_owned(), |inner| format!("{class}({inner})")))
    };
    let one = ["layer", "cell"].iter().find_map(|key| config.get(*key).and_then(class));
    one.or_else(|| {
        let cells = config.get("cells")?.as_array()?;
        Some(cells.iter().map(class).collect::<Option<Vec<_>>>()?.join(", "))
    })
}
