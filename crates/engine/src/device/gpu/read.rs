//! Reading back: the copy is enqueued at once, the future is ready when the device has done it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::context::{Context, lock};
use super::{bytes, wgpu};
use crate::Error;
use crate::device::{MemoryRef, Reading};

/// Enqueues a copy of these words and gives their future.
pub(super) fn read(context: &Arc<Context>, memory: &MemoryRef, offset: usize, words: usize) -> Reading {
    match enqueue(context, memory, offset, words) {
        Ok(Some(pending)) => Box::pin(pending),
        Ok(None) => Box::pin(std::future::ready(Ok(Vec::new()))),
        Err(error) => Box::pin(std::future::ready(Err(error))),
    }
}

fn enqueue(
    context: &Arc<Context>,
    memory: &MemoryRef,
    offset: usize,
    words: usize,
) -> Result<Option<Pending>, Error> {
    let source = context.own_memory(memory, offset, words)?;
    if words == 0 {
        return Ok(None);
    }
    context.check_alive()?;
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let descriptor =
        wgpu::BufferDescriptor { label: Some("read"), size: bytes(words), usage, mapped_at_creation: false };
    let answer: Arc<Mutex<Answer>> = Arc::default();
    let told = Arc::clone(&answer);
    let (buffer, submit) = context.scoped(|| {
        let buffer = context.device.create_buffer(&descriptor);
        let mut encoder = context.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&source.buffer, bytes(offset), &buffer, 0, bytes(words));
        let submit = context.queue.submit([encoder.finish()]);
        buffer.map_async(wgpu::MapMode::Read, .., move |result| {
            tell(&told, result.map_err(|e| e.to_string()));
        });
        (buffer, submit)
    })?;
    let told = Arc::clone(&answer);
    context.wait_later(submit, move |what| tell(&told, Err(what)));
    Ok(Some(Pending { context: Arc::clone(context), buffer, answer }))
}

#[derive(Default)]
struct Answer {
    mapped: Option<Result<(), String>>,
    waker: Option<Waker>,
}

fn tell(answer: &Mutex<Answer>, mapped: Result<(), String>) {
    let waker = {
        let mut answer = lock(answer);
        answer.mapped = Some(mapped);
        answer.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

struct Pending {
    context: Arc<Context>,
    buffer: wgpu::Buffer,
    answer: Arc<Mutex<Answer>>,
}

impl Future for Pending {
    type Output = Result<Vec<u32>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        let mapped = {
            let mut answer = lock(&self.answer);
            answer.waker = Some(cx.waker().clone());
            answer.mapped.take()
        };
        let mapped = match mapped {
            Some(mapped) => mapped,
            None => {
                // Callbacks run inside, so without the lock.
                self.context.poll_once();
                match lock(&self.answer).mapped.take() {
                    Some(mapped) => mapped,
                    None => return Poll::Pending,
                }
            }
        };
        if let Err(what) = mapped {
            self.context.check_alive()?;
            return Poll::Ready(Err(self.context.error(what)));
        }
        let words = match self.buffer.get_mapped_range(..) {
            Ok(view) => bytemuck::pod_collect_to_vec(&view[..]),
            Err(e) => return Poll::Ready(Err(self.context.error(e.to_string()))),
        };
        self.buffer.unmap();
        Poll::Ready(Ok(words))
    }
}
