//! Training on the CPU device: it learns, resumes exactly, gives the same bits on any number of threads, and tells of bad data before
//! a step runs.

use ndarray::{Array1, Array2};
use rhyton_engine::device::Device;
use rhyton_engine::graph::LayerExt;
use rhyton_engine::layers::{Dense, Dropout};
use rhyton_engine::losses::SparseCategoricalCrossentropy;
use rhyton_engine::metrics::SparseCategoricalAccuracy;
use rhyton_engine::optimizers::Adam;
use rhyton_engine::random::{Generator, set_random_seed};
use rhyton_engine::train::{Model, Sequential};

/// Points around three centres in 20 dimensions.
fn blobs(n: usize) -> (Array2<f32>, Array1<i32>) {
    let mut g = Generator::new(3, 0);
    let labels = Array1::from_iter((0..n).map(|i| (i % 3) as i32));
    let x = Array2::from_shape_fn((n, 20), |(i, j)| {
        let centre = if j % 3 == i % 3 { 1.0 } else { 0.0 };
        (centre + 0.6 * g.normal()) as f32
    });
    (x, labels)
}

fn model(device: &Device) -> Model {
    let mut model = Sequential::new((
        Dense::new(33).activation("relu").input_shape([20]),
        Dropout::new(0.2),
        Dense::new(3),
    ))
    .expect("fits");
    model.to(device).expect("moves");
    model
        .compile(
            Adam::new(),
            SparseCategoricalCrossentropy::new().from_logits(true),
            [SparseCategoricalAccuracy::new()],
        )
        .expect("compiles");
    model
}

fn bits(model: &Model) -> Vec<u32> {
    model
        .get_weights()
        .expect("reads")
        .iter()
        .flat_map(|w| w.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
        .collect()
}

#[test]
fn learns() {
    set_random_seed(1);
    let (x, y) = blobs(300);
    let mut model = model(&Device::cpu().expect("cpu"));
    let before = model.evaluate(&x, &y).verbose(0).run().expect("evaluates");
    let history = model.fit(&x, &y).epochs(10).validation_split(0.1).verbose(0).run().expect("trains");
    let after = model.evaluate(&x, &y).verbose(0).run().expect("evaluates");
    assert!(before.get("sparse_categorical_accuracy").expect("logged") < 0.7);
    assert!(after.get("sparse_categorical_accuracy").expect("logged") > 0.95, "{after:?}");
    let names: Vec<&str> = history.history.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["loss", "sparse_categorical_accuracy", "val_loss", "val_sparse_categorical_accuracy"]);
    assert_eq!(history.get("loss").expect("logged").len(), 10);
}

#[test]
fn same_bits_on_any_number_of_threads() {
    let (x, y) = blobs(150);
    let train = |threads| {
        set_random_seed(7);
        let mut model = model(&Device::cpu_threads(threads).expect("cpu"));
        model.fit(&x, &y).epochs(3).verbose(0).run().expect("trains");
        bits(&model)
    };
    let one = train(1);
    assert_eq!(one, train(1));
    assert_eq!(one, train(2));
    assert_eq!(one, train(3));
}

#[test]
fn bad_data_are_told_before_a_step() {
    let (x, mut y) = blobs(40);
    let mut model = model(&Device::cpu().expect("cpu"));
    let before = bits(&model);
    y[17] = 3;
    let error = model.fit(&x, &y).verbose(0).run().expect_err("label 3 of 3 classes").to_string();
    assert!(error.contains("label 3 at position 17"), "{error}");
    let error = model.fit(&x, &blobs(39).1).verbose(0).run().expect_err("39 labels").to_string();
    assert!(error.contains("39 examples"), "{error}");
    let narrow = Array2::<f32>::zeros((40, 19));
    let error = model.fit(&narrow, &blobs(40).1).verbose(0).run().expect_err("19 columns").to_string();
    assert!(error.contains("(None, 20)"), "{error}");
    let empty = Array2::<f32>::zeros((0, 20));
    assert!(model.fit(&empty, &blobs(0).1).verbose(0).run().is_err());
    let mut bad = x.clone();
    bad[[5, 2]] = f32::NAN;
    let error =
        model.fit(&bad, &blobs(40).1).check_finite(true).verbose(0).run().expect_err("NaN").to_string();
    assert!(error.contains("example 5"), "{error}");
    assert_eq!(bits(&model), before);
    // A batch larger than the data is one batch.
    model.fit(&x, &blobs(40).1).batch_size(1000).verbose(0).run().expect("one batch");
    assert_eq!(model.iterations(), 1);
}

#[test]
fn first_data_build_a_model_and_recompiling_keeps_weights() {
    let (x, y) = blobs(60);
    let device = Device::cpu().expect("cpu");
    let mut model = Sequential::new((Dense::new(8).activation("relu"), Dense::new(3))).expect("fits");
    model.to(&device).expect("moves");
    assert!(!model.is_built());
    // Names, and a metric whose meaning the targets decide.
    model
        .compile("sgd", SparseCategoricalCrossentropy::new().from_logits(true), ["accuracy"])
        .expect("compiles");
    let history = model.fit(&x, &y).verbose(0).run().expect("trains");
    assert!(history.get("accuracy").is_some());
    assert_eq!(model.count_params(), 20 * 8 + 8 + 8 * 3 + 3);

    let before = bits(&model);
    model.compile(Adam::new(), SparseCategoricalCrossentropy::new().from_logits(true), ()).expect("compiles");
    assert_eq!((bits(&model), model.iterations()), (before, 0));

    // A frozen layer keeps its weights, the other learns.
    let weights = model.get_weights().expect("reads");
    model.layers()[0].set_trainable(false);
    model.fit(&x, &y).verbose(0).run().expect("trains");
    let after = model.get_weights().expect("reads");
    assert_eq!((&weights[0], &weights[1]), (&after[0], &after[1]));
    assert_ne!(weights[2], after[2]);

    // Weights go in and out; sample weights of zero teach nothing.
    model.set_weights(&weights).expect("fits");
    assert_eq!(model.get_weights().expect("reads"), weights);
    model.compile("sgd", SparseCategoricalCrossentropy::new().from_logits(true), ()).expect("compiles");
    model.fit(&x, &y).sample_weight(&Array1::<f32>::zeros(60)).verbose(0).run().expect("trains");
    assert_eq!(model.get_weights().expect("reads"), weights);
}
