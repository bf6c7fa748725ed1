//! SavedModel directories that the real libraries wrote (the fixtures' are also in fixtures.rs), and damaged ones.

mod common;

use std::path::{Path, PathBuf};

use common::{Npy, npz};
use rhyton_persist::tree::{Dialect, Object, Variable};
use rhyton_persist::{Error, open};
use serde_json::json;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/saved_models").join(name)
}

fn object(name: &str, class: &str, variables: &[(&str, &[usize])], children: Vec<Object>) -> Object {
    let variable =
        |(name, shape): &(&str, &[usize])| Variable { value: None, ..common::filled(name, shape, 0.0) };
    Object {
        name: name.into(),
        class_name: class.into(),
        is_model: class == "Sequential",
        variables: variables.iter().map(variable).collect(),
        children: children.into_iter().map(|c| (c.name.clone(), c)).collect(),
    }
}

/// The model of make.py.
fn skeleton() -> Object {
    let dense = |name, i, o| object(name, "Dense", &[("kernel", &[i, o]), ("bias", &[o])], vec![]);
    let layers = vec![
        object("inner", "Sequential", &[], vec![dense("dense", 4, 3)]),
        dense("frozen", 3, 3),
        object("scale", "Scale", &[("scale", &[3])], vec![]),
        dense("dense_1", 3, 2),
    ];
    object("outer", "Sequential", &[], layers)
}

fn same(variable: &Variable, expected: &Npy) {
    assert_eq!(variable.shape, expected.shape);
    assert_eq!(variable.value.as_ref().unwrap().read().unwrap(), expected.bytes);
}

#[test]
fn a_sequential_with_a_model_inside_and_a_custom_class_is_read() {
    let expected = npz(&data("sequential.npz"));
    // TensorFlow 2.4 keeps the metadata elsewhere.
    for name in ["sequential", "old"] {
        let file = open(data(name), None).unwrap();
        assert_eq!((file.format, file.dialect), ("saved-model", Some(Dialect::TfKeras)));
        assert_eq!(file.keras_version.as_deref(), Some("2.21.0"));
        assert!(file.no_model.is_none());
        let model = file.model.unwrap();
        assert_eq!(model.name, "outer");
        let classes: Vec<&str> = model.layers.iter().map(|l| l.class_name.as_str()).collect();
        assert_eq!(classes, ["InputLayer", "Sequential", "Dense", "Scale", "Dense"]);
        assert_eq!(model.layers[3].registered_name.as_deref(), Some("Fixtures>Scale"));
        assert_eq!(model.layers[2].config["trainable"], false);
        assert_eq!(model.layers[0].config["batch_shape"], json!([null, 4]));
        let inner = model.layers[1].model.as_ref().unwrap();
        assert_eq!(inner.layers[1].config["activation"], "tanh");
        assert_eq!(inner.layers[1].build_config, Some(json!({"input_shape": [null, 4]})));
        let compile = file.compile.unwrap();
        assert_eq!(compile.optimizer["class_name"], "SGD");
        assert_eq!(compile.optimizer["config"]["momentum"], 0.9);
        assert_eq!(compile.loss, "mse");

        let mut root = skeleton();
        file.weights.fill(&mut root).unwrap();
        let variables = common::variables(&root);
        for (at, variable) in variables.iter().enumerate() {
            same(variable, &expected[&format!("arr_{at}")]);
        }
        let trainable: Vec<Variable> = [0, 1, 4, 5, 6].iter().map(|i| variables[*i].clone()).collect();
        let state = file.weights.optimizer("SGD", &trainable).unwrap().unwrap();
        assert_eq!(state.iteration, common::int(&expected["iteration"]));
        assert_eq!((state.slots.len(), state.learning_rate), (5, Some(0.1)));
        same(&state.slots[1].variable, &expected["momentum"]);
    }
}

#[test]
fn what_is_no_keras_model_says_so_and_lists_its_arrays() {
    for (name, says, arrays) in [
        ("export", "an export of Keras 3", 4),
        ("module", "a SavedModel of a tf.Module", 1),
        ("tensorflow_1", "TensorFlow 1", 1),
    ] {
        let file = open(data(name), None).unwrap();
        assert!(file.model.is_none() && file.compile.is_none(), "{name}");
        let error = file.no_model.unwrap().to_string();
        assert!(error.contains(says), "{error}");
        let stored = file.weights.stored().unwrap();
        assert_eq!(stored.len(), arrays, "{name}");
        for array in stored {
            array.variable.value.unwrap().read().unwrap();
        }
        assert!(file.weights.fill(&mut skeleton()).is_err(), "{name}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn missing_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    copy(&data("sequential"), &path);
    std::fs::remove_file(path.join("keras_metadata.pb")).unwrap();
    let error = open(&path, None).unwrap().no_model.unwrap().to_string();
    assert!(error.contains("keras_metadata.pb is missing"), "{error}");
    std::fs::remove_file(path.join("variables/variables.index")).unwrap();
    assert!(matches!(open(&path, None), Err(Error::Io { .. })));
    std::fs::remove_file(path.join("saved_model.pb")).unwrap();
    let error = open(&path, None).err().unwrap().to_string();
    assert!(error.contains("no saved_model.pb"), "{error}");
}

#[test]
fn damaged_files_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    for (model, file) in [("sequential", "keras_metadata.pb"), ("old", "saved_model.pb")] {
        std::fs::create_dir_all(&path).unwrap();
        copy(&data(model), &path);
        let whole = std::fs::read(path.join(file)).unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(path.join(file), bytes).unwrap();
            open(&path, None).map(|f| f.model.is_some())
        };
        assert!(matches!(read(&whole), Ok(true)));
        for i in 0..40 {
            assert!(!matches!(read(&whole[..whole.len() * i / 40]), Ok(true)), "{file} cut at {i}/40");
        }
        for at in (0..whole.len()).step_by(whole.len() / 300) {
            let mut bytes = whole.clone();
            bytes[at] ^= [0xff, 0x01, 0x80][at % 3];
            // Either is right: a changed name is a name.
            let _ = read(&bytes);
        }
        std::fs::remove_dir_all(&path).unwrap();
    }
}
