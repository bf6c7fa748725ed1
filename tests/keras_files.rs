//! Models from files that Keras wrote, in every format: they predict, evaluate and take the next training step as Keras does, on both
//! devices; written in every other format and read again, they are the same.

mod common;

use std::path::{Path, PathBuf};

use common::{bits, cpu, gpu};
use ndarray::{ArrayD, ArrayViewD};
use rhyton::datasets::npy::{self, Npz};
use rhyton::prelude::*;
use rhyton::train::Data;
use serde_json::Value;

/// A folder of files of one model, with what the library that wrote them expects: xtask/interop/make_fixtures.py says what is in it.
struct Case {
    folder: PathBuf,
    info: Value,
}

/// The cases with a training step.
fn cases() -> Vec<Case> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/persist/tests/data");
    let case = |name: &str, library: &str| {
        let folder = data.join(name).join(library);
        let text = std::fs::read_to_string(folder.join("case.json")).expect("a case");
        Case { folder, info: serde_json::from_str(&text).expect("JSON") }
    };
    let names = [
        "conv",
        "separable",
        "two_branch",
        "opt_sgdm",
        "opt_adamw",
        "rnn",
        "attention",
        "float16",
        "mixed_float16",
    ];
    names.iter().flat_map(|n| [case(n, "keras3"), case(n, "tf_keras")]).collect()
}

impl Case {
    fn arrays(&self, key: &str) -> Vec<Data<'static>> {
        let names = self.info[key].as_array().expect("a list").iter().filter_map(Value::as_str);
        names
            .map(|name| {
                let path = self.folder.join(name);
                let whole = || match npy::load::<i32>(&path) {
                    Ok(array) => Data::of(&array).into_owned(),
                    Err(_) => Data::of(&npy::load::<i64>(&path).expect("numbers")).into_owned(),
                };
                npy::load::<f32>(&path).map_or_else(|_| whole(), |array| Data::of(&array).into_owned())
            })
            .collect()
    }

    /// Relative to 1 + |wanted|.
    fn close(&self, got: ArrayViewD<f32>, want: ArrayViewD<f32>, what: &str) {
        let tolerance = self.info["tolerance"].as_f64().expect("a number").max(1e-5);
        assert_eq!(got.shape(), want.shape(), "{what}");
        for (g, w) in got.iter().zip(&want) {
            let error = f64::from((g - w).abs()) / (1.0 + f64::from(w.abs()));
            assert!(error <= tolerance, "{what}: {g}, Keras has {w}");
        }
    }

    /// The model from the file of this key, and whether its optimizer's state is there.
    fn load(&self, key: &str) -> Option<(Model, bool)> {
        let entry = &self.info["files"][key];
        let path = self.folder.join(entry["path"].as_str().expect("a path"));
        let whole = matches!(key, "keras" | "h5" | "saved_model");
        if key == "export" || !(path.exists() || path.with_extension("ckpt.index").exists()) {
            return None;
        }
        let model = match whole {
            true => load_model(&path),
            false => load_model(self.folder.join("model.keras")).and_then(|mut model| {
                let zeros: Vec<_> = model.get_weights()?.into_iter().map(|w| w * 0.0).collect();
                model.set_weights(&zeros)?;
                model.load_weights(&path).map(|()| model)
            }),
        };
        Some((model.unwrap_or_else(|e| panic!("{}: {e}", path.display())), entry["optimizer"] == true))
    }

    /// Predictions, metrics and the next step.
    fn check(&self, mut model: Model, optimizer: bool, what: &str) {
        let (x, y) = (self.arrays("inputs"), self.arrays("targets"));
        let n = x[0].shape[0];
        let predictions = model.predict(x.clone()).batch_size(n).verbose(0).run_all().expect("predicts");
        let names = self.info["predictions"].as_array().expect("a list").iter().filter_map(Value::as_str);
        for (got, name) in predictions.iter().zip(names) {
            let want = npy::load::<f32>(self.folder.join(name)).expect("numbers");
            self.close(got.view(), want.view(), &format!("{name} of {what}"));
        }
        let logs = model.evaluate(x.clone(), y.clone()).batch_size(n).verbose(0).run().expect("evaluates");
        let metrics = std::fs::read_to_string(self.folder.join("metrics.json")).expect("metrics");
        for (name, want) in serde_json::from_str::<Value>(&metrics).expect("JSON").as_object().expect("names")
        {
            let (got, want) = (logs.get(name).unwrap_or(f64::NAN), want.as_f64().expect("a number"));
            let tolerance = self.info["tolerance"].as_f64().expect("a number").max(1e-5);
            assert!(
                (got - want).abs() <= tolerance * (1.0 + want.abs()),
                "{name} of {what}: {got}, Keras has {want}"
            );
        }
        if !optimizer {
            return;
        }
        let logs = match self.info["step"]["mode"].as_str() {
            Some("inference") => model.train_on_batch_without_dropout(x, y),
            _ => model.train_on_batch(x, y),
        };
        let mut step = Npz::open(self.folder.join("step.npz")).expect("a step");
        let loss = logs.expect("trains").loss() as f32;
        let want = step.array::<f32>("loss").expect("a loss");
        self.close(
            ArrayD::from_elem(want.shape(), loss).view(),
            want.view(),
            &format!("loss of a step of {what}"),
        );
        // Keras 3 counts the loss scale among the optimizer's variables.
        let scale = |name: &str| {
            let state = model.compiled().expect("compiled").optimizer.host_state();
            state
                .into_iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| ndarray::arr0(value).into_dyn())
        };
        let names = self.info["optimizer"]["variables"].as_array().expect("a list").iter();
        let scales = names.filter_map(|v| v["name"].as_str()?.strip_prefix("loss_scale_optimizer/"));
        let scales = scales.map(|name| scale(name).expect(name));
        let slots = model.optimizer_weights().expect("reads").into_iter().map(|(_, slot)| slot);
        let slots = scales.chain(slots).collect();
        for (letter, arrays) in [('w', model.get_weights().expect("reads")), ('o', slots)] {
            for (i, got) in arrays.iter().enumerate() {
                let key = format!("{letter}{i:03}");
                let want = step.array::<f32>(&key).expect("an array");
                self.close(got.view(), want.view(), &format!("{key} after a step of {what}"));
            }
        }
    }
}

#[test]
fn what_keras_wrote_goes_on_as_there() {
    let devices: Vec<Device> = [Some(cpu()), gpu()].into_iter().flatten().collect();
    let mut read = 0;
    for case in cases() {
        for key in case.info["files"].as_object().expect("files").keys() {
            for device in &devices {
                let Some((mut model, optimizer)) = case.load(key) else { continue };
                model.to(device).expect("moves");
                case.check(model, optimizer, &format!("{key} of {} on {device}", case.folder.display()));
                read += 1;
            }
        }
    }
    assert!(read >= 28 * devices.len(), "{read} files");
}

#[test]
fn written_in_another_format_it_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in cases() {
        for key in ["keras", "h5", "saved_model"] {
            if !case.info["files"].as_object().is_some_and(|files| files.contains_key(key)) {
                continue;
            }
            let Some((model, _)) = case.load(key) else { continue };
            for (name, dialect) in [
                ("model.keras", Dialect::Keras3),
                ("model.keras", Dialect::TfKeras),
                ("model.h5", Dialect::TfKeras),
                ("model.h5", Dialect::Keras3),
            ] {
                let path = folder.path().join(name);
                let what = format!("{key} of {} as {name} ({dialect:?})", case.folder.display());
                let options = SaveOptions { dialect: Some(dialect), ..SaveOptions::default() };
                model.save_with(&path, &options).unwrap_or_else(|e| panic!("{what}: {e}"));
                let again = load_model(&path).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert_eq!(bits(&again), bits(&model), "{what}");
                // How it trains is kept too, whatever library's dialect the file is in.
                case.check(again, true, &what);
            }
            for name in ["weights.weights.h5", "cp.ckpt", "weights.h5"] {
                let path = folder.path().join(name);
                model.save_weights(&path).expect("saves");
                let Some((mut again, _)) = case.load(key) else { continue };
                let ones: Vec<_> =
                    again.get_weights().expect("reads").into_iter().map(|w| w * 0.0 + 1.0).collect();
                again.set_weights(&ones).expect("fits");
                again.load_weights(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
                assert_eq!(bits(&again), bits(&model), "{key} of {} as {name}", case.folder.display());
            }
        }
    }
}
