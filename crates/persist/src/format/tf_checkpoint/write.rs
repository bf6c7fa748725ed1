//! From a tree to the tensors of a checkpoint.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::draft::{self, Draft};
use super::optimizer::{EMA, List, always_listed, lists};
use super::{GRAPH, RESUME, layers, number_of};
use crate::container::bundle::{Content, Tensor};
use crate::format::config::optimizer_config;
use crate::format::{optimizer, skeleton, values};
use crate::tree::{Bytes, DType, Dialect, Object, OptimizerState, Slot, Tree, Variable};
use crate::{Error, limits};

/// The objects of a model with its weights and optimizer. The first object is the model.
pub(in crate::format) fn model_draft(tree: &Tree) -> Result<Draft, Error> {
    let mut draft = Draft::default();
    let root = draft.object();
    model(&mut draft, root, &tree.root, 0)?;
    if let Some(state) = &tree.optimizer {
        let node = draft.child(root, "optimizer");
        let config = optimizer_config(tree.compile.as_ref());
        Writer { draft: &mut draft, node, tree, state, config }.optimizer();
    }
    Ok(draft)
}

/// The object of a child of an object that is in the draft.
pub(in crate::format) fn child_of(
    draft: &Draft,
    node: draft::Object,
    parent: &Object,
    child: usize,
) -> Option<draft::Object> {
    if parent.is_model {
        return draft.at(node, &format!("layer-{child}"));
    }
    let (attribute, _) = parent.children.get(child)?;
    let edge = layers::child_edge(&parent.class_name, attribute);
    edge.split('/').try_fold(node, |node, part| draft.at(node, part))
}

/// The edge from a model to a layer of it, as tf_keras' paths have it.
pub(in crate::format) fn layer_edge(model: &Object, index: usize) -> String {
    let weighty = |(_, layer): &&(String, Object)| layers::has_weights(layer);
    match model.children.get(index) {
        Some(layer) if weighty(&layer) => {
            let before = model.children.iter().take(index).filter(weighty).count();
            format!("layer_with_weights-{before}")
        }
        _ => format!("layer-{index}"),
    }
}

/// The object of a variable of an object that is in the draft.
pub(in crate::format) fn variable_of(
    draft: &Draft,
    node: draft::Object,
    parent: &Object,
    variable: usize,
) -> Option<draft::Object> {
    let name = &parent.variables.get(variable)?.name;
    let at = |edge: &String| edge.split('/').try_fold(node, |node, part| draft.at(node, part));
    layers::variable_edges(&parent.class_name, name).iter().find_map(at)
}

/// The tensors in TensorFlow's order: the variables by their node, the graph, then what TensorFlow does not know. `checkpoint`: as
/// `save_weights` writes them, else as they are inside a SavedModel.
pub(super) fn tensors(path: &Path, tree: &Tree, checkpoint: bool) -> Result<Vec<Tensor>, Error> {
    let mut draft = model_draft(tree)?;
    let root = draft.root();
    if let Some(state) = tree.optimizer.as_ref().filter(|_| checkpoint) {
        if keeps_losses(tree) {
            draft.child(root, "loss");
        }
        if state.iteration > 0 {
            // The compiled functions of a model that was trained. Without them a trained model would say that it was not restored.
            let function = draft.child(root, "train_tf_function");
            draft.edge(root, "train_function", function);
        }
    }
    if checkpoint {
        draft.edge(root, "root", root);
    }

    let finished = draft.finish();
    let mut tensors = Vec::new();
    for (name, variable) in finished.variables {
        let Some(value) = variable.value else {
            return Err(Error::Usage {
                what: format!("{}: the variable {name} has no value", path.display()),
                advice: "fill the model before it is saved".into(),
            });
        };
        let content = Content::Bytes(number_of(variable.dtype), value);
        tensors.push(Tensor { name, shape: variable.shape, content });
    }
    let text = |name: &str, text: Vec<u8>| Tensor {
        name: name.into(),
        shape: Vec::new(),
        content: Content::Strings(vec![text]),
    };
    tensors.push(text(GRAPH, finished.graph));
    if let Some(resume) = &tree.resume {
        tensors.push(text(RESUME, resume.to_string().into_bytes()));
    }
    Ok(tensors)
}

/// Whether the losses are kept in a list or by name, which tf_keras then tracks as an object.
fn keeps_losses(tree: &Tree) -> bool {
    match tree.compile.as_ref().map(|c| &c.loss) {
        Some(Value::Array(_)) => true,
        Some(Value::Object(loss)) => !loss.contains_key("class_name"),
        _ => false,
    }
}

/// The layers of a model.
fn model(draft: &mut Draft, node: draft::Object, model: &Object, depth: usize) -> Result<(), Error> {
    let mut with_weights = 0;
    for (index, (_, layer)) in model.children.iter().enumerate() {
        let child = draft.object();
        if layers::has_weights(layer) {
            draft.edge(node, &format!("layer_with_weights-{with_weights}"), child);
            with_weights += 1;
        }
        draft.edge(node, &format!("layer-{index}"), child);
        object(draft, child, layer, &layer.name, depth + 1)?;
    }
    for variable in &model.variables {
        draft.variable(node, &variable.name, variable.name.clone(), variable.clone());
    }
    Ok(())
}

/// A layer or a nested model. `path` is how tf_keras begins the names of its variables.
fn object(
    draft: &mut Draft,
    node: draft::Object,
    object_: &Object,
    path: &str,
    depth: usize,
) -> Result<(), Error> {
    if depth > limits::MODEL_DEPTH {
        return Err(Error::Usage {
            what: format!("a model with more than {} levels of layers", limits::MODEL_DEPTH),
            advice: "make it flatter".into(),
        });
    }
    if object_.is_model {
        return model(draft, node, object_, depth);
    }
    let class = object_.class_name.as_str();
    let extra = layers::extra(class);
    for edge in extra.before {
        draft.child(node, edge);
    }
    for variable in &object_.variables {
        let mut variable = variable.clone();
        if class == "BatchNormalization" {
            // Which tf_keras keeps in float32 where it computes in half precision.
            variable = values::widened(values::widened(variable, DType::F16), DType::BF16);
        }
        let mut target = None;
        for edge in layers::variable_edges(class, &variable.name) {
            // Of a layer inside.
            let (node, edge) = match edge.rsplit_once('/') {
                Some((inner, edge)) => {
                    (draft.at(node, inner).unwrap_or_else(|| draft.child(node, inner)), edge)
                }
                None => (node, edge.as_str()),
            };
            match target {
                None => {
                    target = Some(draft.variable(node, edge, format!("{path}/{edge}"), variable.clone()));
                }
                Some(target) => draft.edge(node, edge, target),
            }
        }
    }
    for (index, (attribute, child)) in object_.children.iter().enumerate() {
        if index + 1 == object_.children.len() {
            for edge in extra.before_last {
                draft.child(node, edge);
            }
        }
        // `cells/0`: the list is an object too.
        let edge = layers::child_edge(class, attribute);
        let mut parent = node;
        let mut parts = edge.split('/').peekable();
        while let Some(part) = parts.next() {
            parent = match draft.at(parent, part) {
                Some(found) if parts.peek().is_some() => found,
                _ => draft.child(parent, part),
            };
        }
        object(draft, parent, child, &format!("{path}/{}", child.name), depth + 1)?;
    }
    for edge in extra.after {
        draft.child(node, edge);
    }
    Ok(())
}

/// Settings that are variables of an optimizer of before TensorFlow 2.11, in the order of its edges.
const HYPER: [&str; 10] = [
    "beta",
    "beta_1",
    "beta_2",
    "decay",
    "l1_regularization_strength",
    "l2_regularization_strength",
    "learning_rate",
    "learning_rate_power",
    "momentum",
    "rho",
];

/// The object of a variable of the tree.
fn object_of(
    draft: &Draft,
    node: draft::Object,
    object: &Object,
    target: &Variable,
) -> Option<draft::Object> {
    let own = object.variables.iter().position(|variable| std::ptr::eq(variable, target));
    if let Some(own) = own {
        return variable_of(draft, node, object, own);
    }
    object
        .children
        .iter()
        .enumerate()
        .find_map(|(i, (_, child))| object_of(draft, child_of(draft, node, object, i)?, child, target))
}

struct Writer<'a> {
    draft: &'a mut Draft,
    /// The optimizer's node.
    node: draft::Object,
    tree: &'a Tree,
    state: &'a OptimizerState,
    /// The optimizer's config, where it is known.
    config: Option<Value>,
}

impl Writer<'_> {
    fn optimizer(mut self) {
        let class = self.class();
        let trainable = skeleton::trainable(&self.tree.root, self.tree.model.as_ref());
        if self.state.data.is_none() && optimizer::is_older(&self.state.class_name, self.config.as_ref()) {
            self.older(&class, &trainable);
            return;
        }
        let slots = self.slots(&class, &trainable);

        let all = self.draft.child(self.node, "_variables");
        let iteration = self.scalar("inner_iteration").map_or(self.state.iteration, whole);
        let iteration = values::int64("iteration", iteration);
        let iteration = self.draft.variable(self.node, "_iterations", "iteration".into(), iteration);
        self.draft.edge(all, "0", iteration);
        self.learning_rate();
        self.loss_scale();
        self.draft.child(self.node, "_index_dict");

        // Where all have slots, they are called by the paths of their variables.
        let complete = slots.iter().filter_map(|s| s.of).max().is_none_or(|of| of + 1 == trainable.len());
        let paths: Vec<&str> = trainable.iter().filter(|_| complete).map(|(path, _)| path.as_str()).collect();
        // The lists lead to the slots as `_variables` does, but come later, so the keys are those of `_variables`.
        let known: Vec<&List> = std::iter::once(&EMA).chain(lists(&class)).collect();
        let nodes = self.slot_nodes(all, &slots, &known, &paths);
        for list in known {
            let named = slots.iter().zip(&nodes).filter(|(slot, _)| slot.name == list.keras3);
            let members: Vec<_> = named.map(|(slot, node)| (slot.of, *node)).collect();
            if !members.is_empty() || always_listed(&class) && list.edge != EMA.edge {
                self.list(list, members, &paths);
            }
        }
        if class == "Nadam" {
            let computed = || optimizer::nadam_product(self.state.iteration, self.config.as_ref());
            let product = self.scalar("u_product").unwrap_or_else(computed);
            let product = values::float32("u_product", product);
            self.draft.variable(self.node, "_u_product", "Variable".into(), product);
        }
    }

    /// An optimizer of before TensorFlow 2.11: its settings are variables, and it says which slots are whose.
    fn older(&mut self, class: &str, trainable: &[(String, &Variable)]) {
        let iteration = values::int64("iter", self.state.iteration);
        self.draft.variable(self.node, "iter", format!("{class}/iter"), iteration);
        let rate = self.config("/learning_rate").cloned().unwrap_or_default();
        let first = rate.pointer("/config/initial_learning_rate").or(Some(&rate)).and_then(Value::as_f64);
        let decay = rate.pointer("/config/decay_rate").and_then(Value::as_f64);
        let own = |key: &str| self.config(&format!("/{key}")).and_then(Value::as_f64);
        let mut settings: Vec<(&str, f64)> = Vec::new();
        for key in HYPER {
            let value = match key {
                "decay" if class == "Nadam" => own("schedule_decay").or(Some(0.004)),
                "decay" => decay.or(Some(0.0)),
                "learning_rate" => self.state.learning_rate.map(f64::from).or(first),
                _ => own(key),
            };
            settings.extend(value.map(|value| (key, value)));
        }
        for (key, value) in settings {
            #[allow(clippy::cast_possible_truncation)]
            let variable = values::float32(key, value as f32);
            self.draft.variable(self.node, key, format!("{class}/{key}"), variable);
        }
        if class == "Nadam" {
            let computed = || optimizer::nadam_product(self.state.iteration, self.config.as_ref());
            let product = self.scalar("u_product").unwrap_or_else(computed);
            let cache = values::float32("momentum_cache", product);
            self.draft.variable(self.node, "momentum_cache", format!("{class}/momentum_cache"), cache);
        }
        let idle = class == "SGD" && self.config("/momentum").and_then(Value::as_f64) == Some(0.0);
        let slots = if idle { Vec::new() } else { optimizer::older_slots(class, &self.state.slots) };
        for (name, slot) in slots {
            let Some((path, variable)) = slot.of.and_then(|of| trainable.get(of)) else { continue };
            let root = self.draft.root();
            if let Some(of) = object_of(self.draft, root, &self.tree.root, variable) {
                let full_name = format!("{class}/{path}/{name}");
                self.draft.slot(self.node, name, of, full_name, slot.variable.clone());
            }
        }
    }

    /// Adds the slots to the list of all variables; gives their nodes.
    fn slot_nodes(
        &mut self,
        all: draft::Object,
        slots: &[Slot],
        known: &[&List],
        paths: &[&str],
    ) -> Vec<draft::Object> {
        let name_of = |slot: &Slot, place: usize| {
            let list = known.iter().find(|list| list.keras3 == slot.name);
            let start = list.map_or(slot.name.as_str(), |list| list.tf_keras);
            match slot.of.and_then(|of| paths.get(of)) {
                Some(path) => format!("{start}/{path}"),
                None => format!("{start}/variable_{}", slot.of.unwrap_or(place)),
            }
        };
        let mut nodes = Vec::new();
        for (place, slot) in slots.iter().enumerate() {
            let node = self.draft.object();
            self.draft.set(node, name_of(slot, place), slot.variable.clone());
            self.draft.edge(all, &(place + 1).to_string(), node);
            nodes.push(node);
        }
        nodes
    }

    /// Adds a list of slots of one kind, by the numbers of their variables.
    fn list(&mut self, list: &List, mut members: Vec<(Option<usize>, draft::Object)>, paths: &[&str]) {
        members.sort_by_key(|(of, _)| *of);
        let object = self.draft.child(self.node, list.edge);
        if !matches!(list.edge, "_r" | "_c") {
            for (place, (of, node)) in members.into_iter().enumerate() {
                self.draft.edge(object, &of.unwrap_or(place).to_string(), node);
            }
            return;
        }
        // Adafactor keeps rows and columns of matrices; tf_keras puts a number in the place of a vector's.
        for (of, path) in paths.iter().enumerate() {
            let edge = of.to_string();
            if let Some((_, node)) = members.iter().find(|(member, _)| *member == Some(of)) {
                self.draft.edge(object, &edge, *node);
                continue;
            }
            let value = Some(Arc::new(vec![0_u8; 4]) as Bytes);
            let zero = Variable { dtype: DType::I32, value, ..values::float32("r", 0.0) };
            self.draft.variable(object, &edge, format!("r/{path}"), zero);
        }
    }

    /// The class of the optimizer; inside a LossScaleOptimizer, which has no slots, that of the inner one.
    fn class(&self) -> String {
        let class = self.state.class_name.as_str();
        if !class.starts_with("LossScaleOptimizer") {
            return class.into();
        }
        let inner = self.config("/inner_optimizer/class_name").and_then(Value::as_str);
        let has = |name: &str| self.state.slots.iter().any(|s| s.name == name);
        inner.map_or_else(
            || match (has("momentum"), has("velocity"), has("average_gradient")) {
                (true, true, false) => "Adam".into(),
                (true, false, false) => "SGD".into(),
                (_, true, _) => "RMSprop".into(),
                _ => String::new(),
            },
            Into::into,
        )
    }

    /// A value of the optimizer's config.
    fn config(&self, pointer: &str) -> Option<&Value> {
        self.config.as_ref()?.pointer(pointer)
    }

    fn scalar(&self, name: &str) -> Option<f32> {
        self.state.scalars.iter().find(|(n, _)| n == name).map(|(_, x)| *x)
    }

    fn learning_rate(&mut self) {
        let config = self.config("/inner_optimizer/config/learning_rate").or(self.config("/learning_rate"));
        let scheduled = config.is_some_and(Value::is_object);
        #[allow(clippy::cast_possible_truncation)]
        let configured = config.and_then(Value::as_f64).map(|x| x as f32);
        let (edge, name, rate) = match self.state.learning_rate.or(configured) {
            Some(rate) if !scheduled => ("_learning_rate", "learning_rate", rate),
            // tf_keras computes the rate of a schedule before it uses it; the stored one is not looked at.
            rate => ("_current_learning_rate", "current_learning_rate", rate.unwrap_or(0.0)),
        };
        self.draft.variable(self.node, edge, name.into(), values::float32(name, rate));
    }

    fn loss_scale(&mut self) {
        if !self.state.class_name.starts_with("LossScaleOptimizer") {
            return;
        }
        let initial = self.config("/initial_scale").and_then(Value::as_f64).unwrap_or(32_768.0);
        #[allow(clippy::cast_possible_truncation)]
        let scale = self.scalar("dynamic_scale").unwrap_or(initial as f32);
        let steps = self.scalar("step_counter").map_or(0, whole);
        let node = self.draft.child(self.node, "loss_scale");
        for variable in [values::float32("current_loss_scale", scale), values::int64("good_steps", steps)] {
            let name = variable.name.clone();
            self.draft.variable(node, &name, name.clone(), variable);
        }
    }

    /// The slots in tf_keras' order.
    fn slots(&self, class: &str, trainable: &[(String, &Variable)]) -> Vec<Slot> {
        let mut slots = optimizer::in_dialect(class, &self.state.slots, Dialect::TfKeras);
        let momenta = self.state.data.is_some() || slots.iter().any(|slot| slot.name == "momentum");
        if class == "SGD" && !momenta && self.state.iteration > 0 {
            // tf_keras keeps momentum where there is none.
            let zeros = |(of, (_, v)): (usize, &(String, &Variable))| Slot {
                name: "momentum".into(),
                of: Some(of),
                variable: values::zeros_like("momentum", v),
            };
            slots.extend(trainable.iter().enumerate().map(zeros));
        }
        // The longest layout has all kinds of slots that the class may have.
        let layouts = optimizer::class(class).map_or(&[] as &[_], |c| c.layouts);
        let Some(layout) = layouts.iter().max_by_key(|l| l.iter().map(|block| block.len()).sum::<usize>())
        else {
            return slots;
        };
        let place = |slot: &Slot| {
            if slot.name == EMA.keras3 {
                return (0, slot.of, 0);
            }
            let places = layout.iter().enumerate().flat_map(|(b, block)| {
                block.iter().enumerate().map(move |(k, kind)| (kind.keras3, b + 1, k))
            });
            let found = places.into_iter().find(|(name, _, _)| *name == slot.name);
            found.map_or((usize::MAX, None, 0), |(_, block, kind)| (block, slot.of, kind))
        };
        slots.sort_by_key(place);
        slots
    }
}

/// A counter that is kept among the scalars.
#[allow(clippy::cast_possible_truncation)]
fn whole(x: f32) -> i64 {
    x as i64
}
