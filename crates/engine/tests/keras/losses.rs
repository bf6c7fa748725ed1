//! Values, reductions and gradients of every loss.

use std::sync::Arc;

use rhyton_engine::graph::{DType, Tensor};
use rhyton_engine::losses::{self, LOSSES, Loss, LossSpec, Reduction};
use rhyton_engine::models::registry;
use serde_json::{Value, json};

use crate::common::{Input, close, data, gradient, numbers, run, shape};

fn reference() -> Value {
    data(include_str!("../data/keras/losses.json"))
}

fn make(name: &str, args: &Value) -> Arc<dyn Loss> {
    losses::builtin(name, args.as_object().unwrap()).unwrap().unwrap_or_else(|| panic!("no loss {name}"))
}

/// The reduction that training does.
fn reduced(loss: &dyn Loss, t: Tensor, y: Tensor) -> Tensor {
    let values = loss.call(t, y);
    match (loss.reduction(), loss.mask(t, y)) {
        (Reduction::Sum, _) => values.sum(&[]),
        (_, Some(mask)) => (values * mask).sum(&[]) / mask.sum(&[]),
        _ => values.mean(&[]),
    }
}

#[test]
fn equal_keras() {
    for case in reference()["cases"].as_array().unwrap() {
        let (name, args) = (case["name"].as_str().unwrap(), &case["args"]);
        let loss = make(name, args);
        let what = format!("{name} {args}");
        let (t, y) = (numbers(&case["t"]), numbers(&case["y"]));
        let dtype = if loss.takes_class_numbers() { DType::I32 } else { DType::F32 };
        let inputs = [
            Input { dtype, shape: shape(&case["t_shape"]), data: &t },
            Input::f32(&shape(&case["y_shape"]), &y),
        ];
        let out = run(&inputs, |x| {
            let total = reduced(loss.as_ref(), x[0], x[1]);
            vec![loss.call(x[0], x[1]), total, gradient(total, x[1])]
        })
        .unwrap_or_else(|e| panic!("{what}: {e}"));
        // Keras holds constants such as log 2 and its own arguments in f32 on the way.
        close(&out[0].1, &numbers(&case["values"]), 2e-7, &what);
        close(&out[1].1, &[case["loss"].as_f64().unwrap()], 2e-7, &format!("sum of {what}"));
        close(&out[2].1, &numbers(&case["grad"]), 2e-7, &format!("gradient of {what}"));
    }
    let cases = reference();
    let tested = |name: &str| cases["cases"].as_array().unwrap().iter().any(|c| c["name"] == name);
    let untested: Vec<&str> = LOSSES.iter().map(|c| c.class).filter(|c| !tested(c)).collect();
    assert!(untested.is_empty(), "classes without a case: {untested:?}");
}

/// Of predictions that softmax or the logistic function made, losses take the logits, as Keras on TensorFlow does: the
/// probabilities here are 0 and 1 to the last bit.
#[test]
fn look_back_to_the_logits() {
    for case in reference()["from_activations"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let loss = make(name, &json!({}));
        let (t, x) = (numbers(&case["t"]), numbers(&case["x"]));
        let dtype = if loss.takes_class_numbers() { DType::I32 } else { DType::F32 };
        let inputs = [
            Input { dtype, shape: shape(&case["t_shape"]), data: &t },
            Input::f32(&shape(&case["x_shape"]), &x),
        ];
        let out = run(&inputs, |v| {
            let y = if case["activation"] == "softmax" { v[1].softmax() } else { v[1].sigmoid() };
            let total = reduced(loss.as_ref(), v[0], y);
            vec![total, gradient(total, v[1])]
        })
        .unwrap();
        close(&out[0].1, &[case["loss"].as_f64().unwrap()], 1e-12, name);
        close(&out[1].1, &numbers(&case["grad"]), 1e-12, &format!("gradient of {name}"));
    }
}

#[test]
fn strings_are_functions_and_stay_so() {
    let resolve =
        |name: &str| registry::loss(&LossSpec::Config(name.into()), &[32], &[32, 10]).unwrap().unwrap();
    for (name, class) in
        [("mse", "mean_squared_error"), ("MAE", "mean_absolute_error"), ("kld", "kl_divergence")]
    {
        let (short, long) = (resolve(name), resolve(class));
        assert_eq!(short.spec(), json!(name));
        let inputs = [Input::f32(&[1, 2], &[0.2, 0.7]), Input::f32(&[1, 2], &[0.4, 0.1])];
        let out = run(&inputs, |x| vec![short.call(x[0], x[1]), long.call(x[0], x[1])]).unwrap();
        assert_eq!(out[0], out[1], "{name}");
    }
    assert!(resolve("sparse_categorical_crossentropy").takes_class_numbers());
    // By the shapes.
    let ce = |t: &[usize], y: &[usize]| {
        registry::loss(&LossSpec::Config("crossentropy".into()), t, y).unwrap().unwrap()
    };
    assert!(ce(&[32], &[32, 10]).takes_class_numbers());
    assert!(ce(&[32, 1], &[32, 10]).takes_class_numbers());
    assert!(!ce(&[32, 10], &[32, 10]).takes_class_numbers());
    assert_eq!(losses::crossentropy_name(&[32], &[32, 1]), "binary_crossentropy");
}

#[test]
fn a_wrong_name_says_how_to_register() {
    let error = registry::loss(&LossSpec::Config("nonsense".into()), &[1], &[1]).err().unwrap().to_string();
    assert!(error.contains("nonsense") && error.contains("register_loss"), "{error}");
    let error = losses::builtin("Huber", json!({"reduction": "most"}).as_object().unwrap()).err().unwrap();
    assert!(error.to_string().contains("most"), "{error}");
}

/// A class number out of range is no class; one that is to be ignored may lie there.
#[test]
fn class_numbers_out_of_range() {
    let logits = [0.3, -0.2, 0.9, 0.1, 0.5, -1.0];
    let inputs =
        [Input { dtype: DType::I32, shape: vec![2], data: &[-1.0, 2.0] }, Input::f32(&[2, 3], &logits)];
    let loss = losses::SparseCategoricalCrossentropy::new().from_logits(true);
    let out = run(&inputs, |x| vec![loss.call(x[0], x[1]), loss.clone().ignore_class(-1).call(x[0], x[1])])
        .unwrap();
    assert!(out[0].1[0].is_nan() && out[0].1[1].is_finite());
    assert_eq!(out[1].1[0], 0.0);
    assert_eq!(out[1].1[1], out[0].1[1]);
}

/// Probabilities that were moved after softmax are no longer its result: Keras computes from them.
#[test]
fn losses_of_softmax_that_was_transposed() {
    let x: Vec<f64> = (0..24).map(|i| f64::from(i * 7 % 11) / 3.0 - 1.5).collect();
    let t: Vec<f64> = (0..24).map(|i| f64::from(u8::from(i % 3 == i / 3 % 3))).collect();
    let labels: Vec<f64> = (0..8).map(|i| f64::from(i % 3)).collect();
    let targets = || {
        let labels = Input { dtype: DType::I32, shape: vec![2, 4], data: &labels };
        [Input::f32(&[2, 4, 3], &t), labels]
    };
    let both = |t: Tensor, labels: Tensor, y: Tensor| {
        let categorical = losses::CategoricalCrossentropy::new();
        vec![categorical.call(t, y), losses::SparseCategoricalCrossentropy::new().call(labels, y)]
    };
    let moved = |x: Tensor| x.softmax().transpose(&[0, 2, 1]);
    let [one, other] = targets();
    let inputs = [one, other, Input::f32(&[2, 3, 4], &x)];
    let out = run(&inputs, |x| [vec![moved(x[2])], both(x[0], x[1], moved(x[2]))].concat()).unwrap();
    let [one, other] = targets();
    let inputs = [one, other, Input::f32(&[2, 4, 3], &out[0].1)];
    let plain = run(&inputs, |x| both(x[0], x[1], x[2])).unwrap();
    for (got, want) in out[1..].iter().zip(&plain) {
        close(&got.1, &want.1, 1e-7, "of probabilities");
    }
}
