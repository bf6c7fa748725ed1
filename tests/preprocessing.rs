//! Layers that prepare numbers and strings, from files of Keras 3 and tf_keras: they predict, evaluate and train as there, on both devices, and go
//! into every format and back. `data/preprocessing/make.py` made the files.

mod common;

use std::path::{Path, PathBuf};

use common::close;
use ndarray::ArrayD;
use rhyton::datasets::npy::Npz;
use rhyton::prelude::*;
use rhyton::train::{Data, Predicted};
use rhyton::types::DType;

const LIBRARIES: [&str; 2] = ["keras3", "tf_keras"];

/// Returns the models of a library.
fn models(library: &str) -> Vec<&'static str> {
    let mut all = vec!["numbers", "strings", "given", "texts", "first", "nested", "inverse"];
    all.extend((library == "keras3").then_some("bare"));
    all
}

fn file(library: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/preprocessing").join(library).join(name)
}

/// Returns what the library makes of a model.
struct Wanted {
    x: Vec<Data<'static>>,
    outputs: Vec<Predicted>,
    /// The target of training, the loss before it and the output after three steps.
    trained: Option<(ArrayD<f32>, f32, ArrayD<f32>)>,
}

impl Wanted {
    fn read(library: &str, name: &str) -> Self {
        let mut npz = Npz::open(file(library, &format!("{name}.npz"))).unwrap();
        let count = |npz: &Npz, kind: &str| npz.names().iter().filter(|n| n.starts_with(kind)).count();
        let (inputs, outputs) = (count(&npz, "in"), count(&npz, "out"));
        let x = (0..inputs).map(|i| npz.data(&format!("in{i}")).unwrap()).collect();
        let outputs = (0..outputs).map(|i| {
            let name = format!("out{i}");
            let data = npz.data(&name).unwrap();
            if let Some(text) = data.text() {
                let text = text.iter().map(|text| text.to_string()).collect();
                return Predicted::Text(ArrayD::from_shape_vec(data.shape.clone(), text).unwrap());
            }
            Predicted::Numbers(
                npz.array::<f32>(&name)
                    .unwrap_or_else(|_| npz.array::<i64>(&name).unwrap().mapv(|v| v as f32)),
            )
        });
        let outputs = outputs.collect();
        let trained = npz.array::<f32>("target").ok().map(|target| {
            let loss = npz.array::<f32>("evaluated").unwrap()[[0]];
            (target, loss, npz.array::<f32>("after").unwrap())
        });
        Wanted { x, outputs, trained }
    }

    fn predicts(&self, model: &mut Model, what: &str) {
        let got =
            model.predict(self.x.clone()).verbose(0).run_each().unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(got.len(), self.outputs.len(), "{what}");
        for (got, wanted) in got.into_iter().zip(&self.outputs) {
            match (got, wanted) {
                (Predicted::Numbers(got), Predicted::Numbers(wanted)) => {
                    close(&[got], std::slice::from_ref(wanted), 3e-6, &format!("outputs of {what}"));
                }
                (got, wanted) => assert_eq!(&got, wanted, "{what}"),
            }
        }
    }

    fn trains(&self, model: &mut Model, what: &str) {
        let Some((target, loss, after)) = &self.trained else { return };
        let logs =
            model.evaluate(self.x.clone(), target).verbose(0).run().unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!((logs.loss() as f32 - loss).abs() < 1e-5 * loss, "{what}: loss {} for {loss}", logs.loss());
        for _ in 0..3 {
            model.train_on_batch(self.x.clone(), target).unwrap_or_else(|e| panic!("{what}: {e}"));
        }
        let got = model.predict(self.x.clone()).verbose(0).run().unwrap();
        close(&[got], std::slice::from_ref(after), 2e-5, &format!("outputs of {what} after training"));
    }
}

fn on(device: &Device, path: &Path) -> Model {
    let mut model = load_model(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    model.to(device).unwrap();
    model
}

/// Returns the files of a model that a library made.
fn files(library: &str, name: &str) -> Vec<PathBuf> {
    let all = [format!("{name}.keras"), format!("{name}.h5"), name.to_owned()];
    all.iter().map(|name| file(library, name)).filter(|path| path.exists()).collect()
}

#[test]
fn as_in_both_libraries() {
    let device = common::cpu();
    for library in LIBRARIES {
        for name in models(library) {
            let wanted = Wanted::read(library, name);
            for path in files(library, name) {
                let what = path.display().to_string();
                let mut model = on(&device, &path);
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
    for name in models("keras3") {
        let wanted = Wanted::read("keras3", name);
        let mut model = on(&device, &file("keras3", &format!("{name}.keras")));
        wanted.predicts(&mut model, name);
        wanted.trains(&mut model, name);
    }
}

/// Checks the weights' files of both libraries, which have vocabularies in some formats and in others have none.
#[test]
fn weights_of_both_libraries() {
    let device = common::cpu();
    for library in LIBRARIES {
        for name in models(library) {
            let wanted = Wanted::read(library, name);
            let mut all = vec![file(library, &format!("{name}.weights.h5"))];
            all.push(file(library, &format!("{name}/checkpoint/of_weights")));
            for path in all {
                let there = path.exists() || path.with_extension("index").exists();
                if !there {
                    continue;
                }
                let what = path.display().to_string();
                let mut model = on(&device, &file(library, &format!("{name}.keras")));
                let zeros: Vec<_> = model.get_weights().unwrap().into_iter().map(|w| w * 0.0).collect();
                model.set_weights(&zeros).unwrap();
                model.load_weights(path.as_path()).unwrap_or_else(|e| panic!("{what}: {e}"));
                wanted.predicts(&mut model, &what);
            }
        }
    }
}

#[test]
fn there_and_back_in_every_format() {
    let (device, folder) = (common::cpu(), tempfile::tempdir().unwrap());
    let mut failures = Vec::new();
    for library in LIBRARIES {
        for name in models(library) {
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
                match model.save_with(path.as_path(), &options) {
                    Ok(()) => wanted.predicts(&mut on(&device, &path), &what),
                    Err(error) => failures.push(format!("{what}: {error}")),
                }
            }
            for target in ["w.weights.h5", "w.h5", "w.ckpt"] {
                let what = format!("{library} {name} by way of {target}");
                let path = folder.path().join(target);
                if let Err(error) = model.save_weights(path.as_path()) {
                    failures.push(format!("{what}: {error}"));
                    continue;
                }
                let zeros: Vec<_> = model.get_weights().unwrap().into_iter().map(|w| w * 0.0).collect();
                model.set_weights(&zeros).unwrap();
                model.load_weights(path.as_path()).unwrap_or_else(|e| panic!("{what}: {e}"));
                wanted.predicts(&mut model, &what);
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// A vocabulary's file has a word in each line: one with the end of a line in it is an error, and no file is written.
#[test]
fn words_that_a_file_cannot_hold_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for words in [vec!["x\ny", "a"], vec!["b\r", "a"]] {
        let mut lookup = StringLookup::new().output_mode("multi_hot");
        lookup.adapt(&words).unwrap();
        let model =
            Sequential::new((InputLayer::of(&[Some(1)], DType::Text), lookup.name("words"), Dense::new(1)))
                .unwrap();
        let path = folder.path().join("m.keras");
        let error = model.save(&path).unwrap_err().to_string();
        assert!(error.contains("`words`") && error.contains("end of a line"), "{error}");
        assert!(!path.exists());
    }
}
