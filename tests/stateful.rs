//! Stateful recurrent layers from files of Keras 3 and tf_keras: they carry their states from batch to batch in predict, evaluate and fit as there, on both devices; files
//! hold the states where Keras' own do, and Rhyton's go on to the bit. `data/recurrent/stateful.py` made the files.

mod common;

use std::path::{Path, PathBuf};

use common::close;
use ndarray::{ArrayD, Axis, Slice};
use rhyton::datasets::npy::Npz;
use rhyton::prelude::*;
use rhyton::train::{Data, input_symbol};

const BATCH: usize = 3;
const LIBRARIES: [&str; 2] = ["keras3", "tf_keras"];

fn file(library: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/recurrent").join(library).join(name)
}

/// Returns what a library wrote down.
struct Wanted(Npz);

impl Wanted {
    fn of(library: &str) -> Self {
        Wanted(Npz::open(file(library, "stateful.npz")).unwrap())
    }

    fn array(&mut self, name: &str) -> ArrayD<f32> {
        self.0.array::<f32>(name).unwrap()
    }

    fn list(&mut self, kind: &str) -> Vec<ArrayD<f32>> {
        (0..).map_while(|i| self.0.array::<f32>(&format!("{kind}{i:03}")).ok()).collect()
    }
}

fn predicted(model: &mut Model, x: &ArrayD<f32>) -> Vec<ArrayD<f32>> {
    model.predict(x).batch_size(BATCH).verbose(0).run_all().unwrap()
}

/// The first batch.
fn first(x: &ArrayD<f32>) -> ArrayD<f32> {
    x.slice_axis(Axis(0), Slice::from(..BATCH)).to_owned()
}

/// Runs what the library ran.
fn runs_as_in(library: &str, path: &Path, device: &Device) {
    let (mut wanted, what) = (Wanted::of(library), format!("{} on {device:?}", path.display()));
    let mut model = load_model(path).unwrap_or_else(|e| panic!("{what}: {e}"));
    model.to(device).unwrap();
    model.reset_states().unwrap();
    let (x, targets) = (wanted.array("in"), wanted.list("target"));
    let y: Vec<Data> = targets.iter().map(Data::of).collect();
    close(&predicted(&mut model, &x), &wanted.list("first"), 3e-6, &format!("first call: {what}"));
    close(&model.get_states().unwrap(), &wanted.list("first_states"), 3e-6, &format!("its states: {what}"));
    let second = predicted(&mut model, &first(&x));
    close(&second, &wanted.list("second"), 3e-6, &format!("second call: {what}"));
    let logs = model.evaluate(&x, y.clone()).batch_size(BATCH).verbose(0).run().unwrap();
    let loss = wanted.array("evaluated")[[0]];
    assert!((logs.loss() as f32 - loss).abs() < 1e-5 * loss, "{what}: loss {} for {loss}", logs.loss());
    let states = wanted.list("evaluated_states");
    close(&model.get_states().unwrap(), &states, 3e-6, &format!("states after evaluation: {what}"));
    model.reset_states().unwrap();
    close(&predicted(&mut model, &first(&x)), &wanted.list("anew"), 3e-6, &format!("anew: {what}"));
    model.fit(&x, y).batch_size(BATCH).epochs(2).shuffle(false).verbose(0).run().unwrap();
    close(&model.get_weights().unwrap(), &wanted.list("weight"), 2e-5, &format!("weights: {what}"));
    let states = wanted.list("trained_states");
    close(&model.get_states().unwrap(), &states, 2e-5, &format!("states after training: {what}"));
}

#[test]
fn as_in_both_libraries() {
    let device = common::cpu();
    runs_as_in("keras3", &file("keras3", "stateful.keras"), &device);
    for name in ["stateful.keras", "stateful.h5", "stateful"] {
        runs_as_in("tf_keras", &file("tf_keras", name), &device);
    }
}

#[cfg(feature = "gpu")]
#[test]
fn as_in_keras_on_a_gpu() {
    let Some(device) = common::gpu() else { return };
    for library in LIBRARIES {
        runs_as_in(library, &file(library, "stateful.keras"), &device);
    }
}

#[test]
fn files_of_keras_hold_the_states_that_keras_finds_in_them() {
    for (library, name, kind) in [
        ("keras3", "stateful.keras", "keras"),
        ("tf_keras", "stateful.keras", "keras"),
        ("tf_keras", "stateful.h5", "h5"),
        ("tf_keras", "stateful", "saved_model"),
    ] {
        let model = load_model(file(library, name)).unwrap();
        let states = model.get_states().unwrap();
        let wanted = Wanted::of(library).list(&format!("loaded_{kind}"));
        assert_eq!(wanted.iter().any(|s| s.iter().any(|v| *v != 0.0)), kind == "saved_model", "{name}");
        close(&states, &wanted, 1e-7, &format!("states of {library} {name}"));
    }
}

#[test]
fn states_are_no_weights() {
    let model = load_model(file("keras3", "stateful.keras")).unwrap();
    assert_eq!(model.states().len(), 22);
    assert_eq!(model.get_weights().unwrap().len(), Wanted::of("keras3").list("weight").len());
    let trainable: usize = model.trainable_variables().iter().map(|v| v.len()).sum();
    assert_eq!(model.count_params(), trainable);
}

/// A small model, always the same.
fn small(device: &Device) -> Model {
    let input = InputLayer::batch_shape([2, 3, 4]);
    let layers = (input, LSTM::new(5).stateful(true).name("lstm"), Dense::new(2).name("scores"));
    let mut model = common::fixed(Sequential::new(layers).name("small").unwrap());
    model.compile(Adam::new(), "mse", ()).unwrap();
    model.to(device).unwrap();
    model
}

fn data() -> (ArrayD<f32>, ArrayD<f32>) {
    let wave = |shape: &[usize], k: f32| {
        let n: usize = shape.iter().product();
        ArrayD::from_shape_vec(shape, (0..n).map(|i| (i as f32 * k).sin()).collect()).unwrap()
    };
    (wave(&[8, 3, 4], 0.7), wave(&[8, 2], 1.3))
}

fn train(model: &mut Model, from: usize, to: usize) {
    let (x, y) = data();
    let fit = model.fit(&x, &y).batch_size(2).shuffle(false).initial_epoch(from).epochs(to).verbose(0);
    fit.run().unwrap();
}

fn state_bits(model: &Model) -> Vec<u32> {
    model.get_states().unwrap().iter().flatten().map(|v| v.to_bits()).collect()
}

#[test]
fn training_goes_on_to_the_bit() {
    let (device, folder) = (common::cpu(), tempfile::tempdir().unwrap());
    let mut whole = small(&device);
    train(&mut whole, 0, 4);
    let mut half = small(&device);
    train(&mut half, 0, 2);
    for name in ["m.keras", "m.h5", "saved_model", "w.weights.h5", "w.ckpt"] {
        let path = folder.path().join(name);
        let is_weights = name.starts_with('w');
        let mut other = if is_weights {
            half.save_weights(&path).unwrap();
            let mut other = small(&device);
            other.load_weights(&path).unwrap();
            other
        } else {
            half.save(&path).unwrap();
            load_model(&path).unwrap()
        };
        assert_eq!(state_bits(&other), state_bits(&half), "{name}");
        other.to(&device).unwrap();
        train(&mut other, 2, 4);
        assert_eq!(common::bits(&other), common::bits(&whole), "{name}");
        assert_eq!(state_bits(&other), state_bits(&whole), "{name}");
    }
}

#[test]
fn a_layer_is_reset_and_told_its_states() {
    let mut model = small(&common::cpu());
    let (x, _) = data();
    let x = x.slice_axis(Axis(0), Slice::from(..2)).to_owned();
    let predict = |model: &mut Model| model.predict(&x).batch_size(2).verbose(0).run().unwrap();
    let anew = predict(&mut model);
    let states = model.get_states().unwrap();
    assert_ne!(predict(&mut model), anew);
    model.get_layer("lstm").unwrap().reset_state().unwrap();
    assert_eq!(predict(&mut model), anew);
    let next = predict(&mut model);
    model.set_states(&states).unwrap();
    assert_eq!(predict(&mut model), next);
    let error = model.get_layer("scores").unwrap().reset_state().unwrap_err().to_string();
    assert!(error.contains("scores carries no states"), "{error}");
    let error = model.set_states(&states[..1]).unwrap_err().to_string();
    assert!(error.contains("2 states, but was given 1"), "{error}");
}

fn zeros() -> ArrayD<f32> {
    ArrayD::zeros(vec![2, 3, 4])
}

#[test]
fn a_batch_of_another_size_is_an_error() {
    let mut model = small(&common::cpu());
    let (x, y) = data();
    let before = state_bits(&model);
    // The last batch would have two examples less.
    let error = model.predict(&x).batch_size(3).verbose(0).run().unwrap_err().to_string();
    assert!(error.contains("batches of 2"), "{error}");
    let fit = model.fit(&x, &y).batch_size(3).verbose(0);
    assert!(fit.run().unwrap_err().to_string().contains("batches of 2"));
    assert_eq!(state_bits(&model), before);
    let unknown =
        Sequential::new((LSTM::new(5).stateful(true).input_shape([3, 4]),)).unwrap_err().to_string();
    assert!(unknown.contains("stateful") && unknown.contains("batch size"), "{unknown}");
    let (x, twice) =
        (input_symbol(InputLayer::batch_shape([2, 3, 4])), LayerRef::from(GRU::new(4).stateful(true)));
    let sum = Add::new().on([&twice.clone().on(&x), &twice.on(&x)]);
    let error = Model::new(x, sum).and_then(|mut m| m.predict(&zeros()).verbose(0).run()).unwrap_err();
    assert!(error.to_string().contains("called twice"), "{error}");
    let steps = TimeDistributed::new(LSTM::new(2).stateful(true));
    let error = Sequential::new((InputLayer::batch_shape([2, 3, 4, 5]), steps)).unwrap_err().to_string();
    assert!(error.contains("inside TimeDistributed"), "{error}");
    let differ = LSTM::new(2).go_backwards(true);
    let around = Bidirectional::new(LSTM::new(2).stateful(true)).backward_layer(differ);
    let error = Sequential::new((InputLayer::batch_shape([2, 3, 4]), around)).unwrap_err().to_string();
    assert!(error.contains("stateful must be the same"), "{error}");
}
