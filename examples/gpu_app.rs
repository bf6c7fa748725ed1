//! A model as a guest in a program that owns a wgpu device: a renderer, a simulator, an editor.
//!
//! The app draws scenes with a compute shader of its own (a bright disc in one of four corners of a 12 x 12 image, with noise), trains a
//! small model on those buffers, and uses the predictions in a next pass of its own. Every frame is one encoder and one submit: nothing
//! is read back, and there is no second device.
//!
//! `cargo run --release --example gpu_app`

use rhyton::prelude::*;
use rhyton::wgpu;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const SIDE: u32 = 12;
const BATCH: u32 = 64;

/// The app's scene: one invocation per pixel. The label is the corner that the disc is in.
const SCENE: &str = r"
@group(0) @binding(0) var<storage, read_write> pixels: array<f32>;
@group(0) @binding(1) var<storage, read_write> labels: array<i32>;
@group(0) @binding(2) var<uniform> frame: vec4<u32>;

fn hash(x: u32) -> f32 {
    var h = x * 747796405u + 2891336453u;
    h = ((h >> ((h >> 28u) + 4u)) ^ h) * 277803737u;
    return f32((h >> 22u) ^ h) / 4294967296.0;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let side = frame.y;
    let i = id.x;
    if i >= side * side * frame.z { return; }
    let scene = i / (side * side) + frame.x * frame.z;
    let corner = u32(hash(scene * 3u) * 4.0) % 4u;
    let at = vec2<f32>(f32(i % side), f32(i / side % side));
    let half = f32(side) / 2.0;
    let centre = half * vec2<f32>(f32(corner % 2u), f32(corner / 2u))
        + half * (0.25 + 0.5 * vec2<f32>(hash(scene * 3u + 1u), hash(scene * 3u + 2u)));
    let disc = select(0.0, 1.0, distance(at, centre) < half * 0.4);
    pixels[i] = disc + 0.8 * (hash(i * 7u + frame.x * 104729u) - 0.5);
    labels[i / (side * side)] = i32(corner);
}
";

/// The app's next pass: counts where the prediction names the right corner. A game would move something instead.
const JUDGE: &str = r"
@group(0) @binding(0) var<storage, read> scores: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> hits: atomic<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= arrayLength(&labels) { return; }
    var best = 0u;
    for (var c = 1u; c < 4u; c++) {
        if scores[id.x * 4u + c] > scores[id.x * 4u + best] { best = c; }
    }
    if i32(best) == labels[id.x] { atomicAdd(&hits, 1u); }
}
";

fn main() -> Result<()> {
    // The app's own device: default limits, no features.
    let instance = wgpu::Instance::default();
    let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
        .map_err(|e| {
            format!("this example needs a GPU, or software Vulkan (Debian: mesa-vulkan-drivers): {e}")
        })?;
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default()))?;
    println!("Device: {}", adapter.get_info().name);

    let buffer = |label, elements: u32, usage| {
        let usage = usage | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let size = 4 * u64::from(elements);
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    };
    let storage = wgpu::BufferUsages::STORAGE;
    let pixels = buffer("pixels", BATCH * SIDE * SIDE, storage);
    let labels = buffer("labels", BATCH, storage);
    let scores = buffer("scores", BATCH * 4, storage);
    let hits = buffer("hits", 1, storage);
    let frame_data = buffer("frame", 4, wgpu::BufferUsages::UNIFORM);
    let scene = Pass::new(&device, SCENE, &[&pixels, &labels, &frame_data]);
    let judge = Pass::new(&device, JUDGE, &[&scores, &labels, &hits]);

    // The guest: a small model on the same device.
    let mut model = Sequential::new((
        Dense::new(32).activation("relu").input_shape([(SIDE * SIDE) as usize]),
        Dense::new(4),
    ))?;
    model.to(&Device::from_wgpu(device.clone(), queue.clone())?)?;
    model.compile(
        Adam::new(),
        SparseCategoricalCrossentropy::new().from_logits(true),
        [SparseCategoricalAccuracy::new()],
    )?;

    for frame in 0..300u32 {
        queue.write_buffer(&frame_data, 0, &[frame, SIDE, BATCH, 0].map(u32::to_le_bytes).concat());
        let mut encoder = device.create_command_encoder(&Default::default());
        scene.record(&mut encoder, (BATCH * SIDE * SIDE).div_ceil(64));

        let mut recording = model.record(&mut encoder)?;
        // Predict first, on a scene that the model has not seen; then learn from it.
        recording.predict(&[(&pixels).into()], &[(&scores).into()], BATCH as usize)?;
        recording.train_step(&[(&pixels).into()], &[(&labels).into()], BATCH as usize)?;
        let recorded = recording.finish();

        encoder.clear_buffer(&hits, 0, None);
        judge.record(&mut encoder, BATCH.div_ceil(64));
        queue.submit([encoder.finish()]);
        recorded.submitted();

        // Only to show a person what happens, now and then.
        if frame % 50 == 0 || frame == 299 {
            println!("frame {frame:3}: {:2} of {BATCH} scenes seen right", read_u32(&device, &queue, &hits)?);
        }
    }
    println!("loss and accuracy over all frames: {:?}", model.metrics()?.0);
    Ok(())
}

/// A compute pass of the app's.
struct Pass {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
}

impl Pass {
    fn new(device: &wgpu::Device, source: &str, buffers: &[&wgpu::Buffer]) -> Pass {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let entries: Vec<_> = (0u32..)
            .zip(buffers)
            .map(|(binding, b)| wgpu::BindGroupEntry { binding, resource: b.as_entire_binding() })
            .collect();
        let layout = pipeline.get_bind_group_layout(0);
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &entries,
        });
        Pass { pipeline, group }
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder, workgroups: u32) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(workgroups, 1, 1);
    }
}

fn read_u32(device: &wgpu::Device, queue: &wgpu::Queue, buffer: &wgpu::Buffer) -> Result<u32> {
    let staging = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut encoder = device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, 4);
    queue.submit([encoder.finish()]);
    staging.slice(..).map_async(wgpu::MapMode::Read, |_| {});
    device.poll(wgpu::PollType::wait_indefinitely())?;
    let bytes = staging.slice(..).get_mapped_range()?.to_vec();
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
