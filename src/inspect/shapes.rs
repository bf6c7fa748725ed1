//! Shapes of a model's tensors, as far as they can be known: known layers compute theirs; behind one that is not known, the file may say
//! for which shapes a later layer was built, and so what the layers before it give.

use std::collections::HashMap;

use rhyton_engine::graph::{LayerRef, LayerSettings};
use rhyton_engine::layers::classes::InputLayer;
use rhyton_engine::models::{Symbol, registry};
use rhyton_engine::train::input_type;
use rhyton_engine::types::{DType, Shape};
use rhyton_persist::tree::{Arg, Call, LayerConfig, ModelConfig, ModelKind, TensorRef};
use serde_json::Value;

use super::rules;
use crate::saving::layer_of;

/// Times that a graph is gone through with what was learned from layers further on.
const ROUNDS: usize = 8;

/// Shape and element type of a tensor.
pub(super) type Type = (Shape, DType);

/// Describes what is known of the tensors of a model.
#[derive(Default)]
pub(super) struct Shapes {
    /// Holds what each call of each layer gives, `None` where nobody knows.
    calls: HashMap<(String, usize), Vec<Option<Type>>>,
    /// Inside the models among the layers.
    inner: HashMap<String, Shapes>,
    /// Holds what the model gives.
    outputs: Vec<Option<Type>>,
}

impl Shapes {
    /// Of a model that is called on these inputs; empty where that is not known, or where its input layers say it.
    pub fn of(model: &ModelConfig, inputs: &[Option<Type>]) -> Self {
        let mut walk =
            Walk { model, layers: HashMap::new(), learned: HashMap::new(), found: Shapes::default() };
        for _ in 0..ROUNDS {
            let before = walk.learned.len();
            walk.found = Shapes::default();
            match model.kind {
                ModelKind::Sequential => walk.sequence(inputs),
                ModelKind::Functional => walk.graph(),
            }
            if walk.learned.len() == before {
                break;
            }
        }
        walk.found
    }

    /// Shapes of what the last call of a layer gives; empty where there is none.
    pub fn outputs(&self, layer: &str) -> Vec<Option<Shape>> {
        let calls = (0..).map_while(|node| self.calls.get(&(layer.to_owned(), node)));
        let shapes = |outputs: &Vec<Option<Type>>| {
            outputs.iter().map(|t| t.as_ref().map(|(s, _)| s.clone())).collect()
        };
        calls.last().map(shapes).unwrap_or_default()
    }

    /// Inside a model among the layers.
    pub fn inner(&self, layer: &str) -> Option<&Shapes> {
        self.inner.get(layer)
    }
}

/// Going through a model.
struct Walk<'a> {
    model: &'a ModelConfig,
    /// Layers that were made; `None` where their class is not known.
    layers: HashMap<&'a str, Option<LayerRef>>,
    /// Outputs of calls that no layer computes, as later layers say them: by layer, call and output.
    learned: HashMap<(String, usize, usize), Type>,
    found: Shapes,
}

impl<'a> Walk<'a> {
    fn sequence(&mut self, inputs: &[Option<Type>]) {
        let given = || inputs.first().cloned().flatten();
        let built = || self.model.config.get("build_input_shape").and_then(shape).map(|s| (s, DType::F32));
        let mut now = given().or_else(built);
        let mut before: Option<&str> = None;
        for layer in &self.model.layers {
            if layer.class_name == "InputLayer" {
                now = now.or_else(|| self.input(layer));
                self.found.calls.insert((layer.name.clone(), 0), vec![now.clone()]);
            } else {
                let mut outputs = vec![now];
                if let Some(before) = before {
                    outputs = self.learn(&[(before.to_owned(), 0, 0)], outputs, built_for(layer));
                } else if outputs == [None] {
                    outputs = built_for(layer).into_iter().map(Some).take(1).collect();
                }
                now = self.call(layer, 0, &outputs).into_iter().next().flatten();
            }
            before = Some(&layer.name);
        }
        self.found.outputs = vec![now];
    }

    fn graph(&mut self) {
        let model = self.model;
        let mut waiting: Vec<(&LayerConfig, usize, Vec<&TensorRef>)> = Vec::new();
        for layer in &model.layers {
            if layer.class_name == "InputLayer" {
                let input = self.input(layer);
                self.found.calls.insert((layer.name.clone(), 0), vec![input]);
                continue;
            }
            waiting.extend(layer.calls.iter().enumerate().map(|(node, call)| (layer, node, tensors(call))));
        }
        loop {
            let count = waiting.len();
            let is_there =
                |r: &&TensorRef, found: &Shapes| found.calls.contains_key(&(r.layer.clone(), r.node));
            let (ready, later): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, _, reads)| reads.iter().all(|r| is_there(r, &self.found)));
            for (layer, node, reads) in ready {
                let inputs: Vec<Option<Type>> = reads.iter().map(|r| self.tensor(r)).collect();
                let places: Vec<_> = reads.iter().map(|r| (r.layer.clone(), r.node, r.tensor)).collect();
                let built = if node == 0 { built_for(layer) } else { vec![] };
                let inputs = self.learn(&places, inputs, built);
                self.call(layer, node, &inputs);
            }
            waiting = later;
            if waiting.is_empty() || waiting.len() == count {
                break;
            }
        }
        self.found.outputs = model.outputs.iter().map(|r| self.tensor(r)).collect();
    }

    fn tensor(&self, place: &TensorRef) -> Option<Type> {
        let key = (place.layer.clone(), place.node);
        self.found.calls.get(&key)?.get(place.tensor).cloned().flatten()
    }

    /// Completes the inputs of a layer with the shapes that it was built for, and keeps them as outputs of the calls that make them.
    fn learn(
        &mut self,
        places: &[(String, usize, usize)],
        inputs: Vec<Option<Type>>,
        built: Vec<Type>,
    ) -> Vec<Option<Type>> {
        if built.len() != inputs.len() {
            return inputs;
        }
        let complete = |(place, (known, built)): (&(String, usize, usize), (Option<Type>, Type))| {
            Some(known.unwrap_or_else(|| {
                self.learned.insert(place.clone(), built.clone());
                built
            }))
        };
        places.iter().zip(inputs.into_iter().zip(built)).map(complete).collect()
    }

    /// Returns what a layer gives for these inputs.
    fn call(&mut self, layer: &'a LayerConfig, node: usize, inputs: &[Option<Type>]) -> Vec<Option<Type>> {
        let mut outputs = match &layer.model {
            Some(model) => {
                let inner = Shapes::of(model, inputs);
                let outputs = inner.outputs.clone();
                self.found.inner.insert(layer.name.clone(), inner);
                outputs
            }
            None => match self.computed(layer, inputs) {
                // Nobody built it here; its config may still say it.
                unknown if unknown.is_empty() => rules::outputs(layer, inputs),
                outputs => outputs,
            },
        };
        if outputs.is_empty() {
            outputs = vec![None];
        }
        for ((name, call, at), learned) in &self.learned {
            if (name, *call) == (&layer.name, node) {
                outputs.resize_with(outputs.len().max(at.saturating_add(1).min(64)), || None);
                if let Some(output) = outputs.get_mut(*at) {
                    output.get_or_insert_with(|| learned.clone());
                }
            }
        }
        self.found.calls.insert((layer.name.clone(), node), outputs.clone());
        outputs
    }

    fn computed(&mut self, layer: &'a LayerConfig, inputs: &[Option<Type>]) -> Vec<Option<Type>> {
        let made = self.layers.entry(&layer.name).or_insert_with(|| layer_of(layer).ok());
        let (Some(made), Some(inputs)) = (made, inputs.iter().cloned().collect::<Option<Vec<Type>>>()) else {
            return vec![];
        };
        // A name of its own: none is drawn for it.
        let named = || LayerSettings { name: "input".into(), ..LayerSettings::default() };
        let symbol = |(shape, dtype): Type| {
            let layer = LayerRef::new(Box::new(InputLayer::of(&shape.0, dtype)), named());
            Symbol::input(layer, shape, dtype)
        };
        let inputs: Vec<Symbol> = inputs.into_iter().map(symbol).collect();
        let outputs = Symbol::call(&registry::resolver(), made, &inputs);
        match outputs.iter().all(|o| o.source().is_ok()) {
            true => outputs.into_iter().map(|o| Some((o.shape, o.dtype))).collect(),
            false => vec![],
        }
    }

    /// Returns what an input layer says.
    fn input(&self, layer: &LayerConfig) -> Option<Type> {
        let known = layer_of(layer).ok().and_then(|made| input_type(&made).ok());
        known.or_else(|| layer.config.get("batch_shape").and_then(shape).map(|s| (s, DType::F32)))
    }
}

/// The tensors that a call reads, in order.
pub(super) fn tensors(call: &Call) -> Vec<&TensorRef> {
    fn collect<'a>(arg: &'a Arg, found: &mut Vec<&'a TensorRef>) {
        match arg {
            Arg::Tensor(tensor) => found.push(tensor),
            Arg::List(items) => items.iter().for_each(|item| collect(item, found)),
            Arg::Value(_) => {}
        }
    }
    let mut found = Vec::new();
    call.args.iter().chain(call.kwargs.iter().map(|(_, arg)| arg)).for_each(|arg| collect(arg, &mut found));
    found
}

/// The shapes that a layer was built for, as its `build_config` says them; empty where it does not.
fn built_for(layer: &LayerConfig) -> Vec<Type> {
    let Some(build) = &layer.build_config else { return vec![] };
    let shapes: Option<Vec<Shape>> = match (build.get("input_shape"), build.get("shapes_dict")) {
        (Some(one), _) => shape(one).map(|s| vec![s]).or_else(|| one.as_array()?.iter().map(shape).collect()),
        (None, Some(Value::Object(several))) => several.values().map(shape).collect(),
        _ => None,
    };
    shapes.unwrap_or_default().into_iter().map(|s| (s, DType::F32)).collect()
}

/// `[null, 784]`.
fn shape(value: &Value) -> Option<Shape> {
    let axis = |v: &Value| match v {
        Value::Null => Some(None),
        other => Some(Some(usize::try_from(other.as_u64()?).ok()?)),
    };
    value.as_array()?.iter().map(axis).collect::<Option<Vec<_>>>().map(Shape)
}
