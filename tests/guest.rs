//! A model as a guest on a wgpu device of an app: what is recorded equals `fit` and `predict`, bit for bit.
#![cfg(feature = "gpu")]

mod common;

use std::sync::LazyLock;

use common::{bits, blobs, model};
use ndarray::{Array1, Array2};
use rhyton::prelude::*;
use rhyton::train::BatchBuffer;
use rhyton::wgpu;

const BATCH: usize = 16;
const STEPS: usize = 6;

/// An app: its device, with default limits and no features, and its buffers with all examples in order.
struct App {
    guest: Device,
    device: wgpu::Device,
    queue: wgpu::Queue,
    samples: wgpu::Buffer,
    labels: wgpu::Buffer,
    scores: wgpu::Buffer,
    x: Array2<f32>,
    y: Array1<i32>,
}

impl App {
    /// The app of all tests that leave it whole: drivers take long to compile a device's pipelines.
    fn shared() -> Option<&'static App> {
        static APP: LazyLock<Option<App>> = LazyLock::new(App::new);
        APP.as_ref()
    }

    /// `None` where there is no adapter.
    fn new() -> Option<App> {
        common::gpu()?;
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter = pollster::block_on(instance.request_adapter(&Default::default()));
        let adapter = adapter.expect("there is an adapter");
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))
            .expect("an adapter has the default limits");
        let (x, y) = blobs(BATCH * STEPS);
        let buffer = |bytes: &[u8], size: usize| {
            let usage =
                wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            let size = size as u64;
            let made = device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage,
                mapped_at_creation: false,
            });
            queue.write_buffer(&made, 0, bytes);
            made
        };
        let samples: Vec<u8> = x.iter().flat_map(|v| v.to_le_bytes()).collect();
        let labels: Vec<u8> = y.iter().flat_map(|v| v.to_le_bytes()).collect();
        let (samples, labels) = (buffer(&samples, samples.len()), buffer(&labels, labels.len()));
        let scores = buffer(&[], BATCH * STEPS * 3 * 4);
        let guest = Device::from_wgpu(device.clone(), queue.clone()).expect("a guest");
        Some(App { guest, device, queue, samples, labels, scores, x, y })
    }

    fn guest(&self) -> Model {
        model(&self.guest)
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&Default::default())
    }

    /// Records these steps into one encoder and submits it.
    fn train(&self, model: &mut Model, steps: std::ops::Range<usize>) {
        let mut encoder = self.encoder();
        let mut recording = model.record(&mut encoder).expect("records");
        for step in steps {
            let (x, y) = self.batch(step);
            recording.train_step(&[x], &[y], BATCH).expect("records");
        }
        let recorded = recording.finish();
        self.queue.submit([encoder.finish()]);
        recorded.submitted();
    }

    fn batch(&self, step: usize) -> (BatchBuffer<'_>, BatchBuffer<'_>) {
        (
            BatchBuffer { buffer: &self.samples, offset: step * BATCH * 20 },
            BatchBuffer { buffer: &self.labels, offset: step * BATCH },
        )
    }

    /// All words of a buffer.
    fn read(&self, buffer: &wgpu::Buffer) -> Vec<u32> {
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
        self.queue.submit([encoder.finish()]);
        staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("waits");
        let bytes = staging.slice(..).get_mapped_range().expect("mapped").to_vec();
        bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
    }
}

#[test]
fn recorded_steps_equal_submits_of_one_and_fit() {
    let Some(app) = App::shared() else { return };
    let mut fitted = app.guest();
    let history =
        fitted.fit(&app.x, &app.y).batch_size(BATCH).shuffle(false).verbose(0).run().expect("trains");
    let mut one_by_one = app.guest();
    (0..STEPS).for_each(|step| app.train(&mut one_by_one, step..step + 1));
    let mut at_once = app.guest();
    app.train(&mut at_once, 0..STEPS);
    for (what, model) in [("one by one", &one_by_one), ("at once", &at_once)] {
        assert_eq!(bits(model), bits(&fitted), "{what}");
        assert_eq!(model.iterations(), STEPS as i64);
        assert_eq!(model.random_state(), fitted.random_state());
        let loss = model.metrics().expect("reads").loss();
        assert_eq!(Some(&[loss][..]), history.get("loss"), "{what}");
    }
}

#[test]
fn recorded_predictions_equal_predict() {
    let Some(app) = App::shared() else { return };
    let mut model = app.guest();
    app.train(&mut model, 0..STEPS);
    let mut encoder = app.encoder();
    let mut recording = model.record(&mut encoder).expect("records");
    for step in 0..STEPS {
        let scores = BatchBuffer { buffer: &app.scores, offset: step * BATCH * 3 };
        recording.predict(&[app.batch(step).0], &[scores], BATCH).expect("records");
    }
    let recorded = recording.finish();
    app.queue.submit([encoder.finish()]);
    recorded.submitted();
    let predicted = model.predict(&app.x).batch_size(BATCH).verbose(0).run_all().expect("predicts").remove(0);
    let predicted: Vec<u32> = predicted.iter().map(|v| v.to_bits()).collect();
    assert_eq!(app.read(&app.scores), predicted);
    assert_eq!(model.iterations(), STEPS as i64, "predictions are no steps");
}

#[test]
fn what_was_not_submitted_is_rolled_back() {
    let Some(app) = App::shared() else { return };
    let mut straight = app.guest();
    app.train(&mut straight, 0..STEPS);

    let mut model = app.guest();
    app.train(&mut model, 0..2);
    let before = (model.iterations(), model.random_state(), bits(&model));
    let mut encoder = app.encoder();
    let mut recording = model.record(&mut encoder).expect("records");
    for step in 2..4 {
        let (x, y) = app.batch(step);
        recording.train_step(&[x], &[y], BATCH).expect("records");
    }
    let recorded = recording.finish();
    assert_eq!(model.iterations(), 4, "it may still be submitted");
    drop(recorded);
    drop(encoder);
    assert_eq!((model.iterations(), model.random_state(), bits(&model)), before);
    // A snapshot, and so every file, has the state without them too.
    let snapshot = model.snapshot().expect("reads");
    assert_eq!(snapshot.optimizer.expect("compiled").iteration, 2);
    assert_eq!(snapshot.steps, 2);

    // A recording that is left by an error is none either.
    let mut encoder = app.encoder();
    let mut recording = model.record(&mut encoder).expect("records");
    let (x, y) = app.batch(2);
    recording.train_step(&[x], &[y], BATCH).expect("records");
    assert!(recording.train_step(&[x], &[], BATCH).is_err(), "no labels");
    drop(recording);
    assert_eq!(model.iterations(), 2);

    // What is put in now stays.
    model.set_random_state(1, 1);
    assert_eq!(model.random_state(), (1, 1));
    model.set_random_state(straight.random_state().0, 2);
    app.train(&mut model, 2..STEPS);
    assert_eq!(bits(&model), bits(&straight));
}

#[test]
fn buffers_that_do_not_fit_are_errors() {
    let Some(app) = App::shared() else { return };
    let mut model = app.guest();
    let mut encoder = app.encoder();
    let mut recording = model.record(&mut encoder).expect("records");
    let (x, y) = app.batch(0);
    let late = BatchBuffer { offset: BATCH * STEPS * 20 - 1, ..x };
    let far = BatchBuffer { offset: usize::MAX, ..x };
    assert!(recording.train_step(&[late], &[y], BATCH).is_err());
    assert!(recording.train_step(&[far], &[y], BATCH).is_err());
    assert!(recording.train_step(&[y], &[y], BATCH).is_err(), "the labels are too short to be samples");
    assert!(recording.predict(&[x], &[], BATCH).is_err());
    drop(recording);
    assert_eq!(model.iterations(), 0);
    let mut on_cpu = common::model(&common::cpu());
    let error = on_cpu.record(&mut encoder).map(|_| ()).expect_err("the CPU has no encoder").to_string();
    assert!(error.contains("Device::from_wgpu"), "{error}");
}

#[test]
fn a_destroyed_device_is_an_error() {
    let Some(app) = App::new() else { return };
    let mut model = app.guest();
    app.train(&mut model, 0..1);
    let mut encoder = app.encoder();
    app.device.destroy();
    let recorded = model.record(&mut encoder).and_then(|mut recording| {
        let (x, y) = app.batch(1);
        recording.train_step(&[x], &[y], BATCH)
    });
    assert!(recorded.is_err());
    assert!(model.predict(&app.x).verbose(0).run().is_err());
    assert!(model.fit(&app.x, &app.y).verbose(0).run().is_err());
    assert!(model.get_weights().is_err());
    assert!(model.snapshot().is_err());
    let error = Device::from_wgpu(app.device.clone(), app.queue.clone()).expect_err("it is gone");
    assert!(error.to_string().contains("device"), "{error}");
}
