//! Checkpoints: ModelCheckpoint's options, the state file, CheckpointManager, files of other models.

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{bits, blobs, compile, cpu, list, model, network};
use ndarray::Array2;
use rhyton::metrics::Direction;
use rhyton::prelude::*;
use rhyton::train::Moment;

/// The end of epochs with these values of a metric: what the callback says of each, and the last path that it saved.
fn epochs(checkpoint: &mut ModelCheckpoint, model: &Model, name: &str, values: &[f64]) -> Vec<String> {
    let mut said = Vec::new();
    let names = ["loss", "accuracy", "val_loss", "val_accuracy"].map(String::from).to_vec();
    let directions = [Direction::Down, Direction::Up].map(Some).repeat(2);
    let mut control = Control { log_names: names, directions, ..Control::default() };
    checkpoint.on_train_begin(&mut control).expect("begins");
    for (epoch, value) in values.iter().enumerate() {
        let logs = Logs(vec![("loss".into(), 9.0), (name.into(), *value)]);
        let mut control = Control { epoch, ..Control::default() };
        checkpoint.wants(Moment::EpochEnd { epoch }, &logs);
        control.snapshot = Some(Arc::new(model.snapshot().expect("reads")));
        checkpoint.on_epoch_end(epoch, &logs, &mut control).expect("saves");
        said.append(&mut control.messages);
    }
    said
}

/// The checkpoints of a folder, by their index files.
fn checkpoints(folder: &Path) -> Vec<String> {
    list(folder).iter().filter_map(|n| n.strip_suffix(".index")).map(String::from).collect()
}

#[test]
fn best_only_saves_what_is_better_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = model(&cpu());
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();

    let path = at("{epoch:02d}-{val_loss:.2f}.keras");
    let mut best = ModelCheckpoint::new(&path).save_best_only(true).verbose(1);
    let said = epochs(&mut best, &model, "val_loss", &[0.5, 0.625, f64::NAN, 0.25]);
    let (first, last) = (at("01-0.50.keras"), at("04-0.25.keras"));
    assert_eq!(
        said,
        [
            format!("\nEpoch 1: val_loss improved from inf to 0.50000, saving model to {first}"),
            "\nEpoch 2: val_loss did not improve from 0.50000".into(),
            "\nEpoch 3: val_loss did not improve from 0.50000".into(),
            format!("\nEpoch 4: val_loss improved from 0.50000 to 0.25000, saving model to {last}"),
        ]
    );
    assert_eq!(best.best(), Some(0.25));
    assert_eq!(best.last_path(), Some(&Location::new(&last)));
    assert_eq!(list(folder.path()), ["01-0.50.keras", "04-0.25.keras"]);

    // Accuracy rises; `mode` says otherwise; a threshold must be beaten.
    let path = at("acc/cp");
    let rises =
        || ModelCheckpoint::new(&path).monitor("val_accuracy").save_best_only(true).save_weights_only(true);
    for (mut checkpoint, best) in [
        (rises(), 0.75),
        (rises().mode("max"), 0.75),
        (rises().mode("min"), 0.25),
        (rises().initial_value_threshold(0.9), 0.9),
    ] {
        assert_eq!(epochs(&mut checkpoint, &model, "val_accuracy", &[0.5, 0.75, 0.25]), [""; 0], "verbose 0");
        assert_eq!(checkpoint.best(), Some(best));
        assert_eq!(checkpoint.last_path().is_some(), best != 0.9);
    }

    // A value that is not logged saves nothing, and says so.
    let mut missing =
        ModelCheckpoint::new(at("none.keras")).save_best_only(true).monitor("val_auc").mode("max");
    let said = epochs(&mut missing, &model, "val_loss", &[0.5]);
    assert!(said[0].starts_with("Can save best model only with val_auc available, skipping."), "{said:?}");
    assert!(!folder.path().join("none.keras").exists());
}

#[test]
fn a_metric_says_whether_it_should_rise() {
    fn spread(_: Tensor, p: Tensor) -> Tensor {
        p.square().mean(&[-1])
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = (
        Array2::<f32>::from_shape_fn((8, 2), |(i, j)| (i * 2 + j) as f32 / 8.0),
        Array2::<f32>::ones((8, 1)),
    );
    let mut model =
        Sequential::new((Dense::new(1).activation("sigmoid").input_shape([2]),)).expect("a model");
    model.to(&cpu()).expect("moves");
    let counts = rhyton::metrics::FalsePositives::new();
    let metrics = metrics![
        "mae",
        rhyton::metrics::Precision::new(),
        rhyton::metrics::CosineSimilarity::new(),
        spread,
        counts
    ];
    // At a rate of 0 nothing improves after the first epoch, whichever way is better.
    model.compile(SGD::new().learning_rate(0.0), "mse", metrics).expect("compiles");
    let at = |name: &str| folder.path().join(name);
    for (monitor, threshold, better) in [
        ("loss", 100.0, true),
        ("val_loss", -1.0, false),
        ("mae", 100.0, true),
        ("val_precision", -1.0, true),
        ("precision", 2.0, false),
        ("cosine_similarity", -2.0, true),
    ] {
        let path = at(&format!("{monitor}.keras"));
        let mut best = ModelCheckpoint::new(&path)
            .monitor(monitor)
            .save_best_only(true)
            .initial_value_threshold(threshold);
        model
            .fit(&x, &y)
            .validation_data(&x, &y)
            .epochs(1)
            .verbose(0)
            .callbacks([&mut best])
            .run()
            .expect("trains");
        assert_eq!(path.exists(), better, "{monitor}");
    }
    // Functions and counts do not say, as in Keras; nor does what is not logged.
    for monitor in ["spread", "val_false_positives", "precisoin"] {
        let mut best = ModelCheckpoint::new(at("none.keras")).monitor(monitor).save_best_only(true);
        let mut stop = EarlyStopping::new().monitor(monitor);
        let callbacks: [&mut dyn Callback; 2] = [&mut best, &mut stop];
        for callback in callbacks {
            let fit = model.fit(&x, &y).validation_data(&x, &y).verbose(0).callbacks(vec![callback]);
            let error = fit.run().expect_err("does not say").to_string();
            let said = match monitor {
                "precisoin" => "nothing that is logged is called `precisoin`; there are loss, mae, precision",
                _ => "should rise or fall is not known",
            };
            assert!(error.contains(said) && error.contains(monitor), "{error}");
        }
        let mut stop = EarlyStopping::new().monitor(monitor).mode("max");
        model.fit(&x, &y).validation_data(&x, &y).verbose(0).callbacks([&mut stop]).run().expect("trains");
    }
}

/// An output may be called `val_..` itself; what is only logged after validation may be watched where nothing is validated.
#[test]
fn names_that_begin_as_those_of_validation() {
    let names = ["loss", "val_a_accuracy", "a_mae"];
    let directions = [Direction::Down, Direction::Up, Direction::Down].map(Some).to_vec();
    let control = Control { log_names: names.map(String::from).to_vec(), directions, ..Control::default() };
    for (name, direction, validated) in [
        ("val_loss", Some(Direction::Down), true),
        ("val_a_accuracy", Some(Direction::Up), false),
        ("val_a_mae", Some(Direction::Down), true),
        ("val_val_a_accuracy", Some(Direction::Up), true),
        ("a_accuracy", None, false),
    ] {
        assert_eq!((control.direction(name), control.is_validated(name)), (direction, validated), "{name}");
    }
}

#[test]
fn every_save_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cp.ckpt").to_string_lossy().into_owned();
    let mut checkpoint = ModelCheckpoint::new(&path).save_weights_only(true).verbose(1);
    let said = epochs(&mut checkpoint, &model(&cpu()), "val_loss", &[1.0, 2.0]);
    assert_eq!(said, [1, 2].map(|e| format!("\nEpoch {e}: saving model to {path}")));
    assert_eq!(list(folder.path()), ["checkpoint", "cp.ckpt.data-00000-of-00001", "cp.ckpt.index"]);
}

/// The guide's `save_freq=5*n_batches`.
#[test]
fn every_so_many_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(70);
    let mut model = model(&cpu());
    let n_batches = 70usize.div_ceil(32);
    let path = folder.path().join("cp-{epoch:04d}.ckpt");
    let mut checkpoint = ModelCheckpoint::new(&path).save_weights_only(true).save_freq(5 * n_batches);
    model.fit(&x, &y).epochs(12).callbacks([&mut checkpoint]).verbose(0).run().expect("trains");
    assert_eq!(checkpoints(folder.path()), ["cp-0005.ckpt", "cp-0010.ckpt"]);
    let latest = rhyton::latest_checkpoint(folder.path()).expect("reads");
    assert_eq!(latest, Some(folder.path().join("cp-0010.ckpt").into()));
    // It holds the state after the tenth epoch.
    let mut again = common::model(&cpu());
    again.load_weights(latest.expect("one")).expect("loads");
    assert_eq!(again.iterations(), 10 * n_batches as i64);

    // In the middle of an epoch: the batch in the name, from 1; means so far in the logs.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("{epoch}-{batch}-{loss:.1f}.weights.h5");
    let mut checkpoint = ModelCheckpoint::new(&path).save_weights_only(true).save_freq(2);
    model.fit(&x, &y).epochs(2).callbacks([&mut checkpoint]).verbose(0).run().expect("trains");
    let names = list(folder.path());
    let starts: Vec<&str> = names.iter().map(|n| &n[..3]).collect();
    assert_eq!(starts, ["1-2", "2-1", "2-3"], "{names:?}");
    let latest = rhyton::latest_checkpoint(folder.path()).expect("reads").expect("one");
    assert!(latest.file_name().is_some_and(|name| name.starts_with("2-3-")), "{latest}");
}

/// The newest one of any format, or an error that lists what cannot be ordered.
#[test]
fn the_newest_of_any_format() {
    let (x, y) = blobs(40);
    let mut model = model(&cpu());
    for ending in [".keras", ".weights.h5", ".h5", ""] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(format!("cp-{{epoch}}-{{loss:.2f}}{ending}"));
        let mut checkpoint = ModelCheckpoint::new(&path).save_weights_only(ending == ".weights.h5");
        model.fit(&x, &y).epochs(11).callbacks([&mut checkpoint]).verbose(0).run().expect("trains");
        let latest = rhyton::latest_checkpoint(folder.path()).expect("reads").expect("one");
        assert_eq!(Some(&latest), checkpoint.last_path(), "{ending}");
        model.load_weights(&latest).expect("loads");
        std::fs::write(folder.path().join("history.csv"), "epoch,loss\n").expect("writes");
        assert_eq!(rhyton::latest_checkpoint(folder.path()).expect("reads"), Some(latest), "{ending}");
        model.save(folder.path().join("final.keras")).expect("saves");
        let error = rhyton::latest_checkpoint(folder.path()).expect_err("which one?").to_string();
        assert!(error.contains("final.keras") && error.contains("cp-11-"), "{error}");
    }
}

#[test]
fn a_template_that_cannot_be_filled_ends_training_with_its_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(40);
    let mut checkpoint = ModelCheckpoint::new(folder.path().join("{val_acc:.2f}.keras"));
    let error =
        model(&cpu()).fit(&x, &y).callbacks([&mut checkpoint]).verbose(0).run().expect_err("no val_acc");
    let text = error.to_string();
    assert!(text.contains("ModelCheckpoint") && text.contains("`val_acc`"), "{text}");
    assert_eq!(list(folder.path()), [""; 0]);
}

#[test]
fn a_manager_keeps_the_newest() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(40);
    let mut model = model(&cpu());
    let manager = CheckpointManager::new(folder.path()).max_to_keep(3);
    assert_eq!(manager.latest_checkpoint().expect("reads"), None);
    let mut states = Vec::new();
    for k in 1..=5 {
        model.fit(&x, &y).verbose(0).run().expect("trains");
        assert_eq!(manager.save(&model).expect("saves"), folder.path().join(format!("ckpt-{k}")).into());
        states.push(bits(&model));
    }
    assert_eq!(checkpoints(folder.path()), ["ckpt-3", "ckpt-4", "ckpt-5"]);
    assert_eq!(list(folder.path()).len(), 7, "an index and a data file each, and the state file");
    let kept = [3, 4, 5].map(|k| Location::new(folder.path().join(format!("ckpt-{k}"))));
    assert_eq!(manager.checkpoints().expect("reads"), kept);
    assert_eq!(manager.latest_checkpoint().expect("reads"), Some(kept[2].clone()));
    assert_eq!(rhyton::latest_checkpoint(folder.path()).expect("reads"), Some(kept[2].clone()));
    let state = std::fs::read_to_string(folder.path().join("checkpoint")).expect("written");
    assert!(state.starts_with("model_checkpoint_path: \"ckpt-5\"\n"), "{state}");
    for (path, state) in kept.iter().zip(&states[2..]) {
        let mut again = common::model(&cpu());
        again.load_weights(path).expect("loads");
        assert_eq!(&bits(&again), state);
    }
    // Another manager of the folder goes on counting; 5 are kept by default.
    let other = CheckpointManager::new(folder.path());
    assert_eq!(other.save(&model).expect("saves"), folder.path().join("ckpt-6").into());
    assert_eq!(checkpoints(folder.path()), ["ckpt-3", "ckpt-4", "ckpt-5", "ckpt-6"]);
}

#[test]
fn weights_of_another_architecture_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(40);
    let trained = |mut model: Model| {
        model.to(&cpu()).expect("moves");
        compile(&mut model, Adam::new());
        model.fit(&x, &y).verbose(0).run().expect("trains");
        model
    };
    let saved = trained(network(16));
    let wider = || trained(network(17));
    let deeper = || {
        let layers = (
            Dense::new(16).name("hidden").input_shape([20]),
            Dense::new(16).name("more"),
            Dense::new(3).name("scores"),
        );
        trained(Sequential::new(layers).name("small").expect("fits"))
    };
    let shallower = || {
        trained(
            Sequential::new((Dense::new(3).name("scores").input_shape([20]),)).name("small").expect("fits"),
        )
    };
    for file in ["a.ckpt", "a.weights.h5", "a.h5", "whole.keras", "whole.h5"] {
        let path = folder.path().join(file);
        let written = if file.starts_with("whole") { saved.save(&path) } else { saved.save_weights(&path) };
        written.expect("saves");
        let models = [("wider", wider()), ("deeper", deeper()), ("shallower", shallower())];
        for (what, mut model) in models {
            let before = (bits(&model), model.iterations(), model.random_state());
            let error = model.load_weights(&path).expect_err("another architecture").to_string();
            assert!(error.contains(file), "{file}, {what}: {error}");
            match what {
                "wider" => assert!(error.contains("16") && error.contains("17"), "{file}, {what}: {error}"),
                "deeper" => assert!(
                    error.contains("more") || error.contains("[16, 16]") || error.contains("3 layers"),
                    "{file}, {what}: {error}"
                ),
                _ => assert!(error.contains("scores") || error.contains("layer"), "{file}, {what}: {error}"),
            }
            let after = (bits(&model), model.iterations(), model.random_state());
            assert_eq!(after, before, "{file}, {what}");
        }
    }
}
