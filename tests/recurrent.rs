//! Recurrent layers of all kinds from files of Keras 3 and tf_keras: they predict, evaluate and train as there, on both devices, and go into
//! every format and back. `data/recurrent/make.py` made the files.

mod common;

use std::path::{Path, PathBuf};

use common::close;
use ndarray::ArrayD;
use rhyton::datasets::npy::Npz;
use rhyton::prelude::*;
use rhyton::train::Data;

const MODELS: [&str; 7] = ["cells", "around", "masked", "words", "hard", "attending", "steps"];
const LIBRARIES: [&str; 2] = ["keras3", "tf_keras"];

fn file(library: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recurrent").join(library).join(name)
}

/// Returns what the library makes of a model.
struct Wanted {
    x: Data<'static>,
    outputs: Vec<ArrayD<f32>>,
    targets: Vec<ArrayD<f32>>,
    loss: f32,
    weights: Vec<ArrayD<f32>>,
}

impl Wanted {
    fn read(library: &str, name: &str) -> Self {
        let mut npz = Npz::open(file(library, &format!("{name}.npz"))).unwrap();
        let x = match npz.array::<f32>("in") {
            Ok(x) => Data::of(&x).into_owned(),
            Err(_) => Data::of(&npz.array::<i32>("in").unwrap()).into_owned(),
        };
        let mut list = |kind: &str| -> Vec<ArrayD<f32>> {
            (0..).map_while(|i| npz.array::<f32>(&format!("{kind}{i:03}")).ok()).collect()
        };
        let (outputs, targets, weights) = (list("out"), list("target"), list("weight"));
        Wanted { x, outputs, targets, weights, loss: npz.array::<f32>("evaluated").unwrap()[[0]] }
    }

    fn predicts(&self, model: &mut Model, what: &str) {
        let got =
            model.predict(self.x.clone()).verbose(0).run_all().unwrap_or_else(|e| panic!("{what}: {e}"));
        close(&got, &self.outputs, 2e-6, &format!("outputs of {what}"));
    }

    fn trains(&self, model: &mut Model, what: &str) {
        let y: Vec<Data> = self.targets.iter().map(Data::of).collect();
        let logs = model.evaluate(self.x.clone(), y.clone()).verbose(0).run().unwrap();
        assert!((logs.loss() as f32 - self.loss).abs() < 1e-5 * self.loss, "{what}: loss {}", logs.loss());
        for _ in 0..3 {
            model.train_on_batch(self.x.clone(), y.clone()).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        close(&model.get_weights().unwrap(), &self.weights, 5e-6, &format!("weights of {what}"));
    }
}

fn on(device: &Device, path: &Path) -> Model {
    let mut model = load_model(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    model.to(device).unwrap();
    model
}

#[test]
fn as_in_both_libraries() {
    let device = common::cpu();
    for library in LIBRARIES {
        for name in MODELS {
            let wanted = Wanted::read(library, name);
            for ending in ["keras", "h5"] {
                let what = format!("{library} {name}.{ending}");
                let mut model = on(&device, &file(library, &format!("{name}.{ending}")));
                wanted.predicts(&mut model, &what);
                wanted.trains(&mut model, &what);
            }
        }
    }
}

#[cfg(feature = "gpu")]
#[test]
fn as_in_keras_on_a_gpu() {
    let Some(device) = common::gpu() else { return };
    for name in MODELS {
        let wanted = Wanted::read("keras3", name);
        let mut model = on(&device, &file("keras3", &format!("{name}.keras")));
        wanted.predicts(&mut model, name);
        wanted.trains(&mut model, name);
    }
}

/// Returns whether one library's file of a model has what the other one does not know: operations of masks, an activation of another meaning.
fn stays(library: &str, name: &str, dialect: Dialect) -> bool {
    match (library, dialect) {
        ("keras3", Dialect::TfKeras) => matches!(name, "masked" | "words" | "hard" | "steps"),
        ("tf_keras", Dialect::Keras3) => name == "hard",
        _ => false,
    }
}

#[test]
fn there_and_back_in_every_format() {
    let (device, folder) = (common::cpu(), tempfile::tempdir().unwrap());
    for library in LIBRARIES {
        for name in MODELS {
            let wanted = Wanted::read(library, name);
            let mut model = on(&device, &file(library, &format!("{name}.keras")));
            for (target, dialect) in [
                ("m.keras", Dialect::Keras3),
                ("m.keras", Dialect::TfKeras),
                ("m.h5", Dialect::Keras3),
                ("m.h5", Dialect::TfKeras),
                ("saved_model", Dialect::TfKeras),
            ] {
                let what = format!("{library} {name} by way of {target} of {dialect:?}");
                let path = folder.path().join(target);
                let options = SaveOptions { dialect: Some(dialect), ..SaveOptions::default() };
                let saved = model.save_with(path.as_path(), &options);
                if stays(library, name, dialect) {
                    let error = saved.expect_err(&what).to_string();
                    assert!(error.contains("operation") || error.contains("hard_sigmoid"), "{what}: {error}");
                    continue;
                }
                saved.unwrap_or_else(|e| panic!("{what}: {e}"));
                wanted.predicts(&mut on(&device, &path), &what);
            }
            for target in ["w.weights.h5", "w.h5", "w.ckpt"] {
                let what = format!("{library} {name} by way of {target}");
                let path = folder.path().join(target);
                model.save_weights(path.as_path()).unwrap_or_else(|e| panic!("{what}: {e}"));
                let zeros: Vec<_> = model.get_weights().unwrap().into_iter().map(|w| w * 0.0).collect();
                model.set_weights(&zeros).unwrap();
                model.load_weights(path.as_path()).unwrap_or_else(|e| panic!("{what}: {e}"));
                wanted.predicts(&mut model, &what);
            }
        }
    }
}
