//! `train`: compiling, validating, watching, stopping.

use rhyton::prelude::*;
use serde_json::json;

use crate::common::{Case, fails, json as parse, rhyton, text, works};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        text(&self.0.path().join(name))
    }
}

/// Arguments for a model and the data of a case, on the CPU.
fn train<'a>(model: &'a str, data: &'a [String; 2], output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["train", model, "--inputs", &data[0], "--targets", &data[1], "--output", output];
    [&common[..], &["--device", "cpu", "--no-shuffle"], more].concat()
}

fn data(case: &Case) -> [String; 2] {
    [case.joined("inputs"), case.joined("targets")]
}

fn compile_config(path: &str) -> serde_json::Value {
    parse(&works(&["inspect", path, "--json"]))
}

/// A new rate keeps the optimizer's state, other losses and metrics do too; a new optimizer starts anew, and says so.
#[test]
fn a_compiled_model_is_compiled_again_as_far_as_is_said() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data) = (case.file("model.keras"), data(&case));
    let out = folder.path("next.keras");
    let before = compile_config(&model);
    let steps = before["optimizer"]["iteration"].as_u64().unwrap();
    assert!(steps > 0);
    works(&train(&model, &data, &out, &["--steps", "1", "--learning-rate", "0.125"]));
    let after = compile_config(&out);
    assert_eq!(after["optimizer"]["iteration"], steps + 1);
    assert_eq!(after["optimizer"]["learning_rate"], 0.125);
    assert_eq!(after["compile"]["loss"], before["compile"]["loss"]);
    // At a rate of 0 nothing moves but the state.
    works(&train(&model, &data, &out, &["--steps", "1", "--learning-rate", "0"]));
    let weights = |path: &str| load_model(path).unwrap().get_weights().unwrap();
    assert_eq!(weights(&model), weights(&out));
    works(&train(&model, &data, &out, &["--steps", "1", "--loss", "mae", "--metrics", "mse,mae"]));
    let after = compile_config(&out);
    assert_eq!(after["optimizer"]["iteration"], steps + 1);
    assert_eq!(
        (&after["compile"]["loss"], &after["compile"]["metrics"]),
        (&json!("mae"), &json!(["mse", "mae"]))
    );
    let done = rhyton(&train(&model, &data, &out, &["--steps", "1", "--optimizer", "sgd"]));
    assert!(done.err.contains("the state of the old optimizer"), "{}", done.err);
    let after = compile_config(&out);
    assert_eq!((&after["optimizer"]["class"], &after["optimizer"]["iteration"]), (&json!("SGD"), &json!(1)));
    let momentum = r#"{"class_name": "SGD", "config": {"learning_rate": 0.5, "momentum": 0.9}}"#;
    works(&train(&model, &data, &out, &["--steps", "1", "--optimizer", momentum]));
    let after = compile_config(&out);
    assert_eq!(after["compile"]["optimizer"]["config"]["momentum"], 0.9);
    for (more, part) in [
        (&["--optimizer", "adma"][..], "adma"),
        (&["--learning-rate", "fast"], "number"),
        (&["--learning-rate", "-1"], "at least 0"),
        (&["--optimizer", "{"], "JSON"),
        (&["--loss", "nothing=mse"], "nothing"),
    ] {
        let message = fails(2, &train(&model, &data, &folder.path("not.keras"), more));
        assert!(message.contains(part), "{message}");
    }
    assert!(!folder.0.path().join("not.keras").exists());
}

#[test]
fn a_model_that_was_not_compiled_is_compiled() {
    let folder = Folder::new();
    let case = Case::new("two_branch/keras3");
    let data = data(&case);
    let plain = folder.path("plain.keras");
    let options = LoadOptions { without_compile: true, ..LoadOptions::default() };
    load_model_with(case.file("model.keras"), &options).unwrap().save(&plain).unwrap();
    let out = folder.path("next.keras");
    let message = fails(2, &train(&plain, &data, &out, &[]));
    assert!(message.contains("--loss"), "{message}");
    let message = fails(2, &train(&plain, &data, &out, &["--loss", "reg=mse,reg=mae"]));
    assert!(message.contains("`reg` is named twice"), "{message}");
    let losses = "cls=sparse_categorical_crossentropy,reg=mse";
    let names = ["--loss", losses, "--metrics", "reg=mae,reg=mse", "--optimizer", "adam"];
    let said = works(&train(&plain, &data, &out, &[&names[..], &["--epochs", "2"]].concat()));
    assert!(said.contains("reg_mae") && said.contains("Epoch 2/2"), "{said}");
    let after = compile_config(&out);
    assert_eq!(after["optimizer"]["class"], "Adam");
    assert_eq!(load_model(&out).unwrap().compiled().unwrap().optimizer.class_name(), "Adam");
}

#[test]
fn what_is_seen_after_each_epoch() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data) = (case.file("model.keras"), data(&case));
    let out = folder.path("new/next.keras");
    let (best, csv, json) = (folder.path("best/b.keras"), folder.path("log/h.csv"), folder.path("h.json"));
    let validation = ["--validation-inputs", &data[0], "--validation-targets", &data[1]];
    let watch = ["--save-best", &best, "--history", &csv, "--epochs", "3"];
    let said = works(&train(&model, &data, &out, &[&validation[..], &watch].concat()));
    assert!(said.contains("val_loss") && said.contains("3/3"), "{said}");
    assert!(!said.contains(['\r', '\u{1b}']), "plain lines where there is no terminal: {said}");
    let table = std::fs::read_to_string(&csv).unwrap();
    assert!(
        table.starts_with("epoch,loss,") && table.contains(",val_loss") && table.lines().count() == 4,
        "{table}"
    );
    works(&["inspect", &best]);
    // The validation data are the training data: evaluating gives what was seen last.
    let facts = parse(&works(&[
        "evaluate",
        &out,
        "--inputs",
        &data[0],
        "--targets",
        &data[1],
        "--device",
        "cpu",
        "--json",
    ]));
    let last = table.lines().last().unwrap().split(',');
    let value = table.lines().next().unwrap().split(',').zip(last).find(|(n, _)| *n == "val_loss").unwrap().1;
    assert!((facts["loss"].as_f64().unwrap() - value.parse::<f64>().unwrap()).abs() < 1e-5);
    // A rate of 0 learns nothing: the second epoch is not better.
    let watch =
        ["--early-stopping", "1", "--monitor", "loss", "--learning-rate", "0", "--history", &json, "--quiet"];
    assert_eq!(
        works(&train(&model, &data, &out, &[&watch[..], &["--epochs", "9", "--no-dropout"]].concat())),
        ""
    );
    let history = parse(&std::fs::read_to_string(&json).unwrap());
    assert_eq!(history["epoch"], json!([0, 1]));
    assert_eq!(history["loss"].as_array().unwrap().len(), 2);
}

/// Before the first step, and where possible before the data are read: they are missing here.
#[test]
fn options_that_do_not_go_together() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let model = case.file("model.keras");
    let missing = [folder.path("x.npy"), folder.path("y.npy")];
    let out = folder.path("next.keras");
    for (more, part) in [
        (&["--save-best", "b.keras"][..], "--validation-split"),
        (&["--early-stopping", "2"], "val_loss"),
        (&["--monitor", "loss"], "--early-stopping"),
        (&["--validation-inputs", "x.npy"], "--validation-targets"),
        (
            &["--validation-inputs", "x.npy", "--validation-targets", "y.npy", "--validation-split", "0.1"],
            "cannot be used with",
        ),
        (&["--validation-split", "1"], "less than 1"),
        (&["--restore-best-weights"], "--early-stopping"),
        (&["--history", "h.txt"], ".csv"),
        (&["--save-best", "b.xyz", "--monitor", "loss"], "ending"),
        (&["--early-stopping", "1", "--monitor", "loss", "--mode", "maximum"], "max"),
    ] {
        let message = fails(2, &train(&model, &missing, &out, more));
        assert!(message.contains(part), "{more:?}: {message}");
    }
    let history = folder.path("h.csv");
    let more = ["--early-stopping", "1", "--monitor", "lss", "--history", &history];
    let message = fails(2, &train(&model, &data(&case), &out, &more));
    assert!(message.contains("`lss`; there are loss") && message.lines().count() == 1, "{message}");
    assert!(!folder.0.path().join("next.keras").exists() && !folder.0.path().join("h.csv").exists());
}

/// Checks that what was trained before a checkpoint could not be written is saved.
#[test]
fn an_error_in_training_loses_nothing() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data) = (case.file("model.keras"), data(&case));
    let out = folder.path("next.keras");
    let before = load_model(&model).unwrap().iterations();
    // A template that cannot be filled is known before the first step.
    let message = fails(1, &train(&model, &data, &out, &["--checkpoint", &folder.path("{nothing}.keras")]));
    assert!(message.contains("`nothing`") && !folder.0.path().join("next.keras").exists(), "{message}");
    // No file can take the place of a folder with something in it.
    let checkpoint = folder.path("blocked.keras");
    std::fs::create_dir_all(folder.path("blocked.keras/full")).unwrap();
    let done = rhyton(&train(&model, &data, &out, &["--checkpoint", &checkpoint]));
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains("blocked.keras") && done.out.contains("next.keras: step"),
        "{}{}",
        done.out,
        done.err
    );
    assert!(load_model(&out).unwrap().iterations() > before);
}

/// Training that goes on with the command ends with the same bits as one call, and counts its epochs on.
#[test]
fn two_calls_are_as_one() {
    let folder = Folder::new();
    let layers = (Dense::new(8).activation("relu").input_shape([5]), Dropout::new(0.3), Dense::new(1));
    let mut model = Sequential::new(layers).unwrap();
    model.compile("adam", "mse", ()).unwrap();
    let path = |name: &str| folder.path(name);
    let (new, once, first, second) =
        (path("new.keras"), path("once.keras"), path("first.keras"), path("second.keras"));
    model.save(&new).unwrap();
    let x = ndarray::Array2::from_shape_fn((70, 5), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let (inputs, targets, run) = (path("x.npy"), path("y.npy"), path("run/cp-{epoch}.keras"));
    datasets::npy::save(&inputs, &x.clone().into_dyn()).unwrap();
    let sums = x.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1));
    datasets::npy::save(&targets, &sums.into_dyn()).unwrap();
    let train = |model: &str, output: &str, more: &[&str]| {
        let of = ["train", model, "--inputs", &inputs, "--targets", &targets, "--output", output];
        works(&[&of[..], &["--device", "cpu", "--batch-size", "16"], more].concat())
    };
    let state = |path: &str| {
        let model = load_model(path).unwrap();
        (model.get_weights().unwrap(), model.optimizer_weights().unwrap(), model.finished_epochs())
    };
    let there = || {
        let names = std::fs::read_dir(path("run")).unwrap().map(|e| e.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    train(&new, &once, &["--epochs", "2"]);
    let said = train(&new, &first, &["--checkpoint", &run]);
    assert!(said.contains("Epoch 1/1"), "{said}");
    assert_eq!(there(), ["cp-1.keras"]);
    let said = train(&first, &second, &["--checkpoint", &run]);
    assert!(said.contains("Epoch 2/2"), "{said}");
    assert_eq!(there(), ["cp-1.keras", "cp-2.keras"]);
    let whole = state(&once);
    assert_eq!((&whole, whole.2), (&state(&second), 2));
    // Also from a checkpoint, which knows its epoch.
    assert_eq!(state(&path("run/cp-2.keras")), whole);
    train(&new, &second, &["--weights", &path("run/cp-1.keras")]);
    assert_eq!(state(&second), whole);
    // Another number by hand.
    let said = train(&first, &second, &["--initial-epoch", "0", "--steps", "7"]);
    assert!(said.contains("Epoch 1/2"), "{said}");
    assert!(state(&second).0 != whole.0);
    for option in ["--epochs", "--steps"] {
        let of = ["train", &new, "--inputs", &inputs, "--targets", &targets, "--output", "o.keras"];
        let message = fails(2, &[&of[..], &[option, "0"]].concat());
        assert!(message.contains("at least 1"), "{message}");
    }
}

/// The newest checkpoint of a folder.
#[test]
fn weights_of_a_folder_of_checkpoints() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data) = (case.file("model.keras"), data(&case));
    let checkpoints = folder.path("run/cp-{epoch}.weights.h5");
    let (out, again) = (folder.path("a.keras"), folder.path("b.keras"));
    works(&train(&model, &data, &out, &["--epochs", "3", "--checkpoint", &checkpoints]));
    let run = folder.path("run");
    let predict = |model: &str, more: &[&str]| {
        works(&[&["predict", model, "--inputs", &data[0], "--device", "cpu"], more].concat())
    };
    assert_eq!(predict(&model, &["--weights", &run]), predict(&out, &[]));
    works(&train(&model, &data, &again, &["--weights", &run, "--steps", "1"]));
    let steps = |path: &str| load_model(path).unwrap().iterations();
    assert_eq!(steps(&again), steps(&out) + 1);
    std::fs::copy(&out, folder.path("run/other.keras")).unwrap();
    let message = fails(2, &["predict", &model, "--inputs", &data[0], "--weights", &run]);
    assert!(message.contains("cp-3.weights.h5") && message.contains("other.keras"), "{message}");
    std::fs::create_dir(folder.path("empty")).unwrap();
    let message = fails(2, &["predict", &model, "--inputs", &data[0], "--weights", &folder.path("empty")]);
    assert!(message.contains("no checkpoints"), "{message}");
}

/// The state that `--weights` brings goes to the optimizer of a model that was not compiled too; what is left out is said.
#[test]
fn weights_bring_the_state_of_the_optimizer() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data) = (case.file("model.keras"), data(&case));
    let (plain, out) = (folder.path("plain.keras"), folder.path("next.keras"));
    let options = LoadOptions { without_compile: true, ..LoadOptions::default() };
    load_model_with(&model, &options).unwrap().save(&plain).unwrap();
    let weights = folder.path("cp.weights.h5");
    let compile = ["--loss", "mse", "--optimizer", "adam", "--steps", "1"];
    works(&train(
        &plain,
        &data,
        &out,
        &[&compile[..], &["--epochs", "3", "--checkpoint", &weights]].concat(),
    ));
    let run = |model: &str, more: &[&str]| {
        let done = rhyton(&train(model, &data, &out, more));
        assert_eq!(done.code, Some(0), "{}", done.err);
        let optimizer = compile_config(&out)["optimizer"].clone();
        (optimizer["iteration"].as_i64().unwrap(), optimizer["learning_rate"].as_f64().unwrap(), done.err)
    };
    let from = ["--weights", &weights];
    assert_eq!(run(&plain, &[&compile[..], &from].concat()), (2, f64::from(0.001_f32), String::new()));
    let adam = r#"{"class_name": "Adam", "config": {"learning_rate": 0.5}}"#;
    assert_eq!(run(&plain, &[&from[..], &["--loss", "mse", "--optimizer", adam]].concat()).1, 0.5);
    // The state is of another optimizer: of the one that is chosen, and of that of the model.
    let (steps, _, said) = run(&plain, &[&from[..], &["--loss", "mse"]].concat());
    assert!(steps == 1 && said.contains("state (step 1) is none of RMSprop and is left out"), "{said}");
    let quiet = run(&plain, &[&from[..], &["--loss", "mse", "--quiet"]].concat());
    assert_eq!((quiet.0, quiet.2.as_str()), (1, ""));
    let other = folder.path("other.keras");
    std::fs::rename(&out, &other).unwrap();
    let before = load_model(&model).unwrap().iterations();
    let from = ["--weights", &other];
    let (steps, _, said) = run(&model, &from);
    assert!(steps == before + 1 && said.contains("its optimizer RMSprop is left out"), "{said}");
    assert_eq!(run(&model, &[&from[..], &["--quiet"]].concat()).2, "");
}

/// Where both training and saving fail, both reasons are said, and where the model is.
#[test]
fn what_cannot_be_saved_there_is_said() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data) = (case.file("model.keras"), data(&case));
    // No file can take the place of a folder with something in it.
    let out = folder.path("next.keras");
    std::fs::create_dir_all(folder.path("next.keras/full")).unwrap();
    std::fs::create_dir_all(folder.path("blocked.keras/full")).unwrap();
    let run = |home: &str, temporary: &str, more: &[&str]| {
        let mut command = crate::common::command();
        command.current_dir(home).env("TMPDIR", temporary).args(train(&model, &data, &out, more));
        let done = command.output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let home = folder.path("");
    let (code, said) = run(&home, &home, &["--checkpoint", "blocked.keras"]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(code == Some(1) && lines.len() == 3, "{said}");
    assert!(lines[0].starts_with("cannot save what was trained: ") && lines[0].contains(&out), "{said}");
    assert_eq!(lines[1], "what was trained is here instead: next-2.keras");
    assert!(lines[2].starts_with("error: ") && lines[2].contains("blocked.keras"), "{said}");
    // Nobody makes files there.
    if cfg!(target_os = "linux") {
        let (code, said) = run("/proc", "/proc/none", &[]);
        assert!(
            code == Some(1) && said.contains("what was trained is lost: ") && said.contains(&out),
            "{said}"
        );
    }
}

/// A program that trains, once it has.
#[cfg(unix)]
struct Training {
    child: std::process::Child,
    /// What it prints, until somebody else reads it.
    lines: Option<std::io::Lines<std::io::BufReader<std::process::ChildStdout>>>,
}

#[cfg(unix)]
impl Training {
    fn start(arguments: &[&str]) -> Self {
        use std::io::BufRead as _;
        use std::process::Stdio;
        let mut command = crate::common::command();
        command.args(arguments).args(["--epochs", "100000000"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.by_ref().any(|line| line.unwrap().starts_with("Epoch 3/")));
        Training { child, lines: Some(lines) }
    }

    fn signal(&self, signal: &str) {
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Waits for its end; its exit code and what it said on the standard error.
    fn end(mut self) -> (Option<i32>, String) {
        use std::io::Read as _;
        let (mut said, status) = (String::new(), self.child.wait().unwrap());
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code(), said)
    }
}

/// Ctrl-C: the step is finished, what was trained is saved, and said; also where nobody reads the output any more.
#[cfg(unix)]
#[test]
fn ctrl_c_saves() {
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data) = (case.file("model.keras"), data(&case));
    let (out, csv) = (folder.path("next.keras"), folder.path("h.csv"));
    let before = load_model(&model).unwrap().iterations();
    for (signal, code, is_read) in [("-INT", 130, true), ("-TERM", 143, true), ("-INT", 130, false)] {
        let mut training = Training::start(&train(&model, &data, &out, &["--history", &csv]));
        // It goes on printing while it is waited for.
        let lines = training.lines.take().filter(|_| is_read);
        let rest = lines.map(|lines| std::thread::spawn(move || lines.map_while(Result::ok).last()));
        training.signal(signal);
        let (found, said) = training.end();
        assert_eq!(found, Some(code), "{signal}, {is_read}: {said}");
        let steps = load_model(&out).unwrap().iterations();
        assert!(steps > before, "{steps}");
        assert!(said.contains(&format!("stopped after step {steps}")), "{said}");
        if let Some(rest) = rest {
            assert_eq!(rest.join().unwrap(), Some(format!("{out}: step {steps}")));
        }
        assert!(std::fs::read_to_string(&csv).unwrap().lines().count() > 2, "whole epochs");
        std::fs::remove_file(&out).unwrap();
    }
}

/// Checks that the second Ctrl-C ends the program: here it cannot end its step, since it waits for somebody to read what it printed.
#[cfg(target_os = "linux")]
#[test]
fn a_second_ctrl_c_stops_at_once() {
    use std::time::Duration;
    let folder = Folder::new();
    let case = Case::new("opt_adamw/keras3");
    let (model, data, out) = (case.file("model.keras"), data(&case), folder.path("next.keras"));
    let mut training = Training::start(&train(&model, &data, &out, &[]));
    let tasks = format!("/proc/{}/task", training.child.id());
    let state = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
    };
    // The pipe is full: all threads sleep, and none wakes.
    let mut asleep = 0;
    while asleep < 20 {
        std::thread::sleep(Duration::from_millis(10));
        let all = std::fs::read_dir(&tasks).unwrap().all(|task| state(task) == Some('S'));
        asleep = if all { asleep + 1 } else { 0 };
    }
    training.signal("-INT");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(training.child.try_wait().unwrap(), None, "one signal waits for the step");
    // Signals that come at once are one.
    while training.child.try_wait().unwrap().is_none() {
        training.signal("-INT");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (code, said) = training.end();
    assert_eq!((code, said.as_str()), (Some(130), ""));
    assert!(!folder.0.path().join("next.keras").exists());
}
