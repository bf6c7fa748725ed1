//! Models with something in them that the command does not know: what does not need it works, and the words are the command's.

mod common;

use std::path::Path;

use common::{data, fails, json, rhyton, text, works, worst};
use ndarray::ArrayD;
use rhyton::datasets::npy::{self, Npz};

/// An array of a case's results, as a file of its own.
fn array(case: &str, name: &str, folder: &Path) -> (ArrayD<f32>, String) {
    let mut npz = Npz::open(data(&format!("foreign/{case}.npz"))).unwrap();
    let array = npz.array::<f32>(name).unwrap();
    let path = folder.join(format!("{name}.npy"));
    npy::save(path.as_path(), &array).unwrap();
    (array, text(&path))
}

#[test]
fn predicting_and_evaluating_need_no_optimizer() {
    let folder = tempfile::tempdir().unwrap();
    let out = text(&folder.path().join("p.npy"));
    for (case, named) in [
        ("keras3/other", "unknown optimizer `Mine>Other`: somebody's own"),
        ("tf_keras/frozen", "8 slot variables in the file"),
    ] {
        let model = data(&format!("foreign/{case}.keras"));
        let (_, inputs) = array(case, "in0", folder.path());
        let (wanted, _) = array(case, "out0", folder.path());
        works(&["predict", &model, "--inputs", &inputs, "--output", &out, "--device", "cpu"]);
        assert!(worst(&npy::load::<f32>(&out).unwrap(), &wanted) < 1e-5, "{case}");
        let ((_, x), (_, y)) = (array(case, "x", folder.path()), array(case, "y", folder.path()));
        let (eval, _) = array(case, "eval", folder.path());
        let of = [model.as_str(), "--inputs", &x, "--targets", &y, "--device", "cpu"];
        let found = json(&works(&[&["evaluate"], &of[..], &["--json"]].concat()));
        assert!((found["loss"].as_f64().unwrap() - f64::from(eval[[0]])).abs() < 1e-5, "{case}: {found}");
        assert!((found["mae"].as_f64().unwrap() - f64::from(eval[[1]])).abs() < 1e-5, "{case}: {found}");
        let next = text(&folder.path().join("next.keras"));
        let training = [&["train"], &of[..], &["--output", &next]].concat();
        if case == "tf_keras/frozen" {
            // As Keras: with a warning and slots of its own.
            let done = rhyton(&training);
            assert_eq!(done.code, Some(0), "{}", done.err);
            assert!(done.err.contains("begins anew") && done.err.contains(named), "{}", done.err);
            let found = json(&works(&["inspect", &next, "--json"]));
            assert_eq!(found["optimizer"]["iteration"], 1);
            std::fs::remove_file(&next).unwrap();
        } else {
            let error = fails(1, &training);
            assert!(error.contains(named), "{case}: {error}");
            assert!(!error.contains("register_"), "{case}: {error}");
            assert!(!Path::new(&next).exists(), "{case}");
        }
        works(&["convert", &model, &next]);
        std::fs::remove_file(&next).unwrap();
        let inspected = json(&works(&["inspect", &model, "--json"]));
        assert_eq!(inspected["optimizer"]["iteration"], 6, "{case}");
        assert_eq!(inspected["model"]["parameters"]["total"], 21, "{case}");
    }
    let model = data("foreign/keras3/loss.keras");
    let (_, inputs) = array("keras3/loss", "in0", folder.path());
    works(&["predict", &model, "--inputs", &inputs, "--output", &out, "--device", "cpu"]);
    let error = fails(1, &["evaluate", &model, "--inputs", &inputs, "--targets", &inputs, "--device", "cpu"]);
    assert!(error.contains("unknown loss `Mine>fourth`"), "{error}");
}

/// Another loss for one that is not known: the optimizer and the metrics are those of the file, with the state.
#[test]
fn another_loss_keeps_the_optimizer() {
    let folder = tempfile::tempdir().unwrap();
    let model = data("foreign/keras3/loss.keras");
    let ((_, x), (_, y)) =
        (array("keras3/loss", "in0", folder.path()), array("keras3/loss", "out0", folder.path()));
    let out = text(&folder.path().join("next.keras"));
    let of = ["train", &model, "--inputs", &x, "--targets", &y, "--device", "cpu", "--output", &out];
    let done = rhyton(&[&of[..], &["--loss", "mse"]].concat());
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let found = json(&works(&["inspect", &out, "--json"]));
    let optimizer = &found["optimizer"];
    assert_eq!((&optimizer["class"], &optimizer["iteration"]), (&"Adam".into(), &7.into()), "{found}");
    assert_eq!(optimizer["slots"], json(&works(&["inspect", &model, "--json"]))["optimizer"]["slots"]);
    assert_eq!((&found["compile"]["loss"], &found["compile"]["metrics"][0]), (&"mse".into(), &"mae".into()));
    std::fs::remove_file(&out).unwrap();
    // The loss is what is not known: neither metrics nor an optimizer help.
    for more in [["--metrics", "mse"], ["--optimizer", "sgd"]] {
        let error = fails(1, &[&of[..], &more].concat());
        assert!(error.contains("unknown loss `Mine>fourth`") && error.contains("--loss"), "{error}");
        assert!(!Path::new(&out).exists());
    }
    let done = rhyton(&[&of[..], &["--loss", "mse", "--optimizer", "sgd"]].concat());
    assert!(done.err.contains("the state of the old optimizer (step 6) is left out"), "{}", done.err);
    let found = json(&works(&["inspect", &out, "--json"]));
    assert_eq!((&found["optimizer"]["class"], &found["optimizer"]["iteration"]), (&"SGD".into(), &1.into()));
    assert_eq!(found["compile"]["metrics"][0], "mae", "{found}");
    let of = ["evaluate", &model, "--inputs", &x, "--targets", &y, "--device", "cpu", "--json"];
    let found = json(&works(&[&of[..], &["--loss", "mse"]].concat()));
    assert!(found["loss"].as_f64().unwrap() < 1e-10 && found["mae"].as_f64().is_some(), "{found}");
}

#[test]
fn what_is_left_out_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let to = text(&folder.path().join("to.h5"));
    for options in [&[][..], &["--no-optimizer"]] {
        let from = data("foreign/keras3/muon.keras");
        let done = rhyton(&[&["convert", &from, &to, "--dialect", "tf-keras"], options].concat());
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(done.err.contains("the optimizer Muon, which tf_keras does not have"), "{}", done.err);
    }
}

#[test]
fn unknown_classes_are_said_in_words_of_the_command() {
    for (model, words) in [
        ("custom/keras3/model.keras", "somebody's own, which a Rust program can register"),
        ("foreign/keras3/unknown_ops.keras", "unknown operations `Nextafter`, `View`: Keras' own"),
        ("foreign/keras3/dense.keras", "unknown layer `Dense`: somebody's own"),
    ] {
        let error = fails(1, &["plan", &data(model)]);
        assert!(error.contains(words) && error.contains(&data(model)), "{error}");
        assert!(
            error.contains("`rhyton convert` work without") && !error.contains("register_layer"),
            "{error}"
        );
    }
}

#[test]
fn inspect_lists_what_has_no_architecture() {
    let model = data("foreign/keras3/sub.keras");
    let shown = works(&["inspect", &model]);
    assert!(shown.contains("`Sub`") && shown.contains("Adam") && shown.contains("mse"), "{shown}");
    let found = json(&works(&["inspect", &model, "--json", "--variables"]));
    assert!(found["variables"].as_array().unwrap().len() > 4);
    assert_eq!(found["compile"]["loss"], "mse");
    let unknown = json(&works(&["inspect", &data("foreign/keras3/int8.keras"), "--json"]));
    assert!(unknown["model"]["parameters"]["trainable"].is_null(), "{unknown}");
    assert_eq!(unknown["model"]["parameters"]["total"], 26);
}
