//! The CPU and the GPU: the same dropout masks bit for bit, and the same training within rounding.

mod common;

use common::{blobs, cpu, model};
use rhyton::device::once::run_once;
use rhyton::graph::{CallContext, Layer, Reading, Tensor, trace};
use rhyton::prelude::{Device, Dropout};
use rhyton::types::TensorType;
use rhyton_engine::oracle::{self, Given};

#[test]
fn dropout_masks_have_the_same_bits_on_both_devices() {
    let Some(gpu) = common::gpu() else { return };
    let (rows, columns) = (301, 67);
    let given = |seed, counter| {
        let inputs = [(0, vec![1.0; rows * columns])].into();
        Given { inputs, seed, counter, ..Given::default() }
    };
    let (graph, outputs) = trace(|| {
        let x = Tensor::input(0, TensorType::f32([rows, columns]));
        let cx = CallContext::new(true);
        let layers = [Dropout::new(0.2), Dropout::new(0.2), Dropout::new(0.7).noise_shape([None, Some(1)])];
        Ok(layers.map(|l| oracle::edge(l.call(x, &cx))))
    })
    .expect("a graph");
    let run = |device: &Device, given: &Given| {
        run_once(&**device.backend(), &graph, &outputs, given, pollster::block_on::<Reading>)
            .expect("runs")
            .outputs
    };
    let cpu = cpu();
    let mut masks = Vec::new();
    for (seed, counter) in [([1, 2], 0), ([1, 2], 1), ([0xffff_ffff, 0x8000_0000], u32::MAX)] {
        let found = run(&cpu, &given(seed, counter));
        assert_eq!(found, run(&gpu, &given(seed, counter)), "seed {seed:?}, step {counter}");
        // A share of 0.2 is dropped, the others are scaled.
        let dropped = found[0].iter().filter(|v| **v == 0.0).count() as f64 / (rows * columns) as f64;
        assert!((dropped - 0.2).abs() < 0.02, "{dropped}");
        assert!(found[0].iter().all(|v| *v == 0.0 || *v == f64::from(1.25f32)));
        assert!(found[2].chunks(columns).all(|row| row.iter().all(|v| *v == row[0])), "a draw per row");
        masks.extend(found.into_iter().take(2));
    }
    for (i, one) in masks.iter().enumerate() {
        assert!(!masks[..i].contains(one), "every layer and every step draws anew");
    }
}

#[test]
fn losses_of_training_agree() {
    let Some(gpu) = common::gpu() else { return };
    let (x, y) = blobs(48);
    let train = |device: &Device| -> Vec<f64> {
        let mut model = model(device);
        (0..10).map(|_| model.train_on_batch(&x, &y).expect("trains").loss()).collect()
    };
    let (cpu, gpu) = (train(&cpu()), train(&gpu));
    assert!(cpu[9] < cpu[0], "{cpu:?}");
    for (step, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
        assert!((a - b).abs() <= 1e-5 * a.abs(), "step {step}: {a} on the CPU, {b} on the GPU");
    }
}
