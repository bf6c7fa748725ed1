//! The shared WGSL functions at the edges of f32: near 0, at large arguments, infinities and NaN.

mod common;

use rhyton_engine::device::once::run_once;
use rhyton_engine::graph::{Expr, Tensor, trace};
use rhyton_engine::ops::pointwise;
use rhyton_engine::oracle::{self, Given};
use rhyton_engine::types::TensorType;
use rhyton_kernels::pointwise::{Func, POINTWISE};

/// Results of a function for these arguments, in f32, on the GPU.
fn on_gpu(func: &'static Func, arguments: &[Vec<f32>]) -> Option<Vec<f32>> {
    let gpu = common::gpu()?;
    let count = arguments[0].len();
    let (graph, out) = trace(|| {
        let xs: Vec<Tensor> = (0..func.arity).map(|k| Tensor::input(k, TensorType::f32([count]))).collect();
        Ok(oracle::edge(pointwise(Expr::Call(func, (0..func.arity).map(Expr::In).collect()), &xs, None)))
    })
    .expect("a graph");
    let widen = |a: &Vec<f32>| a.iter().map(|x| f64::from(*x)).collect();
    let given = Given { inputs: arguments.iter().map(widen).enumerate().collect(), ..Given::default() };
    let ran = run_once(gpu, &graph, &[out], &given, pollster::block_on::<rhyton_engine::graph::Reading>);
    Some(ran.expect("run").outputs[0].iter().map(|v| *v as f32).collect())
}

/// Asserts that each result is its definition's within the tolerance, relative to the value (or, under `least`, to that).
fn check(name: &str, arguments: &[Vec<f32>], tolerance: f32, least: f32) {
    let func = POINTWISE.iter().copied().find(|f| f.name == name).expect("a row of that name");
    let Some(got) = on_gpu(func, arguments) else { return };
    for (i, got) in got.into_iter().enumerate() {
        let at: Vec<f64> = arguments.iter().map(|a| f64::from(a[i])).collect();
        let want = (func.host)(&at) as f32;
        let near = (got - want).abs() <= tolerance * want.abs().max(least);
        assert!(
            near || got == want || (got.is_nan() && want.is_nan()),
            "{name}{at:?} is {got:e}, not {want:e}"
        );
    }
}

fn line() -> Vec<f32> {
    let whole = (0..400).map(|i| (i as f32 - 200.0) * 0.05);
    let small = (0..40).map(|i| 1.7f32.powi(-i));
    let large = [20.0, 50.0, 87.0, 89.0, 100.0, 1e4, 3e38, f32::INFINITY];
    let half: Vec<f32> = small.chain(large).collect();
    whole.chain(half.iter().copied()).chain(half.iter().map(|x| -x)).chain([0.0, f32::NAN]).collect()
}

#[test]
fn functions_of_one_argument() {
    // Relative errors; an exponential's grows with its argument.
    for (name, tolerance, least) in [
        ("square", 1e-7, 0.0),
        ("expm1", 1e-5, 0.0),
        ("tanh", 1e-6, 0.0),
        ("sigmoid", 1e-5, 1e-30),
        ("softplus", 1e-5, 1e-30),
        ("erf", 5e-7, 0.0),
        ("exp", 1e-5, 1e-30),
    ] {
        // Results under the smallest normal number may be flushed to zero.
        let line = line().into_iter().filter(|x| name != "square" || x.abs() > 1e-18 || *x == 0.0);
        check(name, &[line.collect()], tolerance, least);
    }
    let positive: Vec<f32> = line().into_iter().filter(|x| *x > -1.0).collect();
    check("log1p", &[positive], 2e-6, 0.0);
}

#[test]
fn powers() {
    let pairs = [
        (-2.0, 3.0),
        (-2.0, 2.0),
        (-2.0, -3.0),
        (-2.0, 5.0),
        (-2.0, 0.5),
        (-8.0, 4.0),
        (0.0, 0.0),
        (0.0, 2.5),
        (0.0, -1.0),
        (0.0, -2.5),
        (2.0, -1.0),
        (2.0, 0.0),
        (1e-3, 0.3),
        (10.0, 5.5),
        (1.0, 1e6),
        (0.9, 1000.0),
        (f32::NAN, 2.0),
        (f32::NAN, 2.5),
    ];
    let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
    check("pow", &[a, b], 5e-5, 0.0);
}
