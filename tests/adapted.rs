//! Models whose weights are adapted by a product of two small matrices (LoRA), or quantized, as the real Keras 3 has them (tests/data/adapted/make.py).

mod common;

use std::path::{Path, PathBuf};

use common::{cpu, gpu};
use ndarray::ArrayD;
use rhyton::datasets::npy::Npz;
use rhyton::optimizers::SGD;
use rhyton::prelude::*;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/adapted").join(name)
}

fn devices() -> Vec<Device> {
    [Some(cpu()), gpu()].into_iter().flatten().collect()
}

/// Names of the models of a kind.
fn names(kind: &str) -> Vec<String> {
    let all = std::fs::read_dir(data("")).expect("a folder");
    let names = all.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".keras")?.to_owned())).collect();
    names.retain(|name| name.starts_with(kind));
    names.sort();
    assert!(!names.is_empty(), "{kind}");
    names
}

#[track_caller]
fn close(got: &ArrayD<f32>, want: &ArrayD<f32>, tolerance: f32, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance * (1.0 + w.abs()), "{what}: element {i} is {g}, Keras has {w}");
    }
}

/// What Keras has of a model.
struct Reference {
    file: Npz,
    what: String,
}

impl Reference {
    fn of(name: &str, what: String) -> Self {
        Reference { file: Npz::open(data(&format!("{name}.npz"))).expect("opens"), what }
    }

    fn array(&mut self, key: &str) -> ArrayD<f32> {
        self.file.array::<f32>(key).unwrap_or_else(|e| panic!("{}: {key}: {e}", self.what))
    }

    fn list(&mut self, key: &str, count: usize) -> Vec<ArrayD<f32>> {
        (0..count).map(|i| self.array(&format!("{key}{i}"))).collect()
    }
}

fn predicted(model: &mut Model, x: &ArrayD<f32>) -> ArrayD<f32> {
    model.predict(x).verbose(0).run().expect("predicts")
}

/// Predicts as Keras, from its file, and from what is written of it in every format; with all weights a step of training is Keras', too.
fn follow(name: &str, device: &Device, trains: bool) {
    let what = format!("{name} on {device}");
    let mut keras = Reference::of(name, what.clone());
    let (x, y, p) = (keras.array("x"), keras.array("y"), keras.array("p"));
    let mut model = load_model(data(&format!("{name}.keras"))).unwrap_or_else(|e| panic!("{what}: {e}"));
    model.to(device).expect("moves");
    close(&predicted(&mut model, &x), &p, 1e-5, &what);
    let count = model.get_weights().expect("reads").len();
    model.set_weights(&keras.list("w", count)).unwrap_or_else(|e| panic!("{what}: {e}"));
    close(&predicted(&mut model, &x), &p, 1e-5, &format!("{what} with all weights"));
    let folder = tempfile::tempdir().expect("a folder");
    let options = SaveOptions { dialect: Some(Dialect::Keras3), ..SaveOptions::default() };
    for file in ["m.keras", "m.h5"] {
        let path = folder.path().join(file);
        model.save_with(&path, &options).unwrap_or_else(|e| panic!("{what}, {file}: {e}"));
        let mut again = load_model(&path).unwrap_or_else(|e| panic!("{what}, {file}: {e}"));
        again.to(device).expect("moves");
        // From another file than Keras' own it is built anew, and takes the rank for alpha, as Keras does.
        if file == "m.keras" || !name.starts_with("lora") {
            close(&predicted(&mut again, &x), &p, 2e-5, &format!("{what} from {file}"));
        }
    }
    if !trains {
        return;
    }
    model.compile(SGD::new().learning_rate(0.5), "mse", ()).expect("compiles");
    let loss = model.train_on_batch(&x, &y).unwrap_or_else(|e| panic!("{what}: {e}")).loss() as f32;
    let want = keras.array("loss").iter().next().copied().expect("a number");
    assert!((loss - want).abs() <= 2e-5 * (1.0 + want.abs()), "{what}: the loss is {loss}, Keras has {want}");
    let after = keras.list("a", count);
    for (i, (got, want)) in model.get_weights().expect("reads").iter().zip(&after).enumerate() {
        close(got, want, 5e-5, &format!("{what}: weight {i} after a step"));
    }
}

#[test]
fn low_rank_additions_are_keras() {
    for device in devices() {
        for name in names("lora") {
            follow(&name, &device, true);
        }
    }
}

#[test]
fn whole_numbers_of_eight_bits_are_keras() {
    for device in devices() {
        for name in names("int8") {
            follow(&name, &device, true);
        }
    }
}

#[test]
fn whole_numbers_of_four_bits_are_keras() {
    for device in devices() {
        for name in names("int4") {
            follow(&name, &device, true);
        }
    }
}

/// Floats of 8 bits predict as in Keras, and are not trained.
#[test]
fn floats_of_eight_bits_predict() {
    for device in devices() {
        for name in names("float8") {
            follow(&name, &device, false);
            let mut model = load_model(data(&format!("{name}.keras"))).expect("loads");
            model.to(&device).expect("moves");
            model.compile(SGD::new().learning_rate(0.5), "mse", ()).expect("compiles");
            let mut keras = Reference::of(&name, name.clone());
            let error = model.train_on_batch(&keras.array("x"), &keras.array("y")).expect_err("float8");
            assert!(error.to_string().contains("float8 is not trained here"), "{error}");
        }
    }
}

/// Files of the older kind that Keras 3 writes.
#[test]
fn older_files_are_read() {
    for name in ["int8_dense", "int4_blocks", "int8_back"] {
        let mut keras = Reference::of(name, name.into());
        let mut model = load_model(data(&format!("{name}.h5"))).unwrap_or_else(|e| panic!("{name}: {e}"));
        close(&predicted(&mut model, &keras.array("x")), &keras.array("p"), 1e-5, name);
    }
}

/// What is not supported is told by its name.
#[test]
fn other_policies_are_told() {
    use rhyton::models::registry;
    let read = |class: &str, policy: &str| {
        let config = serde_json::json!({"name": "head", "units": 3, "activation": "relu", "dtype": policy});
        registry::layer(class, None, config.as_object().expect("an object")).err().map(|e| e.to_string())
    };
    assert_eq!(read("Dense", "int8_from_float32"), None);
    for (policy, word) in [
        ("gptq/4/128_from_float32", "gptq"),
        ("awq/4/128_from_float32", "awq"),
        ("int8_from_mixed_bfloat16", "mixed_bfloat16"),
        ("int3_from_float32", "int3"),
    ] {
        let error = read("Dense", policy).expect(policy);
        assert!(error.contains(word) && error.contains("head") && error.contains("Dense"), "{error}");
    }
    let error = read("LSTM", "int8_from_float32").expect("not quantized");
    assert!(error.contains("LSTM cannot be quantized"), "{error}");
}

/// What `enable_lora` makes trains in place of the kernel, and is in the kernel of what is written.
#[test]
fn a_built_model_is_adapted() {
    for device in devices() {
        let (dense, conv) = (Dense::new(3).shared(), Conv2D::new(4, 2).activation("tanh").shared());
        let model = Sequential::new(vec![
            InputLayer::new([4, 4, 2]).into(),
            conv.clone(),
            Flatten::new().into(),
            dense.clone(),
        ]);
        let mut model = model.expect("fits");
        model.to(&device).expect("moves");
        let x = ArrayD::from_shape_fn(vec![6, 4, 4, 2], |i| {
            ((i[0] * 31 + i[1] * 7 + i[2] * 3 + i[3]) as f32).sin()
        });
        let y = ArrayD::from_shape_fn(vec![6, 3], |i| ((i[0] * 3 + i[1]) as f32).cos());
        model.compile("adam", "mse", ()).expect("compiles");
        model.train_on_batch(&x, &y).expect("trains");
        let before = predicted(&mut model, &x);
        dense.enable_lora(2, 4.0).expect("adapts");
        conv.enable_lora(1, None).expect("adapts");
        // The second factor is zero at first.
        close(&predicted(&mut model, &x), &before, 1e-6, "adapted");
        let kernel = |layer: &LayerRef| -> Variable {
            layer.variables().into_iter().map(|(v, _)| v).find(|v| v.name() == "kernel").expect("a kernel")
        };
        let frozen = |layer: &LayerRef| layer.variables().iter().any(|(v, t)| v.name() == "kernel" && !t);
        assert!(frozen(&dense) && frozen(&conv));
        model.fit(&x, &y).epochs(3).verbose(0).run().expect("trains");
        let after = predicted(&mut model, &x);
        assert!(after.iter().zip(&before).any(|(a, b)| (a - b).abs() > 1e-3), "it learns nothing");
        assert_eq!(kernel(&dense).shape(), [36, 3]);
        for wrong in [
            dense.enable_lora(2, None),
            Dense::new(3).shared().enable_lora(2, None),
            Flatten::new().shared().enable_lora(2, None),
        ] {
            assert!(wrong.is_err());
        }
        let bytes = tempfile::tempdir().expect("a folder");
        let path = bytes.path().join("m.keras");
        model.save(&path).expect("saves");
        let mut again = load_model(&path).expect("loads");
        close(&predicted(&mut again, &x), &after, 1e-5, "from the file");
    }
}
