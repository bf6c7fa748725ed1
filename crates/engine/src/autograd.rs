//! Gradients: one walk back over the graph, adding nodes.

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
    let last = loss.edge().ok_or_else(|| state("the loss is of another graph"))?.node;
    let targets: Vec<Edge> = by.iter().filter_map(|t| t.edge()).collect();
    let nodes: Vec<Node> = with_open(|g| g.nodes.clone()).unwrap_or_default();
    let scopes: Vec<String> = with_open(|g| g.scopes.clone()).unwrap_or_default();

    // Nodes that lie between a target and the loss.
    let mut depends = vec![false; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        depends[i] = targets.iter().any(|t| t.node == i) || node.inputs.iter().any(|e| depends[e.node]);
    }

    let mut grads: Vec<Option<Tensor>> = vec![None; nodes.len()];
    grads[last] = Some(Tensor::full(&loss.shape(), 1.0));
    for i in (0..=last).rev() {
        let (node, Some(grad)) = (&nodes[i], grads[i]) else { continue };
        if !node.inputs.iter().any(|e| depends[e.node]) {
            continue;
        }
        let needs: Vec<bool> = node.inputs.iter().map(|e| depends[e.node]).collect();
        let inputs: Vec<Tensor> = node.inputs.iter().map(|e| tensor_of(*e)).collect();
        let output = tensor_of(Edge { node: i, output: 0 });
        let layer = scopes.get(node.scope).cloned().unwrap_or_default();
        let cx = Backward { inputs: &inputs, output, grad, needs: &needs };
        let found =
            crate::graph::scoped_as(node.scope, || backward(&node.kind, &cx)).map_err(|e| match e {
                Error::NoGradient { op, .. } => Error::NoGradient { op, layer },
                other => other,
            })?;
        for ((input, edge), gradient) in inputs.iter().zip(&node.inputs).zip(found) {
            let Some(gradient) = gradient.filter(|_| depends[edge.node]) else { continue };
            let shape = input.shape();
            let narrower = crate::types::broadcast(&gradient.shape(), &shape).as_deref() == Some(&*shape);
            let gradient = if narrower { gradient } else { gradient.sum_to(&shape) };
            let slot = &mut grads[edge.node];
            *slot = Some(slot.map_or(gradient, |sum| sum + gradient));
        }
    }
    // A gradient may still be narrower than its variable (a constant that would broadcast).
    Ok(by.iter().map(|t| t.edge().and_then(|e| grads[e.node]).map(|g| g.broadcast_to(&t.shape()))).collect())
}

fn state(what: &str) -> Error {
    Error::State { what: what.into() }
}

fn backward(kind: &Kind, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
    match kind {
        Kind::Input(_) | Kind::Variable(_) => Ok(vec![]),
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
