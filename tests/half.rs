//! Models under dtype policies of 16 bits, with and without a scaled loss, as the real Keras 3 and tf_keras train them (tests/data/half/make.py).

mod common;

use std::path::{Path, PathBuf};

use common::{bits, cpu, gpu};
use ndarray::{ArrayD, Axis, Slice};
use rhyton::datasets::npy::Npz;
use rhyton::graph::{DType, Half, LayerExt};
use rhyton::optimizers::LossScaleOptimizer;
use rhyton::prelude::*;
use rhyton::types::{dtype_policy, set_dtype_policy};

const BATCH: usize = 8;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/half").join(name)
}

fn devices() -> Vec<Device> {
    [Some(cpu()), gpu()].into_iter().flatten().collect()
}

/// Scale, steps since it changed, steps taken.
fn scale(model: &Model) -> Option<[f32; 3]> {
    let state = model.compiled().expect("compiled").optimizer.host_state();
    let find = |name: &str| state.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    Some([find("dynamic_scale")?, find("step_counter")?, model.iterations() as f32])
}

/// Checks that arrays differ by some roundings at most.
#[track_caller]
fn close(got: &ArrayD<f32>, want: &ArrayD<f32>, tolerance: f32, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() <= tolerance * (1.0 + w.abs()), "{what}: {g}, Keras has {w}");
    }
}

fn rows(array: &ArrayD<f32>, step: usize) -> ArrayD<f32> {
    let slice = Slice::from(step * BATCH..(step + 1) * BATCH);
    array.slice_axis(Axis(0), slice).to_owned()
}

/// Takes all steps of a model's file and compares each with the library's.
fn follow(name: &str, library: &str, device: &Device) {
    let what = format!("{name} of {library} on {device}");
    let mut file = Npz::open(data(&format!("{name}.{library}.npz"))).expect("opens");
    let mut array = |key: &str| file.array::<f32>(key).unwrap_or_else(|e| panic!("{what}: {e}"));
    let mut model = load_model(data(&format!("{name}.{library}.keras"))).expect(&what);
    model.to(device).expect("moves");
    let (x, y) = (array("x"), array("y"));
    // Roundings of float16 and of bfloat16.
    let tolerance = if name == "bfloat" { 1.6e-2 } else { 2e-3 };
    let got = model.predict(&x).verbose(0).run().expect("predicts");
    close(&got, &array("predictions"), tolerance, &format!("predictions of {what}"));
    let losses = array("losses");
    let scales = (name != "bfloat" && name != "narrow").then(|| array("scale"));
    for step in 0..losses.len() {
        let logs = model.train_on_batch(&rows(&x, step), &rows(&y, step)).expect("trains");
        let loss = ArrayD::from_elem(vec![], logs.loss() as f32);
        close(
            &loss,
            &ArrayD::from_elem(vec![], losses[[step]]),
            2.0 * tolerance,
            &format!("loss {step} of {what}"),
        );
        for (i, got) in model.get_weights().expect("reads").iter().enumerate() {
            let want = array(&format!("s{step}w{i}"));
            close(got, &want, 2.0 * tolerance, &format!("weight {i} after step {step} of {what}"));
        }
        if let Some(scales) = &scales {
            let want: Vec<f32> = scales.index_axis(Axis(0), step).iter().copied().collect();
            assert_eq!(scale(&model).expect("a scale").as_slice(), want, "{what}: after step {step}");
        }
    }
}

#[test]
fn steps_equal_those_of_the_libraries() {
    for device in devices() {
        for library in ["keras3", "tf_keras"] {
            for name in ["dense", "image", "sequence", "bfloat", "narrow", "words"] {
                follow(name, library, &device);
            }
        }
    }
}

/// Under float16 tf_keras keeps what BatchNormalization has in float32, Keras 3 all in float16; a file that is written has the same types.
#[test]
fn variables_are_of_the_types_of_each_library() {
    let folder = tempfile::tempdir().expect("a folder");
    for (library, normalized) in [("keras3", "float16"), ("tf_keras", "float32")] {
        let model = load_model(data(&format!("narrow.{library}.keras"))).expect(library);
        let types = |model: &Model| -> Vec<&str> {
            model.as_layer().variables().iter().map(|(v, _)| v.ty().expect("built").dtype.name()).collect()
        };
        let dense = ["float16"; 2];
        assert_eq!(types(&model), [&dense[..], &[normalized; 4], &dense].concat(), "{library}");
        for file in ["m.keras", "m.h5", "folder"] {
            let path = folder.path().join(file);
            model.save(&path).expect(file);
            assert_eq!(types(&load_model(&path).expect(file)), types(&model), "{library} {file}");
        }
    }
}

/// A scale that is too large: steps are skipped and halve it, and it doubles again.
#[test]
fn steps_whose_gradients_overflow_are_skipped() {
    for device in devices() {
        for library in ["keras3", "tf_keras"] {
            follow("overflow", library, &device);
        }
    }
}

fn model(policy: &str) -> Model {
    let layers = (
        Dense::new(7).activation("relu").dtype(policy).input_shape([4]),
        BatchNormalization::new().dtype(policy),
        Dropout::new(0.2).dtype(policy),
        Dense::new(3).dtype(policy),
        Activation::new("softmax").dtype("float32"),
    );
    let mut model = Sequential::new(layers).expect("fits");
    model
        .compile(LossScaleOptimizer::new(Adam::new()).initial_scale(4096.0), "mse", ["mae"])
        .expect("compiles");
    model
}

fn examples(count: usize) -> (ArrayD<f32>, ArrayD<f32>) {
    let x = ArrayD::from_shape_fn(vec![count, 4], |i| ((i[0] * 7 + i[1] * 3) as f32 * 0.37).sin());
    let y = ArrayD::from_shape_fn(vec![count, 3], |i| f32::from(u8::from(i[0] % 3 == i[1])));
    (x, y)
}

/// Training goes on from every file as if it had not stopped, with the state of the scale.
#[test]
fn training_goes_on_from_every_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = examples(24);
    for policy in ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"] {
        let mut straight = model(policy);
        straight.to(&cpu()).expect("moves");
        straight.fit(&x, &y).batch_size(8).epochs(1).verbose(0).run().expect("trains");
        for file in ["m.keras", "m.h5", "m"] {
            let path = folder.path().join(format!("{policy}_{file}"));
            straight.save(&path).expect(file);
            let mut again = load_model(&path).expect(file);
            again.to(&cpu()).expect("moves");
            assert_eq!(bits(&again), bits(&straight), "{policy} {file}");
            assert_eq!(scale(&again), scale(&straight), "{policy} {file}");
            let mut goes_on = load_model(&path).expect(file);
            goes_on.to(&cpu()).expect("moves");
            for model in [&mut again, &mut goes_on] {
                model.fit(&x, &y).batch_size(8).epochs(2).initial_epoch(1).verbose(0).run().expect("trains");
            }
            assert_eq!(bits(&again), bits(&goes_on), "{policy} {file}");
            let kernel = again.as_layer().variables()[0].0.ty().expect("built").dtype;
            let wanted = match policy {
                "float16" => DType::Half(Half::F16),
                "bfloat16" => DType::Half(Half::BF16),
                _ => DType::F32,
            };
            assert_eq!(kernel, wanted, "{policy} {file}");
        }
        let (mut a, mut b) =
            (load_model(folder.path().join(format!("{policy}_m.keras"))).expect("loads"), straight);
        a.to(&cpu()).expect("moves");
        for model in [&mut a, &mut b] {
            model.fit(&x, &y).batch_size(8).epochs(2).initial_epoch(1).verbose(0).run().expect("trains");
        }
        assert_eq!(bits(&a), bits(&b), "{policy}: with and without a file");
    }
}

/// A factor of the loss changes nothing where there is room for small gradients, and keeps them where they would vanish.
#[test]
fn a_factor_of_the_loss_keeps_small_gradients() {
    let (x, y) = examples(8);
    let trained = |policy: &str, factor: Option<f64>| {
        let layers =
            (Dense::new(3).dtype(policy).input_shape([4]), Activation::new("linear").dtype("float32"));
        let mut model = Sequential::new(layers).expect("fits");
        model.to(&cpu()).expect("moves");
        let sgd = SGD::new().learning_rate(1e7);
        let sgd = factor.map_or(sgd.clone(), |factor| sgd.loss_scale_factor(factor));
        // Losses of 1e-8, whose gradients are below what float16 has.
        let options = CompileOptions::new().loss_weights([1e-8]).auto_scale_loss(false);
        model.compile_with(sgd, "mse", (), options).expect("compiles");
        // The same ones each time, whatever other tests draw meanwhile.
        let mut weights = model.get_weights().expect("reads");
        weights[0].iter_mut().enumerate().for_each(|(i, v)| *v = (i as f32 * 1.7).sin());
        model.set_weights(&weights).expect("fits");
        let before = weights.remove(0);
        model.train_on_batch(&x, &y).expect("trains");
        model.get_weights().expect("reads").remove(0) - before
    };
    let exact = trained("float32", None);
    assert_eq!(trained("float32", Some(1024.0)), exact);
    assert!(exact.iter().all(|v| v.abs() > 1e-4), "{exact}");
    assert!(trained("mixed_float16", None).iter().all(|v| *v == 0.0));
    close(&trained("mixed_float16", Some(65_536.0)), &exact, 4e-3, "with a factor");
}

/// The same bits on any number of threads.
#[test]
fn threads_do_not_matter() {
    let (x, y) = examples(40);
    let trained = |threads| {
        rhyton::set_random_seed(4);
        let mut model = model("mixed_float16");
        model.to(&Device::cpu_threads(threads).expect("a device")).expect("moves");
        model.fit(&x, &y).batch_size(16).epochs(3).verbose(0).run().expect("trains");
        model
    };
    let one = bits(&trained(1));
    assert_eq!(bits(&trained(2)), one);
    assert_eq!(bits(&trained(3)), one);
}

/// Keras does not write that it scaled the loss where a global policy made it so: the state of the optimizer tells. tf_keras' file has no scale.
#[test]
fn a_file_of_a_global_policy_goes_on() {
    for library in ["keras3", "tf_keras"] {
        let mut model = load_model(data(&format!("global.{library}.keras"))).expect(library);
        model.to(&cpu()).expect("moves");
        let mut file = Npz::open(data(&format!("global.{library}.npz"))).expect("opens");
        let x = file.array::<f32>("x").expect("numbers");
        let got = model.predict(&x).verbose(0).run().expect("predicts");
        close(&got, &file.array::<f32>("predictions").expect("numbers"), 2e-3, library);
        assert_eq!(scale(&model), (library == "keras3").then_some([32_768.0, 8.0, 8.0]), "{library}");
        assert_eq!(model.iterations(), 8, "{library}");
        let y = file.array::<f32>("y").expect("numbers");
        model.train_on_batch(&rows(&x, 0), &rows(&y, 0)).expect("trains");
        assert_eq!(scale(&model), (library == "keras3").then_some([32_768.0, 9.0, 9.0]), "{library}");
    }
}

/// A global policy is that of what says none, and scales the loss of a model that is compiled under it.
#[test]
fn a_global_policy_as_in_keras() {
    assert!(set_dtype_policy("int8").is_err());
    set_dtype_policy("mixed_float16").expect("a policy");
    let made =
        || Sequential::new((Dense::new(2).input_shape([3]), Activation::new("linear").dtype("float32")));
    let mut model = made().expect("fits");
    let mut plain = made().expect("fits");
    set_dtype_policy("float32").expect("a policy");
    assert_eq!(dtype_policy().name(), "float32");
    model.compile("adam", "mse", ()).expect("compiles");
    assert_eq!(model.compiled().expect("compiled").optimizer.class_name(), "LossScaleOptimizer");
    let options = CompileOptions::new().auto_scale_loss(false);
    plain.compile_with("adam", "mse", (), options).expect("compiles");
    assert_eq!(plain.compiled().expect("compiled").optimizer.class_name(), "Adam");
    let output = model.predict(&ArrayD::from_elem(vec![1, 3], 0.3)).verbose(0).run().expect("predicts");
    assert!(output.iter().all(|v| half::f16::from_f32(*v).to_f32() == *v), "{output}: no numbers of float16");
}
