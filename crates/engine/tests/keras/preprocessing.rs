//! Layers that prepare numbers and strings: what they learn, and what they make of inputs, are as in Keras on both devices.

use ndarray::{ArrayD, IxDyn};
use rhyton_engine::Error;
use rhyton_engine::device::Device;
use rhyton_engine::graph::{Argument, Arguments, LayerRef};
use rhyton_engine::host;
use rhyton_engine::layers::InputLayer;
use rhyton_engine::models::registry;
use rhyton_engine::train::{Adapt, Apply, Data, IntoData, Model, input_symbol};
use rhyton_engine::types::{DType, Integer};
use serde_json::Value;

use crate::common::{data, devices, shape};

/// An array of a case.
#[derive(Clone, Debug, PartialEq)]
enum Array {
    Floats(ArrayD<f32>),
    Integers(ArrayD<i64>),
    Text(ArrayD<String>),
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn array(value: &Value) -> Array {
    let items = value["data"].as_array().expect("a list");
    let whole = IxDyn(&shape(&value["shape"]));
    let float = |v: &Value| match v.as_str() {
        Some(word) => word.parse().expect("a number"),
        None => v.as_f64().expect("a number") as f32,
    };
    match text(&value["dtype"]) {
        "string" => {
            let words = items.iter().map(|v| text(v).to_owned()).collect();
            Array::Text(ArrayD::from_shape_vec(whole, words).expect("as many"))
        }
        dtype if dtype.starts_with("float") => {
            Array::Floats(ArrayD::from_shape_vec(whole, items.iter().map(float).collect()).expect("as many"))
        }
        _ => {
            let numbers = items.iter().map(|v| v.as_i64().expect("an integer")).collect();
            Array::Integers(ArrayD::from_shape_vec(whole, numbers).expect("as many"))
        }
    }
}

impl<'a> IntoData<'a> for &'a Array {
    fn into_data(self) -> Vec<Data<'a>> {
        match self {
            Array::Floats(array) => array.into_data(),
            Array::Integers(array) => array.into_data(),
            Array::Text(array) => array.into_data(),
        }
    }
}

fn dtype(name: &str) -> DType {
    match name {
        "float32" => DType::F32,
        "string" => DType::Text,
        other => DType::Whole(Integer::named(other).expect("an integer type")),
    }
}

/// The layer of a case, made by its arguments, and adapted.
fn layer(case: &Value) -> Result<LayerRef, Error> {
    let mut layer = registry::layer(text(&case["class"]), None, case["args"].as_object().expect("a map"))?;
    layer.set_keras2(case["library"] == "tf_keras");
    if !case["learned"].is_null() {
        layer.adapt(&array(&case["learned"]))?;
    }
    Ok(layer)
}

/// A model of the layer alone.
fn model(case: &Value, layer: LayerRef) -> Result<Model, Error> {
    let inputs = case["x"].as_array().expect("inputs").iter().map(|x| {
        let lengths: Vec<Option<usize>> = shape(&x["shape"])[1..].iter().copied().map(Some).collect();
        input_symbol(InputLayer::of(&lengths, dtype(text(&x["dtype"]))))
    });
    let inputs: Vec<_> = inputs.collect();
    let outputs = match (inputs.len(), text(&case["class"])) {
        (2, "CategoryEncoding") => {
            let weights = ("count_weights".into(), Argument::Tensor(1));
            layer.on_with(
                inputs.clone(),
                Arguments { positional: vec![Argument::Tensor(0)], named: vec![weights] },
            )
        }
        _ => layer.on_all(inputs.clone()),
    };
    Model::new(inputs, outputs)
}

/// What a case's model predicts, with the type that it says.
fn predicted(case: &Value, device: &Device) -> Result<(DType, Array), Error> {
    let mut model = model(case, layer(case)?)?;
    model.to(device)?;
    let inputs: Vec<Array> = case["x"].as_array().expect("inputs").iter().map(array).collect();
    let given: Vec<Data> = inputs.iter().flat_map(IntoData::into_data).collect();
    let dtype = model.output_dtypes()[0];
    if dtype == DType::Text {
        return Ok((dtype, Array::Text(model.predict(given).verbose(0).run_text()?.swap_remove(0))));
    }
    Ok((dtype, Array::Floats(model.predict(given).verbose(0).run()?)))
}

fn close(got: &Array, want: &Array) -> Result<(), String> {
    let (got, want) = match (got, want) {
        (Array::Floats(got), Array::Floats(want)) => (got, want.clone()),
        (Array::Floats(got), Array::Integers(want)) => (got, want.mapv(|v| v as f32)),
        (got, want) if got == want => return Ok(()),
        _ => return Err(format!("{got:?}, Keras has {want:?}")),
    };
    let near = |(g, w): (&f32, &f32)| g == w || (g - w).abs() <= 2e-6 * (1.0 + w.abs());
    if got.shape() == want.shape() && got.iter().zip(&want).all(near) {
        return Ok(());
    }
    Err(format!("{got}, Keras has {want}"))
}

fn cases() -> Vec<Value> {
    data(include_str!("../data/keras/preprocessing.json")).as_array().expect("a list").clone()
}

fn check(case: &Value, all: &[Value], device: &Device) -> Result<(), String> {
    let found = predicted(case, device);
    if case.get("error").is_none() {
        let (dtype, y) = found.map_err(|e| e.to_string())?;
        // Of words that it makes of indices, Keras says that they are indices.
        let wanted = if case["y"]["dtype"] == "string" { "string" } else { text(&case["dtype"]) };
        if dtype.name() != wanted {
            return Err(format!("of {}, Keras says {wanted}", dtype.name()));
        }
        return close(&y, &array(&case["y"]));
    }
    // What one library refuses and the other one knows is as there; TensorFlow's kernels know no integers of 8 bits.
    let same = |other: &&Value| {
        let equal = |key: &str| other[key] == case[key];
        other.get("error").is_none() && ["class", "args", "learned", "x"].into_iter().all(equal)
    };
    match (found, all.iter().find(same)) {
        (Err(_), _) => Ok(()),
        (Ok((_, Array::Floats(y))), _) if y.iter().any(|v| v.is_nan()) => Ok(()),
        (Ok((_, y)), Some(other)) => close(&y, &array(&other["y"])),
        (Ok(_), None) if case["x"][0]["dtype"] == "uint8" => Ok(()),
        (Ok((_, y)), None) => Err(format!("{y:?}, Keras refuses it: {}", case["error"])),
    }
}

#[test]
fn equal_keras() {
    let all = cases();
    for device in devices() {
        let failed = all.iter().filter_map(|case| {
            let why = check(case, &all, &device).err()?;
            let x = case["x"].to_string();
            Some(format!("{} {} {} of {x:.100}: {why}", case["library"], case["class"], case["args"]))
        });
        let failed: Vec<String> = failed.collect();
        assert!(failed.is_empty(), "{device}: {} of {}\n{}", failed.len(), all.len(), failed.join("\n"));
    }
}

/// Checks what layers have learned against Keras' weights, and that what Keras writes makes the same layer.
#[test]
fn learned_as_in_keras() {
    for case in cases().iter().filter(|case| case.get("error").is_none()) {
        let what = format!("{} {} {}", case["library"], case["class"], case["args"]);
        let layer = layer(case).unwrap_or_else(|e| panic!("{what}: {e}"));
        let model = model(case, layer.clone()).unwrap_or_else(|e| panic!("{what}: {e}"));
        let weights = model.get_weights().unwrap_or_else(|e| panic!("{what}: {e}"));
        if case["class"] == "Normalization" {
            // tf_keras counts, Keras 3 does not.
            let wanted = case["weights"].as_array().expect("a list");
            assert_eq!(weights.len(), wanted.len(), "{what}");
            for (weight, wanted) in weights.iter().zip(wanted).take(2) {
                close(&Array::Floats(weight.clone()), &array(wanted))
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
            }
        }
        if let Some(wanted) = case["vocabulary"].as_array() {
            let words: Vec<&str> = wanted.iter().map(text).collect();
            assert_eq!(layer.get_vocabulary().unwrap_or_else(|e| panic!("{what}: {e}")), words, "{what}");
        }
        let written = layer.layer().config();
        for (key, value) in &crate::configs::own(&case["config"]) {
            // What Keras 2 learns is no part of its config; what is not there is null.
            let kept = key == "bin_boundaries" && value.is_null() && !case["learned"].is_null();
            let same = crate::common::same(written.get(key).unwrap_or(&Value::Null), value);
            assert!(
                kept || same || *value == false,
                "{what}: {key} = {:?}, Keras writes {value}",
                written.get(key)
            );
        }
        let again =
            registry::layer(text(&case["class"]), None, case["config"].as_object().expect("a config"));
        again.unwrap_or_else(|e| panic!("{what}: {e}"));
    }
}

/// Checks the two hashes, and that of a cross, against TensorFlow's buckets.
#[test]
fn hashes_equal_tensorflow() {
    let many = (1_u64 << 63) - 1;
    for row in data(include_str!("../data/keras/hashes.json")).as_array().expect("a list") {
        let words = text(&row[0]).as_bytes();
        let number = row[1].as_i64().expect("a number").cast_unsigned();
        let fast = host::fingerprint(words);
        let crossed = host::cross(host::cross(0xde_cafc_affe, fast), number);
        let found = [fast, host::siphash([5, 1 << 62], words), crossed].map(|hash| (hash % many).to_string());
        assert_eq!(found, [2, 3, 4].map(|i| text(&row[i]).to_owned()), "{}", row[0]);
    }
}
