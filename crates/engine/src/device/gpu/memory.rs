//! Buffers.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::context::Context;
use super::{bytes, wgpu};
use crate::Error;
use crate::device::Memory;

/// A buffer, and its bytes in the device's count.
pub(super) struct GpuMemory {
    pub buffer: wgpu::Buffer,
    pub words: usize,
    counted: u64,
    count: Arc<AtomicU64>,
}

impl GpuMemory {
    /// Zeroed memory for kernels. The buffer ends at a multiple of 256 bytes.
    pub fn zeroed(context: &Context, label: &str, words: usize) -> Result<Self, Error> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        GpuMemory::make(context, label, words, usage)
    }

    /// Memory for uniforms.
    pub fn uniform(context: &Context, label: &str, words: usize) -> Result<Self, Error> {
        GpuMemory::make(context, label, words, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST)
    }

    fn make(context: &Context, label: &str, words: usize, usage: wgpu::BufferUsages) -> Result<Self, Error> {
        let limit = context.device.limits().max_buffer_size;
        let size =
            words.max(1).checked_mul(4).and_then(|b| b.checked_next_multiple_of(256)).map(|b| b as u64);
        let size = size.filter(|s| *s <= limit);
        let size = size.ok_or_else(|| {
            context.error(format!("{label} needs {words} words, but a buffer has {limit} bytes at most"))
        })?;
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        context.check_alive()?;
        let buffer = context.scoped(|| context.device.create_buffer(&descriptor))?;
        context.allocated.fetch_add(size, Ordering::Relaxed);
        Ok(GpuMemory { buffer, words, counted: size, count: Arc::clone(&context.allocated) })
    }

    /// A buffer of the caller's, which does not count.
    pub fn theirs(context: &Context, buffer: wgpu::Buffer) -> Result<Self, Error> {
        context.check_buffer(&buffer, wgpu::BufferUsages::STORAGE, 0, 0)?;
        if !buffer.size().is_multiple_of(4) {
            return Err(
                context.error(format!("a buffer of {} bytes is no whole number of words", buffer.size()))
            );
        }
        let words = usize::try_from(buffer.size() / 4).unwrap_or(usize::MAX);
        debug_assert_eq!(bytes(words), buffer.size());
        Ok(GpuMemory { buffer, words, counted: 0, count: Arc::clone(&context.allocated) })
    }
}

impl Drop for GpuMemory {
    fn drop(&mut self) {
        self.count.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

impl Memory for GpuMemory {
    fn words(&self) -> usize {
        self.words
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
