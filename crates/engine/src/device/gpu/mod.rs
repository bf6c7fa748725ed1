//! The GPU device: replays the dispatches of plans through wgpu. The only place where wgpu is named.
//!
//! * [`adapters`]: which adapter is taken. `context`: what everything here shares, and error scopes.
//! * `memory`, `read`: buffers, and reading them back.
//! * `pipelines`, `ready`, `replay`: sources to pipelines, plans to bind groups, steps to submits; [`GpuReplay::record`] puts
//!   steps into an encoder of the caller's.
//!
//! A device of the caller's ([`Gpu::from_wgpu`]) is a guest's: it is not polled, gets no handlers, and every call that may
//! fail runs in an error scope. A lost device is an error of the next call.

pub mod adapters;
mod context;
mod memory;
mod pipelines;
mod quiet;
mod read;
mod ready;
mod replay;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rhyton_kernels::caps::Caps;
pub use wgpu;

/// A buffer of the app's.
pub type Buffer = wgpu::Buffer;
/// An encoder of the app's.
pub type Encoder = wgpu::CommandEncoder;

use super::{Backend, MemoryRef, Reading, Replay};
use crate::Error;
use crate::plan::Plan;
use adapters::Adapter;
use context::{Context, ready};
use memory::GpuMemory;
pub use quiet::quieten;
pub use replay::GpuReplay;

/// A GPU through wgpu.
pub struct Gpu {
    context: Arc<Context>,
}

impl Gpu {
    /// The best GPU: a discrete one, else an integrated one, else a virtual one; `None` where there is none.
    ///
    /// # Errors
    /// The driver refuses to open it.
    pub fn best() -> Result<Option<Self>, Error> {
        match adapters::list().into_iter().find(|a| !a.is_software()) {
            Some(adapter) => Gpu::open(&adapter).map(Some),
            None => Ok(None),
        }
    }

    /// The best adapter, software ones too.
    ///
    /// # Errors
    /// There is none, or its driver refuses to open it.
    pub fn any() -> Result<Self, Error> {
        Gpu::open(&adapters::find("gpu")?)
    }

    /// The best adapter whose name or driver contains this text, in any case of letters.
    ///
    /// # Errors
    /// There is none (the message lists those that are there), or its driver refuses to open it.
    pub fn named(part: &str) -> Result<Self, Error> {
        Gpu::open(&adapters::find(part)?)
    }

    /// Opens an adapter with the limits that it has and no features.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn open(adapter: &Adapter) -> Result<Self, Error> {
        Gpu::open_with(adapter, adapter.wgpu.limits())
    }

    /// Opens an adapter as if it could bind and allocate no more bytes at once than these: to see what a model does on such a device.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn open_limited(adapter: &Adapter, binding_bytes: u64, buffer_bytes: u64) -> Result<Self, Error> {
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: binding_bytes,
            max_buffer_size: buffer_bytes,
            ..adapter.wgpu.limits()
        };
        Gpu::open_with(adapter, limits)
    }

    fn open_with(adapter: &Adapter, limits: wgpu::Limits) -> Result<Self, Error> {
        let name = adapter.to_string();
        let descriptor =
            wgpu::DeviceDescriptor { label: Some("rhyton"), required_limits: limits, ..Default::default() };
        let opened = ready(adapter.wgpu.request_device(&descriptor))
            .ok_or_else(|| "the driver did not answer".to_string())
            .and_then(|r| r.map_err(|e| e.to_string()));
        let (device, queue) = opened.map_err(|what| Error::Device { device: name.clone(), what })?;
        Ok(Gpu { context: Context::own(device, queue, name) })
    }

    /// A guest on a device of the caller's, with whatever features and limits it has, down to WebGPU's defaults. Rhyton
    /// installs no handler on it and does not poll it: reads become ready when the app polls.
    ///
    /// # Errors
    /// The device's limits lie below WebGPU's defaults, or it is lost.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self, Error> {
        let context = Context::guest(device, queue, false);
        context.check_portable()?;
        context.check_alive()?;
        Ok(Gpu { context })
    }

    /// As [`Gpu::from_wgpu`], but Rhyton polls the device while it waits: for apps that poll nowhere else at that time, so
    /// that calls that block (`fit`, `predict`) end.
    ///
    /// # Errors
    /// As there.
    pub fn from_wgpu_polled(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self, Error> {
        let context = Context::guest(device, queue, true);
        context.check_portable()?;
        context.check_alive()?;
        Ok(Gpu { context })
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.context.device
    }

    /// Its queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.context.queue
    }

    /// A buffer of the caller's as memory: what a plan reads or writes there is the buffer's own contents. It must be of this
    /// device, with usage `STORAGE`; `COPY_SRC` and `COPY_DST` are needed only where it is read back or written by copies.
    ///
    /// # Errors
    /// The usage lacks `STORAGE`, or the size is no whole number of words.
    pub fn memory_of(&self, buffer: wgpu::Buffer) -> Result<MemoryRef, Error> {
        GpuMemory::theirs(&self.context, buffer).map(|m| Arc::new(m) as MemoryRef)
    }

    /// The buffer that a memory lies in, from its beginning.
    ///
    /// # Errors
    /// The memory is another device's.
    pub fn buffer_of(&self, memory: &MemoryRef) -> Result<wgpu::Buffer, Error> {
        self.context.own_memory(memory, 0, 0).map(|m| m.buffer.clone())
    }

    /// Records a copy from a buffer of the caller's (usage `COPY_SRC`, any offset of whole words) into memory: how an input
    /// that lies anywhere gets into a window.
    ///
    /// # Errors
    /// The range lies outside of one of both, or the usage is missing.
    pub fn record_copy_in(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: (&wgpu::Buffer, usize),
        to: (&MemoryRef, usize),
        words: usize,
    ) -> Result<(), Error> {
        self.context.check_buffer(from.0, wgpu::BufferUsages::COPY_SRC, from.1, words)?;
        let target = self.context.own_memory(to.0, to.1, words)?;
        encoder.copy_buffer_to_buffer(from.0, bytes(from.1), &target.buffer, bytes(to.1), bytes(words));
        Ok(())
    }

    /// Records a copy from memory into a buffer of the caller's (usage `COPY_DST`, any offset of whole words).
    ///
    /// # Errors
    /// The range lies outside of one of both, or the usage is missing.
    pub fn record_copy_out(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: (&MemoryRef, usize),
        to: (&wgpu::Buffer, usize),
        words: usize,
    ) -> Result<(), Error> {
        self.context.check_buffer(to.0, wgpu::BufferUsages::COPY_DST, to.1, words)?;
        let source = self.context.own_memory(from.0, from.1, words)?;
        encoder.copy_buffer_to_buffer(&source.buffer, bytes(from.1), to.0, bytes(to.1), bytes(words));
        Ok(())
    }
}

/// Bytes of words.
fn bytes(words: usize) -> u64 {
    words as u64 * 4
}

impl Backend for Gpu {
    fn name(&self) -> &str {
        &self.context.name
    }

    fn caps(&self) -> &Caps {
        &self.context.caps
    }

    fn allocate(&self, label: &str, words: usize) -> Result<MemoryRef, Error> {
        GpuMemory::zeroed(&self.context, label, words).map(|m| Arc::new(m) as MemoryRef)
    }

    fn allocated_bytes(&self) -> u64 {
        self.context.allocated.load(Ordering::Relaxed)
    }

    fn write(&self, memory: &MemoryRef, offset: usize, data: &[u32]) -> Result<(), Error> {
        let target = self.context.own_memory(memory, offset, data.len())?;
        self.context.check_alive()?;
        self.context.scoped(|| {
            self.context.queue.write_buffer(&target.buffer, bytes(offset), bytemuck::cast_slice(data));
        })
    }

    fn copy(&self, from: (&MemoryRef, usize), to: (&MemoryRef, usize), words: usize) -> Result<(), Error> {
        let source = self.context.own_memory(from.0, from.1, words)?;
        let target = self.context.own_memory(to.0, to.1, words)?;
        if words == 0 {
            return Ok(());
        }
        self.context.check_alive()?;
        // Within one buffer wgpu copies nothing, so the way is through another.
        let through = match source.buffer == target.buffer {
            true => Some(GpuMemory::zeroed(&self.context, "copy", words)?),
            false => None,
        };
        self.context.scoped(|| {
            let mut encoder = self.context.device.create_command_encoder(&Default::default());
            let (mut buffer, mut offset) = (&source.buffer, bytes(from.1));
            if let Some(through) = &through {
                encoder.copy_buffer_to_buffer(buffer, offset, &through.buffer, 0, bytes(words));
                (buffer, offset) = (&through.buffer, 0);
            }
            encoder.copy_buffer_to_buffer(buffer, offset, &target.buffer, bytes(to.1), bytes(words));
            self.context.queue.submit([encoder.finish()]);
        })
    }

    fn read(&self, memory: &MemoryRef, offset: usize, words: usize) -> Reading {
        read::read(&self.context, memory, offset, words)
    }

    fn check(&self) -> Result<(), Error> {
        self.context.check_alive()
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn prepare(&self, plan: &Arc<Plan>, memories: Vec<MemoryRef>) -> Result<Box<dyn Replay>, Error> {
        self.context.check_alive()?;
        let replay = GpuReplay::new(&self.context, plan, memories)?;
        Ok(Box::new(replay))
    }
}

debug!(Gpu, |gpu|);
