//! Operations of Keras 3's functional graphs and TensorFlow's functions in those of tf_keras: each gives their numbers, of floats and of integers, and the
//! gradients of TensorFlow, or is refused by its name. `data/operations/make.py` and `tf_functions.py` made the cases.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{ArrayD, IxDyn};
use rhyton::device::once::run_once;
use rhyton::graph::{CallContext, Tensor, gradients, trace};
use rhyton::layers::{functions, operations};
use rhyton::prelude::*;
use rhyton::serde_json::{self, Value, json};
use rhyton::types::{DType, TensorType};
use rhyton_engine::device::Backend;
use rhyton_engine::oracle::{self, Given};

/// Runs that are refused, and why.
const REFUSED: &[(&str, &str)] = &[];

/// Gradients of TensorFlow that are NaN where they have a value, and why; only there any number is right.
const NAN_GRADIENTS: &[(&str, &str)] =
    &[("sinc", "at zero the quotient 0 / 0 that is not taken has a gradient too; that of sinc is zero")];

fn all() -> Value {
    serde_json::from_str(include_str!("data/operations/operations.json")).unwrap()
}

/// The same inputs, and models of tf_keras.
fn of_tensorflow() -> Value {
    let cases: Value = serde_json::from_str(include_str!("data/operations/tf_functions.json")).unwrap();
    json!({"inputs": all()["inputs"], "cases": cases})
}

/// A number as `make.py` writes it.
fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap_or(f64::NAN),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// One model with the types of one run.
struct Run<'a> {
    case: &'a Value,
    dtype: &'a str,
    run: &'a Value,
    /// Name, type, shape and numbers of each input.
    inputs: Vec<(String, String, Vec<usize>, Vec<f64>)>,
}

impl<'a> Run<'a> {
    fn of(all: &'a Value, case: &'a Value, dtype: &'a str) -> Self {
        let names = case["inputs"].as_array().unwrap().iter().map(|n| n.as_str().unwrap());
        let input = |name: &str| {
            let own = match name {
                "i" | "j" | "k" => "int32",
                "mask" => "bool",
                _ => dtype,
            };
            let data = numbers(&all["inputs"][name]["data"]);
            let data = data.into_iter().map(|v| match own {
                "int32" => v.trunc(),
                "uint8" => v.trunc().abs(),
                "bool" => f64::from(u8::from(v.trunc() != 0.0)),
                "float16" => f64::from(half::f16::from_f64(v).to_f32()),
                _ => f64::from(v as f32),
            });
            (name.to_owned(), own.to_owned(), sizes(&all["inputs"][name]["shape"]), data.collect())
        };
        Run { case, dtype, run: &case["runs"][dtype], inputs: names.map(input).collect() }
    }

    fn what(&self) -> String {
        format!("{} of {}", self.case["name"].as_str().unwrap(), self.dtype)
    }

    /// The config of the model, as Keras writes it.
    fn config(&self) -> Value {
        if let Some(whole) = self.case.get("config") {
            return whole.clone();
        }
        let input = |(name, dtype, shape, _): &(String, String, Vec<usize>, Vec<f64>)| {
            let mut batch: Vec<Value> = shape.iter().map(|n| json!(n)).collect();
            if shape.len() > 1 && name != "fixed" {
                batch[0] = Value::Null;
            }
            let config =
                json!({"batch_shape": batch, "dtype": dtype, "sparse": false, "ragged": false, "name": name});
            json!({"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": null, "name": name, "inbound_nodes": []})
        };
        let mut layers: Vec<Value> = self.inputs.iter().map(input).collect();
        let own = self.run.get("layers").unwrap_or(&self.case["layers"]);
        layers.extend(own.as_array().unwrap().iter().cloned());
        let ends: Vec<Value> = self.inputs.iter().map(|(name, ..)| json!([name, 0, 0])).collect();
        let config = json!({"name": "model", "trainable": true, "layers": layers, "input_layers": ends, "output_layers": self.case["outputs"]});
        json!({"module": "keras.src.models.functional", "class_name": "Functional", "config": config, "registered_name": "Functional",
            "build_config": {"input_shape": null}, "compile_config": {}})
    }

    /// Writes the model, which has no weights, as a folder, which `load_model` takes as an archive.
    fn load(&self, folder: &Path) -> Result<Model, Error> {
        let folder = folder.join(format!("{}.keras", self.what().replace(' ', "_")));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("config.json"), self.config().to_string()).unwrap();
        let version = if self.case.get("config").is_some() { "2.21.0" } else { "3.15.1" };
        std::fs::write(folder.join("metadata.json"), json!({"keras_version": version}).to_string()).unwrap();
        std::fs::write(folder.join("model.weights.h5"), include_bytes!("data/operations/none.weights.h5"))
            .unwrap();
        load_model(folder)
    }

    /// Outputs, with their types and shapes, and the gradients of the sum of the floats among them times cosines.
    fn values(&self, model: &Model, device: &dyn Backend, back: bool) -> Result<Values, Error> {
        let (graph, (outs, grads, types)) = trace(|| {
            let xs: Vec<Tensor> = (0..self.inputs.len())
                .map(|i| Tensor::input(i, TensorType::f32(self.inputs[i].2.clone())))
                .collect();
            let outs = model.as_layer().call(&xs, &CallContext::new(false));
            let types: Vec<TensorType> = outs.iter().map(|y| y.ty()).collect();
            let weighed = |y: &Tensor| {
                // As TensorFlow has them: the cosines of float32 numbers.
                let weight = |i: usize| f64::from(i as f32 * 0.7_f32).cos();
                let weights: Vec<f64> = (0..y.ty().len()).map(weight).collect();
                let parts: Vec<Tensor> = weights.iter().map(|w| Tensor::full(&[1], *w)).collect();
                (*y * Tensor::concat(&parts, 0).reshape(y.shape())).sum(&[])
            };
            let floats = outs.iter().filter(|y| y.ty().dtype == DType::F32 && !y.ty().is_empty());
            let loss = if back { floats.map(weighed).reduce(|a, b| a + b) } else { None };
            let grads = loss.map_or(Ok(vec![]), |loss| gradients(loss, &xs))?;
            let edge = |t: &Option<Tensor>| t.map(oracle::edge);
            Ok((
                outs.iter().map(|t| oracle::edge(t.to_f32())).collect::<Vec<_>>(),
                grads.iter().map(edge).collect::<Vec<_>>(),
                types,
            ))
        })?;
        let edges: Vec<_> = outs.iter().copied().chain(grads.iter().flatten().copied()).collect();
        let given = Given {
            inputs: self.inputs.iter().map(|(.., data)| data.clone()).enumerate().collect(),
            ..Given::default()
        };
        let mut ran = run_once(device, &graph, &edges, &given, pollster::block_on::<rhyton::graph::Reading>)?
            .outputs
            .into_iter();
        let outs = types.into_iter().map(|ty| (ty, ran.next().unwrap_or_default())).collect();
        let grads = grads.into_iter().map(|edge| edge.and_then(|_| ran.next())).collect();
        Ok(Values { outs, grads })
    }
}

struct Values {
    outs: Vec<(TensorType, Vec<f64>)>,
    grads: Vec<Option<Vec<f64>>>,
}

fn close(got: f64, wanted: f64, tolerance: f64) -> bool {
    if wanted.is_nan() || wanted.is_infinite() {
        return got.is_nan() == wanted.is_nan() && (wanted.is_nan() || got == wanted);
    }
    (got - wanted).abs() <= tolerance * (1.0 + wanted.abs())
}

fn far(got: &[f64], wanted: &[f64], tolerance: f64) -> Option<String> {
    if got.len() != wanted.len() {
        return Some(format!("{} numbers, not {}", got.len(), wanted.len()));
    }
    let wrong = (0..got.len()).find(|i| !close(got[*i], wanted[*i], tolerance))?;
    Some(format!("element {wrong} is {}, not {}", got[wrong], wanted[wrong]))
}

/// What differs from Keras.
fn differences(run: &Run<'_>, values: &Values) -> Vec<String> {
    let wanted = run.run["out"].as_array().unwrap();
    let mut wrong = Vec::new();
    if wanted.len() != values.outs.len() {
        return vec![format!("{}: {} outputs, not {}", run.what(), values.outs.len(), wanted.len())];
    }
    let half = run.dtype == "float16";
    for (k, ((ty, got), wanted)) in values.outs.iter().zip(wanted).enumerate() {
        let what = format!("{} output {k}", run.what());
        // float64 is computed as float32.
        let dtype = wanted["type"].as_str().unwrap().replace("float64", "float32");
        if ty.dtype.name() != dtype || ty.shape != sizes(&wanted["shape"]) {
            wrong.push(format!("{what}: {ty:?}, not {dtype}{:?}", sizes(&wanted["shape"])));
            continue;
        }
        let tolerance = if half { 6e-3 } else { 4e-6 };
        wrong.extend(far(got, &numbers(&wanted["data"]), tolerance).map(|w| format!("{what}: {w}")));
    }
    let empty = Vec::new();
    for (k, wanted) in run.run["gradients"].as_array().unwrap_or(&empty).iter().enumerate() {
        let what = format!("{} gradient {k}", run.what());
        // Of integers there is none.
        let floats: Vec<&Option<Vec<f64>>> =
            values.grads.iter().zip(&run.inputs).filter(|(_, i)| i.1 == "float32").map(|(g, _)| g).collect();
        let got = floats.get(k).copied().cloned().flatten();
        let wanted = if wanted.is_null() { None } else { Some(numbers(wanted)) };
        let zero = vec![0.0; got.as_ref().or(wanted.as_ref()).map_or(0, Vec::len)];
        let (got, mut wanted) = (got.unwrap_or_else(|| zero.clone()), wanted.unwrap_or(zero));
        if NAN_GRADIENTS.iter().any(|(name, _)| run.case["name"] == *name) {
            let numbers = wanted.iter_mut().zip(&got).filter(|(w, g)| w.is_nan() && g.is_finite());
            numbers.for_each(|(w, g)| *w = *g);
        }
        wrong.extend(far(&got, &wanted, 3e-5).map(|w| format!("{what}: {w}")));
    }
    wrong
}

/// Runs all cases, or some of them; returns how many were as in Keras.
fn as_in_keras(all: &Value, device: &dyn Backend, every: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (mut same, mut wrong) = (0, Vec::new());
    for (i, case) in all["cases"].as_array().unwrap().iter().enumerate() {
        for (k, dtype) in case["runs"].as_object().unwrap().keys().enumerate() {
            if (i + k) % every != 0 {
                continue;
            }
            let run = Run::of(all, case, dtype);
            let back = run.run.get("gradients").is_some();
            match run.load(folder.path()).and_then(|model| run.values(&model, device, back)) {
                Ok(values) => {
                    let found = differences(&run, &values);
                    same += usize::from(found.is_empty());
                    wrong.extend(found);
                }
                Err(error) => {
                    let known = REFUSED
                        .iter()
                        .any(|(what, why)| *what == run.what() && error.to_string().contains(why));
                    if !known {
                        wrong.push(format!("{}: {error}", run.what()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), same + wrong.len(), wrong.join("\n"));
    same
}

#[test]
fn give_keras_numbers() {
    let same = as_in_keras(&all(), common::cpu().backend().as_ref(), 1);
    println!("{same} runs are Keras'");
    assert!(same > 1000, "{same}");
}

#[test]
fn functions_of_tensorflow_give_its_numbers() {
    let same = as_in_keras(&of_tensorflow(), common::cpu().backend().as_ref(), 1);
    println!("{same} functions are TensorFlow's");
    assert!(same > 190, "{same}");
}

#[cfg(feature = "gpu")]
#[test]
fn some_give_keras_numbers_on_a_gpu() {
    let Some(device) = common::gpu() else { return };
    as_in_keras(&all(), device.backend().as_ref(), 7);
    as_in_keras(&of_tensorflow(), device.backend().as_ref(), 7);
}

/// Files predict what the operation gives, whatever the size of a batch.
#[test]
fn predict_as_in_keras() {
    let (all, folder) = (all(), tempfile::tempdir().unwrap());
    for case in all["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if !["softmax", "getitem_step", "top_k_distinct", "conv_same", "split_at"].contains(&name) {
            continue;
        }
        let run = Run::of(&all, case, "float32");
        let mut model = run.load(folder.path()).unwrap();
        let arrays = run.inputs.iter().map(|(.., shape, data)| {
            let x: ArrayD<f32> =
                ArrayD::from_shape_vec(IxDyn(shape), data.iter().map(|v| *v as f32).collect()).unwrap();
            rhyton::train::Data::of(&x).into_owned()
        });
        let arrays: Vec<_> = arrays.collect();
        if arrays.len() > 1 {
            continue;
        }
        let got = model.predict(arrays).batch_size(1).verbose(0).run_all().unwrap();
        for (got, wanted) in got.iter().zip(run.run["out"].as_array().unwrap()) {
            let got: Vec<f64> = got.iter().map(|v| f64::from(*v)).collect();
            assert_eq!(far(&got, &numbers(&wanted["data"]), 4e-6), None, "{name}");
        }
    }
}

#[test]
fn every_operation_has_a_case() {
    let all = include_str!("data/operations/operations.json");
    let has_none = |class: &&str| !all.contains(&format!("\"class_name\":\"{class}\""));
    let missing: Vec<&str> = operations().map(|row| row.class).filter(has_none).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

/// Each function is among the cases, by one of its names.
#[test]
fn every_function_has_a_case() {
    let all = include_str!("data/operations/tf_functions.json");
    let mut rows: BTreeMap<&str, bool> = BTreeMap::new();
    for function in functions() {
        let seen = all.contains(&format!("\"function\":\"{}\"", function.name));
        *rows.entry(function.names).or_default() |= seen;
    }
    let missing: Vec<&str> = rows.into_iter().filter(|(_, seen)| !seen).map(|(names, _)| names).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
