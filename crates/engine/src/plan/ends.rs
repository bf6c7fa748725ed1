//! What a graph is planned for: what it gives, and which of its inputs have a next value.

use crate::graph::{Edge, Graph, Kind, Loop, Variable};

use super::fuse::resolve;

/// The next value of a variable, or of what a loop carries.
pub(super) struct Next {
    /// Says where the value is read.
    pub place: Option<Edge>,
    /// The next one, as the graph says it.
    pub given: Edge,
    /// The edge whose memory that has.
    pub edge: Edge,
}

/// Results of a graph.
pub(super) struct Ends {
    /// Holds what it gives, in order: edges that have memory.
    pub outputs: Vec<Edge>,
    /// Holds what has a next value.
    pub next: Vec<Next>,
    /// Says whether a value that is given several times is stored as often where it is made.
    pub stores_many: bool,
}

impl Ends {
    /// Of a step.
    pub fn of_step(graph: &Graph, outputs: &[Edge]) -> Self {
        let place = |variable: &Variable| {
            let node =
                graph.nodes.iter().position(|n| matches!(&n.kind, Kind::Variable(v) if v == variable))?;
            Some(Edge { node, output: 0 })
        };
        let next = |(v, e): &(_, Edge)| Next { place: place(v), given: *e, edge: resolve(graph, *e) };
        let next = graph.assigns.iter().map(next).collect();
        Ends { outputs: outputs.iter().map(|e| resolve(graph, *e)).collect(), next, stores_many: false }
    }

    /// Of a trip through a loop, which gives these of its results.
    pub fn of_trip(looped: &Loop, stacked: &[usize]) -> Self {
        let graph = &looped.body;
        let place = |k: usize| {
            let node = graph.nodes.iter().position(|n| matches!(n.kind, Kind::Input(i) if i == k))?;
            Some(Edge { node, output: 0 })
        };
        let of = |k: usize| resolve(graph, looped.results[k]);
        let next = |k| Next { place: place(k), given: looped.results[k], edge: of(k) };
        let next = (0..looped.carried).map(next).collect();
        Ends { outputs: stacked.iter().map(|k| of(*k)).collect(), next, stores_many: true }
    }

    /// Every edge that must be there at the end.
    pub fn all(&self) -> impl Iterator<Item = Edge> + '_ {
        self.outputs.iter().copied().chain(self.next.iter().map(|n| n.edge))
    }

    /// Returns how many times a value is stored more than once.
    pub fn more(&self, edge: Edge) -> usize {
        if self.stores_many { self.all().filter(|e| *e == edge).count().saturating_sub(1) } else { 0 }
    }

    /// Returns whether what lies at a place is wanted at the end as it was at the beginning.
    pub fn keeps(&self, place: Edge) -> bool {
        self.all().any(|e| e == place)
    }
}
