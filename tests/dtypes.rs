//! Types in files: policies are kept, what is computed as float32 is said, integers of inputs are saved, unknown dtypes are refused.

mod common;

use common::cpu;
use ndarray::array;
use rhyton::datasets::npy;
use rhyton::graph::{DType, Integer};
use rhyton::inspect::inspect;
use rhyton::prelude::*;
use serde_json::{Value, json};

fn dense(dtype: &Value) -> Result<LayerRef, Error> {
    let config = json!({"name": "d", "units": 2, "dtype": dtype});
    rhyton::models::registry::layer("Dense", None, config.as_object().expect("a map"))
}

/// The dtype of the layer `d` as a `.keras` has it.
fn saved_dtype(path: &std::path::Path, layer: &str) -> Value {
    let mut zip = zip::ZipArchive::new(std::fs::File::open(path).expect("opens")).expect("a zip");
    let config: Value = serde_json::from_reader(zip.by_name("config.json").expect("is there")).expect("JSON");
    let layers = config["config"]["layers"].as_array().expect("layers");
    layers.iter().find(|l| l["config"]["name"] == layer).expect("the layer")["config"]["dtype"].clone()
}

fn name_of(dtype: &Value) -> &str {
    dtype.as_str().or(dtype["config"]["name"].as_str()).expect("a name")
}

#[test]
fn policies_are_kept_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    for policy in ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"] {
        for given in [json!(policy), json!({"class_name": "DTypePolicy", "config": {"name": policy}})] {
            let layers = vec![rhyton::layers::InputLayer::new([3]).into(), dense(&given).expect("reads")];
            let model = Sequential::new(layers).expect("fits");
            for file in ["m.keras", "m.h5"] {
                let path = folder.path().join(file);
                model.save(&path).expect("saves");
                let notes = inspect(&path).expect("looks").notes.join("\n");
                let said = notes.contains(policy) && notes.contains("float32") && notes.contains("`d`");
                assert_eq!(said, policy == "float64", "{file}: {notes}");
                let loaded = rhyton::load_model(&path).expect("loads");
                let again = folder.path().join("again.keras");
                loaded.save(&again).expect("saves");
                assert_eq!(name_of(&saved_dtype(&again, "d")), policy, "{file}");
            }
        }
    }
    // float32 needs no word.
    let model = Sequential::new((Dense::new(2).input_shape([3]),)).expect("fits");
    let path = folder.path().join("plain.keras");
    model.save(&path).expect("saves");
    assert_eq!(inspect(&path).expect("looks").notes, Vec::<String>::new());
}

#[test]
fn unknown_dtypes_are_refused_by_name() {
    for dtype in [
        json!("flaot32"),
        json!("string"),
        json!({"class_name": "DTypePolicy", "config": {"name": "int4_x"}}),
        json!(7),
    ] {
        let error = dense(&dtype).expect_err("refused").to_string();
        assert!(error.contains("dtype") && error.contains("Dense"), "{error}");
    }
}

/// An input of integers comes back as such from every format, and its numbers with it.
#[test]
fn integer_inputs_are_saved_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    for integer in Integer::ALL {
        let dtype = DType::Whole(integer);
        let input = rhyton::layers::InputLayer::of(&[Some(2), Some(2)], dtype);
        let mut model = Sequential::new((input.name("x"), Flatten::new(), Dense::new(1))).expect("fits");
        model.to(&cpu()).expect("moves");
        let x = array![[[1_i32, 0], [1, 1]], [[0, 1], [0, 0]]];
        let wanted = model.predict(&x).verbose(0).run().expect("predicts");
        for file in ["m.keras", "m.h5", "saved"] {
            let path = folder.path().join(file);
            model.save(&path).expect("saves");
            let mut loaded = rhyton::load_model(&path).unwrap_or_else(|e| panic!("{file}: {e}"));
            loaded.to(&cpu()).expect("moves");
            let takes = loaded.network(|n| n.symbol_type((n.inputs[0], 0)).1).expect("a network");
            assert_eq!(takes, dtype, "{file}");
            assert_eq!(loaded.predict(&x).verbose(0).run().expect("predicts"), wanted, "{file}");
        }
        assert_eq!(saved_dtype(&folder.path().join("m.keras"), "x"), integer.name());
    }
}

/// Checks that what a model gives back as integers is written as such.
#[test]
fn integer_outputs_in_npy() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("y.npy");
    let numbers = array![[0.0_f32, 1.0], [100.0, 7.0]].into_dyn();
    npy::save_as(&path, &numbers, DType::Whole(Integer::U8)).expect("writes");
    assert_eq!(npy::load::<u8>(&path).expect("reads"), numbers.mapv(|v| v as u8));
    npy::save_as(&path, &(-&numbers), DType::Whole(Integer::I64)).expect("writes");
    assert_eq!(npy::load::<i64>(&path).expect("reads"), numbers.mapv(|v| -(v as i64)));
    npy::save_as(&path, &numbers, DType::Whole(Integer::Bool)).expect("writes");
    assert!(npy::load::<bool>(&path).expect("reads")[[0, 1]]);
}
