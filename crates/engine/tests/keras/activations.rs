//! Values and gradients of every activation.

use rhyton_engine::activations as a;
use rhyton_engine::graph::{Activation, Tensor};
use serde_json::Value;

use crate::common::{Input, close, data, gradient, numbers, run, shape};

fn call(name: &str, args: &Value, x: Tensor) -> Tensor {
    let float = |key: &str, default: f64| args.get(key).and_then(Value::as_f64).unwrap_or(default);
    let axis = args.get("axis").and_then(Value::as_i64).unwrap_or(-1) as isize;
    if args.as_object().is_some_and(|a| a.is_empty()) {
        return a::builtin(name).unwrap_or_else(|| panic!("no activation {name}")).call(x);
    }
    match name {
        "relu" => a::relu(
            x,
            float("negative_slope", 0.0),
            args.get("max_value").and_then(Value::as_f64),
            float("threshold", 0.0),
        ),
        "leaky_relu" => a::leaky_relu(x, float("negative_slope", 0.2)),
        "elu" => a::elu(x, float("alpha", 1.0)),
        "celu" => a::celu(x, float("alpha", 1.0)),
        "gelu" => a::gelu(x, true),
        "hard_shrink" => a::hard_shrink(x, float("threshold", 0.5)),
        "soft_shrink" => a::soft_shrink(x, float("threshold", 0.5)),
        "squareplus" => a::squareplus(x, float("b", 4.0)),
        "threshold" => a::threshold(x, float("threshold", 0.0), float("default_value", 0.0)),
        "softmax" => a::softmax(x, axis),
        "log_softmax" => a::log_softmax(x, axis),
        "sparsemax" => a::sparsemax(x, axis),
        "glu" => a::glu(x, axis),
        other => panic!("no case for {other}"),
    }
}

#[test]
fn equal_keras() {
    let cases = data(include_str!("../data/keras/activations.json"));
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (x, w) = (numbers(&case["x"]), numbers(&case["w"]));
        let what = format!("{name} {}", case["args"]);
        let out_shape = shape(&case["y_shape"]);
        let inputs = [Input::f32(&shape(&case["shape"]), &x), Input::f32(&out_shape, &w)];
        let out = run(&inputs, |t| {
            let y = call(name, &case["args"], t[0]);
            vec![y, gradient((y * t[1]).sum(&[]), t[0])]
        })
        .unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(out[0].0, out_shape, "{what}: shape");
        // Keras holds constants such as √2 in f32 on the way.
        close(&out[0].1, &numbers(&case["y"]), 1e-7, &what);
        close(&out[1].1, &numbers(&case["grad"]), 1e-7, &format!("gradient of {what}"));
    }
    let named: Vec<&str> = cases.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let untested: Vec<&str> = a::ACTIVATIONS.iter().map(|f| f.name).filter(|n| !named.contains(n)).collect();
    assert!(untested.is_empty(), "rows without a case: {untested:?}");
}

/// Central differences, at points away from the kinks.
#[test]
fn gradients_are_differences() {
    let points = [-4.1, -2.71, -1.37, -0.23, 0.31, 0.87, 2.63, 4.4];
    let weights = [0.3, -1.1, 0.7, 0.9, -0.4, 1.3, 0.2, -0.8];
    for row in a::ACTIVATIONS {
        let total = |x: &[f64]| -> (f64, Vec<f64>) {
            let out = run(&[Input::f32(&[1, 8], x), Input::f32(&[1, 8], &weights)], |t| {
                let y = (row.call)(t[0]);
                let w = t[1].slice(1, 0, y.shape()[1]);
                let sum = (y * w).sum(&[]);
                vec![sum, gradient(sum, t[0])]
            });
            let mut out = out.unwrap();
            (out[0].1[0], out.remove(1).1)
        };
        let (_, got) = total(&points);
        for i in 0..points.len() {
            let at = |h: f64| {
                let mut x = points;
                x[i] += h;
                total(&x).0
            };
            let want = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((got[i] - want).abs() < 1e-7, "{} at {}: {} not {want}", row.name, points[i], got[i]);
        }
    }
}

/// Keras 2's own `hard_sigmoid`; values from the catalogue.
#[test]
fn hard_sigmoid_of_keras_2() {
    let x = [-4.0, -2.75, -1.0, -0.25, 0.0, 0.3, 1.0, 2.75, 4.0];
    let out = run(&[Input::f32(&[9], &x)], |t| vec![(a::KERAS_2[0].call)(t[0])]).unwrap();
    close(&out[0].1, &[0.0, 0.0, 0.3, 0.45, 0.5, 0.56, 0.7, 1.0, 1.0], 1e-12, "hard_sigmoid");
}

#[test]
fn aliases_are_written_with_the_rows_name() {
    assert_eq!(a::builtin("swish").unwrap().spec(), "silu");
    assert_eq!(a::builtin("hard_swish").unwrap().spec(), "hard_silu");
    assert!(a::builtin("threshold").is_none());
}

#[test]
fn an_odd_axis_cannot_be_halved() {
    let error = run(&[Input::f32(&[2, 3], &[0.0; 6])], |t| vec![a::glu(t[0], -1)]).unwrap_err();
    assert!(error.to_string().contains("must be even"), "{error}");
}
