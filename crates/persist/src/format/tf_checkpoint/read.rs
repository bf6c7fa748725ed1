//! From a checkpoint to a skeleton's values.

use std::collections::BTreeSet;
use std::path::Path;

use super::graph::{Graph, Id, Stored, layer_number};
use super::{SUFFIX, dtype_of, layers, optimizer};
use crate::Error;
use crate::container::bundle::Bundle;
use crate::format::vocabulary::LOOKUPS;
use crate::format::{complete, skeleton, values};
use crate::limits;
use crate::tree::{self, Gap, Object, OptimizerState, Variable, WeightSource};

/// An opened checkpoint.
pub(in crate::format) struct Checkpoint {
    pub(super) bundle: Bundle,
    /// `None` in checkpoints of TensorFlow 1, which know names only.
    pub(super) graph: Option<Graph>,
}

impl Checkpoint {
    /// The graph and the node of the model in it: the root, or what the root calls its model (`tf.train.Checkpoint(model=..)`).
    pub(super) fn model(&self) -> Option<(&Graph, Id)> {
        let graph = self.graph.as_ref()?;
        if graph.is_model(0) {
            return Some((graph, 0));
        }
        let found = graph.node(0)?.edges.iter().map(|(_, id)| *id).find(|&id| graph.is_model(id));
        Some((graph, found?))
    }

    /// The tensor of a variable.
    pub(super) fn variable(&self, name: &str, stored: &Stored) -> Result<Variable, Error> {
        self.tensor(name, &stored.key)?.ok_or_else(|| Error::Format {
            path: self.bundle.path().into(),
            place: format!("object graph, variable {}", stored.full_name),
            found: format!("no tensor {} of numbers", stored.key),
            expected: "the tensor that the graph names".into(),
        })
    }

    /// A tensor of numbers; `None` where there is none of that key or it holds something else.
    fn tensor(&self, name: &str, key: &str) -> Result<Option<Variable>, Error> {
        let Some(info) = self.bundle.info(key) else { return Ok(None) };
        let Some(dtype) = dtype_of(info.data_type) else { return Ok(None) };
        let shape: Result<Vec<usize>, _> = info.shape.iter().map(|&d| usize::try_from(d)).collect();
        let Ok(shape) = shape else {
            return Err(Error::Unsupported {
                path: self.bundle.path().into(),
                place: key.into(),
                what: format!("the shape {:?} on this machine", info.shape),
                advice: String::new(),
            });
        };
        let value = self.bundle.bytes(key);
        Ok(Some(Variable { name: name.into(), trainable: true, dtype, shape, value }))
    }

    fn no_model(&self) -> Error {
        let (what, advice) = match self.graph {
            Some(_) => {
                ("an object graph without layers", "; give a checkpoint of a Sequential or Functional model")
            }
            None => (
                "a checkpoint without an object graph (of TensorFlow 1)",
                "; load it in tf_keras and save it again with save_weights",
            ),
        };
        Error::Unsupported {
            path: self.bundle.path().into(),
            place: "the whole".into(),
            what: what.into(),
            advice: advice.into(),
        }
    }
}

impl WeightSource for Checkpoint {
    /// Every tensor of numbers; the object graph and other strings are left out.
    fn stored(&self) -> Result<Vec<tree::Stored>, Error> {
        let mut found = Vec::new();
        for (key, _) in self.bundle.tensors() {
            let path = key.strip_suffix(SUFFIX).unwrap_or(key);
            let name = path.rsplit('/').next().unwrap_or(path);
            if let Some(variable) = self.tensor(name, key)? {
                found.push(tree::Stored { path: path.into(), variable });
            }
        }
        Ok(found)
    }

    fn fill(&self, skeleton: &mut Object) -> Result<(), Error> {
        let (graph, model) = self.model().ok_or_else(|| self.no_model())?;
        let mut filler = Filler { source: self, graph, used: BTreeSet::new(), mismatches: Vec::new() };
        filler.object(skeleton, Some(model), "", 0)?;
        filler.unused(model);
        if filler.mismatches.is_empty() {
            return Ok(());
        }
        Err(Error::Mismatch { path: self.bundle.path().into(), mismatches: filler.mismatches })
    }

    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error> {
        let (graph, model) = self.model().ok_or_else(|| self.no_model())?;
        let slots = optimizer::slot_names(graph, model);
        let mut completer = Completer { path: self.bundle.path(), graph, slots, gaps: Vec::new() };
        completer.layers(skeleton, model, 0)?;
        Ok(completer.gaps)
    }

    fn optimizer(&self, class_name: &str, trainable: &[Variable]) -> Result<Option<OptimizerState>, Error> {
        match self.model() {
            Some((graph, model)) => optimizer::read(self, graph, model, class_name, trainable),
            None => Ok(None),
        }
    }
}

/// What SavedModels keep beside the layers' own attributes: lists of the same variables, functions.
const BESIDE: [&str; 6] = [
    "keras_api",
    "variables",
    "trainable_variables",
    "non_trainable_variables",
    "regularization_losses",
    // Where a layer's random numbers go on, which no other format has.
    "_random_generator",
];

/// Completes skeletons from the graph.
struct Completer<'a> {
    path: &'a Path,
    graph: &'a Graph,
    /// Names of the optimizer's variables.
    slots: Vec<String>,
    gaps: Vec<(String, Gap)>,
}

impl Completer<'_> {
    fn layers(&mut self, model: &mut Object, id: Id, depth: usize) -> Result<(), Error> {
        check_depth(self.path, depth)?;
        let mut with_weights = 0;
        for (index, (_, child)) in model.children.iter_mut().enumerate() {
            // A layer that nobody knows is found by its place among all layers; old files number those with weights alone.
            let known = layers::has_weights(child);
            let found = layer_of(self.graph, id, index, known.then_some(with_weights));
            if let Some(id) = found {
                if child.is_model {
                    self.layers(child, id, depth + 1)?;
                } else if skeleton::is_empty(child) && !LOOKUPS.contains(&child.class_name.as_str()) {
                    self.object(child, id, &mut BTreeSet::new(), depth + 1)?;
                    let unsure = self.slots.is_empty() && count(child) > 1;
                    if unsure {
                        self.gaps.push((child.name.clone(), Gap::Order));
                    }
                    if self.slots.is_empty() && count(child) > 0 {
                        self.gaps.push((child.name.clone(), Gap::Trained));
                    }
                }
            }
            with_weights += usize::from(layers::has_weights(child));
        }
        Ok(())
    }

    /// Variables and inner objects by the edges that lead to them, each node once.
    fn object(
        &self,
        object: &mut Object,
        id: Id,
        seen: &mut BTreeSet<Id>,
        depth: usize,
    ) -> Result<(), Error> {
        check_depth(self.path, depth)?;
        let Some(node) = self.graph.node(id) else { return Ok(()) };
        for (edge, id) in &node.edges {
            if BESIDE.contains(&edge.as_str()) || !seen.insert(*id) {
                continue;
            }
            if let Some(stored) = self.graph.variable(*id) {
                let trainable = complete::has_slot(&self.slots, &stored.full_name);
                object.variables.push(values::any(edge, trainable));
                continue;
            }
            let mut child = Object { name: edge.clone(), ..Object::default() };
            self.object(&mut child, *id, seen, depth + 1)?;
            if skeleton::has_variables(&child) {
                object.children.push((edge.clone(), child));
            }
        }
        // Keras' order.
        object.variables.sort_by_key(|v| !v.trainable);
        Ok(())
    }
}

fn count(object: &Object) -> usize {
    object.variables.len() + object.children.iter().map(|(_, child)| count(child)).sum::<usize>()
}

/// The node of a model's layer. Layers without weights may differ between the models.
fn layer_of(graph: &Graph, model: Id, index: usize, with_weights: Option<usize>) -> Option<Id> {
    with_weights
        .and_then(|n| graph.child(model, &format!("layer_with_weights-{n}")))
        .or_else(|| graph.child(model, &format!("layer-{index}")))
}

fn check_depth(path: &Path, depth: usize) -> Result<(), Error> {
    if depth > limits::MODEL_DEPTH {
        return Err(Error::Format {
            path: path.into(),
            place: "the object graph".into(),
            found: format!("more than {} objects inside each other", limits::MODEL_DEPTH),
            expected: "the layers of a model".into(),
        });
    }
    Ok(())
}

struct Filler<'a> {
    source: &'a Checkpoint,
    graph: &'a Graph,
    /// Nodes of variables that found their place.
    used: BTreeSet<Id>,
    mismatches: Vec<String>,
}

impl Filler<'_> {
    /// Fills an object from a node; `None` where the file has no such object, so that all its variables are reported.
    fn object(&mut self, object: &mut Object, id: Option<Id>, path: &str, depth: usize) -> Result<(), Error> {
        check_depth(self.source.bundle.path(), depth)?;
        for variable in &mut object.variables {
            let place = join(path, &variable.name);
            match id.and_then(|id| self.variable_of(id, &object.class_name, &variable.name)) {
                Some((node, stored)) => {
                    let found = self.source.variable(&variable.name, stored)?;
                    self.used.insert(node);
                    self.mismatches.extend(values::assign(variable, found, &place).err());
                }
                None => self.mismatches.push(format!("{place}: the file has no such variable")),
            }
        }
        self.states(object, id, path)?;
        let mut with_weights = 0;
        for (index, (attribute, child)) in object.children.iter_mut().enumerate() {
            let weights = layers::has_weights(child);
            let found = id.and_then(|id| {
                if object.is_model {
                    layer_of(self.graph, id, index, weights.then_some(with_weights))
                } else {
                    self.child_of(id, &object.class_name, attribute)
                }
            });
            with_weights += usize::from(weights);
            let place = join(path, if child.name.is_empty() { attribute } else { &child.name });
            self.object(child, found, &place, depth + 1)?;
        }
        Ok(())
    }

    /// Fills the states of a stateful layer, which SavedModels alone keep, in lists inside each other.
    fn states(&mut self, object: &mut Object, id: Option<Id>, path: &str) -> Result<(), Error> {
        let Some(list) = id.and_then(|id| self.graph.at(id, "keras_api/states")) else { return Ok(()) };
        let leaves = leaves_of(self.graph, list);
        self.used.extend(&leaves);
        if object.states.is_empty() {
            return Ok(());
        }
        if leaves.len() != object.states.len() {
            let (found, wanted) = (leaves.len(), object.states.len());
            self.mismatches.push(format!("{path}: the file has {found} states of it, the model {wanted}"));
            return Ok(());
        }
        for (state, node) in object.states.iter_mut().zip(leaves) {
            let Some(stored) = self.graph.variable(node) else { continue };
            let found = self.source.variable(&state.name, stored)?;
            let place = join(path, &state.name);
            self.mismatches.extend(values::assign(state, found, &place).err());
        }
        Ok(())
    }

    /// The node of an object inside a layer.
    fn child_of(&self, id: Id, class: &str, attribute: &str) -> Option<Id> {
        let edges = [layers::child_edge(class, attribute), attribute.into(), format!("_{attribute}")];
        edges.iter().find_map(|edge| self.graph.at(id, edge))
    }

    /// The node of a variable: by its edge, else by the name that it had in the program that wrote the file.
    fn variable_of(&self, id: Id, class: &str, name: &str) -> Option<(Id, &Stored)> {
        let variable = |id: Id| Some((id, self.graph.variable(id)?));
        let mut edges = layers::variable_edges(class, name);
        edges.extend([name.into(), format!("_{name}")]);
        if let Some(found) = edges.iter().find_map(|edge| variable(self.graph.at(id, edge)?)) {
            return Some(found);
        }
        let children = self.graph.node(id)?.edges.iter().filter_map(|(_, id)| variable(*id));
        let mut named: Vec<_> =
            children.filter(|(_, v)| v.full_name.rsplit('/').next() == Some(name)).collect();
        named.sort_unstable_by_key(|(id, _)| *id);
        named.dedup_by_key(|(id, _)| *id);
        match named.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// Reports the variables of the file's layers that the model has no place for.
    fn unused(&mut self, model: Id) {
        let generators = generators(self.graph, model);
        let mut seen = BTreeSet::new();
        let mut next = vec![(model, String::new(), true)];
        while let Some((id, path, layers_only)) = next.pop() {
            if !seen.insert(id) {
                continue;
            }
            if let Some(stored) =
                self.graph.variable(id).filter(|_| !self.used.contains(&id) && !generators.contains(&id))
            {
                let name = if stored.full_name.is_empty() { &path } else { &stored.full_name };
                self.mismatches.push(format!("{path}: the file's variable `{name}` is not in the model"));
            }
            let Some(node) = self.graph.node(id) else { continue };
            // Beside its layers a model may have an optimizer, metrics and functions.
            let wanted =
                |edge: &str| !(layers_only || self.graph.is_model(id)) || layer_number(edge).is_some();
            // How many texts a lookup has seen is of no use.
            let counts = |edge: &str| edge == "num_documents";
            let edges = node.edges.iter().rev().filter(|(edge, _)| wanted(edge) && !counts(edge));
            next.extend(edges.map(|(edge, id)| (*id, join(&path, edge), false)));
        }
    }
}

/// Returns the variables of a list, whose items are variables or such lists, in order and each once.
fn leaves_of(graph: &Graph, list: Id) -> Vec<Id> {
    let (mut leaves, mut seen, mut next) = (Vec::new(), BTreeSet::new(), vec![list]);
    while let Some(id) = next.pop() {
        if !seen.insert(id) {
            continue;
        }
        match graph.variable(id) {
            Some(_) => leaves.push(id),
            None => next.extend(graph.list(id).into_iter().rev()),
        }
    }
    leaves
}

/// Objects of the random generators of a model's layers.
fn generators(graph: &Graph, model: Id) -> BTreeSet<Id> {
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    let mut next = vec![(model, false)];
    while let Some((id, inside)) = next.pop() {
        // What is found inside a generator counts, however it was seen before.
        let new = if inside { found.insert(id) } else { seen.insert(id) };
        let Some(node) = graph.node(id).filter(|_| new) else { continue };
        next.extend(node.edges.iter().map(|(edge, id)| (*id, inside || edge == "_random_generator")));
    }
    found
}

/// Bytes of a path, for messages. A graph may be a chain of any length, whose paths would be longer together than any memory.
const LONGEST_PATH: usize = 400;

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.into(),
        _ if path.len() > LONGEST_PATH => path.into(),
        _ => format!("{path}/{name}"),
    }
}
