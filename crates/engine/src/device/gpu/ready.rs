//! A plan's dispatches made ready: pipelines, bind groups, uniforms. Nothing of it is made again in a step.

use std::sync::Arc;

use rhyton_kernels::dispatch::{Dispatch, Slot, Store};
use rhyton_kernels::program::Program;
use rhyton_kernels::source::{Parts, ProgramBinding, Request, bindings_with_parts, program_bindings};

use super::context::Context;
use super::memory::GpuMemory;
use super::pipelines::Pipeline;
use super::{bytes, wgpu};
use crate::Error;
use crate::device::MemoryRef;
use crate::plan::{Plan, Region, Role, Step};

/// A dispatch as it is encoded.
pub(super) struct ReadyDispatch {
    pub pipeline: Arc<Pipeline>,
    /// Groups 0 and 1: one pair, or one for each slot of the windows.
    groups: Vec<[wgpu::BindGroup; 2]>,
    /// Offset of its uniform.
    pub uniform: u32,
    pub workgroups: [u32; 3],
}

impl ReadyDispatch {
    /// Groups 0 and 1 for a replay that uses this slot.
    pub fn groups(&self, slot: usize) -> Option<&[wgpu::BindGroup; 2]> {
        self.groups.get(if self.groups.len() == 1 { 0 } else { slot })
    }
}

/// A plan's dispatches in order, and the words of their uniforms.
pub(super) struct ReadyPlan {
    pub dispatches: Vec<ReadyDispatch>,
    /// Uniforms, each at a multiple of 256 bytes.
    pub uniforms: Vec<u32>,
    /// Words of the largest of them, to a multiple of four: what is bound.
    pub largest: usize,
    /// Slots that every window has; `None` where the plan has no windows.
    pub slots: Option<usize>,
    /// Dispatches that run together, and how often.
    pub runs: Vec<(std::ops::Range<usize>, usize)>,
}

impl ReadyPlan {
    /// Returns the most trips that a loop makes; 1 without loops.
    pub fn trips(&self) -> usize {
        self.runs.iter().map(|(_, trips)| *trips).max().unwrap_or(1)
    }
}

/// Words between one uniform and the next: 256 bytes, the largest alignment that a device may ask for.
const UNIFORM_STEP: usize = 64;

/// Makes a plan ready in these memories.
pub(super) fn ready_plan(context: &Context, plan: &Plan, memories: &[MemoryRef]) -> Result<ReadyPlan, Error> {
    if memories.len() != plan.buffers.len() {
        return Err(context.error(format!(
            "a plan of {} buffers was given {} memories",
            plan.buffers.len(),
            memories.len()
        )));
    }
    let mut slots: Option<usize> = None;
    let mut buffers = Vec::new();
    for (buffer, memory) in plan.buffers.iter().zip(memories) {
        let windowed = matches!(buffer.role, Role::Input(_) | Role::Output(_));
        let own = context.own_memory(memory, 0, 0)?;
        if windowed {
            // A window of one slot need not reach to the end of the padding.
            let has = (own.words / buffer.words.max(1)).max(1);
            slots = Some(slots.map_or(has, |s| s.min(has)));
        }
        buffers.push(Bound {
            memory: own,
            step: if windowed { buffer.words } else { 0 },
            name: &buffer.name,
        });
    }
    let runs = Vec::new();
    let mut ready = ReadyPlan { dispatches: Vec::new(), uniforms: Vec::new(), largest: 4, slots, runs };
    for (range, trips) in plan.runs() {
        let first = ready.dispatches.len();
        for step in &plan.steps[range] {
            for dispatch in &step.dispatches {
                let made = Maker { context, buffers: &buffers, step, dispatch, trips }.make(&mut ready);
                ready.dispatches.push(made.map_err(|e| within(step, e))?);
            }
        }
        ready.runs.push((first..ready.dispatches.len(), trips));
    }
    // The last uniform is bound at the size of the largest.
    ready.uniforms.resize(ready.uniforms.len() + ready.largest, 0);
    Ok(ready)
}

/// Names the step in an error.
fn within(step: &Step, error: Error) -> Error {
    match error {
        Error::Device { device, what } => Error::Device { device, what: format!("{}: {what}", step.label) },
        other => other,
    }
}

/// A buffer of the plan: its memory, and the words from one slot to the next (0: no window).
struct Bound<'a> {
    memory: &'a GpuMemory,
    step: usize,
    name: &'a str,
}

struct Maker<'a> {
    context: &'a Context,
    buffers: &'a [Bound<'a>],
    step: &'a Step,
    dispatch: &'a Dispatch,
    /// Trips of the loop around.
    trips: usize,
}

impl Maker<'_> {
    fn make(&self, ready: &mut ReadyPlan) -> Result<ReadyDispatch, Error> {
        let identity = Program::identity();
        let (program, operands, outputs, words): (_, Vec<Region>, Vec<Region>, _) = match self.dispatch.stores
        {
            Store::Program => {
                let step = self.step;
                // Slices are found by the trip's number inside of what all trips use.
                let whole = |regions: &[Region]| regions.iter().map(|r| r.whole(self.trips).0).collect();
                (&step.program, whole(&step.operands), whole(&step.outputs), step.words.as_slice())
            }
            Store::Scratch(k) => {
                (&identity, vec![], vec![self.region(self.step.scratch.get(k), "scratch", k)?], &[][..])
            }
        };
        if operands.len() != program.operands.len() || outputs.len() != program.outputs.len() {
            return Err(self.context.error(format!(
                "{} operands and {} outputs of a program with {} and {}",
                operands.len(),
                outputs.len(),
                program.operands.len(),
                program.outputs.len()
            )));
        }
        let kernel = self.kernel_regions()?;
        // wgpu lets no buffer be bound read-only and read-write in one dispatch, even where the ranges are apart.
        let written = |r: &Region| outputs.iter().any(|o| self.same_buffer(o, r));
        let mask = |regions: &[Region]| {
            regions.iter().enumerate().fold(0u32, |m, (k, r)| m | u32::from(written(r)) << k.min(31))
        };
        let bound: Vec<Region> = program_bindings(program)
            .into_iter()
            .map(|b| match b {
                ProgramBinding::Operand(k, _) => operands[k],
                ProgramBinding::Output(k) => outputs[k],
            })
            .collect();
        let parts = self.parts(&kernel, &bound)?;
        let request = Request {
            kernel: self.dispatch.kernel,
            overrides: &self.dispatch.overrides,
            program,
            writable: mask(&kernel),
            writable_operands: mask(&operands),
            parts,
        };
        let pipeline = self.context.pipelines.get(self.context, &request)?;
        let windowed =
            kernel.iter().chain(&bound).any(|r| self.buffers.get(r.buffer).is_some_and(|b| b.step > 0));
        let slots = if windowed { ready.slots.unwrap_or(1) } else { 1 };
        let groups = (0..slots)
            .map(|slot| {
                Ok([
                    self.group(&pipeline.kernel, &kernel, &request.parts.kernel, slot)?,
                    self.group(&pipeline.program, &bound, &request.parts.program, slot)?,
                ])
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let uniform = u32::try_from(bytes(ready.uniforms.len()))
            .map_err(|_| self.context.error("the plan has too many dispatches"))?;
        let before = ready.uniforms.len();
        ready.uniforms.extend(&self.dispatch.words);
        ready.uniforms.resize(before + self.dispatch.words.len().next_multiple_of(4), 0);
        ready.uniforms.extend(words);
        let size = (ready.uniforms.len() - before).next_multiple_of(4);
        ready.largest = ready.largest.max(size);
        ready.uniforms.resize(before + size.next_multiple_of(UNIFORM_STEP), 0);
        Ok(ReadyDispatch { pipeline, groups, uniform, workgroups: self.dispatch.workgroups })
    }

    /// Regions of the kernel's own bindings.
    fn kernel_regions(&self) -> Result<Vec<Region>, Error> {
        let inputs = self.step.root.as_ref().map_or(&[][..], |r| r.regions.as_slice());
        self.dispatch
            .bindings
            .iter()
            .map(|slot| match slot {
                Slot::In(k) => self.region(inputs.get(*k), "input", *k),
                Slot::Scratch(k) => self.region(self.step.scratch.get(*k), "scratch", *k),
            })
            .collect()
    }

    /// In how many parts the regions are bound: more than one where one is larger than the device binds at once.
    fn parts(&self, kernel: &[Region], program: &[Region]) -> Result<Parts, Error> {
        let caps = &self.context.caps;
        let parts = |regions: &[Region]| regions.iter().map(|r| caps.parts(r.words)).collect::<Vec<_>>();
        let parts = Parts { words: caps.part_words(), kernel: parts(kernel), program: parts(program) };
        let count: usize = parts.kernel.iter().chain(&parts.program).sum();
        if count <= caps.storage_buffers as usize {
            return Ok(parts);
        }
        let largest = kernel.iter().chain(program).max_by_key(|r| r.words);
        let name = largest.and_then(|r| self.buffers.get(r.buffer)).map_or("", |b| b.name);
        Err(self.context.error(format!(
            "kernel {} needs {count} bindings, since the device binds {} bytes at once and {name} has {} in one piece, but it has {}: \
             take another device (the CPU has no limit), or make the layer smaller",
            self.dispatch.kernel,
            caps.binding_bytes,
            largest.map_or(0, |r| bytes(r.words)),
            caps.storage_buffers
        )))
    }

    fn region(&self, region: Option<&Region>, what: &str, k: usize) -> Result<Region, Error> {
        region.copied().ok_or_else(|| {
            self.context
                .error(format!("kernel {} names {what} {k}, which the step lacks", self.dispatch.kernel))
        })
    }

    fn same_buffer(&self, a: &Region, b: &Region) -> bool {
        let buffer = |r: &Region| self.buffers.get(r.buffer).map(|b| &b.memory.buffer);
        buffer(a).is_some() && buffer(a) == buffer(b)
    }

    fn group(
        &self,
        layout: &wgpu::BindGroupLayout,
        regions: &[Region],
        parts: &[usize],
        slot: usize,
    ) -> Result<wgpu::BindGroup, Error> {
        let size = self.context.caps.part_words();
        let entries = bindings_with_parts(regions.len(), parts)
            .into_iter()
            .enumerate()
            .map(|(binding, (k, part))| {
                let Region { buffer, offset, words, .. } = regions[k];
                let before = part.saturating_mul(size);
                let region = Region::new(buffer, offset + before, (words - before).min(size));
                let resource = wgpu::BindingResource::Buffer(self.binding(&region, slot)?);
                Ok(wgpu::BindGroupEntry { binding: binding as u32, resource })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let descriptor =
            wgpu::BindGroupDescriptor { label: Some(&self.step.label), layout, entries: &entries };
        self.context.scoped(|| self.context.device.create_bind_group(&descriptor))
    }

    fn binding(&self, region: &Region, slot: usize) -> Result<wgpu::BufferBinding<'_>, Error> {
        let context = self.context;
        let buffer = self.buffers.get(region.buffer);
        let buffer = buffer.ok_or_else(|| context.error(format!("no buffer {}", region.buffer)))?;
        let first = region.offset + slot * buffer.step;
        // An empty region is bound as one word, which no kernel touches.
        let words = region.words.max(1);
        if first + words > buffer.memory.words {
            return Err(context.error(format!(
                "{}: words {first} to {} of {}",
                buffer.name,
                first + words,
                buffer.memory.words
            )));
        }
        Ok(wgpu::BufferBinding {
            buffer: &buffer.memory.buffer,
            offset: bytes(first),
            size: wgpu::BufferSize::new(bytes(words)),
        })
    }
}
