//! `cargo bench`: matrix products, convolutions, softmax with cross-entropy, and training steps of the guide's model and of a convnet, on the
//! CPU and on a GPU (software Vulkan where nothing better is there), with FLOP/s or bytes/s. `RHYTON_DEVICE` picks one device.

use std::sync::Arc;
use std::time::Duration;

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use ndarray::{Array1, ArrayD};
use rhyton::device::{Backend, Device, StepRow};
use rhyton::graph::{DType, Tensor, TensorType, trace};
use rhyton::ops::Windows;
use rhyton::plan::{Arenas, Plan, Role, plan};
use rhyton::prelude::*;
use rhyton_kernels::dispatch::STEP_WORDS;

fn devices() -> Vec<(String, Device)> {
    let named = std::env::var("RHYTON_DEVICE").ok().filter(|n| !n.is_empty());
    let names = named.map_or_else(|| vec!["cpu".to_string(), "gpu".to_string()], |n| vec![n]);
    names.into_iter().filter_map(|n| Device::named(&n, "benched").ok().map(|d| (n, d))).collect()
}

/// A plan that is run again and again; the last read makes sure that it has run.
struct Runner {
    backend: Arc<dyn Backend>,
    plan: Arc<Plan>,
    replay: Box<dyn rhyton::device::Replay>,
    output: rhyton::device::MemoryRef,
}

impl Runner {
    fn new(device: &Device, inputs: &[TensorType], make: impl Fn(&[Tensor]) -> Tensor) -> Runner {
        let tensors =
            || inputs.iter().enumerate().map(|(i, t)| Tensor::input(i, t.clone())).collect::<Vec<_>>();
        let (graph, edge) = trace(|| Ok(make(&tensors()).edge())).expect("fits");
        let edge = edge.expect("of this graph");
        let backend = device.backend().clone();
        let plan = Arc::new(plan(&graph, &[edge], &Arenas::default(), backend.caps()).expect("plans"));
        let memories: Vec<_> =
            plan.buffers.iter().map(|b| backend.allocate(&b.name, b.words).expect("memory")).collect();
        for (buffer, memory) in plan.buffers.iter().zip(&memories) {
            if let Role::Input(i) = buffer.role {
                let words: Vec<u32> = match inputs[i].dtype {
                    DType::F32 => {
                        (0..inputs[i].len()).map(|k| ((k % 17) as f32 * 0.1 - 0.8).to_bits()).collect()
                    }
                    _ => (0..inputs[i].len() as u32).map(|k| k % 10).collect(),
                };
                backend.write(memory, 0, &words).expect("writes");
            }
        }
        let output = plan
            .buffers
            .iter()
            .zip(&memories)
            .find(|(b, _)| b.role == Role::Output(0))
            .expect("an output")
            .1
            .clone();
        let replay = backend.prepare(&plan, memories).expect("prepares");
        Runner { backend, plan, replay, output }
    }

    fn run(&mut self) {
        let row: StepRow = [0; STEP_WORDS];
        self.replay.run(&[row]).expect("runs");
        pollster::block_on(self.backend.read(&self.output, 0, 1)).expect("reads");
    }
}

fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut runner: Runner, flops: bool) {
    let totals = runner.plan.totals();
    group.throughput(if flops {
        Throughput::Elements(totals.flops)
    } else {
        Throughput::Bytes(totals.bytes)
    });
    group.bench_function(name, |b| b.iter(|| runner.run()));
}

fn settings(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
}

fn matmul(c: &mut Criterion) {
    for (name, device) in devices() {
        let mut group = c.benchmark_group(format!("matmul/{name}"));
        settings(&mut group);
        for (m, k, n) in [(32, 784, 512), (512, 784, 512), (512, 512, 512), (32, 512, 10)] {
            let types = [TensorType::f32([m, k]), TensorType::f32([k, n])];
            let runner = Runner::new(&device, &types, |x| x[0].matmul(x[1]));
            bench(&mut group, &format!("{m}x{k}x{n}"), runner, true);
        }
    }
}

/// The two convolutions of a convnet, and their gradients.
fn convolution(c: &mut Criterion) {
    for (name, device) in devices() {
        let mut group = c.benchmark_group(format!("conv2d/{name}"));
        settings(&mut group);
        let windows = Windows { strides: [1, 1], dilation: [1, 1], padding: [[0, 0]; 2] };
        for (x, kernel) in [([64, 28, 28, 1], [3, 3, 1, 32]), ([64, 13, 13, 32], [3, 3, 32, 64])] {
            let name = |what: &str| format!("{what} {x:?} by {kernel:?}");
            let types = [TensorType::f32(x), TensorType::f32(kernel)];
            let forward = Runner::new(&device, &types, |x| x[0].conv(x[1], windows, 1));
            bench(&mut group, &name("forward"), forward, true);
            for (i, by) in ["by the input,", "by the kernel,"].into_iter().enumerate() {
                let backward = Runner::new(&device, &types, |x| {
                    let loss = x[0].conv(x[1], windows, 1).sum(&[]);
                    rhyton::graph::gradients(loss, &[x[i]]).expect("has a gradient")[0]
                        .expect("depends on it")
                });
                bench(&mut group, &name(by), backward, true);
            }
        }
    }
}

fn softmax_cross_entropy(c: &mut Criterion) {
    for (name, device) in devices() {
        let mut group = c.benchmark_group(format!("softmax_cross_entropy/{name}"));
        settings(&mut group);
        for (rows, classes) in [(32, 10), (4096, 1000)] {
            let labels = TensorType { dtype: DType::I32, shape: vec![rows] };
            let types = [TensorType::f32([rows, classes]), labels];
            let forward = Runner::new(&device, &types, |x| x[0].sparse_cross_entropy(x[1]).mean(&[]));
            bench(&mut group, &format!("forward {rows}x{classes}"), forward, false);
            let backward = Runner::new(&device, &types, |x| {
                let loss = x[0].sparse_cross_entropy(x[1]).mean(&[]);
                rhyton::graph::gradients(loss, &[x[0]]).expect("has a gradient")[0].expect("depends on it")
            });
            bench(&mut group, &format!("gradient {rows}x{classes}"), backward, false);
        }
    }
}

/// `fit` of a model, per step: feeding, shuffling and metrics included. `flops` are those of one example.
fn fit(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut model: Model,
    shape: &[usize],
    batch: usize,
    steps: usize,
    flops: u64,
) {
    let shape: Vec<usize> = std::iter::once(batch * steps).chain(shape.iter().copied()).collect();
    let pixel = |i: usize| ((i * 31 + i / 784 * 7) % 256) as f32 / 255.0;
    let x = ArrayD::from_shape_vec(shape.clone(), (0..shape.iter().product()).map(pixel).collect())
        .expect("fits");
    let y = Array1::from_shape_fn(batch * steps, |i| (i % 10) as i32);
    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    model.compile(Adam::new(), loss, [SparseCategoricalAccuracy::new()]).expect("compiles");
    group.throughput(Throughput::Elements(flops * (batch * steps) as u64));
    group.bench_function(BenchmarkId::new(name, format!("{steps} steps of fit")), |b| {
        b.iter(|| model.fit(&x, &y).batch_size(batch).verbose(0).run().expect("trains"));
    });
}

fn training_step(c: &mut Criterion) {
    for (name, device) in devices() {
        let mut group = c.benchmark_group(format!("training_step/{name}"));
        settings(&mut group);
        for batch in [32usize, 512] {
            let steps = if name == "cpu" { 2048 / batch.min(256) } else { 8 };
            let mut model = Sequential::new((
                Dense::new(512).activation("relu").input_shape([784]),
                Dropout::new(0.2),
                Dense::new(10),
            ))
            .expect("fits");
            model.to(&device).expect("moves");
            // Two passes over the kernels forward, and nearly two back.
            let flops = 2 * (784 * 512 * 2 + 512 * 10 * 3);
            fit(&mut group, &format!("batch {batch}"), model, &[784], batch, steps, flops);
        }
        let mut model = Sequential::new((
            Conv2D::new(32, 3).activation("relu").input_shape([28, 28, 1]),
            MaxPooling2D::new(2),
            Conv2D::new(64, 3).activation("relu"),
            MaxPooling2D::new(2),
            Flatten::new(),
            Dense::new(10),
        ))
        .expect("fits");
        model.to(&device).expect("moves");
        let steps = if name == "cpu" { 32 } else { 2 };
        let flops = 2 * (26 * 26 * 32 * 9 * 2 + 11 * 11 * 64 * 288 * 3 + 1600 * 10 * 3);
        fit(&mut group, "convnet, batch 64", model, &[28, 28, 1], 64, steps, flops);
    }
}

criterion_group!(benches, matmul, convolution, softmax_cross_entropy, training_step);
criterion_main!(benches);
