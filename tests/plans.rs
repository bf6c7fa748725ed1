//! Plans under WebGPU's default limits, kept as snapshots: what a change does to the GPU's work shows here, without a GPU.
//!
//! `RHYTON_UPDATE_SNAPSHOTS=1 cargo test --test plans` writes them anew; read the difference before committing it.

use std::path::Path;

use rhyton::prelude::*;
use rhyton_kernels::caps::Caps;

fn guide() -> Model {
    let mut model = Sequential::new((
        Dense::new(512).activation("relu").name("dense").input_shape([784]),
        Dropout::new(0.2).name("dropout"),
        Dense::new(10).name("dense_1"),
    ))
    .name("guide")
    .expect("fits");
    model
        .compile(
            Adam::new(),
            SparseCategoricalCrossentropy::new().from_logits(true),
            [SparseCategoricalAccuracy::new()],
        )
        .expect("compiles");
    model
}

/// The network of examples/mnist_convnet.rs, with a normalized layer.
fn convnet() -> Model {
    let mut model = Sequential::new((
        Conv2D::new(32, 3).activation("relu").name("conv2d").input_shape([28, 28, 1]),
        MaxPooling2D::new(2).name("max_pooling2d"),
        Conv2D::new(64, 3).use_bias(false).name("conv2d_1"),
        BatchNormalization::new().name("batch_normalization"),
        ReLU::new().name("re_lu"),
        MaxPooling2D::new(2).name("max_pooling2d_1"),
        Flatten::new().name("flatten"),
        Dropout::new(0.5).name("dropout"),
        Dense::new(10).activation("softmax").name("dense"),
    ))
    .name("convnet")
    .expect("fits");
    model.compile("adam", "categorical_crossentropy", ["accuracy"]).expect("compiles");
    model
}

fn snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("RHYTON_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).expect("writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(kept, text, "the plan differs from tests/snapshots/{name}; see the head of tests/plans.rs");
}

/// The guide's training step: at most 14 dispatches, and bytes within 1.5 of what must be moved.
#[test]
fn training_step_of_the_guide() {
    let plan = guide().plan_training(32, &Caps::portable()).expect("plans");
    let totals = plan.totals();
    assert!(totals.dispatches <= 14, "{}", plan.report());
    assert!(totals.bytes as f64 <= 1.5 * totals.floor as f64, "{}", plan.report());
    snapshot("guide_train_32.txt", &plan.report());
}

#[test]
fn prediction_of_the_guide() {
    let plan = guide().plan_prediction(32, &Caps::portable()).expect("plans");
    snapshot("guide_predict_32.txt", &plan.report());
}

#[test]
fn training_step_of_a_convnet() {
    let plan = convnet().plan_training(128, &Caps::portable()).expect("plans");
    snapshot("convnet_train_128.txt", &plan.report());
}

#[test]
fn prediction_of_a_convnet() {
    let plan = convnet().plan_prediction(128, &Caps::portable()).expect("plans");
    snapshot("convnet_predict_128.txt", &plan.report());
}

/// Both products of a gradient reach the tiled kernel.
#[test]
fn gradients_reach_the_tiled_kernel() {
    let plan = guide().plan_training(512, &Caps::portable()).expect("plans");
    let products = plan.steps.iter().filter(|s| s.label.contains("matmul")).flat_map(|s| &s.dispatches);
    let kernels: Vec<&str> = products.map(|d| d.kernel).collect();
    assert_eq!(kernels.len(), 5, "{}", plan.report());
    assert!(kernels.iter().filter(|k| **k == "matmul_tiled").count() >= 3, "{kernels:?}");
}
