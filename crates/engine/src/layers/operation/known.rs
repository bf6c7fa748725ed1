//! Numbers that a trace knows: those that are computed of constants and shapes alone.

use std::collections::HashMap;

use crate::graph::{Edge, Expr, Graph, Kind, Tensor, with_open};
use crate::oracle::{self, Given};

/// Elements of what is looked at: shapes and places, not data.
const MOST: usize = 4096;

/// Returns the numbers of a tensor; `None` where they depend on data, variables or chance, or are many.
pub(super) fn values(x: Tensor) -> Option<Vec<f64>> {
    let edge = x.edge()?;
    let (graph, edge) = with_open(|open| part(open, edge)).flatten()?;
    let ran = oracle::run(&graph, &Given::default());
    Some(oracle::value(&ran, edge).to_vec())
}

/// The nodes that an edge needs, as a graph of their own.
fn part(open: &Graph, edge: Edge) -> Option<(Graph, Edge)> {
    let mut needed = vec![false; edge.node + 1];
    needed[edge.node] = true;
    for i in (0..=edge.node).rev().filter(|i| *i <= edge.node) {
        if needed[i] {
            open.nodes[i].inputs.iter().for_each(|e| needed[e.node] = true);
        }
    }
    let mut graph = Graph::default();
    graph.scopes.push(String::new());
    let mut places = HashMap::new();
    for i in (0..=edge.node).filter(|i| needed[*i]) {
        let node = &open.nodes[i];
        let draws = |e: &Expr| {
            let mut found = false;
            e.visit(&mut |e| found |= matches!(e, Expr::Rand(_) | Expr::Step(_)));
            found
        };
        let constant = match &node.kind {
            Kind::Pointwise(exprs) => !exprs.iter().any(draws),
            Kind::Op(_) | Kind::Reshape | Kind::Constant(_) => true,
            _ => false,
        };
        if !constant || node.types.iter().any(|ty| ty.len() > MOST) {
            return None;
        }
        let inputs = node.inputs.iter().map(|e| Some(Edge { node: *places.get(&e.node)?, output: e.output }));
        let made = graph.add(node.kind.clone(), inputs.collect::<Option<_>>()?, node.types.clone());
        places.insert(i, made.node);
    }
    Some((graph, Edge { node: *places.get(&edge.node)?, output: edge.output }))
}
