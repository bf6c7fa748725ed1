//! Memory does not grow: neither the device's (our own count) nor the process's, over epochs and over predictions.

mod common;

use common::{compile, cpu};
use ndarray::{Array1, Array2};
use rhyton::prelude::*;

/// What an allocator may keep for itself. What is looked for is much larger: see the sizes below.
const SLACK: u64 = 16 << 20;

/// Resident bytes of this process.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split_whitespace().nth(1).and_then(|p| p.parse().ok()).expect("a number of pages");
    pages * 4096
}
#[cfg(not(target_os = "linux"))]
fn resident() -> u64 {
    0
}

/// Device bytes and resident bytes.
fn used(device: &Device) -> (u64, u64) {
    (device.backend().allocated_bytes(), resident())
}

fn assert_no_growth(what: &str, before: (u64, u64), after: (u64, u64)) {
    assert!(after.0 <= before.0, "{what}: the device holds {} bytes, was {}", after.0, before.0);
    assert!(after.1 <= before.1 + SLACK, "{what}: {} bytes are resident, were {}", after.1, before.1);
}

fn wide(device: &Device) -> Model {
    let mut model = Sequential::new((
        Dense::new(32).activation("relu").input_shape([256]),
        Dropout::new(0.2),
        Dense::new(3),
    ))
    .expect("fits");
    model.to(device).expect("moves");
    compile(&mut model, Adam::new());
    model
}

/// An epoch's inputs are 1 MB, so an epoch that is kept 48 times is 48 MB.
fn epochs(device: &Device) {
    let x = Array2::from_shape_fn((1000, 256), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let y = Array1::from_iter((0..1000).map(|i| i % 3));
    let mut model = wide(device);
    let mut seen = Vec::new();
    let mut look = LambdaCallback::on_epoch_end(|_, _, _: &mut Control| {
        seen.push(used(device));
        Ok(())
    });
    // A last, smaller batch, and validation with another.
    let fit = model.fit(&x, &y).epochs(50).batch_size(192).validation_split(0.1).verbose(0);
    fit.callbacks([&mut look]).run().expect("trains");
    assert_eq!(seen.len(), 50);
    assert_no_growth("epoch 2 to 50", seen[1], seen[49]);
    let peak = seen[1..].iter().map(|s| s.0).max();
    assert_eq!(peak, Some(seen[1].0), "the device's bytes in each epoch");
}

/// Twenty plans; those of a round are 20 x 256 KB of inputs or more.
fn predictions(device: &Device) {
    let mut model = wide(device);
    let x = Array2::from_elem((640, 256), 0.5f32);
    let mut round = || {
        for batch in (1..=20).map(|k| 32 * k - 5) {
            let found = model.predict(&x).batch_size(batch).verbose(0).run_all().expect("predicts");
            assert_eq!(found[0].shape(), [640, 3]);
        }
        used(device)
    };
    // What an allocator and a driver keep grows for some rounds, less each time.
    let before: Vec<_> = (0..10).map(|_| round()).collect();
    let after: Vec<_> = (0..10).map(|_| round()).collect();
    // One round's bytes go up and down by more than a plan has: what an allocator gives back is its own affair.
    let most = |rounds: &[(u64, u64)]| rounds.iter().map(|round| round.1).max().unwrap_or(0);
    assert_no_growth(
        "rounds of twenty batch sizes",
        (before[9].0, most(&before)),
        (after[9].0, most(&after)),
    );
    // Pools have grown to their last size by then.
    assert!(after[9].0 <= before[0].0, "{} bytes after the first round, {} now", before[0].0, after[9].0);
}

/// Keras' recipe of fine-tuning, over and over: freeze, compile, fit, thaw, compile, fit.
fn recompiles(device: &Device) {
    let x = Array2::from_shape_fn((64, 256), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let y = Array1::from_iter((0..64).map(|i| i % 3));
    let base = LayerRef::from(Dense::new(32).activation("relu").input_shape([256]));
    let mut model = Sequential::new((base.clone(), Dense::new(3))).expect("fits");
    model.to(device).expect("moves");
    let mut round = || {
        for trainable in [false, true] {
            base.set_trainable(trainable);
            let before = model.get_weights().expect("reads");
            compile(&mut model, Adam::new());
            assert_eq!(model.get_weights().expect("reads"), before, "compiling keeps the weights");
            assert_eq!(model.iterations(), 0, "the optimizer starts anew");
            assert!(model.optimizer_weights().expect("reads").is_empty(), "slots are made by training");
            model.fit(&x, &y).epochs(1).batch_size(32).verbose(0).run().expect("trains");
            model.evaluate(&x, &y).verbose(0).run().expect("evaluates");
            assert_eq!(model.iterations(), 2);
            let after = model.get_weights().expect("reads");
            assert_eq!(before[0] == after[0], !trainable, "only what is not frozen is trained");
        }
        (device.backend().allocated_bytes(), model.placed_buffers())
    };
    let _ = round();
    let second = round();
    let later: Vec<_> = (2..20).map(|_| round()).collect();
    assert_eq!(later, vec![second; 18], "bytes and buffers after each round");
}

fn everything_is_given_back(device: &Device) {
    assert_eq!(device.backend().allocated_bytes(), 0, "nothing is left of models that are gone");
}

fn check(device: &Device) {
    epochs(device);
    everything_is_given_back(device);
    predictions(device);
    everything_is_given_back(device);
    recompiles(device);
    everything_is_given_back(device);
}

/// One test, since all share the process; the CPU first, before a driver takes memory of its own.
#[test]
fn memory_does_not_grow() {
    check(&cpu());
    if let Some(gpu) = common::gpu() {
        check(&gpu);
    }
}
