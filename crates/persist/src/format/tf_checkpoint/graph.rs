//! The object graph of a checkpoint, checked and ready to be walked.

use std::collections::BTreeMap;

use prost::Message;

use super::{GRAPH, VALUE};
use crate::container::bundle::Bundle;
use crate::container::protobuf::TrackableObjectGraph;
use crate::{Error, limits};

/// Index of a node.
pub(super) type Id = usize;

/// An object: its edges by name, and its variable.
#[derive(Default)]
pub(super) struct Node {
    /// Edges in the file's order.
    pub(super) edges: Vec<(String, Id)>,
    by_name: BTreeMap<String, Id>,
    /// Where this object is a variable.
    pub(super) variable: Option<Stored>,
    /// Slot variables of an optimizer of before TensorFlow 2.11.
    pub(super) slots: Vec<SlotOf>,
}

/// A variable: its name in the program that wrote it, and the key of its tensor.
pub(super) struct Stored {
    /// `dense/kernel`; may be empty.
    pub(super) full_name: String,
    /// `layer_with_weights-0/kernel/.ATTRIBUTES/VARIABLE_VALUE`, or any other.
    pub(super) key: String,
}

/// A slot variable and what it belongs to.
pub(super) struct SlotOf {
    /// `m`.
    pub(super) name: String,
    /// Node of the model's variable.
    pub(super) original: Id,
    /// Node of the slot variable.
    pub(super) slot: Id,
}

/// The graph. Node 0 is the root; edges lead to nodes that exist, perhaps in circles.
pub(super) struct Graph {
    nodes: Vec<Node>,
}

impl Graph {
    /// Reads the graph of a checkpoint that has one.
    pub(super) fn read(bundle: &Bundle) -> Result<Self, Error> {
        let bad = |found: String, expected: &str| Error::Format {
            path: bundle.path().into(),
            place: format!("tensor {GRAPH}"),
            found,
            expected: expected.into(),
        };
        let Some(bytes) = bundle.string(GRAPH, limits::OBJECT_GRAPH_BYTES)? else {
            return Err(bad("no string".into(), "a serialized object graph"));
        };
        let graph = TrackableObjectGraph::decode(bytes.as_slice())
            .map_err(|e| bad(e.to_string(), "a serialized object graph"))?;
        let count = graph.nodes.len();
        if count == 0 {
            return Err(bad("no nodes".into(), "the node of the model"));
        }
        let id = |id: i32| match usize::try_from(id) {
            Ok(n) if n < count => Ok(n),
            _ => Err(bad(format!("an edge to node {id}"), &format!("one of {count} nodes"))),
        };
        let mut nodes = Vec::new();
        for found in graph.nodes {
            let mut node = Node::default();
            for edge in found.children {
                let target = id(edge.node_id)?;
                if node.by_name.insert(edge.local_name.clone(), target).is_some_and(|other| other != target) {
                    return Err(bad(format!("two edges `{}` of one node", edge.local_name), "one"));
                }
                node.edges.push((edge.local_name, target));
            }
            for slot in found.slot_variables {
                node.slots.push(SlotOf {
                    name: slot.slot_name,
                    original: id(slot.original_variable_node_id)?,
                    slot: id(slot.slot_variable_node_id)?,
                });
            }
            // Other attributes belong to objects that no model has (tables, iterators).
            node.variable = found
                .attributes
                .into_iter()
                .find(|a| a.name == VALUE)
                .map(|a| Stored { full_name: a.full_name, key: a.checkpoint_key });
            nodes.push(node);
        }
        Ok(Self { nodes })
    }

    /// A node; ids come from edges, so it exists.
    pub(super) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Where the edge of that name leads.
    pub(super) fn child(&self, id: Id, name: &str) -> Option<Id> {
        self.node(id)?.by_name.get(name).copied()
    }

    /// Where a path of edges leads, `cells/0`.
    pub(super) fn at(&self, id: Id, path: &str) -> Option<Id> {
        path.split('/').try_fold(id, |id, name| self.child(id, name))
    }

    /// The variable that a node is.
    pub(super) fn variable(&self, id: Id) -> Option<&Stored> {
        self.node(id)?.variable.as_ref()
    }

    /// The nodes of a list: edges `0`, `1` ... without a gap.
    pub(super) fn list(&self, id: Id) -> Vec<Id> {
        (0..).map_while(|i: usize| self.child(id, &i.to_string())).collect()
    }

    /// Whether a node has layers, as models have.
    pub(super) fn is_model(&self, id: Id) -> bool {
        let is_layer = |name: &str| layer_number(name).is_some();
        self.node(id).is_some_and(|n| n.edges.iter().any(|(name, _)| is_layer(name)))
    }
}

/// N of `layer-N` or `layer_with_weights-N`.
pub(super) fn layer_number(edge: &str) -> Option<usize> {
    edge.strip_prefix("layer-").or_else(|| edge.strip_prefix("layer_with_weights-"))?.parse().ok()
}
