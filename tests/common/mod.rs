//! What the integration tests share: small data, a small model, devices.

// Each test binary uses some of it.
#![allow(dead_code)]

pub mod proxy;
pub mod servers;

use ndarray::{Array1, Array2, ArrayD};
use rhyton::prelude::*;

/// Points around three centres in 20 dimensions, and which centre it is.
pub fn blobs(n: usize) -> (Array2<f32>, Array1<i32>) {
    let noise = |i: usize, j: usize| ((i * 37 + j * 101 + i * j * 13) % 97) as f32 / 97.0 - 0.5;
    let centre = |i: usize, j: usize| if j % 3 == i % 3 { 1.0 } else { 0.0 };
    let x = Array2::from_shape_fn((n, 20), |(i, j)| centre(i, j) + 1.5 * noise(i, j));
    (x, Array1::from_iter((0..n).map(|i| (i % 3) as i32)))
}

/// 20 -> 16 -> 3 with Dropout, not compiled. Its weights and its random numbers are the same in every process, whatever other
/// models were made before.
pub fn network(hidden: usize) -> Model {
    let layers = (
        Dense::new(hidden).activation("relu").name("hidden").input_shape([20]),
        Dropout::new(0.3).name("dropout"),
        Dense::new(3).name("scores"),
    );
    fixed(Sequential::new(layers).name("small").expect("fits"))
}

/// With weights and random numbers that are the same in every process.
pub fn fixed(mut model: Model) -> Model {
    let mut weights = model.get_weights().expect("reads");
    for (k, weight) in weights.iter_mut().enumerate() {
        weight.iter_mut().enumerate().for_each(|(i, w)| *w = ((i * 31 + k * 17) % 41) as f32 / 82.0 - 0.25);
    }
    model.set_weights(&weights).expect("fits");
    model.set_random_state(0x5eed, 0);
    model
}

/// [`network`] on a device, compiled.
pub fn model(device: &Device) -> Model {
    let mut model = network(16);
    model.to(device).expect("moves");
    compile(&mut model, Adam::new());
    model
}

/// Compiles a classifier.
pub fn compile(model: &mut Model, optimizer: impl rhyton::optimizers::IntoOptimizer) {
    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    model.compile(optimizer, loss, [SparseCategoricalAccuracy::new()]).expect("compiles");
}

/// Weights and slots of the optimizer, by name, as bits.
pub fn bits(model: &Model) -> Vec<(String, Vec<u32>)> {
    let weights = model.get_weights().expect("reads");
    let weights = weights.into_iter().enumerate().map(|(i, w)| (format!("weight {i}"), w));
    let slots = if model.is_compiled() { model.optimizer_weights().expect("reads") } else { vec![] };
    weights.chain(slots).map(|(n, w)| (n, w.iter().map(|v| v.to_bits()).collect())).collect()
}

/// The CPU device.
pub fn cpu() -> Device {
    Device::cpu_threads(2).expect("threads start")
}

/// The adapter that tests run on: the one that `RHYTON_DEVICE` names, else any. Where there is none, its tests are skipped, or fail
/// if `RHYTON_REQUIRE_GPU` is 1.
#[cfg(feature = "gpu")]
pub fn gpu() -> Option<Device> {
    use std::io::Write;
    let named = std::env::var("RHYTON_DEVICE").ok();
    let named = named.filter(|n| !matches!(n.as_str(), "" | "cpu" | "gpu" | "best"));
    match Device::named(named.as_deref().unwrap_or("gpu"), "for tests") {
        Ok(device) => {
            // Past the test harness, which hides what a test that passes prints: a log has to say what was tested.
            static SAID: std::sync::Once = std::sync::Once::new();
            SAID.call_once(|| {
                let _ = writeln!(std::io::stderr(), "GPU tests run on {}", device.backend().name());
            });
            Some(device)
        }
        Err(e) if std::env::var("RHYTON_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{e}"),
        Err(e) => {
            eprintln!("SKIPPED on GPUs: {e}");
            None
        }
    }
}

/// A build without GPUs has none.
#[cfg(not(feature = "gpu"))]
pub fn gpu() -> Option<Device> {
    None
}

/// Names of the files of a folder, sorted.
pub fn list(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Checks arrays against wanted ones, by their distance beside 1 and the wanted size.
pub fn close(got: &[ArrayD<f32>], wanted: &[ArrayD<f32>], tolerance: f32, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (i, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert_eq!(got.shape(), wanted.shape(), "{what}, {i}");
        let worst = got.iter().zip(wanted).map(|(g, w)| (g - w).abs() / (1.0 + w.abs())).fold(0.0, f32::max);
        assert!(worst < tolerance, "{what}, {i} of {}: off by {worst:.1e}", wanted.len());
    }
}
