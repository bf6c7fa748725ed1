//! An object graph that is being made: objects first, numbers and keys at the end.

use std::collections::VecDeque;

use prost::Message;

use super::{SUFFIX, VALUE};
use crate::container::protobuf::trackable_object_graph::TrackableObject;
use crate::container::protobuf::trackable_object_graph::trackable_object::{
    ObjectReference, SerializedTensor, SlotVariableReference,
};
use crate::container::protobuf::{BoolValue, TrackableObjectGraph};
use crate::tree::Variable;

/// An object of the draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::format) struct Object(usize);

#[derive(Default)]
struct Node {
    edges: Vec<(String, usize)>,
    variable: Option<(String, Variable)>,
    /// Slots of an optimizer of before TensorFlow 2.11: name, variable, slot.
    slots: Vec<(String, usize, usize)>,
}

/// The draft. The first object is the root.
#[derive(Default)]
pub(in crate::format) struct Draft {
    nodes: Vec<Node>,
}

/// A graph in its serialized form, and its variables with their keys in the order of their data.
pub(super) struct Finished {
    pub(super) graph: Vec<u8>,
    pub(super) variables: Vec<(String, Variable)>,
}

/// Numbers and paths of the objects.
struct Order {
    order: Vec<usize>,
    paths: Vec<Option<String>>,
    numbers: Vec<Option<i32>>,
}

/// An object with the numbers of those that its edges lead to.
pub(in crate::format) struct Numbered<'a> {
    pub(in crate::format) object: Object,
    pub(in crate::format) edges: Vec<(&'a str, i32)>,
    /// Name in tf_keras, key of the tensor, and the variable.
    pub(in crate::format) variable: Option<(&'a str, String, &'a Variable)>,
}

impl Draft {
    /// Adds an object.
    pub(super) fn object(&mut self) -> Object {
        self.nodes.push(Node::default());
        Object(self.nodes.len() - 1)
    }

    /// Adds an object to which an edge leads.
    pub(super) fn child(&mut self, parent: Object, edge: &str) -> Object {
        let child = self.object();
        self.edge(parent, edge, child);
        child
    }

    /// Adds a variable to which an edge leads. `full_name` is its name in tf_keras, `dense/kernel`.
    pub(super) fn variable(
        &mut self,
        parent: Object,
        edge: &str,
        full_name: String,
        variable: Variable,
    ) -> Object {
        let child = self.child(parent, edge);
        self.set(child, full_name, variable);
        child
    }

    /// Makes an object a variable.
    pub(super) fn set(&mut self, object: Object, full_name: String, variable: Variable) {
        if let Some(node) = self.nodes.get_mut(object.0) {
            node.variable = Some((full_name, variable));
        }
    }

    /// Adds a slot of a variable to an optimizer of before TensorFlow 2.11, to which no edge leads.
    pub(super) fn slot(
        &mut self,
        optimizer: Object,
        name: &str,
        of: Object,
        full_name: String,
        slot: Variable,
    ) {
        let made = self.object();
        self.set(made, full_name, slot);
        if let Some(node) = self.nodes.get_mut(optimizer.0) {
            node.slots.push((name.into(), of.0, made.0));
        }
    }

    /// The object that everything hangs on.
    pub(in crate::format) fn root(&self) -> Object {
        Object(0)
    }

    /// Where an edge leads.
    pub(in crate::format) fn at(&self, from: Object, name: &str) -> Option<Object> {
        let edges = &self.nodes.get(from.0)?.edges;
        edges.iter().find(|(edge, _)| edge == name).map(|(_, id)| Object(*id))
    }

    /// Adds an edge between objects.
    pub(super) fn edge(&mut self, from: Object, name: &str, to: Object) {
        if let Some(node) = self.nodes.get_mut(from.0) {
            node.edges.push((name.into(), to.0));
        }
    }

    /// Numbers the objects breadth-first, as TensorFlow does, and names each by the first path to it.
    fn order(&self) -> Order {
        let mut order = vec![0];
        let mut paths = vec![None; self.nodes.len()];
        let mut numbers = vec![None; self.nodes.len()];
        if let (Some(path), Some(number)) = (paths.first_mut(), numbers.first_mut()) {
            (*path, *number) = (Some(String::new()), Some(0));
        }
        let mut queue = VecDeque::from([0]);
        while let Some(id) = queue.pop_front() {
            let path = paths.get(id).cloned().flatten().unwrap_or_default();
            for (name, child) in self.nodes.get(id).map_or(&[] as &[_], |n| &n.edges) {
                if let Some(number @ None) = numbers.get_mut(*child) {
                    *number = i32::try_from(order.len()).ok();
                    order.push(*child);
                    queue.push_back(*child);
                    let separator = if path.is_empty() { "" } else { "/" };
                    if let Some(place) = paths.get_mut(*child) {
                        *place = Some(format!("{path}{separator}{}", escape(name)));
                    }
                }
            }
        }
        // Slots come behind all that edges lead to, under the path of their variable.
        for id in order.clone() {
            let path = |id: usize| paths.get(id).cloned().flatten();
            let optimizer = path(id).unwrap_or_default();
            let slots = self.nodes.get(id).map_or(&[] as &[_], |n| &n.slots);
            let own = |(name, of, slot): &(String, usize, usize)| {
                Some((*slot, format!("{}/.OPTIMIZER_SLOT/{optimizer}/{}", path(*of)?, escape(name))))
            };
            let placed: Vec<(usize, String)> = slots.iter().filter_map(own).collect();
            for (slot, path) in placed {
                if let (Some(number @ None), Some(place)) = (numbers.get_mut(slot), paths.get_mut(slot)) {
                    *number = i32::try_from(order.len()).ok();
                    *place = Some(path);
                    order.push(slot);
                }
            }
        }
        Order { order, paths, numbers }
    }

    /// The objects in TensorFlow's order; those that no edge leads to are left out.
    pub(in crate::format) fn numbered(&self) -> Vec<Numbered<'_>> {
        let Order { order, paths, numbers } = self.order();
        let number = |id: &usize| numbers.get(*id).copied().flatten().unwrap_or_default();
        let one = |id: usize| {
            let node = self.nodes.get(id)?;
            let path = paths.get(id).cloned().flatten().unwrap_or_default();
            let variable = node.variable.as_ref();
            Some(Numbered {
                object: Object(id),
                edges: node.edges.iter().map(|(name, child)| (name.as_str(), number(child))).collect(),
                variable: variable.map(|(full_name, v)| (full_name.as_str(), format!("{path}{SUFFIX}"), v)),
            })
        };
        order.into_iter().filter_map(one).collect()
    }

    /// The serialized graph, and the variables under the keys that it names.
    pub(super) fn finish(mut self) -> Finished {
        let Order { order, paths, numbers } = self.order();
        let valued = self.valued();
        let mut graph = TrackableObjectGraph::default();
        let mut variables = Vec::new();
        for id in order {
            let Some(node) = self.nodes.get_mut(id) else { continue };
            let mut object = TrackableObject {
                // An absent and a false value are the same message, but for two bytes.
                has_checkpoint_values: Some(BoolValue { value: valued.get(id) == Some(&true) }),
                ..TrackableObject::default()
            };
            for (name, child) in std::mem::take(&mut node.edges) {
                let node_id = numbers.get(child).copied().flatten().unwrap_or_default();
                object.children.push(ObjectReference { node_id, local_name: name });
            }
            for (slot_name, of, slot) in std::mem::take(&mut node.slots) {
                let number = |id: usize| numbers.get(id).copied().flatten().unwrap_or_default();
                object.slot_variables.push(SlotVariableReference {
                    original_variable_node_id: number(of),
                    slot_name,
                    slot_variable_node_id: number(slot),
                });
            }
            if let Some((full_name, variable)) = node.variable.take() {
                let key = format!("{}{SUFFIX}", paths.get(id).cloned().flatten().unwrap_or_default());
                object.attributes.push(SerializedTensor {
                    name: VALUE.into(),
                    full_name,
                    checkpoint_key: key.clone(),
                });
                variables.push((key, variable));
            }
            graph.nodes.push(object);
        }
        Finished { graph: graph.encode_to_vec(), variables }
    }

    /// Which objects are variables or lead to some.
    fn valued(&self) -> Vec<bool> {
        let mut parents: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        let mut valued = vec![false; self.nodes.len()];
        let mut next = Vec::new();
        for (id, node) in self.nodes.iter().enumerate() {
            for (_, child) in &node.edges {
                if let Some(list) = parents.get_mut(*child) {
                    list.push(id);
                }
            }
            if node.variable.is_some() {
                next.push(id);
            }
        }
        while let Some(id) = next.pop() {
            if let Some(flag @ false) = valued.get_mut(id) {
                *flag = true;
                next.extend(parents.get(id).into_iter().flatten());
            }
        }
        valued
    }
}

/// An edge's name inside a key.
fn escape(name: &str) -> String {
    name.replace('.', "..").replace('/', ".S")
}
