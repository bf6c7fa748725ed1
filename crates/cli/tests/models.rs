//! `predict`, `evaluate`, `train`, `devices` and `plan`, on the devices that there are.

mod common;

use common::{Case, data, devices, fails, json, text, works, worst};
use ndarray::{ArrayD, Axis, Slice};
use rhyton::datasets::npy::{self, Npz};
use rhyton::prelude::*;

const CASES: [&str; 4] = ["conv/keras3", "two_branch/tf_keras", "opt_sgdm/tf_keras", "opt_adamw/keras3"];

#[test]
fn predictions_and_metrics_are_those_of_keras() {
    let folder = tempfile::tempdir().unwrap();
    for device in devices() {
        for name in CASES {
            let case = Case::new(name);
            let model = case.file("model.keras");
            let wanted = case.list("predictions");
            let outputs: Vec<String> =
                (0..wanted.len()).map(|i| text(&folder.path().join(format!("p{i}.npy")))).collect();
            let inputs = case.joined("inputs");
            let common = [&model, "--inputs", &inputs, "--batch-size", "1000", "--device", &device];
            let out = works(&[&["predict"], &common[..], &["--output", &outputs.join(",")]].concat());
            assert_eq!(out.lines().count(), outputs.len());
            for (got, want) in outputs.iter().zip(&wanted) {
                let (got, want) = (npy::load::<f32>(got).unwrap(), npy::load::<f32>(want).unwrap());
                assert_eq!(got.shape(), want.shape());
                assert!(worst(&got, &want) <= case.tolerance(), "{name} on {device}");
            }
            let targets = case.joined("targets");
            let evaluate = [&["evaluate"], &common[..], &["--targets", &targets]].concat();
            let line = works(&evaluate);
            assert!(line.starts_with("loss: ") && line.lines().count() == 1, "{line}");
            let found = json(&works(&[&evaluate[..], &["--json"]].concat()));
            let expected = json(&std::fs::read_to_string(case.file("metrics.json")).unwrap());
            for (metric, want) in expected.as_object().unwrap() {
                let (got, want) = (found[metric].as_f64().unwrap(), want.as_f64().unwrap());
                let close = (got - want).abs() <= case.tolerance() * (1.0 + want.abs());
                assert!(close, "{name} on {device}: {metric} is {got}, Keras has {want}");
            }
        }
    }
}

/// One step on a file that Keras wrote gives Keras' next weights and slots.
#[test]
fn the_next_step_is_that_of_keras() {
    let folder = tempfile::tempdir().unwrap();
    let out = text(&folder.path().join("next.keras"));
    for device in devices() {
        for name in CASES {
            let case = Case::new(name);
            let (inputs, targets) = (case.joined("inputs"), case.joined("targets"));
            let model = case.file("model.keras");
            let mut arguments = vec!["train", &model, "--inputs", &inputs, "--targets", &targets];
            arguments.extend(["--steps", "1", "--batch-size", "1000", "--no-shuffle"]);
            arguments.extend(["--output", &out, "--device", &device]);
            if case.info["step"]["mode"] == "inference" {
                arguments.push("--no-dropout");
            }
            let before = load_model(&model).unwrap().iterations();
            let printed = works(&arguments);
            assert!(!printed.contains(['\r', '\u{1b}']), "plain lines in a pipe: {printed}");
            let next = load_model(&out).unwrap();
            assert_eq!(next.iterations(), before + 1);
            let slots = next.optimizer_weights().unwrap().into_iter().map(|(_, slot)| slot);
            let mut expected = Npz::open(case.folder.join("step.npz")).unwrap();
            for (letter, arrays) in [('w', next.get_weights().unwrap()), ('o', slots.collect())] {
                for (i, array) in arrays.into_iter().enumerate() {
                    let key = format!("{letter}{i:03}");
                    let want = expected.array::<f32>(&key).unwrap();
                    let got = sampled(array, case.info["step"]["stride"][&key].as_i64());
                    assert_eq!(got.len(), want.len(), "{name}: {key}");
                    let worst = worst(&got, &want);
                    assert!(worst <= case.tolerance(), "{name} on {device}: {key} is off by {worst}");
                }
            }
        }
    }
}

fn sampled(array: ArrayD<f32>, stride: Option<i64>) -> ArrayD<f32> {
    let Some(stride) = stride else { return array };
    let flat = array.flatten().into_dyn();
    flat.slice_axis(Axis(0), Slice::new(0, None, stride as isize)).to_owned()
}

/// `--steps` goes over as many epochs as it takes: ten steps at once are four and six.
#[test]
fn steps_are_counted_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new("opt_adamw/keras3");
    let model = case.file("model.keras");
    let (inputs, targets) = (case.joined("inputs"), case.joined("targets"));
    let path = |name: &str| text(&folder.path().join(name));
    let train = |from: &str, to: &str, more: &[&str]| {
        let common = ["train", from, "--inputs", &inputs, "--targets", &targets, "--no-shuffle"];
        works(&[&common[..], &["--device", "cpu", "--batch-size", "1000", "--output", to], more].concat())
    };
    let weights = |path: &str| load_model(path).unwrap().get_weights().unwrap();
    let (all, some, rest) = (path("all.keras"), path("some.keras"), path("rest.keras"));
    train(&model, &all, &["--steps", "10"]);
    train(&model, &some, &["--steps", "4"]);
    train(&some, &rest, &["--epochs", "6"]);
    assert_eq!(weights(&all), weights(&rest));
    let checkpoints = path("cp-{epoch:02d}.ckpt");
    let more = ["--validation-split", "0.25", "--seed", "7", "--epochs", "2", "--checkpoint", &checkpoints];
    let printed = train(&model, &path("b.h5"), &more);
    assert!(printed.contains("Epoch 2/2") && printed.contains("val_loss"), "{printed}");
    assert!(folder.path().join("cp-02.ckpt.index").exists());
    works(&["inspect", &path("b.h5")]);
    // Dots inside a field are no ending: no ending is a SavedModel.
    let checkpoints = path("best-{val_loss:.2f}");
    train(&model, &path("c.h5"), &["--validation-split", "0.25", "--checkpoint", &checkpoints]);
    let saved = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("best-");
    let found = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let found: Vec<_> = found.filter(|entry| saved(&entry.file_name())).collect();
    assert_eq!(found.len(), 1);
    assert!(found[0].path().join("saved_model.pb").exists());
}

/// The library that wrote a model can read what becomes of it; weights alone go to the formats that hold no more.
#[test]
fn what_was_trained_is_saved_as_its_name_and_its_source_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    for (library, dialect) in [("keras3", "keras3"), ("tf_keras", "tf-keras")] {
        let case = Case::new(&format!("opt_sgdm/{library}"));
        let model = case.file("model.keras");
        let (inputs, targets) = (case.joined("inputs"), case.joined("targets"));
        let whole = path("whole.keras");
        for out in ["whole.keras", "whole.h5", "w.weights.h5", "w.ckpt", "w.safetensors", "saved"] {
            let data = ["--inputs", &inputs, "--targets", &targets, "--no-shuffle", "--device", "cpu"];
            works(&[&["train", &model, "--output", &path(out)][..], &data, &["--steps", "2"]].concat());
            let facts = json(&works(&["inspect", &path(out), "--json"]));
            if matches!(out, "whole.keras" | "whole.h5") {
                assert_eq!(facts["dialect"], dialect, "{library} {out}");
            }
            let mut again = load_model(&whole).unwrap();
            let want = again.get_weights().unwrap();
            if matches!(out, "whole.keras" | "whole.h5" | "saved") {
                again = load_model(path(out)).unwrap();
            } else {
                again.set_weights(&want.iter().map(|w| w * 0.0).collect::<Vec<_>>()).unwrap();
                again.load_weights(path(out)).unwrap();
            }
            assert_eq!(again.get_weights().unwrap(), want, "{library} {out}");
        }
    }
}

#[test]
fn errors_of_models_and_data() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    let case = Case::new("two_branch/tf_keras");
    let model = case.file("model.keras");
    let (inputs, targets, out) = (case.joined("inputs"), case.joined("targets"), path("out.npy"));
    let one = case.list("inputs").remove(0);
    let message = fails(2, &["predict", &model, "--inputs", &one, "--output", &out]);
    assert!(message.contains("--inputs") && message.contains('2'), "{message}");
    let message = fails(2, &["predict", &model, "--inputs", &inputs, "--output", &out]);
    assert!(message.contains("--output"), "{message}");
    let message =
        fails(1, &["predict", &model, "--inputs", &format!("{model},{model}"), "--output", &path("p.npz")]);
    assert!(message.contains("model.keras") && message.contains("NumPy"), "{message}");
    let unknown = data("custom/keras3/model.keras");
    let message = fails(1, &["predict", &unknown, "--inputs", &one, "--output", &out]);
    assert!(message.contains("ScaleShift"), "{message}");
    let train = ["train", &model, "--inputs", &inputs, "--targets", &targets, "--output"];
    let message = fails(2, &[&train[..], &[&path("w.unknown")]].concat());
    assert!(message.contains("ending"), "{message}");
    let message = fails(1, &[&train[..], &[&path("m.keras"), "--device", "no such adapter"]].concat());
    assert!(message.contains("no such adapter"), "{message}");
    fails(2, &[&train[..], &[&path("m.keras"), "--batch-size", "0"]].concat());
    assert!(!folder.path().join("m.keras").exists());
}

#[test]
fn devices_and_plans_are_told() {
    let out = works(&["devices"]);
    assert!(out.lines().last().unwrap().starts_with("best: "), "{out}");
    assert!(out.lines().count() > 1 && out.lines().all(|line| !line.contains("features")), "{out}");
    let verbose = works(&["devices", "--verbose"]);
    assert!(verbose.starts_with("no GPU") || verbose.contains("features"), "{verbose}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(works(&["completions", shell]).contains("rhyton"));
    }
    fails(2, &["completions", "tcl"]);
    let facts = json(&works(&["devices", "--json"]));
    assert!(facts["adapters"].is_array() && facts["best"].is_string() && facts["why"].is_string());
    let model = data("opt_sgdm/keras3/model.keras");
    let predict = works(&["plan", &model, "--batch-size", "8"]);
    let train = works(&["plan", &model, "--batch-size", "8", "--train"]);
    assert!(predict.starts_with("plan for portable") && train.starts_with("plan for portable"));
    assert!(train.lines().count() > predict.lines().count());
}

/// Mesa's driver looks for a desktop, and complains where there is none.
#[test]
fn drivers_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::new("opt_sgdm/tf_keras");
    let (model, inputs, out) =
        (case.file("model.keras"), case.joined("inputs"), text(&folder.path().join("p.npy")));
    for device in devices() {
        let predict = ["predict", &model, "--inputs", &inputs, "--output", &out, "--device", &device];
        for arguments in [&["devices"][..], &predict] {
            let mut command = common::command();
            command.env_remove("XDG_RUNTIME_DIR").env_remove("NODEVICE_SELECT").args(arguments);
            let output = command.output().unwrap();
            let noise = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), noise.as_ref()), (Some(0), ""), "{arguments:?}");
        }
    }
}

/// A target that cannot hold the model is refused before the first step, and in the words of the format.
#[test]
fn what_cannot_be_saved_is_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    let mut model = Sequential::new((Dense::new(1).input_shape([4]).activation("hard_sigmoid"),)).unwrap();
    model.compile("sgd", "mse", ()).unwrap();
    model.save(path("m.keras")).unwrap();
    npy::save(path("x.npy"), &ArrayD::<f32>::ones(vec![8, 4])).unwrap();
    npy::save(path("y.npy"), &ArrayD::<f32>::zeros(vec![8, 1])).unwrap();
    let (file, x, y, out) = (path("m.keras"), path("x.npy"), path("y.npy"), path("saved"));
    let common = ["train", &file, "--inputs", &x, "--targets", &y, "--device", "cpu", "--output"];
    // tf_keras' function of this name is another one.
    let error = fails(1, &[&common[..], &[&out]].concat());
    assert!(error.contains("hard_sigmoid") && error.lines().count() == 1, "{error}");
    assert!(!folder.path().join("saved").exists());
    works(&[&common[..], &[&path("trained.keras")]].concat());
}
