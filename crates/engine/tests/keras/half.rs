//! Layers under the dtype policies of 16 bits: outputs, their types and gradients, as Keras has them.

use std::collections::HashMap;

use rhyton_engine::autograd::gradients;
use rhyton_engine::graph::{CallContext, IntoTensor, Role, Shape, Tensor, TensorType, trace};
use rhyton_engine::models::registry;
use rhyton_engine::oracle::{self, Given, value};
use serde_json::{Map, Value, json};

use crate::common::{data, numbers, of_families, shape};

/// A config, and those inside it, under a policy.
fn with_policy(config: &Value, policy: &str) -> Value {
    match config {
        Value::Array(list) => list.iter().map(|one| with_policy(one, policy)).collect(),
        Value::Object(map) => {
            let mut inner: Map<String, Value> =
                map.iter().map(|(key, one)| (key.clone(), with_policy(one, policy))).collect();
            if map.contains_key("name") && map.contains_key("dtype") {
                inner.insert("dtype".into(), policy.into());
            }
            inner.into()
        }
        other => other.clone(),
    }
}

/// Returns what is off by more than some roundings: of numbers of size 1 on the way, of the largest number of the array, and of the number itself.
fn far(got: &[f64], want: &[f64], step: f64, times: f64) -> Option<String> {
    assert_eq!(got.len(), want.len(), "number of elements");
    let largest = want.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let limit = |w: f64| times * step * (2.0 + 6.0 * (w.abs() + 0.5 * largest));
    // NaN is near nothing.
    let near = |g: f64, w: f64| (g - w).abs() <= limit(w);
    let (g, w) = got.iter().zip(want).find(|(g, w)| !near(**g, **w))?;
    Some(format!("{g} is not {w} ({:.1} roundings)", (g - w).abs() / step))
}

#[test]
fn layers_round_as_keras() {
    let layers = data(include_str!("../data/keras/layers.json"));
    let more = of_families("layers");
    let cases: Vec<&Value> = layers.as_array().unwrap().iter().chain(&more).collect();
    let halves = [
        include_str!("../data/keras/half.json"),
        include_str!("../data/keras/half_images.json"),
        include_str!("../data/keras/half_colours.json"),
        include_str!("../data/keras/half_signals.json"),
        include_str!("../data/keras/half_more.json"),
        include_str!("../data/keras/half_older.json"),
    ]
    .map(data);
    let halves: Vec<&Value> = halves.iter().flat_map(|file| file.as_array().unwrap()).collect();
    assert_eq!(cases.len(), halves.len(), "half.py has run for every case");
    let (mut wrong, mut ran) = (Vec::new(), 0);
    for (case, rows) in cases.iter().zip(&halves) {
        let class = case["name"].as_str().unwrap();
        for row in rows.as_array().unwrap() {
            let policy = row["policy"].as_str().unwrap();
            let what = format!("{class} {} {policy}", case["args"]);
            let step = if policy.ends_with("bfloat16") { 2f64.powi(-8) } else { 2f64.powi(-11) };
            let config = with_policy(&case["config"], policy);
            let layer = registry::layer(class, None, config.as_object().unwrap()).unwrap();
            let inputs: Vec<(Vec<usize>, Vec<f64>)> = case["x"]
                .as_array()
                .unwrap()
                .iter()
                .map(|x| {
                    (shape(&x["shape"]), numbers(&x["data"]).iter().map(|v| f64::from(*v as f32)).collect())
                })
                .collect();
            let shapes: Vec<Shape> =
                inputs.iter().map(|(s, _)| Shape(s.iter().copied().map(Some).collect())).collect();
            layer.build(&registry::resolver(), &shapes).unwrap_or_else(|e| panic!("{what}: {e}"));
            let variables: Vec<_> = layer.variables().into_iter().map(|(v, _)| v).collect();
            let types: Vec<&str> = variables.iter().map(|v| v.ty().unwrap().dtype.name()).collect();
            if json!(types) != row["types"] {
                wrong.push(format!("{what}: variables of {types:?}, not {}", row["types"]));
            }
            // A variable of 16 bits holds such numbers.
            let held = |dtype: &str, values: Vec<f64>| -> Vec<f64> {
                let half = rhyton_engine::types::Half::named(dtype);
                values.into_iter().map(|v| half.map_or(v, |half| half.nearest(v))).collect()
            };
            let weights = case["weights"].as_array().unwrap();
            let values = variables.iter().zip(weights).zip(&types);
            let values: HashMap<u64, Vec<f64>> =
                values.map(|((v, w), dtype)| (v.id(), held(dtype, numbers(&w["data"])))).collect();
            let traced = trace(|| {
                let xs: Vec<Tensor> = inputs
                    .iter()
                    .enumerate()
                    .map(|(i, (shape, _))| Tensor::input(i, TensorType::f32(shape.clone())))
                    .collect();
                let y = layer.call(&xs, &CallContext::new(false))[0];
                let count = y.ty().len();
                let by: Vec<Tensor> =
                    xs.iter().copied().chain(variables.iter().map(IntoTensor::into_tensor)).collect();
                let weigh = (0..count).map(|i| f64::from(((i as f64 * 1.7).sin() + 0.25) as f32));
                let factors = Tensor::input(inputs.len(), TensorType::f32([count]));
                let total = (y.to_f32().reshape([count]) * factors).sum(&[]);
                let found = gradients(total, &by)?;
                let found: Vec<_> = found.into_iter().map(|g| g.map(oracle::edge)).collect();
                Ok((y.ty().dtype, oracle::edge(y), found, weigh.collect::<Vec<f64>>()))
            });
            let (graph, (dtype, y, found, factors)) = traced.unwrap_or_else(|e| panic!("{what}: {e}"));
            if dtype.name() != row["dtype"] {
                wrong.push(format!("{what}: gives {}, not {}", dtype.name(), row["dtype"]));
            }
            let mut given: HashMap<usize, Vec<f64>> =
                inputs.iter().enumerate().map(|(i, (_, x))| (i, x.clone())).collect();
            given.insert(inputs.len(), factors);
            let given = Given { inputs: given, variables: values, ..Given::default() };
            let values = oracle::run(&graph, &given);
            // TensorFlow sums volumes in 16 bits, which is further off than our sums in f32.
            let times = if class.starts_with("Conv3D") { 4.0 } else { 1.0 };
            if let Some(off) = far(value(&values, y), &numbers(&row["y"]), step, times) {
                wrong.push(format!("{what}: {off}"));
            }
            // TensorFlow has no gradient of some kernels.
            let gradients = row["gradients"].as_array().map_or(&[][..], Vec::as_slice);
            for (i, (edge, want)) in found.iter().zip(gradients).enumerate() {
                // Keras' tape does not watch what is not trained.
                let moving =
                    i.checked_sub(inputs.len()).is_some_and(|i| variables[i].role() == Role::NonTrainable);
                if moving {
                    continue;
                }
                // TensorFlow has no gradient of its bicubic kernel; and equal numbers, which bfloat16 makes of others, share one in another way.
                let apart = matches!(class, "UpSampling2D" | "Resizing") && want.is_null()
                    || class == "AdaptiveMaxPooling3D" && policy == "mixed_bfloat16";
                if apart {
                    continue;
                }
                let (Some(edge), false) = (edge, want.is_null()) else {
                    let zero = |v: &[f64]| v.iter().all(|v| *v == 0.0);
                    let none = edge.is_none_or(|e| zero(value(&values, e)));
                    if !(none && (want.is_null() || zero(&numbers(want)))) {
                        wrong.push(format!("{what}: gradient {i}: {}, Keras {want}", edge.is_some()));
                    }
                    continue;
                };
                // TensorFlow sums gradients in 16 bits, which is further off than our sums in f32.
                if let Some(off) = far(value(&values, *edge), &numbers(want), step, 6.0) {
                    wrong.push(format!("{what}: gradient {i}: {off}"));
                }
            }
            ran += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {ran}:\n{}", wrong.len(), wrong.join("\n"));
    // What TensorFlow has no kernel for is left out.
    assert_eq!(halves.len(), cases.len());
    assert!(ran > 2 * cases.len(), "{ran}");
}
