//! Every op of the table: forward on each device against its f64 definition; its backward graph against central differences of
//! the definition; each device's backward against the oracle.

mod common;

use std::collections::HashMap;

use rhyton_engine::device::once::run_once;
use rhyton_engine::export::{Exporter, Nodes, Operand, Source};
use rhyton_engine::graph::{Expr, Kind, Tensor, trace};
use rhyton_engine::ops::{OPS, pointwise};
use rhyton_engine::oracle::{self, Given};
use rhyton_engine::random::Generator;
use rhyton_engine::types::TensorType;
use rhyton_kernels::pointwise::POINTWISE;

#[test]
fn every_op() {
    for row in OPS {
        for (i, case) in (row.cases)().iter().enumerate() {
            assert_eq!(case.op.name(), row.name);
            let name = format!("{} case {i} {:?}", row.name, case.inputs);
            let make = |xs: &[Tensor]| {
                Tensor::apply(Kind::Op(case.op.clone()), xs, |t| case.op.infer(t).map(|t| vec![t]))
            };
            common::gradients::check_all(
                &name,
                &case.inputs,
                &common::given(case),
                &case.differentiable,
                case.tolerance,
                make,
            );
        }
    }
}

/// Inputs, outputs and scratch in as many parts as a dispatch may bind: what an op reads and writes is the same.
#[test]
fn every_op_on_a_device_that_binds_little() {
    let Some(gpu) = common::limited(1024) else { return };
    let mut ran = 0;
    for row in OPS {
        for (i, case) in (row.cases)().iter().enumerate() {
            let (graph, out) = trace(|| {
                let xs: Vec<Tensor> =
                    case.inputs.iter().enumerate().map(|(i, t)| Tensor::input(i, t.clone())).collect();
                let infer = |t: &[TensorType]| case.op.infer(t).map(|t| vec![t]);
                Ok(oracle::edge(Tensor::apply(Kind::Op(case.op.clone()), &xs, infer)))
            })
            .expect("a graph");
            let (name, given) = (format!("{} case {i} in parts", row.name), common::given(case));
            let wait = pollster::block_on::<rhyton_engine::graph::Reading>;
            let found = match run_once(&gpu, &graph, &[out], &given, wait) {
                Ok(ran) => ran.outputs,
                // Some drivers bind ten buffers in a dispatch.
                Err(e) if e.to_string().contains("bindings, since the device binds") => continue,
                Err(e) => panic!("{name}: {e}"),
            };
            let values = oracle::run(&graph, &given);
            let error = common::worst(&found[0], oracle::value(&values, out));
            assert!(error <= case.tolerance, "{name}: off by {error:.3e}");
            let large = |t: &TensorType| t.len() > 256;
            ran += usize::from(case.inputs.iter().any(large) || large(graph.edge_type(out)));
        }
    }
    assert!(ran > 10, "only {ran} cases have anything in parts");
}

#[test]
fn every_pointwise_function() {
    for func in POINTWISE {
        // All combinations of the domain's values.
        let n = func.domain.len();
        let count = n.pow(func.arity as u32);
        let column = |k: u32| (0..count).map(|i| func.domain[i / n.pow(k) % n]).collect::<Vec<f64>>();
        // Off the ties of two equal arguments, where max and its kin have a kink.
        let inputs: HashMap<usize, Vec<f64>> = (0..func.arity)
            .map(|k| (k, column(k as u32).iter().map(|v| f64::from((v + 0.01 * k as f64) as f32)).collect()))
            .collect();
        let given = Given { inputs, ..Given::default() };
        let types = vec![TensorType::f32([count]); func.arity];
        let smooth =
            !matches!(func.name, "floor" | "round" | "sign" | "stop_gradient" | "round_f16" | "round_bf16");
        let make =
            |xs: &[Tensor]| pointwise(Expr::Call(func, (0..func.arity).map(Expr::In).collect()), xs, None);
        common::gradients::check_all(func.name, &types, &given, &vec![smooth; func.arity], 1e-6, make);
    }
}

#[test]
fn broadcasting_both_ways() {
    let shapes: &[[&[usize]; 2]] =
        &[[&[3, 4], &[4]], [&[3, 4], &[3, 1]], [&[2, 3, 4], &[1, 3, 1]], [&[4], &[2, 1, 4]], [&[2, 2], &[]]];
    for [a, b] in shapes {
        let types = [TensorType::f32(*a), TensorType::f32(*b)];
        let mut g = Generator::new(9, 0);
        let inputs = types
            .iter()
            .enumerate()
            .map(|(i, t)| (i, (0..t.len()).map(|_| f64::from(g.normal() as f32)).collect()))
            .collect();
        let given = Given { inputs, ..Given::default() };
        common::gradients::check_all(&format!("{a:?} * {b:?}"), &types, &given, &[true, true], 1e-5, |xs| {
            xs[0] * xs[1] + xs[0]
        });
    }
}

/// What a prediction may be made of has TensorFlow nodes; what they compute is judged by TensorFlow itself: `cargo xtask interop`.
#[test]
fn ops_of_predictions_name_their_tensorflow_nodes() {
    let without = [
        "gather_grad",
        "pool2d_grad",
        "spread_along",
        "sparse_cross_entropy",
        "sparse_cross_entropy_grad",
        "packed_sums",
        "sample",
    ];
    for row in OPS {
        let exports = (row.cases)().iter().any(|case| {
            let operand = |(i, t): (usize, &TensorType)| Operand {
                source: Source::Input(i),
                shape: t.shape.iter().copied().map(Some).collect(),
            };
            let inputs: Vec<Operand> = case.inputs.iter().enumerate().map(operand).collect();
            let mut nodes = Nodes::default();
            let made = case.op.export(&mut Exporter { inputs: &inputs, nodes: &mut nodes });
            assert!(
                made.is_none_or(|m| m == Source::Node(nodes.into_list().len() - 1)),
                "{}: the last node",
                row.name
            );
            made.is_some()
        });
        assert_eq!(exports, !without.contains(&row.name), "{}", row.name);
    }
}
