//! Values that are special, and types that are: every op and every elementwise function, on each device, as its definition has them.

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use rhyton_engine::device::Backend;
use rhyton_engine::device::once::run_once;
use rhyton_engine::graph::{Edge, Expr, Graph, Kind, Tensor, trace};
use rhyton_engine::metrics::{self, Metric};
use rhyton_engine::ops::{OPS, pointwise};
use rhyton_engine::oracle::{self, Given};
use rhyton_engine::types::{DType, TensorType};
use rhyton_kernels::pointwise::POINTWISE;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Equal: both NaN, both the same infinity, or near.
fn same(got: f64, want: f64, tolerance: f64) -> bool {
    let want_here = f64::from(want as f32);
    if want_here.is_nan() || want_here.is_infinite() {
        return got.is_nan() == want_here.is_nan() && (want_here.is_nan() || got == want_here);
    }
    (got - want).abs() <= tolerance * (1.0 + want.abs())
}

fn values_on(device: &dyn Backend, graph: &Graph, out: Edge, given: &Given, what: &str) -> Vec<f64> {
    let ran = run_once(device, graph, &[out], given, pollster::block_on::<rhyton_engine::graph::Reading>);
    ran.unwrap_or_else(|e| panic!("{what}: {e}")).outputs.swap_remove(0)
}

/// Compares every device with the definition, and gives what differs.
///
/// Where `spreads`, a NaN may stand in the place of any number.
fn differences(
    graph: &Graph,
    out: Edge,
    given: &Given,
    (tolerance, spreads): (f64, bool),
    what: &str,
) -> Vec<String> {
    let wanted = oracle::run(graph, given);
    let wanted = oracle::value(&wanted, out);
    let mut wrong = Vec::new();
    for device in common::devices() {
        let got = values_on(device, graph, out, given, what);
        let bad: Vec<usize> = (0..got.len())
            .filter(|i| !same(got[*i], wanted[*i], tolerance) && (!spreads || !got[*i].is_nan()))
            .collect();
        if let Some(i) = bad.first() {
            let more = bad.len() - 1;
            wrong.push(format!(
                "{what} on {}: element {i} is {}, not {} ({more} more)",
                device.name(),
                got[*i],
                wanted[*i]
            ));
        }
    }
    wrong
}

#[test]
fn functions_of_special_values() {
    let line = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -3.0, 1e30, -1e30];
    let mut wrong = Vec::new();
    for func in POINTWISE {
        let n = line.len();
        let count = n.pow(func.arity as u32);
        let column = |k: u32| (0..count).map(|i| line[i / n.pow(k) % n]).collect::<Vec<f64>>();
        let inputs: HashMap<usize, Vec<f64>> = (0..func.arity).map(|k| (k, column(k as u32))).collect();
        // Angles beyond any use, and powers of which no two libraries agree.
        let skipped = |i: usize| match func.name {
            "sin" | "cos" | "tan" | "fmod" => inputs[&0][i].abs() >= 1e30 && inputs[&0][i].is_finite(),
            "pow" => {
                inputs[&0][i] == 0.0
                    || inputs[&0][i].is_infinite()
                    || inputs[&1][i].is_infinite()
                    || inputs[&0][i].abs() == 1.0
            }
            _ => false,
        };
        let given = Given { inputs: inputs.clone(), ..Given::default() };
        let (graph, out) = trace(|| {
            let xs: Vec<Tensor> =
                (0..func.arity).map(|k| Tensor::input(k, TensorType::f32([count]))).collect();
            Ok(oracle::edge(pointwise(Expr::Call(func, (0..func.arity).map(Expr::In).collect()), &xs, None)))
        })
        .expect(func.name);
        let wanted = oracle::run(&graph, &given);
        let wanted = oracle::value(&wanted, out);
        for device in common::devices() {
            let got = values_on(device, &graph, out, &given, func.name);
            for i in (0..count).filter(|i| !skipped(*i) && !same(got[*i], wanted[*i], 1e-4)) {
                let at: Vec<f64> = (0..func.arity).map(|k| inputs[&k][i]).collect();
                wrong.push(format!(
                    "{}{at:?} on {} is {}, not {}",
                    func.name,
                    device.name(),
                    got[i],
                    wanted[i]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The definitions themselves have TensorFlow's values (2.21, on the CPU).
#[test]
fn definitions_have_tensorflows_special_values() {
    let of = |name: &str, args: &[f64]| {
        let func = POINTWISE.iter().find(|f| f.name == name).expect("a row");
        (func.host)(args)
    };
    for name in
        ["relu", "sign", "abs", "floor", "exp", "tanh", "sigmoid", "softplus", "sqrt", "neg", "square"]
    {
        assert!(of(name, &[NAN]).is_nan(), "{name} of NaN");
    }
    for name in ["max", "min"] {
        assert!(of(name, &[NAN, 1.0]).is_nan() && of(name, &[1.0, NAN]).is_nan(), "{name} of NaN");
    }
    for name in ["less", "less_equal", "equal"] {
        assert_eq!([of(name, &[NAN, 1.0]), of(name, &[1.0, NAN]), of(name, &[NAN, NAN])], [0.0; 3], "{name}");
    }
    let clip = |x: f64| of("min", &[of("max", &[x, -1.0]), 1.0]);
    assert!(clip(NAN).is_nan());
    assert_eq!([clip(INF), clip(-INF)], [1.0, -1.0]);
    assert_eq!(of("relu", &[-INF]), 0.0);
}

/// Rows with special values through every op: NaN and infinities sprinkled over all inputs, ties, rows of -inf alone.
#[test]
fn ops_on_special_values() {
    let mut wrong = Vec::new();
    type Pattern = (&'static str, fn(usize, f64) -> f64);
    let patterns: [Pattern; 6] = [
        ("NaN first", |i, v| if i == 0 { NAN } else { v }),
        ("some NaN", |i, v| if i % 7 == 3 { NAN } else { v }),
        ("some inf", |i, v| if i % 11 == 2 { INF } else { v }),
        ("some -inf", |i, v| if i % 5 == 1 { -INF } else { v }),
        ("all -inf", |_, _| -INF),
        ("ties", |_, v| v.round()),
    ];
    for row in OPS {
        for (k, case) in (row.cases)().iter().enumerate() {
            for (name, pattern) in &patterns {
                for place in 0..case.inputs.len() {
                    // A table that the op makes itself.
                    let is_table = row.name == "resample" && place == 1;
                    if !case.inputs[place].dtype.is_float() || is_table {
                        continue;
                    }
                    let mut given = common::given(case);
                    let values = given.inputs.get_mut(&place).expect("given");
                    values.iter_mut().enumerate().for_each(|(i, v)| *v = pattern(i, *v));
                    let (graph, out) = trace(|| {
                        let xs: Vec<Tensor> = case
                            .inputs
                            .iter()
                            .enumerate()
                            .map(|(i, t)| Tensor::input(i, t.clone()))
                            .collect();
                        let made = Tensor::apply(Kind::Op(case.op.clone()), &xs, |t| {
                            case.op.infer(t).map(|t| vec![t])
                        });
                        Ok(oracle::edge(made))
                    })
                    .expect(row.name);
                    let what =
                        format!("{} case {k} {:?} with {name} in input {place}", row.name, case.inputs);
                    // Convolutions multiply the zeros of their padding too: by a weight that is NaN or infinite that is NaN.
                    let how = (case.tolerance.max(1e-5), row.name == "conv2d" && *name != "ties");
                    wrong.extend(differences(&graph, out, &given, how, &what));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}

/// As TensorFlow's: a NaN is never the largest, and the first of equals is taken.
#[test]
fn argmax_passes_over_nan() {
    let rows: [(&[f64], f64); 8] = [
        (&[1.0, NAN, 3.0], 2.0),
        (&[NAN, 1.0, 2.0], 2.0),
        (&[1.0, 2.0, NAN], 1.0),
        (&[NAN, NAN, 1.0], 2.0),
        (&[-INF, -INF, -INF], 0.0),
        (&[INF, NAN, INF], 0.0),
        (&[NAN, NAN, NAN], 0.0),
        (&[NAN, -INF, -INF], 1.0),
    ];
    let values: Vec<f64> = rows.iter().flat_map(|(row, _)| row.iter().copied()).collect();
    let (graph, out) =
        trace(|| Ok(oracle::edge(Tensor::input(0, TensorType::f32([rows.len(), 3])).argmax())))
            .expect("fits");
    let given = Given { inputs: [(0, values)].into(), ..Given::default() };
    for device in common::devices() {
        let got = values_on(device, &graph, out, &given, "argmax");
        assert_eq!(got, rows.map(|(_, wanted)| wanted), "on {}", device.name());
    }
}

/// As Keras on TensorFlow: a NaN is above no threshold, and `in_top_k` says no where a prediction of the row is not finite, or the class is
/// none.
#[test]
fn metrics_of_nan() {
    let yes_or_no: [&[f64]; 2] = [&[1.0, 1.0, 0.0, 0.0], &[NAN, 0.7, NAN, 0.2]];
    let classes: [&[f64]; 2] = [
        &[0.0, 2.0, 1.0, 1.0, 1.0, 5.0],
        &[NAN, 0.2, 0.3, 0.1, NAN, 0.3, 0.1, 0.2, 0.3, INF, 0.2, 0.3, -INF, 0.2, 0.1, 0.1, 0.2, 0.3],
    ];
    let hot: Vec<f64> =
        classes[0].iter().flat_map(|c| [0.0, 1.0, 2.0].map(|i| f64::from(u8::from(i == *c)))).collect();
    let hot: [&[f64]; 2] = [&hot, classes[1]];
    // The metric, targets and predictions, their shapes, the result.
    type Case<'a> = (Arc<dyn Metric>, [&'a [f64]; 2], [Vec<usize>; 2], f64);
    let cases: Vec<Case<'_>> = vec![
        (Arc::new(metrics::TruePositives::new()), yes_or_no, [vec![4], vec![4]], 1.0),
        (Arc::new(metrics::FalsePositives::new()), yes_or_no, [vec![4], vec![4]], 0.0),
        (Arc::new(metrics::FalseNegatives::new()), yes_or_no, [vec![4], vec![4]], 1.0),
        (Arc::new(metrics::TrueNegatives::new()), yes_or_no, [vec![4], vec![4]], 2.0),
        (Arc::new(metrics::Precision::new()), yes_or_no, [vec![4], vec![4]], 1.0),
        (Arc::new(metrics::Recall::new()), yes_or_no, [vec![4], vec![4]], 0.5),
        (Arc::new(metrics::Recall::new().top_k(2)), yes_or_no, [vec![2, 2], vec![2, 2]], 0.5),
        (Arc::new(metrics::BinaryAccuracy::new()), yes_or_no, [vec![4, 1], vec![4, 1]], 0.75),
        (
            Arc::new(metrics::SparseTopKCategoricalAccuracy::new().k(2_usize)),
            classes,
            [vec![6], vec![6, 3]],
            1.0 / 6.0,
        ),
        // The row of no class has its largest element first, which is not among the two.
        (
            Arc::new(metrics::TopKCategoricalAccuracy::new().k(2_usize)),
            hot,
            [vec![6, 3], vec![6, 3]],
            1.0 / 6.0,
        ),
    ];
    for (metric, [t, p], [t_shape, p_shape], wanted) in cases {
        let given = Given { inputs: [(0, t.to_vec()), (1, p.to_vec())].into(), ..Given::default() };
        let (graph, outs) = trace(|| {
            let dtype = if metric.takes_class_numbers() { DType::I32 } else { DType::F32 };
            let t = Tensor::input(0, TensorType { dtype, shape: t_shape.clone() });
            let p = Tensor::input(1, TensorType::f32(p_shape.clone()));
            let total = |s: &metrics::Sum| {
                s.tensor.map_or_else(|| Tensor::full(&[], s.scale), |t| t.to_f32().sum(&[]) * s.scale)
            };
            Ok(metric.sums(t, p, None).iter().map(|s| oracle::edge(total(s))).collect::<Vec<_>>())
        })
        .expect("fits");
        for device in common::devices() {
            let sums: Vec<f64> =
                outs.iter().flat_map(|out| values_on(device, &graph, *out, &given, "a metric")).collect();
            let got = metric.result(&sums);
            assert!(same(got, wanted, 1e-6), "{} on {} is {got}, not {wanted}", metric.name(), device.name());
        }
    }
}

/// An op reads the words of integers as what they are, or says that it takes floats.
#[test]
fn ops_on_integers_are_right_or_an_error() {
    for row in OPS {
        for (k, case) in (row.cases)().iter().enumerate() {
            for place in 0..case.inputs.len() {
                for dtype in [DType::I32, DType::U32] {
                    let what = format!("{} case {k} with {} as input {place}", row.name, dtype.name());
                    let mut types = case.inputs.clone();
                    types[place].dtype = dtype;
                    let mut given = common::given(case);
                    let values = given.inputs.get_mut(&place).expect("given");
                    values.iter_mut().for_each(|v| *v = v.abs().round());
                    match case.op.infer(&types) {
                        Err(why) => {
                            assert!(why.contains(row.name) && why.contains("to_f32()"), "{what}: {why}")
                        }
                        Ok(ty) => {
                            let (graph, out) = trace(|| {
                                let xs: Vec<Tensor> = types
                                    .iter()
                                    .enumerate()
                                    .map(|(i, t)| Tensor::input(i, t.clone()))
                                    .collect();
                                Ok(oracle::edge(Tensor::apply(Kind::Op(case.op.clone()), &xs, |_| {
                                    Ok(vec![ty.clone()])
                                })))
                            })
                            .expect(row.name);
                            let wrong =
                                differences(&graph, out, &given, (case.tolerance.max(1e-5), false), &what);
                            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
                        }
                    }
                }
            }
        }
    }
}
