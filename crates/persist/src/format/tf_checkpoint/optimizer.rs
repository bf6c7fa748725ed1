//! Optimizers in a checkpoint: edges, and reading the state.

use std::collections::BTreeMap;

use super::graph::{Graph, Id, layer_number};
use super::read::Checkpoint;
use crate::Error;
use crate::format::{optimizer, values};
use crate::tree::{Dialect, OptimizerState, Slot, StateData, Variable};

/// Slots that have a list of their own: the list's edge, Keras 3's name of the slot, tf_keras' name.
pub(super) struct List {
    pub(super) edge: &'static str,
    pub(super) keras3: &'static str,
    pub(super) tf_keras: &'static str,
}

const fn list(edge: &'static str, keras3: &'static str, tf_keras: &'static str) -> List {
    List { edge, keras3, tf_keras }
}

/// Averages of all weights (`use_ema`), first among the slots of any class.
pub(super) const EMA: List = list("_model_variables_moving_average", "average", "average");

/// The lists of a class, in the order of their edges.
pub(super) fn lists(class: &str) -> &'static [List] {
    match class {
        "Adam" | "AdamW" | "Nadam" => {
            const {
                &[
                    list("_momentums", "momentum", "m"),
                    list("_velocities", "velocity", "v"),
                    list("_velocity_hats", "velocity_hat", "vhat"),
                ]
            }
        }
        "SGD" | "Lion" => const { &[list("momentums", "momentum", "m")] },
        "RMSprop" => {
            const {
                &[
                    list("_velocities", "velocity", "velocity"),
                    list("_momentums", "momentum", "momentum"),
                    list("_average_gradients", "average_gradient", "average_gradient"),
                ]
            }
        }
        "Adamax" => const { &[list("_m", "momentum", "m"), list("_u", "norm", "u")] },
        "Adagrad" => const { &[list("_accumulators", "accumulator", "accumulator")] },
        "Adadelta" => {
            const {
                &[
                    list("_accumulated_grads", "accumulated_grad", "accumulated_grad"),
                    list("_accumulated_delta_vars", "accumulated_delta_var", "accumulated_delta_var"),
                ]
            }
        }
        "Ftrl" => {
            const { &[list("_accumulators", "accumulator", "accumulator"), list("_linears", "linear", "linear")] }
        }
        "Adafactor" => const { &[list("_r", "r", "r"), list("_c", "c", "c"), list("_v", "velocity", "v")] },
        _ => &[],
    }
}

/// Whether tf_keras makes the list even where it stays empty.
pub(super) fn always_listed(class: &str) -> bool {
    class == "RMSprop"
}

/// Scalars of the state that have an edge: path of edges, name in [`OptimizerState::scalars`].
pub(super) const SCALARS: [(&str, &str); 4] = [
    ("_u_product", "u_product"),
    ("loss_scale/current_loss_scale", "dynamic_scale"),
    ("loss_scale/good_steps", "step_counter"),
    // tf_keras.optimizers.legacy.Nadam
    ("momentum_cache", "u_product"),
];

/// Reads the state of the model's optimizer, if there is one.
pub(super) fn read(
    source: &Checkpoint,
    graph: &Graph,
    model: Id,
    class_name: &str,
    trainable: &[Variable],
) -> Result<Option<OptimizerState>, Error> {
    // `tf.train.Checkpoint(model=.., optimizer=..)` has it beside the model.
    let Some(id) = graph.child(model, "optimizer").or_else(|| graph.child(0, "optimizer")) else {
        return Ok(None);
    };
    let reader = Reader { source, graph, id, class_name, trainable };
    let iteration = match reader.variable("_iterations")?.or(reader.variable("iter")?) {
        Some(variable) => reader.whole_number(&variable)?,
        // Not there in a checkpoint of weights that was saved with an optimizer that has no state.
        None => return Ok(None),
    };
    let mut state = OptimizerState { class_name: class_name.into(), iteration, ..OptimizerState::default() };
    if let Some(rate) = reader.variable("_learning_rate")?.or(reader.variable("learning_rate")?) {
        state.learning_rate = Some(reader.number(&rate)?);
    }
    for (edges, name) in SCALARS {
        if let Some(variable) = reader.variable(edges)? {
            state.scalars.push((name.into(), reader.number(&variable)?));
        }
    }
    state.slots =
        if graph.child(id, "_variables").is_some() { reader.slots()? } else { reader.legacy_slots()? };
    let unlike = reader.differences(&state.slots);
    let unknown = || format!("the slots of {class_name} are not known");
    let known = optimizer::class(class_name).is_some() || !reader.lists_of_class().is_empty();
    let why = if unlike.is_empty() { (!known).then(unknown) } else { Some(unlike.join("; ")) };
    if let Some(why) = why {
        let by_place = graph.child(id, "_variables").is_some();
        state.data = Some(StateData { why, dialect: Some(Dialect::TfKeras), by_place });
        if !unlike.is_empty() {
            state.slots.iter_mut().for_each(|slot| slot.of = None);
        }
    }
    Ok(Some(state))
}

/// The names that the optimizer's variables had in the program that wrote the file, and those of the slots of the older ones.
pub(super) fn slot_names(graph: &Graph, model: Id) -> Vec<String> {
    let Some(id) = graph.child(model, "optimizer").or_else(|| graph.child(0, "optimizer")) else {
        return Vec::new();
    };
    let name = |id: Id| graph.variable(id).map(|v| v.full_name.clone());
    let all = graph.child(id, "_variables").map(|id| graph.list(id)).unwrap_or_default();
    let mut names: Vec<String> = all.into_iter().filter_map(name).filter(|n| n.contains('/')).collect();
    for slot in graph.node(id).iter().flat_map(|node| &node.slots) {
        names.extend(name(slot.original).map(|of| format!("slots/{}/{of}", slot.name)));
    }
    names
}

struct Reader<'a> {
    source: &'a Checkpoint,
    graph: &'a Graph,
    /// Node of the optimizer.
    id: Id,
    class_name: &'a str,
    trainable: &'a [Variable],
}

impl Reader<'_> {
    fn variable(&self, edges: &str) -> Result<Option<Variable>, Error> {
        let stored = self.graph.at(self.id, edges).and_then(|id| self.graph.variable(id));
        stored.map(|stored| self.source.variable(edges, stored)).transpose()
    }

    fn number(&self, variable: &Variable) -> Result<f32, Error> {
        match values::scalar(variable)? {
            // Hyperparameters are float32 in Keras.
            #[allow(clippy::cast_possible_truncation)]
            Some(x) => Ok(x as f32),
            None => Err(self.no_scalar(variable)),
        }
    }

    fn whole_number(&self, variable: &Variable) -> Result<i64, Error> {
        values::scalar_int(variable)?.ok_or_else(|| self.no_scalar(variable))
    }

    fn no_scalar(&self, variable: &Variable) -> Error {
        Error::Format {
            path: self.source.bundle.path().into(),
            place: format!("optimizer/{}", variable.name),
            found: format!("{} of the shape {:?}", variable.dtype.name(), variable.shape),
            expected: "one number".into(),
        }
    }

    /// Slots of the optimizers since TensorFlow 2.11: `_variables`, without the iteration at its beginning.
    fn slots(&self) -> Result<Vec<Slot>, Error> {
        let all = self.graph.child(self.id, "_variables").map(|id| self.graph.list(id)).unwrap_or_default();
        let iteration = self.graph.child(self.id, "_iterations");
        let nodes: Vec<Id> = all.into_iter().filter(|id| Some(*id) != iteration).collect();
        let listed = self.listed();
        let layout = self.layout(nodes.len());
        let mut slots = Vec::new();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (place, id) in nodes.iter().enumerate() {
            let Some(stored) = self.graph.variable(*id) else { continue };
            let by_layout = || layout.as_ref().and_then(|l| l.get(place).copied());
            if let Some((name, of)) = listed.get(id).copied().or_else(by_layout) {
                let variable = self.source.variable(name, stored)?;
                slots.push(Slot { name: name.into(), of: Some(of), variable });
                continue;
            }
            // Only the name in the program says something: `m/dense/kernel` is the next `m`.
            let name = self.by_full_name(&stored.full_name);
            let count = counts.entry(name.clone()).or_default();
            let variable = self.source.variable(&name, stored)?;
            let of =
                Some(*count).filter(|of| self.trainable.get(*of).is_some_and(|t| t.shape == variable.shape));
            *count += 1;
            slots.push(Slot { of: of.filter(|_| !name.is_empty()), name, variable });
        }
        Ok(slots)
    }

    /// What the lists of the optimizer say: slot's name and variable's index for each node.
    fn listed(&self) -> BTreeMap<Id, (&'static str, usize)> {
        let mut found = BTreeMap::new();
        for list in self.lists() {
            let nodes =
                self.graph.child(self.id, list.edge).map(|id| self.graph.list(id)).unwrap_or_default();
            found.extend(nodes.into_iter().enumerate().map(|(of, id)| (id, (list.keras3, of))));
        }
        found
    }

    /// The lists that this optimizer may have, averages of weights first.
    fn lists(&self) -> Vec<&'static List> {
        std::iter::once(&EMA).chain(self.lists_of_class()).collect()
    }

    /// The lists of its class. A LossScaleOptimizer has those of the one inside, whose class its edges tell.
    fn lists_of_class(&self) -> &'static [List] {
        let mut class = self.class_name;
        if lists(class).is_empty() {
            let fits =
                |class: &&str| lists(class).iter().any(|l| self.graph.child(self.id, l.edge).is_some());
            // RMSprop before Adam, with which it shares two edges.
            let rms = self.graph.child(self.id, "_average_gradients").is_some();
            let classes = ["Adam", "SGD", "Adamax", "Ftrl", "Adadelta", "Adafactor"];
            class = if rms { "RMSprop" } else { classes.into_iter().find(fits).unwrap_or(class) };
        }
        lists(class)
    }

    /// The order of slots of the class, where the number of slots leaves one possibility.
    fn layout(&self, slots: usize) -> Option<Vec<(&'static str, usize)>> {
        let orders = optimizer::class(self.class_name)?.layouts.iter().map(|layout| {
            let order: Vec<_> =
                optimizer::order(layout, self.trainable).map(|(kind, of)| (kind.keras3, of)).collect();
            order
        });
        let mut fitting = orders.filter(|order| order.len() == slots);
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }

    /// Slot's name from a name like `m/dense/kernel`. An optimizer that is not known keeps its own names.
    fn by_full_name(&self, full_name: &str) -> String {
        let start = full_name.split_once('/').map_or("", |(start, _)| start);
        match self.lists().iter().find(|l| l.tf_keras == start) {
            Some(list) => list.keras3.into(),
            None if lists(self.class_name).is_empty() => start.into(),
            None => String::new(),
        }
    }

    /// Slots of older optimizers: the optimizer's node says which node is which slot of which variable.
    fn legacy_slots(&self) -> Result<Vec<Slot>, Error> {
        let Some(node) = self.graph.node(self.id) else { return Ok(Vec::new()) };
        let with_slots = |id: &Id| node.slots.iter().any(|s| s.original == *id);
        let order: BTreeMap<Id, usize> = self
            .model_variables()
            .into_iter()
            .filter(with_slots)
            .enumerate()
            .map(|(of, id)| (id, of))
            .collect();
        let mut slots = Vec::new();
        for slot in &node.slots {
            let Some(stored) = self.graph.variable(slot.slot) else { continue };
            let name = optimizer::name_today(self.class_name, &slot.name).unwrap_or_default();
            let variable = self.source.variable(name, stored)?;
            slots.push(Slot { name: name.into(), of: order.get(&slot.original).copied(), variable });
        }
        // They come as m0 m1 .. v0 v1 ..; Keras 3's order is that of the class.
        if let Some(layout) = self.layout(slots.len()) {
            let place = |s: &Slot| layout.iter().position(|(name, of)| *name == s.name && Some(*of) == s.of);
            slots.sort_by_key(|s| place(s).unwrap_or(usize::MAX));
        }
        Ok(slots)
    }

    /// Nodes of the model's variables in the model's order.
    fn model_variables(&self) -> Vec<Id> {
        let (_, model) = self.source.model().unwrap_or((self.graph, 0));
        let mut found = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut next = vec![model];
        while let Some(id) = next.pop() {
            if !seen.insert(id) {
                continue;
            }
            if self.graph.variable(id).is_some() {
                found.push(id);
            }
            let Some(node) = self.graph.node(id) else { continue };
            let layers_only = self.graph.is_model(id);
            let mut edges: Vec<(&str, Id)> =
                node.edges.iter().map(|(name, id)| (name.as_str(), *id)).collect();
            if layers_only {
                edges.retain(|(name, _)| layer_number(name).is_some());
            }
            next.extend(edges.into_iter().rev().map(|(_, id)| id));
        }
        found
    }

    /// In what slots are not those of the model's variables.
    fn differences(&self, slots: &[Slot]) -> Vec<String> {
        let mut mismatches = Vec::new();
        for slot in slots {
            let Some(of) = slot.of else { continue };
            match self.trainable.get(of) {
                None => mismatches.push(format!(
                    "the optimizer's slot `{}` of variable {of}: the model has {} trainable variables",
                    slot.name,
                    self.trainable.len()
                )),
                // Adafactor's rows and columns have other shapes.
                Some(variable)
                    if variable.shape != slot.variable.shape && !matches!(&*slot.name, "r" | "c") =>
                {
                    mismatches.push(format!(
                        "the optimizer's slot `{}` of variable {of}: the file has the shape {:?}, the model's `{}` has {:?}",
                        slot.name, slot.variable.shape, variable.name, variable.shape
                    ));
                }
                Some(_) => {}
            }
        }
        mismatches
    }
}
