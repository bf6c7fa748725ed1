//! `inspect` and `convert`, and what the program does where something is wrong.

mod common;

use std::io::Read;
use std::process::Stdio;

use common::{command, data, fails, json, text, works};

#[test]
fn inspect_says_what_is_in_a_model() {
    let path = data("opt_sgdm/keras3/model.keras");
    let out = works(&["inspect", &path, "--variables"]);
    for part in ["keras3", "3.15", "SGD", "Layer (type)", "(None, ", "layers/dense/vars/0", "float32"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains('\u{1b}'), "no colours in a pipe");
    let facts = json(&works(&["inspect", &path, "--variables", "--json"]));
    assert_eq!(facts["format"], "keras");
    assert_eq!(facts["dialect"], "keras3");
    let layers = facts["model"]["layers"].as_array().unwrap();
    let sum: u64 = layers.iter().map(|l| l["parameters"].as_u64().unwrap()).sum();
    assert_eq!(facts["model"]["parameters"]["total"], sum);
    assert!(layers.iter().all(|l| l["output_shape"].is_array()));
    assert!(facts["optimizer"]["iteration"].as_u64().unwrap() > 0);
    assert_eq!(facts["optimizer"]["class"], "SGD");
    let variables = facts["variables"].as_array().unwrap();
    assert_eq!(facts["arrays"]["count"], variables.len());
    let bytes: u64 = variables.iter().map(|v| v["bytes"].as_u64().unwrap()).sum();
    assert_eq!(facts["arrays"]["bytes"], bytes);
}

/// Layers that nobody knows, files without architecture, and programs that are no models.
#[test]
fn inspect_reads_what_is_not_known() {
    for name in ["custom/tf_keras/model.h5", "custom/keras3/model.keras"] {
        let facts = json(&works(&["inspect", &data(name), "--json"]));
        let layers = facts["model"]["layers"].as_array().unwrap();
        let layer = layers.iter().find(|l| l["class"] == "ScaleShift").unwrap();
        assert_eq!(layer["parameters"], 13, "{name}");
        assert!(layer["output_shape"].is_null());
        assert_eq!(facts["model"]["parameters"]["non_trainable"], 1, "{name}");
    }
    let checkpoint = data("opt_sgdm/tf_keras/ckpt/cp.ckpt");
    let facts = json(&works(&["inspect", &checkpoint, "--json", "--variables"]));
    assert_eq!((facts["format"].as_str(), facts["model"].is_null()), (Some("tf-checkpoint"), true));
    assert!(facts["optimizer"]["iteration"].as_u64().unwrap() > 0);
    let saved_model = json(&works(&["inspect", &data("saved_models/export"), "--json", "--variables"]));
    assert_eq!(saved_model["format"], "saved-model");
    assert!(saved_model["notes"][0].as_str().unwrap().contains("export"));
    assert!(!saved_model["variables"].as_array().unwrap().is_empty());
}

/// From format to format and back, the same arrays.
#[test]
fn a_chain_of_conversions_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let first = data("conv/tf_keras/model.h5");
    let chain = ["a.keras", "b.weights.h5", "c.ckpt", "d.keras", "e.h5"];
    let mut from = first.clone();
    for name in chain {
        let to = text(&folder.path().join(name));
        let out = works(&["convert", &from, &to, "--model", &first]);
        assert!(out.starts_with(&to), "{out}");
        from = to;
    }
    let facts = |path: &str| json(&works(&["inspect", path, "--json", "--variables"]));
    let (before, after) = (facts(&first), facts(&from));
    for key in ["format", "dialect", "model", "compile", "optimizer", "variables"] {
        if key == "compile" {
            // The chain went through Keras 3, which says a few defaults more.
            assert_eq!(before[key]["optimizer"]["class_name"], after[key]["optimizer"]["class_name"]);
            continue;
        }
        assert_eq!(before[key], after[key], "{key}");
    }
    let tensors = text(&folder.path().join("f.safetensors"));
    works(&["convert", &from, &tensors]);
    let names = facts(&tensors)["variables"].clone();
    let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(|v| v["path"].as_str()).collect();
    assert!(names.iter().any(|n| n.ends_with("/kernel")), "{names:?}");
    assert!(names.iter().any(|n| n.ends_with("/moving_mean")), "{names:?}");
    let lean = text(&folder.path().join("lean.keras"));
    works(&["convert", &from, &lean, "--no-optimizer", "--dialect", "tf-keras"]);
    let facts = facts(&lean);
    assert!(facts["optimizer"].is_null());
    assert_eq!(facts["dialect"], "tf-keras");
    let sharded = text(&folder.path().join("g.ckpt"));
    works(&["convert", &from, &sharded, "--shards", "3"]);
    assert!(folder.path().join("g.ckpt.data-00002-of-00003").exists());
}

#[test]
fn errors_name_the_file_and_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let out = text(&folder.path().join("out.keras"));
    let missing = text(&folder.path().join("missing.keras"));
    assert!(fails(1, &["inspect", &missing]).contains("missing.keras"));
    let strange = text(&folder.path().join("strange.keras"));
    std::fs::write(&strange, "no model").unwrap();
    let message = fails(1, &["inspect", &strange]);
    assert!(message.contains("strange.keras") && message.contains("expected"), "{message}");
    let damaged = text(&folder.path().join("damaged.keras"));
    let mut bytes = std::fs::read(data("opt_sgdm/keras3/model.keras")).unwrap();
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&damaged, bytes).unwrap();
    assert!(fails(1, &["convert", &damaged, &out]).contains("damaged.keras"));
    let weights = data("conv/keras3/model.weights.h5");
    assert!(fails(2, &["convert", &weights, &out]).contains("--model"));
    let other = data("opt_sgdm/keras3/model.keras");
    let message = fails(1, &["convert", &weights, &out, "--model", &other]);
    assert!(message.contains("does not fit the model"), "{message}");
    let model = data("opt_sgdm/keras3/model.keras");
    assert!(fails(2, &["convert", &model, "out.xyz"]).contains(".safetensors"));
    let checkpoint = text(&folder.path().join("a.ckpt"));
    assert!(fails(2, &["convert", &model, &checkpoint, "--dialect", "keras3"]).contains("dialect"));
    let message = fails(2, &["convert", &data("custom/keras3/model.keras"), &checkpoint]);
    assert!(message.contains("scale_shift"), "{message}");
    for wrong in [&["convert", "a", "b", "--format", "onnx"][..], &["predict", "a"], &["fly"], &[]] {
        fails(2, wrong);
    }
    assert!(!folder.path().join("out.keras").exists());
    assert!(!folder.path().join("a.ckpt.index").exists());
}

#[test]
fn help_says_the_exit_codes() {
    let out = works(&["--help"]);
    assert!(out.contains("Exit codes: 0 done; 1 it failed"), "{out}");
    for command in ["inspect", "convert", "predict", "evaluate", "train", "devices", "plan", "completions"] {
        assert!(out.contains(command));
        works(&[command, "--help"]);
    }
    assert!(works(&["--version"]).starts_with("rhyton "));
}

/// A reader that has seen enough ends the program quietly.
#[test]
fn a_broken_pipe_is_no_error() {
    let path = data("rnn/keras3/model.keras");
    let mut child = command()
        .args(["inspect", &path, "--variables"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

/// clap repeats what it does not understand.
#[test]
fn a_wrong_command_line_shows_no_password() {
    for arguments in [
        &["ls", "a", "https://me:secret@h/x?sig=secret"][..],
        &["https://me:secret@h/x"],
        &["convert", "a", "b", "--format", "https://me:secret@h/x"],
    ] {
        let message = fails(2, arguments);
        assert!(!message.contains("secret") && message.contains("https://h/x"), "{message}");
    }
}

/// The URL of a file of this machine is its path.
#[cfg(unix)]
#[test]
fn files_have_urls_too() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("file://{}/{name}", text(folder.path()));
    works(&["convert", &data("opt_sgdm/keras3/model.keras"), &url("a%20b.h5")]);
    assert!(folder.path().join("a b.h5").is_file());
    assert_eq!(json(&works(&["inspect", &url("a%20b.h5"), "--json"]))["format"], "h5");
    assert!(works(&["ls", &url("")]).contains("a b.h5"));
}
