//! Losses, metrics and optimizers, in models that train and evaluate.

use rhyton_engine::Error;
use rhyton_engine::device::Device;
use rhyton_engine::graph::Tensor;
use rhyton_engine::metrics::{MetricSpec, Metrics};
use rhyton_engine::models::registry;
use rhyton_engine::optimizers::{OptimizerSpec, SGD};
use rhyton_engine::train::{Apply, CompileOptions, Model, input};
use serde_json::{Value, json};

use super::layers::{doubles, front};
use super::{File, config, devices, each, near, sketch};
use crate::common::numbers;

fn told(error: Error) -> String {
    error.to_string()
}

/// A model whose outputs are the products of its inputs with a kernel.
fn products(file: &File, case: &Value, device: &Device) -> Result<(Model, ndarray::ArrayD<f32>), String> {
    let x = file.array(&case["x"]);
    let inputs = input(x.shape()[1..].to_vec());
    let mut outputs = front(*x.shape().last().expect("axes")).map_err(told)?.on(&inputs);
    if let Some(axis) = case.get("softmax") {
        let softmax = registry::layer("Softmax", None, json!({"axis": axis}).as_object().expect("an object"));
        outputs = softmax.map_err(told)?.on(&outputs);
    }
    let mut model = Model::new(inputs, outputs).map_err(told)?;
    model.to(device).map_err(told)?;
    Ok((model, x))
}

fn check_loss(file: &File, case: &Value, device: &Device) -> Result<(), String> {
    let (mut model, x) = products(file, case, device)?;
    let (t, kernel) = (file.array(&case["t"]), file.array(&json!("kernel")));
    let sgd = json!({"class_name": "SGD", "config": {"learning_rate": 0.05}});
    let loss = json!({"module": "keras.losses", "class_name": case["class"], "config": case["config"]});
    for way in ["plain", "weighted"] {
        let Some(want) = case.get(way) else { continue };
        model.set_weights(std::slice::from_ref(&kernel)).map_err(told)?;
        model.compile_config(&sgd, &loss, &Value::Null, &Value::Null, &Value::Null).map_err(told)?;
        let w = case.get("w").filter(|_| way == "weighted").map(|name| file.array(name));
        let mut evaluation = model.evaluate(&x, &t).batch_size(8).verbose(0);
        if let Some(w) = &w {
            evaluation = evaluation.sample_weight(w);
        }
        let value = evaluation.run().map_err(told)?.loss();
        near(&[value], &[want["loss"].as_f64().expect("a number")], 1e-4, &format!("{way} loss"))?;
        let mut fit = model.fit(&x, &t).batch_size(8).epochs(1).shuffle(false).verbose(0);
        if let Some(w) = &w {
            fit = fit.sample_weight(w);
        }
        fit.run().map_err(told)?;
        let after = doubles(&model.get_weights().map_err(told)?[0]);
        near(&sketch(&after), &numbers(&want["after"]), 2e-4, &format!("kernel after a {way} step"))?;
    }
    Ok(())
}

#[test]
fn losses_equal_keras() {
    let file = File::of("losses");
    for device in devices() {
        each(file.cases(), &format!("losses on {device}"), |case| check_loss(&file, case, &device));
    }
}

/// The mean of the predictions: metrics are what is tested here.
pub(super) fn any_loss(_: Tensor, y: Tensor) -> Tensor {
    y.mean(&(1..y.rank() as isize).collect::<Vec<_>>())
}

fn check_metric(file: &File, case: &Value, device: &Device) -> Result<(), String> {
    let (mut model, x) = products(file, case, device)?;
    model.set_weights(&[file.array(&json!("kernel"))]).map_err(told)?;
    let metric = |name: &str| {
        let mut own = config(case).clone();
        own.insert("name".into(), name.into());
        let config = json!({"module": "keras.metrics", "class_name": case["class"], "config": own});
        Metrics::Flat(vec![MetricSpec::Config(config)])
    };
    let options = CompileOptions::new().weighted_metrics(metric("n"));
    model.compile_with(SGD::new(), any_loss, metric("m"), options).map_err(told)?;
    let (t, w) = (file.array(&case["t"]), file.array(&case["w"]));
    let logs = model.evaluate(&x, &t).batch_size(3).sample_weight(&w).verbose(0).run().map_err(told)?;
    for (name, want) in [("m", "plain"), ("n", "weighted")] {
        let got = logs.get(name).ok_or_else(|| format!("no {name} in the logs"))?;
        near(&[got], &[case[want].as_f64().expect("a number")], 1e-4, want)?;
    }
    Ok(())
}

#[test]
fn metrics_equal_keras() {
    let file = File::of("metrics");
    for device in devices() {
        each(file.cases(), &format!("metrics on {device}"), |case| check_metric(&file, case, &device));
    }
}

fn check_optimizer(file: &File, case: &Value, device: &Device) -> Result<(), String> {
    let (x, t) = (file.array(&case["x"]), file.array(&case["t"]));
    let inputs = input([4]);
    let dense =
        registry::layer("Dense", None, json!({"units": 3}).as_object().expect("an object")).map_err(told)?;
    let outputs = dense.on(&inputs);
    let mut model = Model::new(inputs, outputs).map_err(told)?;
    if case.get("library").is_some() {
        model.layers().iter().for_each(|layer| layer.set_keras2(true));
    }
    model.to(device).map_err(told)?;
    model.set_weights(&["kernel:4x3", "bias:3"].map(|n| file.array(&json!(n)))).map_err(told)?;
    let optimizer = json!({"class_name": case["class"], "config": case["config"]});
    model
        .compile_config(&optimizer, &json!("mse"), &Value::Null, &Value::Null, &Value::Null)
        .map_err(told)?;
    let mut found = Vec::new();
    for step in 0..4 {
        model.train_on_batch(&x, &t).map_err(told)?;
        if [0, 3].contains(&step) {
            found.push(model.get_weights().map_err(told)?.iter().flat_map(doubles).collect::<Vec<_>>());
        }
    }
    for (i, (got, want)) in found.iter().zip(case["steps"].as_array().expect("steps")).enumerate() {
        near(got, &numbers(want), 2e-4, &format!("weights after step {}", [1, 4][i]))?;
    }
    Ok(())
}

#[test]
fn optimizers_equal_keras() {
    let file = File::of("optimizers");
    for device in devices() {
        each(file.cases(), &format!("optimizers on {device}"), |case| check_optimizer(&file, case, &device));
    }
}

/// Keras 2's older form: `lr`, and a decay that is 1 / (1 + decay · step).
#[test]
fn older_optimizers() {
    let make = |config: Value| {
        registry::optimizer(OptimizerSpec::Config(json!({"class_name": "SGD", "config": config})))
    };
    let rates = |config: Value| {
        let made = make(config).expect("known keys");
        [0, 1, 10].map(|step| made.learning_rate().at(step))
    };
    let near = |got: [f64; 3], want: [f64; 3]| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-7);
    assert!(near(rates(json!({"lr": 0.5, "decay": 0.0, "is_legacy_optimizer": true})), [0.5; 3]));
    assert!(near(rates(json!({"learning_rate": 0.5, "decay": 0.1})), [0.5, 0.5 / 1.1, 0.25]));
    // Nadam does not heed it.
    let nadam = json!({"class_name": "Nadam", "config": {"learning_rate": 0.5, "decay": 0.004}});
    let nadam = registry::optimizer(OptimizerSpec::Config(nadam)).expect("one of before TensorFlow 2.11");
    assert_eq!(nadam.spec()["config"]["is_legacy_optimizer"], json!(true));
    assert_eq!(nadam.learning_rate().at(10), 0.5);
    for config in [json!({"decay": 0.1}), json!({"learning_rate": 0.5, "decay": "much"})] {
        assert!(make(config).err().expect("no rate").to_string().contains("decay"));
    }
}
