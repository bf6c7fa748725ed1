//! Models that are larger than what a device binds or allocates at once: they train as on a device without such limits.
#![cfg(feature = "gpu")]

mod common;

use std::sync::Arc;

use ndarray::{Array1, Array2};
use rhyton::device::gpu::{Gpu, adapters};
use rhyton::prelude::*;

/// The adapter that tests run on, opened as if it bound and allocated no more than these bytes at once.
fn limited(binding_bytes: u64, buffer_bytes: u64) -> Option<Device> {
    let name = common::gpu()?.backend().name().to_owned();
    let adapter = adapters::list().into_iter().find(|a| a.to_string() == name).expect("it is still there");
    let gpu = Gpu::open_limited(&adapter, binding_bytes, buffer_bytes).expect("opens");
    Some(Device::new(Arc::new(gpu), "limited"))
}

/// A wide hidden layer and several small ones on a device, after some steps of training, and their losses.
fn trained(device: &Device, wide: usize) -> (Model, Vec<f64>) {
    let mut model = common::fixed(
        Sequential::new((
            Dense::new(wide).activation("tanh").name("first").input_shape([200]),
            Dropout::new(0.2).name("dropout"),
            Dense::new(30).activation("relu").name("second"),
            Dense::new(30).activation("sigmoid").name("third"),
            Dense::new(3).name("scores"),
        ))
        .expect("fits"),
    );
    model.to(device).expect("moves");
    common::compile(&mut model, Adam::new());
    let x = Array2::from_shape_fn((24, 200), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0 - 0.4);
    let y = Array1::from_iter((0..24).map(|i| i % 3));
    let losses = (0..5).map(|_| model.train_on_batch(&x, &y).expect("trains").loss()).collect();
    (model, losses)
}

fn assert_near(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= 2e-5 * (1.0 + w.abs()), "{what}[{i}]: {g}, not {w}");
    }
}

fn everything(model: &mut Model) -> Vec<(String, Vec<f32>)> {
    let weights =
        model.get_weights().expect("reads").into_iter().enumerate().map(|(i, w)| (format!("weight {i}"), w));
    let slots = model.optimizer_weights().expect("reads");
    let mut list: Vec<_> =
        weights.chain(slots).map(|(name, w)| (name, w.iter().copied().collect::<Vec<f32>>())).collect();
    let x = Array2::from_shape_fn((9, 200), |(i, j)| ((i * 5 + j) % 13) as f32 / 13.0);
    list.push((
        "predictions".into(),
        model.predict(&x).verbose(0).run().expect("predicts").iter().copied().collect(),
    ));
    list
}

#[test]
fn models_larger_than_a_binding_train_are_saved_and_loaded() {
    // A kernel of 160 KB in three and four parts; smaller variables over several buffers.
    for (binding, buffer, wide) in
        [(64 << 10, 256 << 10, 200), (48 << 10, 1 << 20, 200), (20_480, 20_480, 20)]
    {
        let Some(device) = limited(binding, buffer) else { return };
        let (mut whole, want_losses) = trained(&common::cpu(), wide);
        let (mut model, losses) = trained(&device, wide);
        let name = format!("{binding} bytes a binding, {buffer} a buffer");
        for (got, want) in losses.iter().zip(&want_losses) {
            assert!((got - want).abs() < 1e-5, "{name}: losses {losses:?}, not {want_losses:?}");
        }
        let (found, want) = (everything(&mut model), everything(&mut whole));
        for ((what, got), (_, want)) in found.iter().zip(&want) {
            assert_near(&format!("{name}: {what}"), got, want);
        }
        assert!(
            model.placed_buffers() > 4,
            "{name}: one buffer for each kind of variable: {}",
            model.placed_buffers()
        );

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("wide.keras");
        model.save(&file).expect("saves");
        let mut again = load_model(&file).expect("loads");
        again.to(&device).expect("moves");
        assert_eq!(everything(&mut again), found, "{name}: what was saved");
    }
}

#[test]
fn what_cannot_be_placed_is_named() {
    let Some(device) = limited(64 << 10, 128 << 10) else { return };
    let mut model = common::fixed(
        Sequential::new((Dense::new(200).name("first").input_shape([200]), Dense::new(3))).expect("fits"),
    );
    model.to(&device).expect("moves");
    let error =
        model.predict(&Array2::<f32>::zeros((2, 200))).verbose(0).run().expect_err("too large").to_string();
    for part in ["first/kernel", "[200, 200]", "160000", "131072", "CPU"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // More parts than the kernel may bind.
    let Some(device) = limited(1 << 10, 1 << 20) else { return };
    model.to(&device).expect("moves");
    let error =
        model.predict(&Array2::<f32>::zeros((2, 200))).verbose(0).run().expect_err("too large").to_string();
    for part in ["first", "matmul", "160000", "1024", "CPU"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// One kernel of 154 MB: more than software Vulkan, and WebGPU's defaults, bind at once.
#[test]
fn a_variable_of_154_megabytes() {
    let Some(device) = common::gpu() else { return };
    let (rows, columns) = (50_000, 768);
    let mut model = Sequential::new((Dense::new(columns)
        .kernel_initializer("zeros")
        .use_bias(false)
        .name("large")
        .input_shape([rows]),))
    .expect("fits");
    model.to(&device).expect("moves");
    model.compile(SGD::new().learning_rate(1.0), "mean_squared_error", ()).expect("compiles");
    // d/dW of the mean of (x W - y)² over two examples is 2 / (2 · 768) xᵀ (x W - y): with W = 0, y = -1, one step gives W = -xᵀ 1 / 768.
    let x = Array2::from_shape_fn((2, rows), |(i, j)| ((i * 3 + j) % 7) as f32);
    let y = Array2::from_elem((2, columns), -1.0f32);
    model.train_on_batch(&x, &y).expect("trains");
    let kernel = model.get_weights().expect("reads").swap_remove(0);
    for row in [0, 1, 43_690, 43_691, 43_692, 49_999] {
        let want = -(x[[0, row]] + x[[1, row]]) / 768.0;
        for column in [0, 255, 256, 767] {
            assert!(
                (kernel[[row, column]] - want).abs() < 1e-6,
                "[{row}, {column}]: {}",
                kernel[[row, column]]
            );
        }
    }
    let found = model.predict(&x).verbose(0).run().expect("predicts");
    for i in 0..2 {
        let want: f64 =
            (0..rows).map(|j| -f64::from(x[[i, j]]) * f64::from(x[[0, j]] + x[[1, j]]) / 768.0).sum();
        let got = f64::from(found[[i, 5]]);
        assert!((got - want).abs() < 1e-4 * want.abs(), "{got}, not {want}");
    }
}
