//! Files of Keras and tf_keras with something in them that is not known here, or known by more than a name: an optimizer, a loss, a setting, a
//! class of somebody's, an operation. What does not need it works, the rest says what it needs. `make.py` beside the files made them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rhyton::datasets::npy::Npz;
use rhyton::inspect::inspect;
use rhyton::latest_checkpoint;
use rhyton::persist::convert::ConvertOptions;
use rhyton::persist::tree::WriteOptions;
use rhyton::persist::{self, Location};
use rhyton::prelude::*;
use rhyton::saving::{Recompile, convert, recompile};
use rhyton::train::Data;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/persist/tests/data/foreign").join(name)
}

/// Arrays `in0`, `in1`, ... of a case.
fn arrays(case: &str, prefix: &str) -> Vec<ndarray::ArrayD<f32>> {
    let mut npz = Npz::open(file(&format!("{case}.npz"))).expect("results");
    (0..).map_while(|i| npz.array::<f32>(&format!("{prefix}{i}")).ok()).collect()
}

fn predicts_as_keras(model: &mut Model, case: &str) {
    let inputs: Vec<Data<'static>> = arrays(case, "in").iter().map(|a| Data::of(a).into_owned()).collect();
    let got = model.predict(inputs).verbose(0).run_all().unwrap_or_else(|e| panic!("{case}: {e}"));
    let wanted = arrays(case, "out");
    assert_eq!(got.len(), wanted.len(), "{case}");
    for (i, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
        assert_eq!(got.shape(), wanted.shape(), "{case}, output {i}");
        let worst = got.iter().zip(wanted).map(|(g, w)| (g - w).abs() / (1.0 + w.abs())).fold(0.0, f32::max);
        assert!(worst < 1e-5, "{case}, output {i}: off by {worst}");
    }
}

fn on_the_cpu(path: &Path) -> Result<Model, rhyton::Error> {
    let mut model = load_model(path)?;
    model.to(&Device::cpu()?)?;
    Ok(model)
}

/// Every array of a file by its path, as bytes.
fn stored(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let stored = persist::open(path, None).and_then(|file| file.weights.stored()).expect("reads");
    stored
        .iter()
        .filter(|s| !s.path.starts_with("metrics/"))
        .map(|s| (s.path.clone(), s.variable.value.as_ref().expect("a value").read().expect("reads")))
        .collect()
}

/// Optimizers that are not known, or have a state that is none of the model's, and such as once were not known: their files keep all that they say.
const OPTIMIZERS: [(&str, &str); 6] = [
    ("keras3/muon", "Muon"),
    ("keras3/averages", "use_ema"),
    ("keras3/other", "Mine>Other"),
    ("keras3/frozen", "8 slot variables"),
    ("tf_keras/averages", "use_ema"),
    ("tf_keras/frozen", "8 slot variables"),
];

#[test]
fn an_optimizer_that_cannot_go_on_blocks_training_alone() {
    for (case, named) in OPTIMIZERS {
        let goes_on = ["Muon", "use_ema"].contains(&named);
        let mut model = on_the_cpu(&file(&format!("{case}.keras"))).unwrap_or_else(|e| panic!("{case}: {e}"));
        predicts_as_keras(&mut model, case);
        evaluates_as_keras(&mut model, case);
        let mut npz = Npz::open(file(&format!("{case}.npz"))).unwrap();
        let [x, y] = ["x", "y"].map(|name| npz.array::<f32>(name).unwrap());
        assert_eq!(model.iterations(), 6, "{case}");
        let before = model.get_weights().unwrap();
        if goes_on {
            let slots = model.optimizer_weights().unwrap();
            assert!(slots.iter().any(|(_, slot)| slot.iter().any(|v| *v != 0.0)), "{case}");
            model.fit(Data::of(&x), Data::of(&y)).verbose(0).run().unwrap_or_else(|e| panic!("{case}: {e}"));
            assert_eq!(model.iterations(), 7, "{case}");
            continue;
        }
        let error = model.fit(Data::of(&x), Data::of(&y)).verbose(0).run().unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("compile"), "{case}: {error}");
        assert_eq!(model.get_weights().unwrap(), before, "{case}");
        let error = model.set_learning_rate(0.5).expect_err("nothing to set it of").to_string();
        assert!(error.contains(named), "{case}: {error}");
        model.compile("sgd", "mse", ["mae"]).unwrap();
        model.fit(Data::of(&x), Data::of(&y)).verbose(0).run().unwrap_or_else(|e| panic!("{case}: {e}"));
    }
}

/// Checks that what was read of a training is written again, by a model and by a conversion, and nothing of it is lost in the same dialect.
#[test]
fn what_cannot_go_on_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    // One that goes on keeps the order of its variables, too.
    let scaled = ["keras3/lossscale", "tf_keras/lossscale"];
    for case in OPTIMIZERS.iter().map(|(case, _)| *case).chain(scaled) {
        let from = file(&format!("{case}.keras"));
        let before = inspect(from.as_path()).unwrap();
        let wanted = stored(&from);
        let model = on_the_cpu(&from).unwrap();
        let dialect = before.dialect;
        let saved = folder.path().join("saved.keras");
        let options = SaveOptions { dialect, ..SaveOptions::default() };
        model.save_with(saved.as_path(), &options).unwrap();
        let converted = folder.path().join("converted.keras");
        let options =
            ConvertOptions { write: WriteOptions { dialect, shards: 0 }, ..ConvertOptions::default() };
        convert(from.as_path(), converted.as_path(), None, &options).unwrap();
        for written in [&saved, &converted] {
            let found = stored(written);
            for (path, bytes) in &wanted {
                // What the outer one of a scaled optimizer counts stands still.
                assert_eq!(found.get(path), Some(bytes), "{case}: {path} of {}", written.display());
            }
            let after = inspect(written.as_path()).unwrap();
            let said = |found: &rhyton::inspect::Inspection| {
                let compile = found.compile.clone().expect("compiled");
                (persist::convert::optimizer_class(&compile.optimizer), compile.loss, compile.metrics)
            };
            assert_eq!(said(&after), said(&before), "{case}");
            assert_eq!(
                after.optimizer.map(|o| (o.iteration, o.slots)),
                before.optimizer.as_ref().map(|o| (o.iteration, o.slots)),
                "{case}"
            );
        }
        // In another format and back.
        let h5 = folder.path().join("model.h5");
        convert(from.as_path(), h5.as_path(), None, &options).unwrap_or_else(|e| panic!("{case}: {e}"));
        convert(h5.as_path(), converted.as_path(), None, &options).unwrap_or_else(|e| panic!("{case}: {e}"));
        assert_eq!(stored(&converted).len(), wanted.len(), "{case}");
        for (path, bytes) in stored(&converted).iter().filter(|(path, _)| path.starts_with("optimizer/vars"))
        {
            assert_eq!(wanted.get(path), Some(bytes), "{case}: {path}");
        }
    }
}

/// In a dialect that has no words for it, a training is left out, and the model is written.
#[test]
fn what_the_target_cannot_say_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("other.h5");
    for case in ["muon", "other", "averages", "frozen"] {
        let options = ConvertOptions {
            write: WriteOptions { dialect: Some(Dialect::TfKeras), shards: 0 },
            ..ConvertOptions::default()
        };
        let from = file(&format!("keras3/{case}.keras"));
        let written = persist::convert::convert(from.as_path(), to.as_path(), None, &options).unwrap();
        assert_eq!(written.notes.len(), 1, "{case}: {:?}", written.notes);
        assert!(written.notes[0].contains(if case == "muon" { "Muon" } else { "" }), "{:?}", written.notes);
        predicts_as_keras(&mut on_the_cpu(&to).unwrap(), &format!("keras3/{case}"));
        assert!(stored(&to).keys().all(|path| !path.starts_with("optimizer_weights")), "{case}");
    }
}

#[test]
fn a_loss_that_is_not_known_blocks_evaluating_alone() {
    let folder = tempfile::tempdir().unwrap();
    let from = file("keras3/loss.keras");
    let mut model = on_the_cpu(&from).unwrap();
    predicts_as_keras(&mut model, "keras3/loss");
    let x = ndarray::Array2::<f32>::ones((4, 3));
    let error = model.evaluate(Data::of(&x), Data::of(&x)).verbose(0).run().unwrap_err().to_string();
    assert!(error.contains("Mine>fourth"), "{error}");
    let again = folder.path().join("again.keras");
    model.save(again.as_path()).unwrap();
    assert_eq!(inspect(again.as_path()).unwrap().compile, inspect(from.as_path()).unwrap().compile);
    assert_eq!(stored(&again).len(), stored(&from).len());
}

/// Compiled again with a loss that is known, a model has the optimizer of its file with all of its state: the slots, and what only the record of
/// Rhyton's own files holds of them in tf_keras' formats.
#[test]
fn another_loss_keeps_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let mse = Recompile { loss: Some("mse".into()), ..Recompile::default() };
    let (from, saved) = (file("keras3/loss.keras"), folder.path().join("saved.keras"));
    let mut model = on_the_cpu(&from).unwrap();
    assert_eq!(recompile(&mut model, &mse).unwrap(), None);
    assert!(model.kept().is_none() && model.iterations() == 6);
    model.save(saved.as_path()).unwrap();
    assert_eq!(stored(&saved), stored(&from));

    let x = ndarray::Array2::<f32>::ones((4, 3));
    let y = ndarray::Array2::<f32>::zeros((4, 1));
    let mut model = on_the_cpu(&from).unwrap();
    // A closure: no file has a name for it.
    model.compile("nadam", |a: Tensor, b: Tensor| (a - b).square(), ()).unwrap();
    model.set_learning_rate(0.03).unwrap();
    model.fit(&x, &y).epochs(3).verbose(0).run().unwrap();
    let path = |name: &str| folder.path().join(name);
    model.save(path("nadam.h5")).unwrap();
    // Also by who cannot go on with it.
    on_the_cpu(&path("nadam.h5")).unwrap().save(path("again.h5")).unwrap();
    let state = |model: &Model| {
        let compiled = model.compiled().unwrap();
        (compiled.optimizer.host_state(), compiled.learning_rate(), model.optimizer_weights().unwrap())
    };
    for name in ["nadam.h5", "again.h5"] {
        let mut again = on_the_cpu(&path(name)).unwrap();
        assert!(!again.is_compiled(), "{name}");
        recompile(&mut again, &mse).unwrap();
        assert_eq!(state(&again), state(&model), "{name}");
    }
    // What is not known of the file's other parts is said, and changes nothing.
    let mut model = on_the_cpu(&from).unwrap();
    let metrics = Recompile { metrics: Some(serde_json::json!(["mse"])), ..Recompile::default() };
    let error = recompile(&mut model, &metrics).unwrap_err().to_string();
    assert!(error.contains("Mine>fourth") && model.kept().is_some(), "{error}");
    // An optimizer that is not known stays so, with its state.
    let from = file("keras3/muon.keras");
    let mut model = on_the_cpu(&from).unwrap();
    recompile(&mut model, &Recompile { loss: Some("mae".into()), ..Recompile::default() }).unwrap();
    model.save(saved.as_path()).unwrap();
    assert_eq!(stored(&saved), stored(&from));
    assert_eq!(inspect(saved.as_path()).unwrap().compile.unwrap().loss, "mae");
    assert_eq!(recompile(&mut model, &Recompile { optimizer: Some("sgd".into()), ..mse }).unwrap(), Some(6));
}

/// `Dense` of somebody's module is not Keras', an operation is not the layer of its name: they are data where that is enough, and errors that name them where they are to be built.
#[test]
fn a_name_alone_is_no_class() {
    let folder = tempfile::tempdir().unwrap();
    for (case, named) in [
        ("dense.keras", "unknown layer `Dense`"),
        ("unknown_ops.keras", "unknown operations `Nextafter`, `View`"),
        ("unknown_ops.h5", "unknown operations `Nextafter`, `View`"),
    ] {
        let from = file(&format!("keras3/{case}"));
        let error = load_model(from.as_path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(named), "{case}: {error}");
        let found = inspect(from.as_path()).unwrap();
        assert!(found.parameters.is_some(), "{case}: {:?}", found.notes);
        let to = folder.path().join("to.keras");
        convert(from.as_path(), to.as_path(), None, &ConvertOptions::default()).unwrap();
        assert_eq!(inspect(to.as_path()).unwrap().compile, found.compile, "{case}");
        if case.ends_with(".keras") {
            assert_eq!(stored(&to), stored(&from), "{case}");
        }
        let error = load_model(to.as_path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(named), "{case}, converted: {error}");
    }
    // `Add` and `Reshape` are operations here, and not the layers of these names.
    for case in ["ops.keras", "ops.h5"] {
        predicts_as_keras(&mut on_the_cpu(&file(&format!("keras3/{case}"))).unwrap(), "keras3/ops");
    }
    for case in ["lora", "int8"] {
        let mut model = on_the_cpu(&file(&format!("keras3/{case}.keras"))).unwrap();
        predicts_as_keras(&mut model, &format!("keras3/{case}"));
        let (from, to) = (file(&format!("keras3/{case}.keras")), folder.path().join("to.keras"));
        assert!(inspect(from.as_path()).unwrap().parameters.is_some(), "{case}");
        convert(from.as_path(), to.as_path(), None, &ConvertOptions::default()).unwrap();
        assert_eq!(stored(&to), stored(&from), "{case}");
        model.save(to.as_path()).unwrap();
        assert_eq!(stored(&to), stored(&from), "{case}, saved");
    }
    // What these layers save of themselves is not what other formats hold of them.
    for case in ["lora.keras", "int8.keras"] {
        let to = folder.path().join("to.h5");
        let error = convert(file(&format!("keras3/{case}")), to.as_path(), None, &ConvertOptions::default());
        assert!(error.unwrap_err().to_string().contains("the layer `a` has a setting"), "{case}");
    }
    // tf_keras has no such operations, in any format of its own.
    for to in ["to.h5", "to"] {
        let to = folder.path().join(to);
        let options = ConvertOptions {
            write: WriteOptions { dialect: Some(Dialect::TfKeras), shards: 0 },
            ..ConvertOptions::default()
        };
        let error = convert(file("keras3/ops.keras"), to.as_path(), None, &options).unwrap_err().to_string();
        assert!(error.contains("the operation Add, which tf_keras does not have"), "{error}");
    }
    // An `.h5` says whose they are too.
    for case in ["dense.keras", "unknown_ops.keras"] {
        let to = folder.path().join("to.h5");
        let options = ConvertOptions {
            write: WriteOptions { dialect: Some(Dialect::Keras3), shards: 0 },
            ..ConvertOptions::default()
        };
        convert(file(&format!("keras3/{case}")), to.as_path(), None, &options).unwrap();
        assert!(load_model(to.as_path()).is_err(), "{case}");
        let back = folder.path().join("back.keras");
        convert(to.as_path(), back.as_path(), None, &options).unwrap();
        assert_eq!(stored(&back), stored(&file(&format!("keras3/{case}"))), "{case}");
    }
}

/// Nested models at the end of a model, and inputs and outputs in lists and objects, in the order of Keras' `model.inputs`.
#[test]
fn ends_of_models_are_those_of_keras() {
    let folder = tempfile::tempdir().unwrap();
    for library in ["keras3", "tf_keras"] {
        for name in ["end_two", "end_mixed", "in_list", "in_dict"] {
            let case = format!("{library}/{name}");
            let from = file(&format!("{case}.keras"));
            predicts_as_keras(&mut on_the_cpu(&from).unwrap_or_else(|e| panic!("{case}: {e}")), &case);
            for dialect in [Dialect::Keras3, Dialect::TfKeras] {
                for ending in ["keras", "h5"] {
                    let to = folder.path().join(format!("to.{ending}"));
                    let options = ConvertOptions {
                        write: WriteOptions { dialect: Some(dialect), shards: 0 },
                        ..ConvertOptions::default()
                    };
                    convert(from.as_path(), to.as_path(), None, &options).unwrap();
                    predicts_as_keras(&mut on_the_cpu(&to).unwrap(), &case);
                    let (before, after) = [&from, &to]
                        .map(|path| persist::open(path.as_path(), None).unwrap().model.unwrap())
                        .into();
                    assert_eq!((before.inputs, before.outputs), (after.inputs, after.outputs), "{case}");
                    assert_eq!(before.config.get("input_layers"), after.config.get("input_layers"), "{case}");
                }
            }
            // A model that is saved again from memory.
            let again = folder.path().join("again.keras");
            on_the_cpu(&from).unwrap().save(again.as_path()).unwrap();
            predicts_as_keras(&mut on_the_cpu(&again).unwrap(), &case);
        }
    }
}

#[test]
fn inspecting_tells_what_is_there() {
    for library in ["keras3", "tf_keras"] {
        let found = inspect(file(&format!("{library}/sub.keras"))).unwrap();
        assert!(found.model.is_none() && found.arrays.len() > 4, "{library}");
        assert!(found.notes.iter().any(|note| note.contains("`Sub`")), "{:?}", found.notes);
        assert_eq!(found.compile.unwrap().loss, "mse");
        assert_eq!(found.optimizer.map(|o| (o.class, o.iteration)), Some(("Adam".into(), 6)));
        let frozen = inspect(file(&format!("{library}/frozen.keras"))).unwrap();
        assert_eq!(frozen.parameters, Some((21, Some(5))), "{library}");
        assert!(frozen.notes.iter().any(|note| note.contains("8 slot variables")), "{:?}", frozen.notes);
    }
    let int8 = inspect(file("keras3/int8.keras")).unwrap();
    assert_eq!(int8.parameters, Some((12 + 4 + 4 + 4 + 1 + 1, None)), "nobody says which are trained");
    let keras_1 = inspect(file("keras3/keras_1.h5")).unwrap();
    let found: Vec<&str> = keras_1.arrays.iter().map(|array| array.path.as_str()).collect();
    assert_eq!(found, ["layer_0/param_0", "layer_0/param_1"]);
    // The members of a `.keras` as files of a folder.
    let folder = tempfile::tempdir().unwrap();
    let archive = file("keras3/muon.keras");
    unpack(&archive, folder.path());
    let found = inspect(folder.path()).unwrap();
    assert_eq!((found.format, found.parameters), ("keras", inspect(archive.as_path()).unwrap().parameters));
    predicts_as_keras(&mut on_the_cpu(folder.path()).unwrap(), "keras3/muon");
    let to = folder.path().join("to.keras");
    convert(folder.path(), to.as_path(), None, &ConvertOptions::default()).unwrap();
    assert_eq!(stored(&to), stored(&archive));
}

/// Folders that `save(.., zipped=False)` made are checkpoints as archives are, and their assets are theirs or refused.
#[test]
fn models_as_folders_are_checkpoints_too() {
    let folder = tempfile::tempdir().unwrap();
    for epoch in [1, 2, 10] {
        unpack(&file("keras3/muon.keras"), &folder.path().join(format!("e{epoch}.keras")));
    }
    let newest = folder.path().join("e10.keras");
    assert_eq!(latest_checkpoint(folder.path()).unwrap(), Some(Location::from(newest.as_path())));
    #[cfg(unix)]
    {
        std::fs::create_dir_all(newest.join("assets/layer")).unwrap();
        inspect(newest.as_path()).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", newest.join("assets/layer/vocabulary.txt")).unwrap();
        let error = inspect(newest.as_path()).unwrap_err().to_string();
        assert!(error.contains("vocabulary.txt") && error.contains("a link"), "{error}");
    }
}

fn unpack(archive: &Path, folder: &Path) {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    archive.extract(folder).unwrap();
}

/// Arrays that no architecture describes keep the names of their file.
#[test]
fn safetensors_need_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("w.weights.h5");
    let options = ConvertOptions { format: Some("weights-h5".into()), ..ConvertOptions::default() };
    convert(file("keras3/muon.keras"), weights.as_path(), None, &options).unwrap();
    for from in [weights, file("keras3/sub.keras")] {
        let to = folder.path().join("w.safetensors");
        convert(Location::from(from.as_path()), to.as_path(), None, &ConvertOptions::default()).unwrap();
        let (mut wanted, found) = (stored(&from), stored(&to));
        wanted.retain(|path, _| !path.starts_with("optimizer/"));
        assert!(!found.is_empty());
        assert_eq!(found, wanted);
    }
    // In a file of layers alone they may be called as other things elsewhere are.
    let names = ["optimizer", "rhyton"];
    let layers = (Dense::new(3).input_shape([2]).name(names[0]), Dense::new(1).name(names[1]));
    let (from, to) = (folder.path().join("w.h5"), folder.path().join("named.safetensors"));
    Sequential::new(layers).unwrap().save_weights(from.as_path()).unwrap();
    convert(Location::from(from.as_path()), to.as_path(), None, &ConvertOptions::default()).unwrap();
    assert_eq!(stored(&to).len(), 4);
}

/// Checks the loss and the metrics of a case against Keras'.
fn evaluates_as_keras(model: &mut Model, case: &str) {
    let mut npz = Npz::open(file(&format!("{case}.npz"))).unwrap();
    let [x, y, eval] = ["x", "y", "eval"].map(|name| npz.array::<f32>(name).unwrap());
    let logs = model.evaluate(Data::of(&x), Data::of(&y)).verbose(0).run();
    let logs = logs.unwrap_or_else(|e| panic!("{case}: {e}"));
    assert_eq!(logs.0.len(), eval.len(), "{case}");
    for ((name, got), wanted) in logs.0.iter().zip(&eval) {
        assert!((got - f64::from(*wanted)).abs() < 1e-5, "{case}: {name} is {got}, Keras has {wanted}");
    }
}

/// Keras 3 spreads smoothed targets by the length of the last axis, tf_keras by that of the classes: each model has its library's numbers, and
/// the other library's files, which have no words for them, are those of models that were not compiled.
#[test]
fn targets_are_smoothed_as_the_files_library_does() {
    let folder = tempfile::tempdir().unwrap();
    for (case, own, other) in [
        ("keras3/smoothed", Dialect::Keras3, Dialect::TfKeras),
        ("tf_keras/smoothed", Dialect::TfKeras, Dialect::Keras3),
    ] {
        let mut model = on_the_cpu(&file(&format!("{case}.keras"))).unwrap();
        evaluates_as_keras(&mut model, case);
        let path = folder.path().join("again.keras");
        let options = |dialect| SaveOptions { dialect: Some(dialect), ..SaveOptions::default() };
        model.save_with(&path, &options(own)).unwrap();
        evaluates_as_keras(&mut on_the_cpu(&path).unwrap(), case);
        model.save_with(&path, &options(other)).unwrap();
        assert!(inspect(path.as_path()).unwrap().compile.is_none(), "{case}");
        let notes = persist::convert::convert(
            Location::from(file(&format!("{case}.keras"))),
            Location::from(path),
            None,
            &ConvertOptions {
                write: WriteOptions { dialect: Some(other), shards: 0 },
                ..ConvertOptions::default()
            },
        );
        let notes = notes.unwrap().notes.join("; ");
        assert!(notes.contains("`label_smoothing` with `axis` = 1"), "{notes}");
    }
}

/// Returns how far the weights are from the library's after one step of its own.
fn off_after_a_step(model: &mut Model, case: &str) -> f32 {
    let mut npz = Npz::open(file(&format!("{case}.npz"))).unwrap();
    let [x, y] = ["x", "y"].map(|name| npz.array::<f32>(name).unwrap());
    model.train_on_batch(Data::of(&x), Data::of(&y)).unwrap();
    let wanted = arrays(case, "after");
    let got = model.get_weights().unwrap();
    assert_eq!(got.len(), wanted.len());
    let off = got.iter().zip(&wanted).flat_map(|(got, wanted)| got.iter().zip(wanted));
    off.map(|(g, w)| (g - w).abs()).fold(0.0, f32::max)
}

/// tf_keras corrects the variance of images whose channels are at either end, and of no others.
#[test]
fn a_normalization_in_the_middle_of_an_image_trains_as_in_tf_keras() {
    let case = "tf_keras/normalized";
    let mut model = on_the_cpu(&file(&format!("{case}.keras"))).unwrap();
    predicts_as_keras(&mut model, case);
    let off = off_after_a_step(&mut model, case);
    assert!(off < 1e-5, "off by {off}");
}

/// What a call says of training stays with it in tf_keras: a base that is fine-tuned with `training=False` keeps its statistics.
#[test]
fn a_call_at_inference_trains_as_in_tf_keras() {
    let (case, folder) = ("tf_keras/at_inference", tempfile::tempdir().unwrap());
    let mut model = on_the_cpu(&file(&format!("{case}.keras"))).unwrap();
    predicts_as_keras(&mut model, case);
    for target in ["m.keras", "m.h5", "saved_model"] {
        let path = folder.path().join(target);
        let options = SaveOptions { dialect: Some(Dialect::TfKeras), ..SaveOptions::default() };
        model.save_with(path.as_path(), &options).unwrap();
        let off = off_after_a_step(&mut on_the_cpu(&path).unwrap(), case);
        assert!(off < 1e-5, "by way of {target}: off by {off}");
    }
    let off = off_after_a_step(&mut model, case);
    assert!(off < 1e-5, "off by {off}");
}

/// A class of a module that is not Keras' goes nowhere where its name alone would stand for it.
#[test]
fn namesakes_are_not_written_by_their_names_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (case, class) in [("loss_namesake", "MeanSquaredError"), ("optimizer_namesake", "Adam")] {
        let from = file(&format!("keras3/{case}.keras"));
        for target in ["model.h5", "saved_model"] {
            let to = folder.path().join(target);
            let (from, place) = (Location::from(from.clone()), Location::from(to.clone()));
            let notes =
                persist::convert::convert(&from, &place, None, &ConvertOptions::default()).unwrap().notes;
            let notes = notes.join("; ");
            assert!(notes.contains(&format!("the class {class} of another module")), "{notes}");
            assert!(inspect(to.as_path()).unwrap().compile.is_none(), "{target}");
        }
        let to = folder.path().join("model.keras");
        convert(from.as_path(), to.as_path(), None, &ConvertOptions::default()).unwrap();
        assert!(inspect(to.as_path()).unwrap().compile.is_some());
    }
}

/// tf_keras numbers the outputs of one layer, so that each has its own loss.
#[test]
fn outputs_of_one_layer_have_a_loss_each() {
    let case = "tf_keras/twice";
    let mut model = on_the_cpu(&file(&format!("{case}.keras"))).unwrap();
    let mut npz = Npz::open(file(&format!("{case}.npz"))).unwrap();
    let [x, z, y, eval] = ["in0", "in1", "y", "eval"].map(|name| npz.array::<f32>(name).unwrap());
    let logs = model.evaluate((&x, &z), (&y, &y)).verbose(0).run().unwrap();
    let names: Vec<&str> = logs.names().collect();
    assert_eq!(names, ["loss", "d_loss", "d_1_loss"]);
    for ((name, got), wanted) in logs.0.iter().zip(&eval) {
        assert!((got - f64::from(*wanted)).abs() < 1e-5, "{name} is {got}, tf_keras has {wanted}");
    }
}
