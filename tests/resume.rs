//! `fit(4)` equals `fit(2)`, save, a new process, load, `fit(initial_epoch = 2)`: bit for bit, with Dropout and shuffling, through
//! every format that holds the optimizer.

mod common;

use std::path::Path;
use std::process::Command;

use common::{blobs, compile, cpu, network};
use rhyton::optimizers::schedules::ExponentialDecay;
use rhyton::prelude::*;
use serde_json::{Value, json};

/// Where the second process finds the files, and writes what came of them.
const FOLDER: &str = "RHYTON_TEST_RESUME_FOLDER";

/// A file: its name, its dialect, its shards; and whether it holds the whole model.
const FILES: [(&str, Option<Dialect>, usize, bool); 9] = [
    ("saved_model", None, 0, true),
    ("model.keras", Some(Dialect::Keras3), 0, true),
    ("model-2.keras", Some(Dialect::TfKeras), 0, true),
    ("model.h5", Some(Dialect::TfKeras), 0, true),
    ("model-3.h5", Some(Dialect::Keras3), 0, true),
    ("checkpoint", None, 1, false),
    ("checkpoint-sharded", None, 3, false),
    ("model.weights.h5", Some(Dialect::Keras3), 0, false),
    ("model-2.weights.h5", Some(Dialect::TfKeras), 0, false),
];

/// Optimizers with one slot, with several, with state of their own on the host, with a schedule; and convnets with moving statistics, that
/// train as Keras 3 and as Keras 2.
const OPTIMIZERS: [&str; 6] = ["adam", "sgd", "nadam", "schedule", "convnet", "convnet of Keras 2"];

fn convnet() -> Model {
    let layers = (
        Reshape::new([5, 4, 1]).name("image").input_shape([20]),
        Conv2D::new(4, 2).name("conv"),
        BatchNormalization::new().momentum(0.7).name("normalized"),
        MaxPooling2D::new(2).strides(1).name("pooled"),
        Flatten::new().name("flat"),
        Dropout::new(0.3).name("dropout"),
        Dense::new(3).name("scores"),
    );
    common::fixed(Sequential::new(layers).name("convnet").expect("fits"))
}

fn compiled(optimizer: &str) -> Model {
    let mut model = if optimizer.starts_with("convnet") { convnet() } else { network(16) };
    model.to(&cpu()).expect("moves");
    model.as_layer().set_keras2(optimizer.ends_with("Keras 2"));
    match optimizer {
        _ if optimizer.starts_with("convnet") => compile(&mut model, Adam::new()),
        "adam" => compile(&mut model, Adam::new().amsgrad(true)),
        "sgd" => compile(&mut model, SGD::new().learning_rate(0.05).momentum(0.9).nesterov(true)),
        "nadam" => compile(&mut model, Nadam::new()),
        _ => {
            let decay = ExponentialDecay::new(0.01, 7, 0.9).expect("fits");
            compile(&mut model, RMSprop::new().learning_rate(decay).momentum(0.5));
        }
    }
    model
}

/// Trains to an epoch. 70 examples: the last batch is smaller. A callback halves a constant learning rate in the second epoch.
fn train(model: &mut Model, from: usize, to: usize) {
    let (x, y) = blobs(70);
    let mut halve = LambdaCallback::on_epoch_end(|epoch, _, control: &mut Control| {
        control.learning_rate = control.learning_rate.map(|rate| if epoch == 0 { rate / 2.0 } else { rate });
        Ok(())
    });
    let fit = model.fit(&x, &y).initial_epoch(from).epochs(to).batch_size(16).verbose(0);
    fit.callbacks([&mut halve]).run().expect("trains");
}

/// All that training goes on from.
fn state(model: &Model) -> Value {
    let rate = model.compiled().expect("compiled").learning_rate();
    json!({
        "weights": common::bits(model),
        "iterations": model.iterations(),
        "random": model.random_state(),
        "epochs": model.finished_epochs(),
        "rate": rate.to_bits(),
    })
}

#[test]
fn training_goes_on_exactly_in_another_process() {
    if let Ok(folder) = std::env::var(FOLDER) {
        return second_process(Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut wanted = Vec::new();
    for optimizer in OPTIMIZERS {
        let mut model = compiled(optimizer);
        train(&mut model, 0, 4);
        let whole = state(&model);
        let mut model = compiled(optimizer);
        train(&mut model, 0, 2);
        for (file, dialect, shards, is_model) in FILES {
            let options = SaveOptions { dialect, shards, ..SaveOptions::default() };
            let path = folder.path().join(optimizer).join(file);
            let saved = if is_model {
                model.save_with(&path, &options)
            } else {
                model.save_weights_with(&path, &options)
            };
            saved.unwrap_or_else(|e| panic!("{optimizer}, {file}: {e}"));
        }
        // Saving changed nothing.
        train(&mut model, 2, 4);
        assert_eq!(state(&model), whole, "{optimizer}: fit(4) and fit(2) twice");
        wanted.push((optimizer, whole));
    }
    let status = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "training_goes_on_exactly_in_another_process", "--nocapture"])
        .env(FOLDER, folder.path())
        .status()
        .expect("this test starts");
    assert!(status.success(), "the second process failed");
    let text = std::fs::read_to_string(folder.path().join("states.json")).expect("written");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    let mut wrong = Vec::new();
    for (optimizer, whole) in &wanted {
        for (file, ..) in FILES {
            let one = &found[format!("{optimizer}/{file}")];
            let keys = ["rate", "iterations", "random", "epochs", "weights"];
            if let Some(key) = keys.iter().find(|k| one[**k] != whole[**k]) {
                wrong.push(format!(
                    "{optimizer}, {file}: {key} differ: {}",
                    difference(&one[*key], &whole[*key])
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Short words for what differs.
fn difference(found: &Value, wanted: &Value) -> String {
    let names = |v: &Value| -> Vec<String> {
        v.as_array().into_iter().flatten().filter_map(|p| p[0].as_str().map(String::from)).collect()
    };
    let text = found.to_string();
    match text.len() {
        0..100 => format!("{text}, not {wanted}"),
        _ if names(found) != names(wanted) => format!("{:?}, not {:?}", names(found), names(wanted)),
        _ => "bits".into(),
    }
}

fn second_process(folder: &Path) {
    let mut states = serde_json::Map::new();
    for optimizer in OPTIMIZERS {
        for (file, _, _, is_model) in FILES {
            let path = folder.join(optimizer).join(file);
            let mut model = if is_model {
                let mut model =
                    rhyton::load_model(&path).unwrap_or_else(|e| panic!("{optimizer}, {file}: {e}"));
                model.to(&cpu()).expect("moves");
                model
            } else {
                // Of other weights, and another seed.
                let mut model = compiled(optimizer);
                let other: Vec<_> = model.get_weights().expect("reads").iter().map(|w| w * 3.0).collect();
                model.set_weights(&other).expect("fits");
                model.set_random_state(1, 7);
                model.load_weights(&path).unwrap_or_else(|e| panic!("{optimizer}, {file}: {e}"));
                model
            };
            train(&mut model, 2, 4);
            states.insert(format!("{optimizer}/{file}"), state(&model));
        }
    }
    std::fs::write(folder.join("states.json"), Value::Object(states).to_string()).expect("writable");
}

#[test]
fn a_model_that_was_never_trained_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for optimizer in OPTIMIZERS {
        let model = compiled(optimizer);
        let mut wanted = compiled(optimizer);
        train(&mut wanted, 0, 1);
        for (file, dialect, shards, is_model) in FILES {
            let options = SaveOptions { dialect, shards, ..SaveOptions::default() };
            let path = folder.path().join(optimizer).join(file);
            let loaded = if is_model {
                model.save_with(&path, &options).expect("saves");
                rhyton::load_model(&path)
            } else {
                model.save_weights_with(&path, &options).expect("saves");
                let mut other = compiled(optimizer);
                other.load_weights(&path).map(|()| other)
            };
            let mut loaded = loaded.unwrap_or_else(|e| panic!("{optimizer}, {file}: {e}"));
            loaded.to(&cpu()).expect("moves");
            assert_eq!(loaded.iterations(), 0, "{optimizer}, {file}");
            train(&mut loaded, 0, 1);
            assert_eq!(state(&loaded), state(&wanted), "{optimizer}, {file}");
        }
    }
}

/// RMSprop of before TensorFlow 2.11 adds epsilon elsewhere than today's, which no config of Keras 3 says.
#[test]
fn an_older_rmsprop_stays_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(32);
    let mut made = [true, false].map(|older| {
        let mut model = network(8);
        model.to(&cpu()).expect("moves");
        let optimizer = json!({"class_name": "RMSprop", "config": {
            "learning_rate": 0.01, "epsilon": 0.01, "is_legacy_optimizer": older}});
        let loss = json!("sparse_categorical_crossentropy");
        model.compile_config(&optimizer, &loss, &Value::Null, &Value::Null, &Value::Null).expect("compiles");
        model.fit(&x, &y).epochs(1).verbose(0).run().expect("trains");
        model
    });
    for (name, dialect) in [
        ("a.keras", Dialect::Keras3),
        ("b.keras", Dialect::TfKeras),
        ("c.h5", Dialect::Keras3),
        ("d.h5", Dialect::TfKeras),
    ] {
        let path = folder.path().join(name);
        let options = SaveOptions { dialect: Some(dialect), ..SaveOptions::default() };
        made[0].save_with(path.as_path(), &options).expect("saves");
        let mut again = rhyton::load_model(path.as_path()).expect("loads");
        again.to(&cpu()).expect("moves");
        let spec = again.compiled().expect("compiled").optimizer.spec();
        assert_eq!(spec.pointer("/config/is_legacy_optimizer"), Some(&json!(true)), "{name}: {spec}");
        again.fit(&x, &y).epochs(1).verbose(0).run().expect("trains");
    }
    let specs = made.iter_mut().map(|m| m.compiled().expect("compiled").optimizer.spec());
    let says: Vec<bool> = specs.map(|s| s.pointer("/config/is_legacy_optimizer").is_some()).collect();
    assert_eq!(says, [true, false]);
}
