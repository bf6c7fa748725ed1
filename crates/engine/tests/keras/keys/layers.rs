//! Layers: predictions, the loss, and all weights after a step of training.

use ndarray::ArrayD;
use rhyton_engine::Error;
use rhyton_engine::device::Device;
use rhyton_engine::graph::{LayerRef, Variable};
use rhyton_engine::models::registry;
use rhyton_engine::train::{Apply, Data, IntoData, Model, input};
use serde_json::{Value, json};

use super::{File, config, devices, each, near, sketch, text};
use crate::common::{numbers, shape};

pub(super) fn doubles(values: &ArrayD<f32>) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// A list of arrays as data.
pub(super) fn list(arrays: &[ArrayD<f32>]) -> Vec<Data<'_>> {
    arrays.iter().flat_map(IntoData::into_data).collect()
}

/// A Dense layer without bias, as all models here begin.
pub(super) fn front(units: usize) -> Result<LayerRef, Error> {
    registry::layer("Dense", None, json!({"units": units, "use_bias": false}).as_object().expect("an object"))
}

fn made(class: &str, own: &Value) -> Result<LayerRef, Error> {
    registry::layer(class, None, own.as_object().expect("an object"))
}

/// The layer of a case behind a Dense layer, or in front of another one, and that one. What has several outputs is made one: flattened, and joined.
fn model(case: &Value, inputs: &[ArrayD<f32>]) -> Result<(Model, LayerRef, LayerRef), Error> {
    let layer = registry::layer(text(&case["class"]), None, config(case))?;
    layer.set_keras2(case["library"] == "tf_keras");
    let symbols: Vec<_> = inputs.iter().map(|x| input(x.shape()[1..].to_vec())).collect();
    let mut called = symbols.clone();
    let mut outputs;
    let other;
    match case.get("behind").map(text) {
        None => {
            other = front(*inputs[0].shape().last().expect("axes"))?;
            called[0] = other.clone().on(&symbols[0]);
            if case["masked"] == true {
                called[0] = made("Masking", &json!({}))?.on(&called[0]);
            }
            outputs = layer.clone().on_all(called);
        }
        Some(class) => {
            let first = layer.clone().on(called);
            let units = config(case).get("output_dim").cloned();
            let units = units.unwrap_or_else(|| json!(inputs[0].shape().last()));
            other = match class {
                "Dense" => made(class, &json!({"units": units, "use_bias": false}))?,
                _ => made(class, &json!({"units": units}))?,
            };
            outputs = vec![other.clone().on(&first)];
        }
    }
    if outputs.len() > 1 {
        let flat = |y| Ok(made("Flatten", &json!({}))?.on(y));
        let flat = outputs.iter().map(flat).collect::<Result<Vec<_>, Error>>()?;
        outputs = vec![made("Concatenate", &json!({}))?.on(flat)];
    }
    Ok((Model::new(symbols, outputs.swap_remove(0))?, other, layer))
}

fn check(file: &File, case: &Value, device: &Device) -> Result<(), String> {
    let told = |e: Error| e.to_string();
    let inputs: Vec<ArrayD<f32>> =
        case["x"].as_array().expect("names").iter().map(|n| file.array(n)).collect();
    let (mut model, other, layer) = model(case, &inputs).map_err(told)?;
    model.to(device).map_err(told)?;
    // The other layer's variables first; without names those of the layer stay as they begin.
    let variables: Vec<Variable> =
        [other, layer].iter().flat_map(LayerRef::variables).map(|(v, _)| v).collect();
    let last = inputs[0].shape().last().expect("axes");
    let mut names = case["weights"].as_array().expect("names").clone();
    // Cases of older files leave out the layer in front.
    if !names.first().and_then(Value::as_str).is_some_and(|name| name.starts_with("front"))
        && case.get("behind").is_none()
    {
        names.insert(0, json!(format!("front{last}")));
    }
    for (variable, name) in variables.iter().zip(names) {
        let weight = file.array(&name);
        if variable.shape() != weight.shape() {
            return Err(format!("{name} has shape {:?}", variable.shape()));
        }
        variable.set(weight.iter().map(|v| v.to_bits()).collect()).map_err(told)?;
    }
    let y = model.predict(list(&inputs)).verbose(0).run().map_err(told)?;
    if y.shape() != shape(&case["y_shape"]) {
        return Err(format!("the output has shape {:?}, Keras has {}", y.shape(), case["y_shape"]));
    }
    near(&sketch(&doubles(&y)), &numbers(&case["y"]), 2e-4, "predictions")?;
    let of_shape: Vec<String> = y.shape().iter().map(ToString::to_string).collect();
    let target = file.array(&json!(format!("target:{}", of_shape.join("x"))));
    let sgd = json!({"class_name": "SGD", "config": {"learning_rate": 0.5}});
    model.compile_config(&sgd, &json!("mse"), &Value::Null, &Value::Null, &Value::Null).map_err(told)?;
    let logs = model.train_on_batch(list(&inputs), &target).map_err(told)?;
    near(&[logs.loss()], &[case["loss"].as_f64().expect("a number")], 2e-4, "loss")?;
    let all = model.get_weights().map_err(told)?;
    let ids: Vec<u64> = model.variables().iter().map(Variable::id).collect();
    let place = |v: &Variable| ids.iter().position(|id| *id == v.id()).expect("a variable of the model");
    let weights: Vec<Vec<f64>> = variables.iter().map(|v| doubles(&all[place(v)])).collect();
    let after = case["after"].as_array().expect("weights");
    if weights.len() != after.len() {
        return Err(format!("{} weights, Keras has {}", weights.len(), after.len()));
    }
    for (i, (weight, want)) in weights.iter().zip(after).enumerate() {
        near(&sketch(weight), &numbers(want), 3e-4, &format!("weight {i} after a step"))?;
    }
    Ok(())
}

#[test]
fn equal_keras() {
    let file = File::of("layers");
    for device in devices() {
        each(file.cases(), &format!("layers on {device}"), |case| check(&file, case, &device));
    }
}
