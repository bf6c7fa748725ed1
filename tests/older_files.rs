//! Files of Keras 1, of cuDNN layers, of Theano, of Keras 2.0's slots, of Keras 2.13 and of Windows: they predict as Keras does on both devices, and
//! what is written of them does too. tests/data/older/*.py made them.

mod common;

use std::path::{Path, PathBuf};

use common::{cpu, gpu};
use ndarray::ArrayD;
use rhyton::datasets::npy::Npz;
use rhyton::persist::convert::{ConvertOptions, convert};
use rhyton::prelude::*;
use rhyton::train::Data;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/older")
}

/// The arrays `x0`, `x1`, .. of a case's archive.
fn arrays(name: &str, letter: char) -> Vec<ArrayD<f32>> {
    let mut archive = Npz::open(folder().join(format!("{name}.npz"))).expect("an archive");
    (0..).map_while(|i| archive.array::<f32>(&format!("{letter}{i}")).ok()).collect()
}

fn check(path: &Path, name: &str, device: &Device) {
    let mut model = load_model(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    model.to(device).expect("moves");
    let inputs: Vec<Data<'static>> = arrays(name, 'x').iter().map(|x| Data::of(x).into_owned()).collect();
    let got = model.predict(inputs).verbose(0).run_all().expect("predicts");
    let wanted = arrays(name, 'y');
    assert_eq!(got.len(), wanted.len());
    for (got, want) in got.iter().zip(&wanted) {
        assert_eq!(got.shape(), want.shape(), "{}", path.display());
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() <= 1e-5 * (1.0 + w.abs()), "{}: {g}, Keras has {w}", path.display());
        }
    }
}

/// The case from its file, and from each format that the file is converted to.
fn case(file: &str) {
    let path = folder().join(file);
    let name = path.file_stem().and_then(|s| s.to_str()).expect("a name").to_owned();
    check(&path, &name, &cpu());
    if let Some(gpu) = gpu() {
        check(&path, &name, &gpu);
    }
    let made = tempfile::tempdir().expect("a folder");
    let target = made.path().join("saved_model");
    load_model(&path).expect("loads").save(&target).expect("saves");
    check(&target, &name, &cpu());
    for target in ["model.keras", "model.h5"] {
        let target = made.path().join(target);
        convert(path.as_path(), target.as_path(), None, &ConvertOptions::default())
            .unwrap_or_else(|e| panic!("{file} to {}: {e}", target.display()));
        check(&target, &name, &cpu());
    }
}

#[test]
fn keras_1_is_read() {
    for name in ["mlp", "images", "lines", "texts", "merges"] {
        case(&format!("keras1_{name}.h5"));
    }
}

#[test]
fn kernels_of_theano_are_turned() {
    case("theano.h5");
}

#[test]
fn layers_for_cudnn_are_plain_ones() {
    case("cudnn.h5");
}

#[test]
fn keras_2_13_numbers_layers_twice() {
    case("keras_2_13_two.keras");
    case("keras_2_13_video.keras");
}

#[test]
fn paths_of_windows_are_paths() {
    case("windows.keras");
}

/// The content says what a file is, whatever its name.
#[test]
fn hdf5_may_be_called_keras() {
    let made = tempfile::tempdir().expect("a folder");
    let path = made.path().join("model.keras");
    std::fs::copy(folder().join("cudnn.h5"), &path).expect("copies");
    check(&path, "cudnn", &cpu());
}

/// What is in the slots of a file whose slots are numbered by their variables: kind and variable.
fn slots(file: &str) -> Vec<f32> {
    let model = load_model(folder().join(file)).expect("loads");
    let slots = model.optimizer_weights().expect("reads");
    slots.into_iter().filter(|(_, s)| s.ndim() > 0).filter_map(|(_, s)| s.iter().next().copied()).collect()
}

#[test]
fn slots_of_keras_2_0_stand_by_name() {
    let wanted: Vec<f32> = (0..6).flat_map(|of| [of as f32, 10.0 + of as f32]).collect();
    for file in ["sorted.h5", "keras1_slots.h5"] {
        assert_eq!(slots(file), wanted, "{file}");
        case(file);
    }
}

#[test]
fn rmsprop_may_have_no_iteration() {
    assert_eq!(slots("uncounted.h5"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    case("uncounted.h5");
}

/// Keras 3 never looks for a version when it loads arrays; of weights alone nothing else tells the order of the axes, and today's is the likelier.
#[test]
fn files_of_today_may_have_lost_their_version() {
    check(&folder().join("today.h5"), "today", &cpu());
    let layers = (Conv2D::new(3, [3, 3]).input_shape([5, 5, 3]),);
    let mut model = Sequential::new(layers).expect("fits");
    model.load_weights(folder().join("today_weights.h5")).expect("loads");
    let made = tempfile::tempdir().expect("a folder");
    let path = made.path().join("model.keras");
    model.save(&path).expect("saves");
    check(&path, "today_weights", &cpu());
}

fn body_and_head(classes: usize) -> Model {
    let layers = (
        Dense::new(4).name("body").input_shape([3]),
        Dense::new(5).name("middle"),
        Dense::new(classes).name("head"),
    );
    let mut model = Sequential::new(layers).expect("fits");
    let numbered = model.get_weights().expect("reads").into_iter().enumerate();
    let weights: Vec<_> = numbered.map(|(i, w)| w * 0.0 + (i + 10 * classes) as f32).collect();
    model.set_weights(&weights).expect("fits");
    model
}

fn firsts(model: &Model) -> Vec<f32> {
    model.get_weights().expect("reads").iter().filter_map(|w| w.iter().next().copied()).collect()
}

/// As `load_weights(by_name=True, skip_mismatch=True)` of tf_keras, and `load_weights(skip_mismatch=True)` of Keras 3.
#[test]
fn weights_are_loaded_by_name_and_where_they_fit() {
    let made = tempfile::tempdir().expect("a folder");
    let (h5, weights) = (made.path().join("a.h5"), made.path().join("a.weights.h5"));
    body_and_head(7).save(&h5).expect("saves");
    body_and_head(7).save_weights(&weights).expect("saves");
    let (by_name, skip) = (true, true);

    // The head does not fit: an error that changes nothing, or left as it is.
    let mut model = body_and_head(2);
    let before = firsts(&model);
    for path in [&h5, &weights] {
        let error = model.load_weights(path).unwrap_err().to_string();
        assert!(error.contains("`head`") || error.contains("`kernel`"), "{error}");
        assert_eq!(firsts(&model), before);
    }
    let error = model
        .load_weights_with(&h5, &LoadWeightsOptions { by_name, skip_mismatch: false })
        .unwrap_err()
        .to_string();
    assert!(error.contains("head") && !error.contains("body"), "{error}");
    assert_eq!(firsts(&model), before);
    for path in [&h5, &weights] {
        let mut model = body_and_head(2);
        model
            .load_weights_with(path, &LoadWeightsOptions { by_name: false, skip_mismatch: skip })
            .expect("loads");
        assert_eq!(firsts(&model), [70.0, 71.0, 72.0, 73.0, 24.0, 25.0]);
    }

    // Other layers stand between, and one has another name.
    let layers = (
        Dense::new(4).name("body").input_shape([3]),
        Dense::new(4).name("new"),
        Dense::new(5).name("middle"),
        Dense::new(2).name("head"),
    );
    let mut model = Sequential::new(layers).expect("fits");
    model.load_weights_with(&h5, &LoadWeightsOptions { by_name, skip_mismatch: skip }).expect("loads");
    let found = firsts(&model);
    assert_eq!((&found[..2], &found[4..6]), (&[70.0, 71.0][..], &[72.0, 73.0][..]));
    let options = LoadWeightsOptions { by_name, skip_mismatch: false };
    let error = model.load_weights_with(&weights, &options).unwrap_err().to_string();
    assert!(error.contains("by_name"), "{error}");
}
