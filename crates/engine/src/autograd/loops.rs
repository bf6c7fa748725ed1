//! The gradient of a loop: a loop the other way round.
//!
//! Its body holds what the forward body computed, as far as the gradient reads it: results of ops are stacked by the forward loop and
//! read back slice by slice; elementwise ones are computed again. What a trip adds to the gradient of a tensor that is the same in every
//! trip is a product or a sum over examples as a rule: its factors are stacked, and it is made once, over all trips together.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Walk, depends};
use crate::Error;
use crate::graph::scan::{self, Loop};
use crate::graph::{DynOp, Edge, Expr, Half, Kind, Tensor, TensorType, node, tensor_of, with_open};

/// Names the slices that the backward body reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Saved {
    /// A result of the forward body.
    Value(Edge),
    /// Stands for what was carried into the trip.
    Carried(usize),
    /// A slice of an input of the forward loop.
    Slice(usize),
    /// The gradient of what the forward loop stacked.
    Gradient(usize),
}

/// Part of the gradient of what is the same in every trip.
enum Part {
    /// An op over the stacks of these edges of the body, and the gradient's shape.
    Over(Arc<dyn DynOp>, Vec<Edge>, Vec<usize>),
    /// The sum that is carried under this number.
    Carried(usize),
}

/// A part, and where the stacks of its factors are: what was saved already, or a slice that the backward loop gives.
type Placed<'a> = (&'a Part, Vec<Result<Saved, usize>>);

/// Holds what of the forward loop the backward body has.
struct Values<'a> {
    looped: &'a Loop,
    /// The forward loop's inputs, outside.
    inputs: &'a [Tensor],
    known: HashMap<Edge, Tensor>,
    /// Input numbers of the backward body, and what they are.
    saved: Vec<(usize, Saved)>,
    numbers: usize,
}

impl Values<'_> {
    fn input(&mut self, ty: TensorType) -> (usize, Tensor) {
        self.numbers += 1;
        (self.numbers - 1, Tensor::input(self.numbers - 1, ty))
    }

    fn slice(&mut self, saved: Saved, ty: TensorType) -> Tensor {
        let (number, tensor) = self.input(ty);
        self.saved.push((number, saved));
        tensor
    }

    /// The value that an edge of the forward body has in a trip.
    fn of(&mut self, edge: Edge) -> Tensor {
        if let Some(known) = self.known.get(&edge) {
            return *known;
        }
        let forward = &self.looped.body.nodes[edge.node];
        let ty = forward.types[edge.output].clone();
        let made = match &forward.kind {
            Kind::Input(k) if *k < self.looped.carried => self.slice(Saved::Carried(*k), ty),
            Kind::Input(k) if self.looped.is_slice(*k) => self.slice(Saved::Slice(*k), ty),
            Kind::Input(k) => self.inputs[*k],
            Kind::Op(_) | Kind::Loop(_) | Kind::Constant(_) | Kind::Variable(_) => {
                self.slice(Saved::Value(edge), ty)
            }
            kind @ (Kind::Pointwise(_) | Kind::Reshape) => {
                let inputs: Vec<Tensor> = forward.inputs.iter().map(|e| self.of(*e)).collect();
                let first = node(kind.clone(), &inputs, |_| Ok(forward.types.clone()));
                for output in 0..forward.types.len() {
                    self.known.insert(Edge { output, ..edge }, first.sibling(output));
                }
                return first.sibling(edge.output);
            }
        };
        self.known.insert(edge, made);
        made
    }
}

/// Returns which inputs of the body have a gradient: those that need one, and what is carried where they reach it.
fn needed(looped: &Loop, needs: &[bool]) -> Vec<bool> {
    let mut needed = needs.to_vec();
    loop {
        let reached = body_depends(looped, &needed);
        let more = (0..looped.carried).filter(|k| !needed[*k] && reached[looped.results[*k].node]);
        let more: Vec<usize> = more.collect();
        if more.is_empty() {
            return needed;
        }
        more.iter().for_each(|k| needed[*k] = true);
    }
}

fn body_depends(looped: &Loop, needed: &[bool]) -> Vec<bool> {
    let nodes = &looped.body.nodes;
    depends(nodes, |i| matches!(nodes[i].kind, Kind::Input(k) if needed.get(k) == Some(&true)))
}

/// Gradients of a loop, node `number` of the open graph: `inputs` are its inputs, `grads` the gradients of its outputs.
pub(super) fn backward(
    looped: &Arc<Loop>,
    number: usize,
    inputs: &[Tensor],
    grads: &[Option<Tensor>],
    needs: &[bool],
) -> Result<Vec<Option<Tensor>>, Error> {
    let whole = |k: usize| {
        let ty = with_open(|g| g.nodes[number].types[k].clone());
        grads[k].zip(ty).map(|(g, ty)| g.broadcast_to(&ty.shape))
    };
    let grads: Vec<Option<Tensor>> = (0..grads.len()).map(whole).collect();
    let needed = needed(looped, needs);
    let traced = scan::traced_as(&looped.body.scopes, || body(looped, inputs, &grads, &needed));
    let (graph, made) = traced.ok_or_else(|| super::state("a gradient outside of a trace"))?;
    let made = made?;
    finish(looped, number, inputs, &grads, &needed, graph, made)
}

/// Holds what tracing the backward body gives.
struct Made {
    saved: Vec<(usize, Saved)>,
    /// Of each forward input that is carried: number of the input, and its next value.
    carried: Vec<(usize, usize, Edge)>,
    /// Sums that are carried: number of the input, its next value, its type.
    sums: Vec<(usize, Edge, TensorType)>,
    /// Of each forward input that is sliced: its gradient's slice.
    slices: Vec<(usize, Edge)>,
    /// Parts of the gradient of each forward input that is captured.
    parts: Vec<(usize, Vec<Part>)>,
}

fn body(looped: &Loop, inputs: &[Tensor], grads: &[Option<Tensor>], needed: &[bool]) -> Result<Made, Error> {
    let nodes = &looped.body.nodes;
    let mut values = Values { looped, inputs, known: HashMap::new(), saved: vec![], numbers: 0 };
    let place = |k: usize| nodes.iter().position(|n| matches!(n.kind, Kind::Input(i) if i == k));
    let place = |k: usize| place(k).map(|node| Edge { node, output: 0 });
    let mut walk = Walk {
        nodes,
        scopes: &looped.body.scopes,
        depends: body_depends(looped, needed),
        grads: HashMap::new(),
        apart: (looped.carried + looped.scanned..inputs.len()).filter_map(place).collect(),
    };
    let mut gradients = Vec::new();
    for k in (0..looped.carried).filter(|k| needed[*k]) {
        let (number, gradient) = values.input(looped.body.edge_type(looped.results[k]).clone());
        gradients.push((k, number));
        walk.add(looped.results[k], gradient);
    }
    for (k, edge) in looped.results.iter().enumerate().skip(looped.carried) {
        if grads[k].is_some() {
            let gradient = values.slice(Saved::Gradient(k), looped.body.edge_type(*edge).clone());
            walk.add(*edge, gradient);
        }
    }
    walk.run(nodes.len() - 1, &mut |edge| values.of(edge), false)?;
    let whole = |k: usize, walk: &Walk| {
        let edge = place(k)?;
        let shape = &nodes[edge.node].types[0].shape;
        walk.grad(edge).map(|g| g.broadcast_to(shape))
    };
    let edge = |t: Tensor| t.edge().unwrap_or(Edge { node: 0, output: 0 });
    let carried = gradients.into_iter().map(|(k, number)| {
        let next = whole(k, &walk);
        let ty = looped.body.edge_type(looped.results[k]);
        let zeros = || Tensor::full(&ty.shape, 0.0).float_as(ty.dtype);
        (k, number, edge(next.unwrap_or_else(zeros)))
    });
    let carried = carried.collect();
    let slices = (looped.carried..looped.carried + looped.scanned).filter(|k| needed[*k]);
    let slices = slices.filter_map(|k| Some((k, edge(whole(k, &walk)?)))).collect();
    let (mut parts, mut sums) = (Vec::new(), Vec::new());
    for k in (looped.carried + looped.scanned..inputs.len()).filter(|k| needed[*k]) {
        let Some(at) = place(k) else { continue };
        let mut of = Vec::new();
        for gradient in walk.grads.get(&at).cloned().unwrap_or_default() {
            of.push(match over_trips(gradient) {
                Some((op, inputs)) => Part::Over(op, inputs, gradient.shape()),
                None => {
                    let (number, sum) = values.input(gradient.ty());
                    sums.push((number, edge(sum + gradient), gradient.ty()));
                    Part::Carried(sums.len() - 1)
                }
            });
        }
        parts.push((k, of));
    }
    Ok(Made { saved: values.saved, carried, sums, slices, parts })
}

/// The op that made a tensor, and what it read, where the sum over all trips is what it makes of all trips together.
fn over_trips(tensor: Tensor) -> Option<(Arc<dyn DynOp>, Vec<Edge>)> {
    let mut edge = tensor.edge()?;
    with_open(|g| {
        // The rounding of each trip's part is left out: the sum of them is rounded.
        let passes = |kind: &Kind| match kind {
            Kind::Reshape => true,
            Kind::Pointwise(exprs) => Half::ALL.iter().any(|half| *exprs == [half.round(Expr::In(0))]),
            _ => false,
        };
        while passes(&g.nodes[edge.node].kind) {
            edge = g.nodes[edge.node].inputs[0];
        }
        match &g.nodes[edge.node].kind {
            Kind::Op(op) if op.sums_first_axis() => Some((op.clone(), g.nodes[edge.node].inputs.clone())),
            _ => None,
        }
    })
    .flatten()
}

/// Adds the backward loop to the open graph, and to the forward loop the stacks that it reads.
fn finish(
    looped: &Arc<Loop>,
    number: usize,
    inputs: &[Tensor],
    grads: &[Option<Tensor>],
    needed: &[bool],
    mut graph: scan::Traced,
    made: Made,
) -> Result<Vec<Option<Tensor>>, Error> {
    let mut stack = Stack { looped, number, results: looped.results.clone(), inputs, grads };
    // What the body gives: what is carried, then slices; each once.
    let mut results: Vec<Edge> =
        made.carried.iter().map(|c| c.2).chain(made.sums.iter().map(|s| s.1)).collect();
    let carried = results.len();
    let mut stacked: Vec<Edge> = Vec::new();
    let mut give = |edge: Edge| {
        let at = stacked.iter().position(|e| *e == edge).unwrap_or(stacked.len());
        if at == stacked.len() {
            stacked.push(edge);
        }
        at
    };
    let slices: Vec<(usize, usize)> = made.slices.iter().map(|(k, edge)| (*k, give(*edge))).collect();
    // A factor that is itself a slice is stacked already.
    let read = |edge: &Edge| match graph.graph().nodes[edge.node].kind {
        Kind::Input(n) => made.saved.iter().find(|(number, _)| *number == n).map(|(_, saved)| *saved),
        _ => None,
    };
    let factors = |edges: &[Edge], give: &mut dyn FnMut(Edge) -> usize| -> Vec<Result<Saved, usize>> {
        edges.iter().map(|e| read(e).ok_or_else(|| give(*e))).collect()
    };
    let parts: Vec<(usize, Vec<Placed<'_>>)> = made
        .parts
        .iter()
        .map(|(k, of)| {
            let of = of.iter().map(|part| match part {
                Part::Over(_, edges, _) => (part, factors(edges, &mut give)),
                Part::Carried(_) => (part, vec![]),
            });
            (*k, of.collect())
        })
        .collect();
    results.extend(&stacked);
    let initial = made.carried.iter().map(|(k, ..)| {
        let zeros = || Tensor::full(&inputs[*k].shape(), 0.0);
        grads[*k].unwrap_or_else(zeros).float_as(inputs[*k].ty().dtype)
    });
    let zeros = made.sums.iter().map(|(_, _, ty)| Tensor::full(&ty.shape, 0.0).float_as(ty.dtype));
    let initial: Vec<Tensor> = initial.chain(zeros).collect();
    let order: Vec<usize> = made.carried.iter().map(|c| c.1).chain(made.sums.iter().map(|s| s.0)).collect();
    let read: Vec<usize> = made.saved.iter().map(|(n, _)| *n).collect();
    let (used, captured) = graph.settle(&mut results, &order, &read);
    let scanned: Vec<Tensor> =
        made.saved.iter().filter(|(n, _)| used.contains(n)).map(|(_, saved)| stack.of(*saved)).collect();
    let backward = Loop {
        trips: looped.trips,
        reversed: !looped.reversed,
        body: graph.into_graph(),
        carried,
        scanned: scanned.len(),
        results,
    };
    let (last, stacks) = scan::add(backward, &[initial, scanned].concat(), &captured);
    let mut found = vec![None; inputs.len()];
    for ((k, ..), gradient) in made.carried.iter().zip(&last) {
        found[*k] = needed[*k].then_some(*gradient);
    }
    for (k, at) in slices {
        found[k] = stacks.get(at).copied();
    }
    for (k, of) in parts {
        for (part, factors) in of {
            let gradient = match part {
                Part::Carried(sum) => last[made.carried.len() + sum],
                Part::Over(op, _, shape) => {
                    let inputs = factors.into_iter().map(|factor| {
                        let whole = factor.map_or_else(|at| stacks[at], |saved| stack.of(saved));
                        let shape = whole.shape();
                        let rest = shape.get(2..).unwrap_or_default();
                        whole.reshape([&[shape[0] * shape.get(1).copied().unwrap_or(1)], rest].concat())
                    });
                    let inputs: Vec<Tensor> = inputs.collect();
                    let all = op.clone();
                    node(Kind::Op(op.clone()), &inputs, |types| all.infer(types).map(|ty| vec![ty]))
                        .reshape(shape.clone())
                }
            };
            found[k] = Some(found[k].map_or(gradient, |sum: Tensor| sum + gradient));
        }
    }
    Ok(found)
}

/// The forward loop, which is given more to stack.
struct Stack<'a> {
    looped: &'a Loop,
    number: usize,
    results: Vec<Edge>,
    inputs: &'a [Tensor],
    grads: &'a [Option<Tensor>],
}

impl Stack<'_> {
    /// All slices of what the backward body reads.
    fn of(&mut self, saved: Saved) -> Tensor {
        match saved {
            Saved::Slice(k) => self.inputs[k],
            Saved::Gradient(k) => self.grads[k].unwrap_or_else(Tensor::nowhere),
            Saved::Value(edge) => self.stacked(edge),
            Saved::Carried(k) => {
                let (first, trips) = (self.inputs[k], self.looped.trips);
                let first = first.reshape([&[1], first.shape().as_slice()].concat());
                if trips == 1 {
                    return first;
                }
                let after = self.stacked(self.looped.results[k]);
                let (from, parts) = if self.looped.reversed { (1, [1, 0]) } else { (0, [0, 1]) };
                let both = [first, after.slice(0, from, trips - 1)];
                Tensor::concat(&parts.map(|i| both[i]), 0)
            }
        }
    }

    fn stacked(&mut self, edge: Edge) -> Tensor {
        let known = self.results.iter().skip(self.looped.carried).position(|e| *e == edge);
        let output = known.map_or(self.results.len(), |at| at + self.looped.carried);
        if output == self.results.len() {
            self.results.push(edge);
            with_open(|g| {
                let node = &mut g.nodes[self.number];
                if let Kind::Loop(looped) = &mut node.kind {
                    Arc::make_mut(looped).results.push(edge);
                    node.types = looped.types();
                }
            });
        }
        tensor_of(Edge { node: self.number, output })
    }
}
