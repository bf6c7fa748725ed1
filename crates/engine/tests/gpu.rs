//! The GPU device by itself: one submit of many steps, guests, lost devices, bytes, guard words.

mod common;
#[path = "common/mlp.rs"]
mod mlp;

use std::sync::Arc;

use mlp::{BATCH, FEATURES, Mlp, data, row};
use rhyton_engine::Error;
use rhyton_engine::device::gpu::{Gpu, GpuReplay, adapters, wgpu};
use rhyton_engine::device::{Backend, MemoryRef, cpu::Cpu};
use rhyton_engine::graph::{Kind, Tensor, trace};
use rhyton_engine::ops::{OPS, random_uniform};
use rhyton_engine::oracle;
use rhyton_engine::plan::{self, Arenas, Role};

fn read(backend: &dyn Backend, memory: &MemoryRef, offset: usize, words: usize) -> Vec<u32> {
    pollster::block_on(backend.read(memory, offset, words)).expect("read")
}

/// Parameters after some steps and the losses of each, with `per_submit` steps in a submit.
fn train(backend: &dyn Backend, steps: u32, per_submit: u32) -> (Vec<u32>, Vec<Vec<u32>>) {
    let mlp = Mlp::new(backend);
    let slots = per_submit as usize;
    let memories = mlp.memories(backend, slots);
    let mut replay = backend.prepare(&mlp.plan, memories.clone()).expect("prepared");
    let out = mlp.buffer(Role::Output(0));
    let mut losses = Vec::new();
    for first in (0..steps).step_by(slots) {
        for slot in 0..per_submit {
            mlp.feed(backend, &memories, slot as usize, first + slot);
        }
        let rows: Vec<_> = (first..first + per_submit).map(row).collect();
        replay.run(&rows).expect("run");
        for slot in 0..slots {
            losses.push(read(backend, &memories[out], slot * mlp.plan.buffers[out].words, BATCH));
        }
    }
    (read(backend, &memories[0], 0, mlp.start.len()), losses)
}

#[test]
fn many_steps_in_a_submit_equal_submits_of_one() {
    let Some(gpu) = common::gpu() else { return };
    let one = train(gpu, 12, 1);
    assert_eq!(one, train(gpu, 12, 4));
    assert_eq!(one, train(gpu, 12, 12));
    assert_eq!(one, train(gpu, 12, 1), "the same bits run after run");
    // More steps than one copy of the step table holds.
    assert_eq!(train(gpu, 70, 1), train(gpu, 70, 70));
    // And what the CPU device computes, within rounding.
    let cpu = train(&Cpu::new(1).expect("threads start"), 12, 4);
    for (a, b) in one.0.iter().zip(&cpu.0) {
        let (a, b) = (f32::from_bits(*a), f32::from_bits(*b));
        assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{a} {b}");
    }
}

#[test]
fn random_numbers_have_the_same_bits_on_both_devices() {
    let Some(gpu) = common::gpu() else { return };
    let count = 70_001;
    let (graph, outs) =
        trace(|| Ok([random_uniform(&[count]), random_uniform(&[count]) + 0.0].map(oracle::edge)))
            .expect("a graph");
    let given = oracle::Given { seed: [0xdead_beef, 5], counter: 12_345, ..Default::default() };
    let block = pollster::block_on::<rhyton_engine::graph::Reading>;
    let run = |b: &dyn Backend| {
        rhyton_engine::device::once::run_once(b, &graph, &outs, &given, block).expect("run").outputs
    };
    assert_eq!(run(gpu), run(&Cpu::new(2).expect("threads start")));
}

fn default_device() -> Option<(wgpu::Device, wgpu::Queue)> {
    common::gpu()?;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()));
    let adapter = adapter.expect("there is an adapter");
    let device = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()));
    Some(device.expect("an adapter has the default limits"))
}

/// An app's own device with default limits: steps recorded into its encoder from its buffers, losses into its buffer.
#[test]
fn a_guest_records_into_the_apps_encoder() {
    let Some((device, queue)) = default_device() else { return };
    let gpu = Gpu::from_wgpu_polled(device.clone(), queue.clone()).expect("a guest");
    assert_eq!(gpu.caps().storage_buffers, 8);
    let steps = 67u32;
    let want = train(&gpu, steps, 1);

    let mlp = Mlp::new(&gpu);
    let memories = mlp.memories(&gpu, steps as usize);
    let mut replay = gpu.prepare(&mlp.plan, memories.clone()).expect("prepared");
    let replay = replay.as_any().downcast_mut::<GpuReplay>().expect("a GPU's");
    // The app's buffers hold all samples, one after the other, without padding.
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let make = |words: usize| {
        let size = words as u64 * 4;
        device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
    };
    let (samples, labels) = (make(steps as usize * BATCH * FEATURES), make(steps as usize * BATCH));
    let losses = make(steps as usize * BATCH);
    for step in 0..steps {
        let (x, y) = data(step);
        queue.write_buffer(&samples, u64::from(step) * 4 * x.len() as u64, bytemuck::cast_slice(&x));
        queue.write_buffer(&labels, u64::from(step) * 4 * y.len() as u64, bytemuck::cast_slice(&y));
    }
    let mut encoder = device.create_command_encoder(&Default::default());
    let buffer = |role| {
        let b = mlp.buffer(role);
        (&memories[b], mlp.plan.buffers[b].words)
    };
    for slot in 0..steps as usize {
        for (app, role, words) in
            [(&samples, Role::Input(0), BATCH * FEATURES), (&labels, Role::Input(1), BATCH)]
        {
            let (memory, step) = buffer(role);
            gpu.record_copy_in(&mut encoder, (app, slot * words), (memory, slot * step), words)
                .expect("copied");
        }
    }
    let rows: Vec<_> = (0..steps).map(row).collect();
    replay.record(&mut encoder, &rows).expect("recorded");
    let (memory, step) = buffer(Role::Output(0));
    for slot in 0..steps as usize {
        gpu.record_copy_out(&mut encoder, (memory, slot * step), (&losses, slot * BATCH), BATCH)
            .expect("copied");
    }
    queue.submit([encoder.finish()]);
    assert_eq!(read(&gpu, &memories[0], 0, mlp.start.len()), want.0);
    let losses = gpu.memory_of(losses).expect("it has the usage");
    assert_eq!(read(&gpu, &losses, 0, steps as usize * BATCH), want.1.concat());
}

/// The same with the app's buffers bound as they are.
#[test]
fn a_buffer_of_the_apps_is_a_window() {
    let Some((device, queue)) = default_device() else { return };
    let gpu = Gpu::from_wgpu_polled(device.clone(), queue.clone()).expect("a guest");
    let want = train(&gpu, 1, 1);
    let mlp = Mlp::new(&gpu);
    let mut memories = mlp.memories(&gpu, 1);
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let size = (BATCH * FEATURES * 4) as u64;
    let samples =
        device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    mlp.feed(&gpu, &memories, 0, 0);
    queue.write_buffer(&samples, 0, bytemuck::cast_slice(&data(0).0));
    memories[mlp.buffer(Role::Input(0))] = gpu.memory_of(samples).expect("it has the usage");
    gpu.prepare(&mlp.plan, memories.clone()).expect("prepared").run(&[row(0)]).expect("run");
    assert_eq!(read(&gpu, &memories[0], 0, mlp.start.len()), want.0);
}

fn is_device_error<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Device { .. }))
}

#[test]
fn a_destroyed_device_is_an_error_of_the_next_call() {
    let Some((device, queue)) = default_device() else { return };
    let guest = Gpu::from_wgpu_polled(device.clone(), queue).expect("a guest");
    let own = Gpu::any().expect("there is an adapter");
    for gpu in [&guest, &own] {
        let mlp = Mlp::new(gpu);
        let memories = mlp.memories(gpu, 2);
        let mut replay = gpu.prepare(&mlp.plan, memories.clone()).expect("prepared");
        replay.run(&[row(0)]).expect("run");
        // A device made here tells of its loss once it has nothing left to do.
        read(gpu, &memories[0], 0, 1);
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        gpu.device().destroy();
        assert!(is_device_error(replay.run(&[row(1)])));
        assert!(is_device_error(gpu.allocate("more", 4)));
        assert!(is_device_error(gpu.write(&memories[0], 0, &[1])));
        assert!(is_device_error(gpu.copy((&memories[0], 0), (&memories[1], 0), 4)));
        assert!(is_device_error(pollster::block_on(gpu.read(&memories[0], 0, 4))));
        assert!(is_device_error(gpu.prepare(&mlp.plan, memories.clone()).map(|_| ())));
        let replay = replay.as_any().downcast_mut::<GpuReplay>().expect("a GPU's");
        assert!(is_device_error(replay.record(&mut encoder, &[row(1)])));
    }
    assert!(is_device_error(Gpu::from_wgpu(device.clone(), guest.queue().clone()).map(|_| ())));
}

#[test]
fn wrong_calls_are_errors() {
    let Some(gpu) = common::gpu() else { return };
    let memory = gpu.allocate("a", 10).expect("there is memory");
    assert!(is_device_error(gpu.write(&memory, 8, &[1, 2, 3])));
    assert!(is_device_error(gpu.write(&memory, usize::MAX, &[1])));
    assert!(is_device_error(pollster::block_on(gpu.read(&memory, 0, 11))));
    assert_eq!(read(gpu, &memory, 10, 0), Vec::<u32>::new());
    assert!(is_device_error(gpu.allocate("too much", usize::MAX / 8)));
    let cpu = Cpu::new(1).expect("threads start").allocate("b", 10).expect("there is memory");
    assert!(is_device_error(gpu.copy((&memory, 0), (&cpu, 0), 4)));
    let mlp = Mlp::new(gpu);
    assert!(is_device_error(gpu.prepare(&mlp.plan, vec![memory.clone()]).map(|_| ())));
    let mut replay = gpu.prepare(&mlp.plan, mlp.memories(gpu, 2)).expect("prepared");
    assert!(is_device_error(replay.run(&[row(0), row(1), row(2)])), "more steps than slots");
    let mut small = mlp.memories(gpu, 1);
    small[0] = memory;
    assert!(is_device_error(gpu.prepare(&mlp.plan, small).map(|_| ())));
    assert!(is_device_error(Gpu::named("no such adapter").map(|_| ())));
    assert!(!adapters::list().is_empty());
}

#[test]
fn copies_overlap_and_reads_are_in_order() {
    let Some(gpu) = common::gpu() else { return };
    let memory = gpu.allocate("a", 8).expect("there is memory");
    assert_eq!(read(gpu, &memory, 0, 8), [0; 8], "zeroed");
    gpu.write(&memory, 0, &[1, 2, 3, 4, 5, 6, 7, 8]).expect("written");
    let before = gpu.read(&memory, 0, 8);
    gpu.copy((&memory, 0), (&memory, 2), 5).expect("copied");
    let after = gpu.read(&memory, 1, 7);
    gpu.write(&memory, 0, &[9; 8]).expect("written");
    assert_eq!(pollster::block_on(after).expect("read"), [2, 1, 2, 3, 4, 5, 8]);
    assert_eq!(pollster::block_on(before).expect("read"), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn bytes_are_given_back() {
    if common::gpu().is_none() {
        return;
    }
    // A device of its own, so that other tests do not count.
    let gpu = Gpu::any().expect("there is an adapter");
    assert_eq!(gpu.allocated_bytes(), 0);
    let mlp = Mlp::new(&gpu);
    let memories = mlp.memories(&gpu, 3);
    let held = gpu.allocated_bytes();
    assert!(held >= memories.iter().map(|m| 4 * m.words() as u64).sum());
    let replay = gpu.prepare(&mlp.plan, memories.clone()).expect("prepared");
    assert!(gpu.allocated_bytes() > held);
    drop(replay);
    assert_eq!(gpu.allocated_bytes(), held);
    drop(memories);
    assert_eq!(gpu.allocated_bytes(), 0);
}

/// Each op's kernels with guard words behind every buffer, bound together with it: an element written past the end changes
/// one, and one read past the end is a NaN.
#[test]
fn kernels_stay_inside_their_buffers() {
    const GUARD: u32 = 0x7fc0_dead;
    let Some(gpu) = common::gpu() else { return };
    let portable = rhyton_kernels::caps::Caps {
        name: gpu.caps().name.clone(),
        ..rhyton_kernels::caps::Caps::portable()
    };
    for (caps, row) in [gpu.caps(), &portable].into_iter().flat_map(|c| OPS.iter().map(move |row| (c, row))) {
        for (i, case) in (row.cases)().iter().enumerate() {
            let name = format!("{} case {i}", row.name);
            let (graph, out) = trace(|| {
                let xs: Vec<Tensor> =
                    case.inputs.iter().enumerate().map(|(i, t)| Tensor::input(i, t.clone())).collect();
                let y = Tensor::apply(Kind::Op(case.op.clone()), &xs, |t| case.op.infer(t).map(|t| vec![t]));
                Ok(oracle::edge(y))
            })
            .expect("a graph");
            let mut plan = plan::plan(&graph, &[out], &Arenas::default(), caps).expect("a plan");
            let ends: Vec<usize> = plan.buffers.iter().map(|b| b.words).collect();
            plan.buffers.iter_mut().for_each(|b| b.words += 128);
            let mut used = vec![0; ends.len()];
            for step in &mut plan.steps {
                let roots = step.root.iter_mut().flat_map(|r| &mut r.regions);
                let all = roots.chain(&mut step.operands).chain(&mut step.outputs).chain(&mut step.scratch);
                for region in all {
                    used[region.buffer] = used[region.buffer].max(region.offset + region.words);
                    region.words += 64;
                }
            }
            let memories: Vec<MemoryRef> =
                plan.buffers.iter().map(|b| gpu.allocate(&b.name, b.words).expect("memory")).collect();
            for (buffer, memory) in plan.buffers.iter().zip(&memories) {
                gpu.write(memory, 0, &vec![GUARD; buffer.words]).expect("written");
                if let Role::Input(k) = buffer.role {
                    let words = rhyton_engine::device::once::to_words(&case.values[k], case.inputs[k].dtype);
                    gpu.write(memory, 0, &words).expect("written");
                }
            }
            gpu.prepare(&Arc::new(plan.clone()), memories.clone())
                .expect(&name)
                .run(&[[0; 64]])
                .expect(&name);
            let want = oracle::run(&graph, &common::given(case));
            for ((buffer, memory), end) in plan.buffers.iter().zip(&memories).zip(used) {
                let words = read(gpu, memory, 0, buffer.words);
                let hit = words[end..].iter().position(|w| *w != GUARD);
                assert_eq!(hit, None, "{name}: {} is written past its end", buffer.name);
                if buffer.role == Role::Output(0) {
                    let got: Vec<f64> = words[..end].iter().map(|w| f64::from(f32::from_bits(*w))).collect();
                    let error = common::worst(&got, oracle::value(&want, out));
                    assert!(error <= case.tolerance, "{name} under {}: differs by {error:e}", caps.name);
                }
            }
        }
    }
}
