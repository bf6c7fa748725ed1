//! Pipelines, one per source: whoever asks for the same source gets the same pipeline.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rhyton_kernels::dispatch::STEP_WORDS;
use rhyton_kernels::source::{ProgramBinding, Request, bindings_with_parts, program_bindings, source};
use rhyton_kernels::table::{Access, kernel};

use super::context::{Context, lock};
use super::{bytes, wgpu};
use crate::Error;

/// A pipeline and the layouts of its storage bindings.
pub(super) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub kernel: wgpu::BindGroupLayout,
    pub program: wgpu::BindGroupLayout,
}

/// All pipelines of a device.
pub(super) struct Pipelines {
    by_source: Mutex<HashMap<String, Arc<Pipeline>>>,
    /// Group 2, the same for all: the uniform of the dispatch and the row of the step table, both by dynamic offset.
    pub tables: wgpu::BindGroupLayout,
}

fn entry(
    binding: usize,
    ty: wgpu::BufferBindingType,
    dynamic: bool,
    least: u64,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: dynamic,
            min_binding_size: wgpu::BufferSize::new(least),
        },
        count: None,
    }
}

fn storage(device: &wgpu::Device, label: &str, writes: &[bool], parts: &[usize]) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = bindings_with_parts(writes.len(), parts)
        .into_iter()
        .enumerate()
        .map(|(i, (k, _))| entry(i, wgpu::BufferBindingType::Storage { read_only: !writes[k] }, false, 0))
        .collect();
    device
        .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries })
}

impl Pipelines {
    pub fn new(device: &wgpu::Device) -> Self {
        let uniform = wgpu::BufferBindingType::Uniform;
        let entries = [entry(0, uniform, true, 0), entry(1, uniform, true, bytes(STEP_WORDS))];
        let tables = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("tables"),
            entries: &entries,
        });
        Pipelines { by_source: Mutex::default(), tables }
    }

    /// The pipeline of a request, made now if it is the first of its source.
    pub fn get(&self, context: &Context, request: &Request) -> Result<Arc<Pipeline>, Error> {
        let text = source(request).map_err(|e| context.error(e.to_string()))?;
        if let Some(pipeline) = lock(&self.by_source).get(&text) {
            return Ok(Arc::clone(pipeline));
        }
        let made = Arc::new(context.scoped(|| self.make(context, request, &text))?);
        lock(&self.by_source).insert(text, Arc::clone(&made));
        Ok(made)
    }

    fn make(&self, context: &Context, request: &Request, text: &str) -> Pipeline {
        let device = &context.device;
        let rows = kernel(request.kernel).map_or(&[][..], |k| k.bindings);
        let writes: Vec<bool> = rows
            .iter()
            .enumerate()
            .map(|(k, (_, access))| *access == Access::ReadWrite || request.writable >> k & 1 == 1)
            .collect();
        let kernel = storage(device, request.kernel, &writes, &request.parts.kernel);
        let writes: Vec<bool> = program_bindings(request.program)
            .iter()
            .map(|b| match b {
                ProgramBinding::Operand(k, written) => {
                    written.is_some() || request.writable_operands >> k & 1 == 1
                }
                ProgramBinding::Output(_) => true,
            })
            .collect();
        let program = storage(device, "program", &writes, &request.parts.program);
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(request.kernel),
            bind_group_layouts: &[Some(&kernel), Some(&program), Some(&self.tables)],
            immediate_size: 0,
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(request.kernel),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(request.kernel),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        Pipeline { pipeline, kernel, program }
    }
}
