//! What a device, its memory and its replays share.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;

use rhyton_kernels::caps::Caps;

use super::adapters::kind;
use super::memory::GpuMemory;
use super::pipelines::Pipelines;
use super::{bytes, wgpu};
use crate::Error;
use crate::device::MemoryRef;

/// A submit to wait for, and whom to tell if that fails.
struct Wait {
    submit: wgpu::SubmissionIndex,
    failed: Box<dyn FnOnce(String) + Send>,
}

/// The thread that polls a device. It has a handle of the device: it must end before the program does, or the driver is taken down by
/// two threads at once.
struct Poller {
    /// `None` when it is to end.
    waits: Mutex<Option<mpsc::Sender<Wait>>>,
    thread: Option<JoinHandle<()>>,
}

impl Poller {
    /// Asks it to wait for a submit; gives that back where there is no thread.
    fn ask(&self, wait: Wait) -> Result<(), Wait> {
        match &*lock(&self.waits) {
            Some(sender) => sender.send(wait).map_err(|mpsc::SendError(wait)| wait),
            None => Err(wait),
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        lock(&self.waits).take();
        // What it waits for may hold the last handle of this.
        if let Some(thread) = self.thread.take().filter(|t| t.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

/// Device, queue and what belongs to them.
pub(super) struct Context {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub name: String,
    pub caps: Caps,
    pub allocated: Arc<AtomicU64>,
    pub pipelines: Pipelines,
    /// Whether the device was made here.
    own: bool,
    /// Asks the polling thread to wait for a submit; `None` on a device that only its owner polls.
    poller: Option<Poller>,
    /// Why the device is gone, once it is.
    lost: Arc<Mutex<Option<String>>>,
}

impl Context {
    /// For a device that was made here: hears of its loss, and polls it.
    pub fn own(device: wgpu::Device, queue: wgpu::Queue, name: String) -> Arc<Self> {
        let lost = Arc::new(Mutex::new(None));
        let told = Arc::clone(&lost);
        device.set_device_lost_callback(move |reason, message| {
            *lock(&told) = Some(format!("lost ({reason:?}) {message}"));
        });
        Context::new(device, queue, name, true, true, lost)
    }

    /// For a device of the caller's.
    pub fn guest(device: wgpu::Device, queue: wgpu::Queue, polled: bool) -> Arc<Self> {
        let info = device.adapter_info();
        let name = format!("{} ({:?}, {})", info.name, info.backend, kind(info.device_type));
        Context::new(device, queue, name, false, polled, Arc::default())
    }

    fn new(
        device: wgpu::Device,
        queue: wgpu::Queue,
        name: String,
        own: bool,
        polled: bool,
        lost: Arc<Mutex<Option<String>>>,
    ) -> Arc<Self> {
        let limits = device.limits();
        let caps = Caps {
            name: name.clone(),
            software: device.adapter_info().device_type == wgpu::DeviceType::Cpu,
            // Some drivers name millions; a request for a source has a bit for each of 32.
            storage_buffers: limits.max_storage_buffers_per_shader_stage.min(32),
            invocations: limits.max_compute_invocations_per_workgroup,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            workgroups: limits.max_compute_workgroups_per_dimension,
            binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
        };
        let poller = polled.then(|| start_poller(device.clone(), Arc::clone(&lost)));
        let pipelines = Pipelines::new(&device);
        Arc::new(Context {
            device,
            queue,
            name,
            caps,
            allocated: Arc::default(),
            pipelines,
            own,
            poller,
            lost,
        })
    }

    pub fn error(&self, what: impl Into<String>) -> Error {
        Error::Device { device: self.name.clone(), what: what.into() }
    }

    /// Runs calls of wgpu whose errors come to light in an error scope, and gives the first of them.
    pub fn scoped<T>(&self, call: impl FnOnce() -> T) -> Result<T, Error> {
        let filters =
            [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
        let mut scopes: Vec<_> = filters.map(|f| self.device.push_error_scope(f)).into();
        let value = call();
        let mut first = None;
        while let Some(scope) = scopes.pop() {
            first = first.or(ready(scope.pop()).flatten());
        }
        match first {
            Some(error) => Err(self.error(error.to_string())),
            None => Ok(value),
        }
    }

    /// Whether the device is still there.
    ///
    /// A device made here tells of its loss when polled; a guest's is asked for a mapped word, which a lost device cannot
    /// give, since no handler is installed there.
    pub fn check_alive(&self) -> Result<(), Error> {
        if self.own {
            self.poll_once();
        }
        if let Some(why) = lock(&self.lost).as_ref() {
            return Err(self.error(why.as_str()));
        }
        if self.own { Ok(()) } else { self.mapped(4, "probe").map(|_| ()) }
    }

    /// A buffer mapped for writing, to copy from.
    pub fn mapped(&self, size: u64, label: &str) -> Result<(wgpu::Buffer, wgpu::BufferViewMut), Error> {
        let descriptor = wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage: wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        };
        let buffer = self.scoped(|| self.device.create_buffer(&descriptor))?;
        match buffer.get_mapped_range_mut(..) {
            Ok(view) => Ok((buffer, view)),
            Err(_) => Err(self.error("lost or destroyed")),
        }
    }

    /// Whether the limits are WebGPU's defaults or better: kernels and plans count on them.
    pub fn check_portable(&self) -> Result<(), Error> {
        let (has, needs) = (&self.caps, Caps::portable());
        let below = [
            (
                "storage buffers per shader stage",
                u64::from(has.storage_buffers),
                u64::from(needs.storage_buffers),
            ),
            ("invocations per workgroup", u64::from(has.invocations), u64::from(needs.invocations)),
            ("bytes of workgroup memory", u64::from(has.workgroup_memory), u64::from(needs.workgroup_memory)),
            ("workgroups per dimension", u64::from(has.workgroups), u64::from(needs.workgroups)),
            ("bytes per storage binding", has.binding_bytes, needs.binding_bytes),
            ("bytes per buffer", has.buffer_bytes, needs.buffer_bytes),
        ];
        match below.iter().find(|(_, has, needs)| has < needs) {
            Some((what, has, needs)) => Err(self.error(format!(
                "the device was made with {has} {what}, fewer than WebGPU's default of {needs}"
            ))),
            None => Ok(()),
        }
    }

    /// A memory of this device, after checking the range.
    pub fn own_memory<'a>(
        &self,
        memory: &'a MemoryRef,
        offset: usize,
        words: usize,
    ) -> Result<&'a GpuMemory, Error> {
        let own = memory.as_any().downcast_ref::<GpuMemory>();
        let own = own.ok_or_else(|| self.error("this memory is another device's"))?;
        match offset.checked_add(words) {
            Some(end) if end <= own.words => Ok(own),
            _ => Err(self.error(format!("{words} words from {offset} on, of a memory of {}", own.words))),
        }
    }

    /// Whether a buffer of the caller's has this usage and range.
    pub fn check_buffer(
        &self,
        buffer: &wgpu::Buffer,
        usage: wgpu::BufferUsages,
        offset: usize,
        words: usize,
    ) -> Result<(), Error> {
        if !buffer.usage().contains(usage) {
            return Err(self.error(format!(
                "the buffer was made with the usage {:?}, but needs {usage:?}",
                buffer.usage()
            )));
        }
        match offset.checked_add(words) {
            Some(end) if bytes(end) <= buffer.size() => Ok(()),
            _ => {
                Err(self
                    .error(format!("{words} words from {offset} on, of a buffer of {} bytes", buffer.size())))
            }
        }
    }

    /// Lets the polling thread wait for a submit, where this device is ours to poll; `failed` is told if the device is lost.
    pub fn wait_later(&self, submit: wgpu::SubmissionIndex, failed: impl FnOnce(String) + Send + 'static) {
        if let Some(poller) = &self.poller
            && let Err(wait) = poller.ask(Wait { submit, failed: Box::new(failed) })
        {
            (wait.failed)("no thread to poll the device".into());
        }
    }

    /// Looks for finished work, where this device is ours to poll.
    pub fn poll_once(&self) {
        if self.poller.is_some() {
            let _ = poll(&self.device, &self.lost, wgpu::PollType::Poll);
        }
    }

    /// Waits for a submit, where this device is ours to poll.
    pub fn wait(&self, submit: wgpu::SubmissionIndex) -> Result<(), Error> {
        if self.poller.is_none() {
            return Ok(());
        }
        let wait = wgpu::PollType::Wait { submission_index: Some(submit), timeout: None };
        poll(&self.device, &self.lost, wait).map_err(|what| self.error(what))
    }
}

/// Polls; wgpu panics on a device that is lost while it is waited for, which is an error here.
fn poll(device: &wgpu::Device, lost: &Mutex<Option<String>>, how: wgpu::PollType) -> Result<(), String> {
    let polled = catch_unwind(AssertUnwindSafe(|| device.poll(how)));
    let what = match polled {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "lost while waiting for it".into(),
    };
    lock(lost).get_or_insert_with(|| what.clone());
    Err(what)
}

/// A thread that waits for the submits it is told of, one after the other, so that the callbacks of their reads are called.
fn start_poller(device: wgpu::Device, lost: Arc<Mutex<Option<String>>>) -> Poller {
    let (sender, waits) = mpsc::channel::<Wait>();
    let body = move || {
        for Wait { submit, failed } in waits {
            let how = wgpu::PollType::Wait { submission_index: Some(submit), timeout: None };
            if let Err(what) = poll(&device, &lost, how) {
                failed(what);
            }
        }
    };
    // Where no thread can be had, the channel is closed, and its users are told.
    let thread = std::thread::Builder::new().name("rhyton-gpu".into()).spawn(body).ok();
    Poller { waits: Mutex::new(Some(sender)), thread }
}

/// Locks, whatever a panicking thread left.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of a future that is ready at once, as all of wgpu's are on native devices except for mapping.
pub(super) fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
