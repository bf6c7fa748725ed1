//! Loops: a body that is traced once and runs once per slice of its inputs (the contract of `jax.lax.scan`).

use std::sync::Arc;

use super::{Edge, Graph, Kind, OPEN, Tensor, fail, joined, tensor_of, with_open};
use crate::Error;
use crate::types::TensorType;

/// A body and what goes through it. The inputs of the body (and of the loop's node) are, in order: what is carried from trip to trip,
/// what is cut into slices along its first axis, and what is the same in every trip.
#[derive(Clone, Debug)]
pub struct Loop {
    /// Counts how many times the body runs.
    pub trips: usize,
    /// Says whether it goes from the last slice to the first, for what it reads and for what it stacks.
    pub reversed: bool,
    /// The body. Its input k is [`Kind::Input`] k.
    pub body: Graph,
    /// Counts how many of the inputs are carried.
    pub carried: usize,
    /// Counts how many are cut into slices.
    pub scanned: usize,
    /// Holds what a trip gives: the next values of what is carried, then slices that are stacked along a new first axis. These are also the
    /// outputs of the loop's node, with the values after the last trip for what is carried.
    pub results: Vec<Edge>,
}

impl Loop {
    /// Returns the number of the slice that a trip reads and writes.
    pub fn slice(&self, trip: usize) -> usize {
        if self.reversed { self.trips - 1 - trip } else { trip }
    }

    /// Returns the types of the node's outputs.
    pub(crate) fn types(&self) -> Vec<TensorType> {
        let ty = |(k, edge): (usize, &Edge)| {
            let ty = self.body.edge_type(*edge).clone();
            if k < self.carried { ty } else { stacked(ty, self.trips) }
        };
        self.results.iter().enumerate().map(ty).collect()
    }

    /// Returns whether input k of the body is cut into slices.
    pub(crate) fn is_slice(&self, k: usize) -> bool {
        (self.carried..self.carried + self.scanned).contains(&k)
    }
}

/// Returns the type of so many slices.
pub(crate) fn stacked(slice: TensorType, trips: usize) -> TensorType {
    TensorType { shape: [&[trips], slice.shape.as_slice()].concat(), ..slice }
}

/// Holds what the graph of a body keeps while it is traced.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    /// Edges of the graph around that the body reads, in the order of its inputs.
    captured: Vec<Edge>,
}

/// Finds the edge of graph `id` in the graph at this level: itself, or as an input of a loop's body.
pub(super) fn capture(open: &mut [Graph], id: u32, edge: Edge) -> Option<Edge> {
    let (graph, around) = open.split_last_mut()?;
    if graph.id == id {
        return Some(edge);
    }
    graph.body.as_ref()?;
    let outer = capture(around, id, edge)?;
    let ty = around.last()?.edge_type(outer).clone();
    Some(captured(graph, outer, ty))
}

fn captured(graph: &mut Graph, outer: Edge, ty: TensorType) -> Edge {
    let Some(body) = &mut graph.body else { return outer };
    let known = body.captured.iter().position(|e| *e == outer);
    let number = CAPTURED + known.unwrap_or(body.captured.len());
    if known.is_none() {
        body.captured.push(outer);
        return graph.add(Kind::Input(number), vec![], vec![ty]);
    }
    let node = graph.nodes.iter().position(|n| matches!(n.kind, Kind::Input(k) if k == number));
    Edge { node: node.unwrap_or(0), output: 0 }
}

/// Finds a node that belongs to the outermost graph, where `make` finds or makes it: a variable, a constant.
pub(super) fn outermost(
    open: &mut [Graph],
    ty: &TensorType,
    make: &mut dyn FnMut(&mut Graph) -> Edge,
) -> Option<Edge> {
    let (graph, around) = open.split_last_mut()?;
    if graph.body.is_none() {
        return Some(make(graph));
    }
    let outer = outermost(around, ty, make)?;
    Some(captured(graph, outer, ty.clone()))
}

/// A body that was traced.
pub(crate) struct Traced(Graph);

/// Numbers of captured inputs begin here while the others are not all known.
const CAPTURED: usize = 1 << 24;

/// Traces a body that makes its own inputs, whose nodes carry these scopes.
pub(crate) fn traced_as<R>(scopes: &[String], f: impl FnOnce() -> R) -> Option<(Traced, R)> {
    let body = Some(Body::default());
    let opened = OPEN.with_borrow_mut(|open| {
        let around = open.last()?;
        let scopes =
            if scopes.is_empty() { vec![around.scopes[around.scope].clone()] } else { scopes.to_vec() };
        open.push(Graph { id: super::next_id(), scopes, body, ..Graph::default() });
        Some(open.len() - 1)
    })?;
    let result = f();
    let mut graph = OPEN.with_borrow_mut(|open| (open.len() == opened + 1).then(|| open.pop()).flatten())?;
    if let Some(error) = graph.error.take() {
        with_open(|g| g.fail(error));
    }
    Some((Traced(graph), result))
}

impl Traced {
    /// The graph.
    pub(crate) fn graph(&self) -> &Graph {
        &self.0
    }

    /// The graph, of a body that is settled.
    pub(crate) fn into_graph(self) -> Graph {
        self.0
    }

    /// Computes outside, once, what is the same in every trip: slices of weights, as a rule.
    fn hoist(&mut self) {
        let graph = &mut self.0;
        let mut outside: Vec<Option<Edge>> = Vec::with_capacity(graph.nodes.len());
        for i in 0..graph.nodes.len() {
            let (Some(body), node) = (&mut graph.body, &mut graph.nodes[i]) else { return };
            let found = match node.kind {
                Kind::Input(k) => k.checked_sub(CAPTURED).map(|k| body.captured[k]),
                _ if node.types.len() > 1 || node.inputs.is_empty() => None,
                _ => {
                    let inputs: Option<Vec<Edge>> = node.inputs.iter().map(|e| outside[e.node]).collect();
                    inputs.and_then(|inputs| {
                        let inputs: Vec<Tensor> = inputs.into_iter().map(tensor_of).collect();
                        super::node(node.kind.clone(), &inputs, |_| Ok(node.types.clone())).edge()
                    })
                }
            };
            if let (Some(edge), false) = (found, matches!(node.kind, Kind::Input(_))) {
                body.captured.push(edge);
                node.kind = Kind::Input(CAPTURED + body.captured.len() - 1);
                node.inputs.clear();
            }
            outside.push(found);
        }
    }

    /// Removes nodes that no result needs, and numbers the inputs as a loop's: those of `carried`, those of `read` that are needed, what is
    /// captured. Gives the ones of `read` that are left, and the edges outside that are captured.
    pub(crate) fn settle(
        &mut self,
        results: &mut [Edge],
        carried: &[usize],
        read: &[usize],
    ) -> (Vec<usize>, Vec<Edge>) {
        let graph = &mut self.0;
        let mut live = vec![false; graph.nodes.len()];
        results.iter().for_each(|e| live[e.node] = true);
        for i in (0..graph.nodes.len()).rev() {
            if live[i] {
                graph.nodes[i].inputs.iter().for_each(|e| live[e.node] = true);
            }
        }
        let mut moved = Vec::with_capacity(live.len());
        let mut kept = 0;
        for live in &live {
            moved.push(kept);
            kept += usize::from(*live);
        }
        let mut is_live = live.iter();
        graph.nodes.retain(|_| is_live.next() == Some(&true));
        let edges = graph.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut());
        edges.chain(results).for_each(|e| e.node = moved[e.node]);
        let has = |n: usize| graph.nodes.iter().any(|node| matches!(node.kind, Kind::Input(k) if k == n));
        let used: Vec<usize> = read.iter().copied().filter(|n| has(*n)).collect();
        let all = graph.body.take().map(|b| b.captured).unwrap_or_default();
        let captured: Vec<usize> = (0..all.len()).filter(|k| has(CAPTURED + k)).collect();
        let order = carried.iter().chain(&used).copied().chain(captured.iter().map(|k| CAPTURED + k));
        let order: Vec<usize> = order.collect();
        for node in &mut graph.nodes {
            if let Kind::Input(k) = &mut node.kind {
                *k = order.iter().position(|n| n == k).unwrap_or(*k);
            }
        }
        (used, captured.into_iter().map(|k| all[k]).collect())
    }
}

/// Runs `body` `trips` times: it gets what is carried (at first `carried`) and a slice of each of `scanned` along its first axis, of that
/// length, and gives the next values of what is carried and any number of slices. Gives the last values of what is carried, and the slices, stacked along a
/// new first axis. With `reversed` it goes from the last slice to the first.
///
/// The body may read tensors and variables of the graph around; assigning variables and drawing random numbers belong outside.
pub fn scan(
    trips: usize,
    reversed: bool,
    carried: &[Tensor],
    scanned: &[Tensor],
    body: impl FnOnce(&[Tensor], &[Tensor]) -> (Vec<Tensor>, Vec<Tensor>),
) -> (Vec<Tensor>, Vec<Tensor>) {
    let odd = |what: String| {
        fail(Error::Shape { layer: String::new(), what });
        (carried.to_vec(), Vec::new())
    };
    // A constant first state is of the type of what is cut into slices.
    let dtype = joined(&[carried, scanned].concat());
    let cast: Vec<Tensor> =
        carried.iter().map(|t| if dtype.half().is_some() { t.float_as(dtype) } else { *t }).collect();
    let carried = cast.as_slice();
    let mut types: Vec<TensorType> = carried.iter().map(|t| t.ty()).collect();
    let words = |t: &&Tensor| !t.ty().dtype.is_float();
    if let Some(t) = carried.iter().chain(scanned).find(words) {
        return odd(format!(
            "a loop takes floats, but was given {}: make floats of it, by to_f32()",
            t.ty().dtype.name()
        ));
    }
    if trips == 0 {
        return odd("a loop of no steps".into());
    }
    for ty in scanned.iter().map(|t| t.ty()) {
        match ty.shape.split_first() {
            Some((n, rest)) if *n == trips => {
                types.push(TensorType { shape: rest.to_vec(), ..ty.clone() });
            }
            _ => return odd(format!("a loop of {trips} steps over a tensor of shape {:?}", ty.shape)),
        }
    }
    let count = carried.len();
    let run = || {
        let inputs: Vec<Tensor> =
            types.iter().cloned().enumerate().map(|(k, ty)| Tensor::input(k, ty)).collect();
        let (carried, slices) = inputs.split_at(count);
        let (next, stacked) = body(carried, slices);
        let edges = |list: &[Tensor]| list.iter().filter_map(|t| t.edge()).collect::<Vec<_>>();
        (edges(&next), edges(&stacked))
    };
    let Some((mut traced, (next, slices))) = traced_as(&[], run) else {
        return odd("a loop outside of a trace".into());
    };
    traced.hoist();
    let given: Vec<&TensorType> = next.iter().map(|e| traced.0.edge_type(*e)).collect();
    if !given.iter().copied().eq(&types[..count]) {
        return odd(format!("a loop carries {:?}, but its body gives {given:?}", &types[..count]));
    }
    let mut results: Vec<Edge> = next.into_iter().chain(slices).collect();
    let numbers: Vec<usize> = (0..types.len()).collect();
    let (used, captured) = traced.settle(&mut results, &numbers[..count], &numbers[count..]);
    let scanned: Vec<Tensor> = used.iter().map(|k| scanned[k - count]).collect();
    let made = Loop { trips, reversed, body: traced.0, carried: count, scanned: scanned.len(), results };
    add(made, &[carried, &scanned].concat(), &captured)
}

/// Adds the node of a loop.
pub(crate) fn add(made: Loop, inputs: &[Tensor], captured: &[Edge]) -> (Vec<Tensor>, Vec<Tensor>) {
    let edges: Option<Vec<Edge>> = inputs.iter().map(|t| t.edge()).collect();
    let types = made.types();
    let (carried, all) = (made.carried, types.len());
    let first = with_open(|g| {
        let inputs = edges?.into_iter().chain(captured.iter().copied()).collect();
        let edge = g.add(Kind::Loop(Arc::new(made)), inputs, types);
        Some(Tensor::new(g, edge))
    });
    let first = first.flatten().unwrap_or_else(Tensor::nowhere);
    let of = |range: std::ops::Range<usize>| range.map(|k| first.sibling(k)).collect();
    (of(0..carried), of(carried..all))
}
