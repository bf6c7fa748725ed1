//! Gradients: one walk back over the graph, adding nodes.

mod loops;

use std::collections::HashMap;

use crate::Error;
use crate::graph::{Backward, Edge, Expr, Kind, Node, Tensor, tensor_of, with_open};
use crate::ops::pointwise;

/// Gradients of a scalar by these tensors; `None` where it does not depend on one.
///
/// Gradients of broadcast inputs are summed to the input's shape here, in one place.
///
/// # Errors
/// An op on the way has no gradient.
pub fn gradients(loss: Tensor, by: &[Tensor]) -> Result<Vec<Option<Tensor>>, Error> {
    let last = loss.edge().ok_or_else(|| state("the loss is of another graph"))?;
    let targets: Vec<Edge> = by.iter().filter_map(|t| t.edge()).collect();
    let nodes: Vec<Node> = with_open(|g| g.nodes.clone()).unwrap_or_default();
    let scopes: Vec<String> = with_open(|g| g.scopes.clone()).unwrap_or_default();
    let depends = depends(&nodes, |i| targets.iter().any(|t| t.node == i));
    let mut walk = Walk { nodes: &nodes, scopes: &scopes, depends, grads: HashMap::new(), apart: vec![] };
    walk.grads.insert(last, vec![Tensor::full(&loss.shape(), 1.0)]);
    walk.run(last.node, &mut tensor_of, true)?;
    // A gradient may still be narrower than its variable (a constant that would broadcast).
    let found = |t: &Tensor| t.edge().and_then(|e| walk.grad(e)).map(|g| g.broadcast_to(&t.shape()));
    Ok(by.iter().map(found).collect())
}

/// Returns for each node whether it is a target or depends on one.
fn depends(nodes: &[Node], is_target: impl Fn(usize) -> bool) -> Vec<bool> {
    let mut depends = vec![false; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        depends[i] = is_target(i) || node.inputs.iter().any(|e| depends[e.node]);
    }
    depends
}

/// A walk back over nodes that may be those of the open graph or of a loop's body.
struct Walk<'a> {
    nodes: &'a [Node],
    scopes: &'a [String],
    /// Nodes that lie between a target and what the gradients are of.
    depends: Vec<bool>,
    /// Gradients found: one for each edge, but those that are kept apart.
    grads: HashMap<Edge, Vec<Tensor>>,
    /// Edges whose gradients are not added up.
    apart: Vec<Edge>,
}

impl Walk<'_> {
    /// The gradient of an edge. Those of all parts of a tensor are put one behind the other, and not padded and added.
    fn grad(&self, edge: Edge) -> Option<Tensor> {
        let (parts, others): (Vec<Tensor>, Vec<Tensor>) =
            self.grads.get(&edge)?.iter().copied().partition(|t| t.is_padded());
        let sum = |list: Vec<Tensor>| list.into_iter().reduce(|sum, more| sum + more);
        let parts = Tensor::join_padded(&parts).or_else(|| sum(parts));
        sum(sum(others).into_iter().chain(parts).collect())
    }

    /// Adds to the gradient of an edge, in the edge's float type.
    fn add(&mut self, edge: Edge, gradient: Tensor) {
        let gradient = gradient.float_as(self.nodes[edge.node].types[edge.output].dtype);
        let apart = self.apart.contains(&edge) || gradient.is_padded();
        let list = self.grads.entry(edge).or_default();
        match list.iter_mut().find(|t| !apart && !t.is_padded()) {
            Some(sum) => *sum = *sum + gradient,
            None => list.push(gradient),
        }
    }

    /// Walks from node `last` to the first. `tensor` gives the value of an edge in the open graph; `own` says whether the nodes are those of
    /// the open graph.
    fn run(&mut self, last: usize, tensor: &mut dyn FnMut(Edge) -> Tensor, own: bool) -> Result<(), Error> {
        for i in (0..=last).rev() {
            let node = &self.nodes[i];
            let grads: Vec<Option<Tensor>> =
                (0..node.types.len()).map(|output| self.grad(Edge { node: i, output })).collect();
            if grads.iter().all(Option::is_none) || !node.inputs.iter().any(|e| self.depends[e.node]) {
                continue;
            }
            let needs: Vec<bool> = node.inputs.iter().map(|e| self.depends[e.node]).collect();
            let inputs: Vec<Tensor> = node.inputs.iter().map(|e| tensor(*e)).collect();
            let layer = self.scopes.get(node.scope).cloned().unwrap_or_default();
            let found = crate::graph::scoped_as(node.scope, || match &node.kind {
                Kind::Loop(looped) if own => loops::backward(looped, i, &inputs, &grads, &needs),
                Kind::Loop(_) => {
                    Err(Error::NoGradient { op: "a loop inside a loop".into(), layer: String::new() })
                }
                kind => {
                    let output = tensor(Edge { node: i, output: 0 });
                    let Some(grad) = grads[0] else {
                        return Err(Error::NoGradient { op: "an update".into(), layer: String::new() });
                    };
                    backward(kind, &Backward { inputs: &inputs, output, grad, needs: &needs })
                }
            });
            let found = found.map_err(|e| match e {
                Error::NoGradient { op, .. } => Error::NoGradient { op, layer },
                other => other,
            })?;
            for ((input, edge), gradient) in inputs.iter().zip(&node.inputs).zip(found) {
                let Some(gradient) = gradient.filter(|_| self.depends[edge.node]) else { continue };
                let shape = input.shape();
                let narrower = crate::types::broadcast(&gradient.shape(), &shape).as_deref() == Some(&*shape);
                let gradient = if narrower { gradient } else { gradient.sum_to(&shape) };
                self.add(*edge, gradient);
            }
        }
        Ok(())
    }
}

fn state(what: &str) -> Error {
    Error::State { what: what.into() }
}

fn backward(kind: &Kind, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
    match kind {
        Kind::Input(_) | Kind::Constant(_) | Kind::Variable(_) | Kind::Loop(_) => Ok(vec![]),
        Kind::Reshape => {
            Ok(vec![Some(cx.grad.broadcast_to(&cx.output.shape()).reshape(cx.inputs[0].shape()))])
        }
        // A gradient that is the same along an axis may come narrow; ops get it whole, sums pass it on.
        Kind::Op(op) if op.takes_narrow_gradient() => op.backward(cx),
        Kind::Op(op) => op.backward(&Backward { grad: cx.grad.broadcast_to(&cx.output.shape()), ..*cx }),
        Kind::Pointwise(exprs) => match exprs.as_slice() {
            [expr] => Ok((0..cx.inputs.len())
                .map(|k| cx.needs[k].then(|| pointwise_gradient(expr, k, cx)).flatten())
                .collect()),
            _ => Err(Error::NoGradient { op: "an update".into(), layer: String::new() }),
        },
    }
}

/// The gradient of one elementwise expression by input `k`: d·g, where d reads the stored result instead of computing
/// it again.
fn pointwise_gradient(expr: &Expr, k: usize, cx: &Backward) -> Option<Tensor> {
    let n = cx.inputs.len();
    let d = expr.derivative(k)?.replace(expr, &Expr::In(n));
    // Operands: the inputs that d reads, the output where d reads it, the gradient.
    let mut map = vec![0; n + 2];
    let mut operands = Vec::new();
    for (i, slot) in map.iter_mut().enumerate() {
        let operand = match i {
            i if i < n => cx.inputs[i],
            i if i == n => cx.output,
            _ => cx.grad,
        };
        if i == n + 1 || d.reads(i) {
            *slot = operands.len();
            operands.push(operand);
        }
    }
    let product = d.renumber(&map) * Expr::In(map[n + 1]);
    // Stays at the result's shape (random draws belong to it); the caller sums it down.
    Some(pointwise(product, &operands, Some(&cx.output.shape())))
}
