//! The oracle: a graph run node by node by its definitions, in f64. Slow, and right by reading.

use std::collections::HashMap;

use rhyton_kernels::philox::Draw;

use crate::graph::{Edge, Expr, Graph, Kind, Loop, Tensor, View};

/// What a run needs besides the graph.
#[derive(Debug, Default)]
pub struct Given {
    /// Values of inputs by number.
    pub inputs: HashMap<usize, Vec<f64>>,
    /// Values of variables by id.
    pub variables: HashMap<u64, Vec<f64>>,
    /// Columns of the step row.
    pub step: Vec<f64>,
    /// Seed and step of random draws.
    pub seed: [u32; 2],
    /// Step of random draws.
    pub counter: u32,
}

/// Values of all outputs of all nodes.
///
/// Missing inputs and variables are zero.
pub fn run(graph: &Graph, given: &Given) -> Vec<Vec<Vec<f64>>> {
    let mut values: Vec<Vec<Vec<f64>>> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let zeros = || vec![0.0; node.types[0].len()];
        let out = match &node.kind {
            Kind::Input(i) => vec![given.inputs.get(i).cloned().unwrap_or_else(zeros)],
            Kind::Constant(numbers) => vec![numbers.values().iter().map(|v| f64::from(*v)).collect()],
            Kind::Variable(v) => vec![given.variables.get(&v.id()).cloned().unwrap_or_else(zeros)],
            Kind::Reshape => vec![values[node.inputs[0].node][node.inputs[0].output].clone()],
            Kind::Op(op) => {
                let views: Vec<View<f64>> = node
                    .inputs
                    .iter()
                    .map(|e| View { shape: &graph.edge_type(*e).shape, data: &values[e.node][e.output] })
                    .collect();
                let mut out = zeros();
                op.host_f64(&views, &mut out);
                vec![out]
            }
            Kind::Pointwise(exprs) => exprs
                .iter()
                .map(|e| elementwise(graph, node.types[0].shape.as_slice(), e, &node.inputs, &values, given))
                .collect(),
            Kind::Loop(looped) => {
                let inputs = node.inputs.iter().map(|e| values[e.node][e.output].as_slice());
                run_loop(looped, &inputs.collect::<Vec<_>>(), given)
            }
        };
        values.push(out);
    }
    values
}

fn run_loop(looped: &Loop, inputs: &[&[f64]], given: &Given) -> Vec<Vec<f64>> {
    let mut outputs: Vec<Vec<f64>> = looped.types().iter().map(|ty| vec![0.0; ty.len()]).collect();
    for (carried, input) in outputs[..looped.carried].iter_mut().zip(inputs) {
        carried.copy_from_slice(input);
    }
    for trip in 0..looped.trips {
        let part = |len: usize| {
            looped.slice(trip) * (len / looped.trips)..(looped.slice(trip) + 1) * (len / looped.trips)
        };
        let input = |(k, whole): (usize, &&[f64])| {
            let carried = outputs.get(k).filter(|_| k < looped.carried);
            let value = carried.map_or(*whole, |c| c);
            (k, if looped.is_slice(k) { value[part(value.len())].to_vec() } else { value.to_vec() })
        };
        let inputs = inputs.iter().enumerate().map(input).collect();
        let given = Given { inputs, variables: HashMap::new(), step: given.step.clone(), ..*given };
        let values = run(&looped.body, &given);
        for (k, (output, edge)) in outputs.iter_mut().zip(&looped.results).enumerate() {
            let result = value(&values, *edge);
            let place = if k < looped.carried { 0..result.len() } else { part(output.len()) };
            output[place].copy_from_slice(result);
        }
    }
    outputs
}

/// The value of one tensor of the graph that `run` went over.
pub fn value(values: &[Vec<Vec<f64>>], edge: Edge) -> &[f64] {
    &values[edge.node][edge.output]
}

fn elementwise(
    graph: &Graph,
    shape: &[usize],
    expr: &Expr,
    inputs: &[Edge],
    values: &[Vec<Vec<f64>>],
    given: &Given,
) -> Vec<f64> {
    let count: usize = shape.iter().product();
    let at = |edge: &Edge, i: usize| {
        let operand = &graph.edge_type(*edge).shape;
        let lead = shape.len() - operand.len();
        let (mut rest, mut index, mut stride) = (i, 0, 1);
        for axis in (0..shape.len()).rev() {
            let position = rest % shape[axis];
            rest /= shape[axis];
            if axis >= lead {
                let len = operand[axis - lead];
                index += if len == 1 { 0 } else { position * stride };
                stride *= len;
            }
        }
        values[edge.node][edge.output][index]
    };
    (0..count)
        .map(|i| {
            let read: Vec<f64> = inputs.iter().map(|e| at(e, i)).collect();
            let rand =
                |stream| f64::from(Draw { seed: given.seed, stream, step: given.counter }.uniform(i as u32));
            expr.eval(&read, &given.step, &rand)
        })
        .collect()
}

/// The edge of a tensor of the graph just traced (to be taken inside the trace).
pub fn edge(tensor: Tensor) -> Edge {
    tensor.edge().unwrap_or(Edge { node: 0, output: 0 })
}
