//! Reading the reference files, and running graphs by their definitions.

use std::collections::HashMap;

use rhyton_engine::Error;
use rhyton_engine::autograd::gradients;
use rhyton_engine::device::Device;
use rhyton_engine::graph::{DType, Tensor, TensorType, trace};
use rhyton_engine::oracle::{self, Given, value};
use serde_json::Value;

/// A reference file.
pub fn data(text: &str) -> Value {
    serde_json::from_str(text).expect("a reference file")
}

/// Returns the files that came after the first ones, each with `layers`, `configs` and `integers`, and perhaps classes that a library is `without`.
pub fn families() -> Vec<Value> {
    let all = [
        include_str!("../data/keras/families.json"),
        include_str!("../data/keras/images.json"),
        include_str!("../data/keras/colours.json"),
        include_str!("../data/keras/signals.json"),
        include_str!("../data/keras/more.json"),
        include_str!("../data/keras/older.json"),
    ];
    all.map(data).into()
}

/// Returns the cases of a part of those files.
pub fn of_families(part: &str) -> Vec<Value> {
    families().iter().flat_map(|file| file[part].as_array().expect("cases").clone()).collect()
}

/// Numbers of an array.
pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number")).collect()
}

/// The CPU, and a GPU where there is one.
pub fn devices() -> Vec<Device> {
    let gpu = Device::named("gpu", "for tests");
    if let Err(error) = &gpu {
        assert!(std::env::var("RHYTON_REQUIRE_GPU").as_deref() != Ok("1"), "{error}");
        eprintln!("SKIPPED on GPUs: {error}");
    }
    [Device::cpu_threads(2), gpu].into_iter().flatten().collect()
}

/// Whole numbers of an array.
pub fn shape(value: &Value) -> Vec<usize> {
    value.as_array().expect("an array").iter().map(|v| v.as_u64().expect("a length") as usize).collect()
}

/// Whether two lists are equal within a tolerance relative to 1 + |value|.
#[track_caller]
pub fn close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}: number of elements");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * (1.0 + w.abs()), "{what}: element {i} is {g}, Keras has {w}");
    }
}

/// An input of a traced function.
pub struct Input<'a> {
    pub dtype: DType,
    pub shape: Vec<usize>,
    pub data: &'a [f64],
}

impl<'a> Input<'a> {
    pub fn f32(shape: &[usize], data: &'a [f64]) -> Self {
        Input { dtype: DType::F32, shape: shape.to_vec(), data }
    }
}

/// Shapes and values of what a traced function gives.
pub type Outputs = Vec<(Vec<usize>, Vec<f64>)>;

/// Traces `f` over these inputs and runs it: what it gives, and the shapes.
pub fn run(inputs: &[Input], f: impl FnOnce(&[Tensor]) -> Vec<Tensor>) -> Result<Outputs, Error> {
    let (graph, edges) = trace(|| {
        let tensors: Vec<Tensor> = inputs
            .iter()
            .enumerate()
            .map(|(i, x)| Tensor::input(i, TensorType { dtype: x.dtype, shape: x.shape.clone() }))
            .collect();
        Ok(f(&tensors).into_iter().map(|t| (t.shape(), oracle::edge(t))).collect::<Vec<_>>())
    })?;
    let given = Given {
        inputs: inputs.iter().enumerate().map(|(i, x)| (i, x.data.to_vec())).collect(),
        variables: HashMap::new(),
        ..Given::default()
    };
    let values = oracle::run(&graph, &given);
    Ok(edges.into_iter().map(|(shape, edge)| (shape, value(&values, edge).to_vec())).collect())
}

/// The gradient of a scalar by a tensor, zero where it does not depend on it.
pub fn gradient(of: Tensor, by: Tensor) -> Tensor {
    let found = gradients(of, &[by]).expect("a gradient");
    found[0].unwrap_or_else(|| Tensor::full(&by.shape(), 0.0))
}

/// Equal up to how numbers are written: 1 is 1.0.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| same(v, w)))
        }
        _ => a == b,
    }
}
