//! Operations of Keras 3's functional graphs: each predicts Keras' numbers, of floats and of integers, or is refused by its name.
//! `data/operations/make.py` made the cases.

mod common;

use std::path::Path;

use ndarray::{ArrayD, IxDyn};
use rhyton::layers::OPERATIONS;
use rhyton::prelude::*;
use rhyton::serde_json::{self, Value};
use rhyton::train::Data;

/// Cases with floats that are refused.
const REFUSED: [&str; 5] = ["broadcast_to", "cast_int", "max_initial", "min_initial", "ones_like_int"];

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("data/operations/operations.json")).unwrap()
}

/// Writes a model that has no weights as a folder, which `load_model` takes as an archive.
fn write(case: &Value, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("config.json"), case["model"].to_string()).unwrap();
    std::fs::write(folder.join("metadata.json"), r#"{"keras_version": "3.15.1"}"#).unwrap();
    std::fs::write(folder.join("model.weights.h5"), include_bytes!("data/operations/none.weights.h5"))
        .unwrap();
}

fn inputs(case: &Value) -> Vec<Data<'static>> {
    let inputs = case["in"].as_array().unwrap().iter().map(|list| {
        let list = list.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
        let x: ArrayD<f32> = ArrayD::from_shape_vec(IxDyn(&[2, 3, 5]), list).unwrap();
        match case["dtype"].as_str() {
            Some("int32") => Data::of(&x.mapv(|v| v as i32)).into_owned(),
            _ => Data::of(&x).into_owned(),
        }
    });
    inputs.collect()
}

fn predicted(case: &Value, device: &Device, folder: &Path) -> Result<ArrayD<f32>, Error> {
    write(case, folder);
    let mut model = load_model(folder)?;
    model.to(device)?;
    model.predict(inputs(case)).verbose(0).run()
}

/// Runs all cases; returns how many of the floats' and of the integers' gave Keras' numbers.
fn as_in_keras(device: &Device) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let (mut same, mut wrong) = ([0, 0], Vec::new());
    for case in cases() {
        let (name, dtype) = (case["name"].as_str().unwrap(), case["dtype"].as_str().unwrap());
        let what = format!("{name} of {dtype}");
        let got = match predicted(&case, device, &folder.path().join(format!("{name}_{dtype}.keras"))) {
            Ok(got) => got,
            Err(error) => {
                let error = error.to_string();
                let known = REFUSED.contains(&name);
                if !error.contains("not supported") || !known && dtype == "float32" {
                    wrong.push(format!("{what}: {error}"));
                }
                continue;
            }
        };
        let list = |key: &str| case[key].as_array().unwrap().iter().map(|n| n.as_f64().unwrap());
        let close =
            |(got, wanted): (&f32, f64)| (f64::from(*got) - wanted).abs() <= 2e-6 * (1.0 + wanted.abs());
        if !got.shape().iter().map(|n| *n as f64).eq(list("shape")) || !got.iter().zip(list("out")).all(close)
        {
            wrong.push(format!("{what}: {got}"));
            continue;
        }
        same[usize::from(dtype == "int32")] += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    same
}

#[test]
fn predict_as_in_keras() {
    let same = as_in_keras(&common::cpu());
    println!("{} of floats and {} of integers are Keras'", same[0], same[1]);
    assert!(same[0] >= 97 && same[1] >= 61, "{same:?}");
}

#[cfg(feature = "gpu")]
#[test]
fn predict_as_in_keras_on_a_gpu() {
    let Some(device) = common::gpu() else { return };
    as_in_keras(&device);
}

#[test]
fn every_operation_has_a_case() {
    let all = include_str!("data/operations/operations.json");
    let has_none = |class: &&str| !all.contains(&format!("\"class_name\":\"{class}\""));
    let missing: Vec<&str> = OPERATIONS.iter().map(|row| row.class).filter(has_none).collect();
    // Keras writes `Absolute` for both.
    assert_eq!(missing, ["Abs"]);
}
