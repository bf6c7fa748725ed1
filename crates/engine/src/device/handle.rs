//! [`Device`]: the handle that users hold.

use std::fmt;
use std::sync::Arc;

use super::cpu::Cpu;
#[cfg(feature = "gpu")]
use super::gpu::{adapters, wgpu};
use super::{Backend, MemoryRef, open};
use crate::Error;
use crate::graph::{Reading, Resident};

/// A device, and why it was taken.
#[derive(Clone)]
pub struct Device {
    backend: Arc<dyn Backend>,
    why: String,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.backend.name())
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.backend.name(), self.why)
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.backend, &other.backend)
    }
}

impl Device {
    /// Any backend.
    pub fn new(backend: Arc<dyn Backend>, why: impl Into<String>) -> Self {
        Device { backend, why: why.into() }
    }

    /// The CPU, with a thread per core (or as many as `RHYTON_THREADS` says). Every call gives the same device.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn cpu() -> Result<Self, Error> {
        Device::named("cpu", "asked for")
    }

    /// The CPU with this many threads, which are started for this device alone.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn cpu_threads(threads: usize) -> Result<Self, Error> {
        Ok(Device::new(Arc::new(Cpu::new(threads)?), "asked for"))
    }

    /// The device that `RHYTON_DEVICE` names (`cpu`, `gpu`, or a part of an adapter's name), else the best there is: a
    /// discrete GPU, else an integrated one, else the CPU. Every call gives the same device, and opens it again only where it was lost.
    ///
    /// # Errors
    /// The variable names a device that is not there.
    pub fn best() -> Result<Self, Error> {
        match std::env::var("RHYTON_DEVICE") {
            Ok(name) if !name.is_empty() => Device::named(&name, "named by RHYTON_DEVICE"),
            _ => Device::named("best", ""),
        }
    }

    /// A device by name: `cpu`, `gpu` (software Vulkan where nothing better is there), `best`, or a part of an adapter's name. Every
    /// call with a name, and every name of the same adapter, gives the same device.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn named(name: &str, why: &str) -> Result<Self, Error> {
        let (backend, found) = open::shared(name, |opened| match name.to_ascii_lowercase().as_str() {
            "cpu" => Ok((opened.cpu()?, String::new())),
            "best" => pick(opened),
            _ => Ok((adapter(opened, name)?, String::new())),
        })?;
        Ok(Device::new(backend, if found.is_empty() { why.into() } else { found }))
    }

    /// The best GPU, software Vulkan too.
    ///
    /// # Errors
    /// There is none.
    #[cfg(feature = "gpu")]
    pub fn gpu() -> Result<Self, Error> {
        Device::named("gpu", "asked for")
    }

    /// A guest on a wgpu device of the caller's, with whatever features and limits it has. Nothing is installed on it.
    ///
    /// # Errors
    /// Its limits lie below WebGPU's defaults, or it is lost.
    #[cfg(feature = "gpu")]
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self, Error> {
        Ok(Device::new(Arc::new(super::gpu::Gpu::from_wgpu_polled(device, queue)?), "the caller's device"))
    }

    /// Why it was taken.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Its backend.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }
}

#[cfg(feature = "gpu")]
fn pick(opened: &mut open::Opened) -> Result<open::Found, Error> {
    let list = adapters::list();
    let why = match list.iter().find(|a| !a.is_software()).map(|a| opened.adapter(a)) {
        Some(Ok(gpu)) => return Ok((gpu, "the best GPU".into())),
        Some(Err(error)) => format!("the GPU could not be opened: {error}"),
        None if list.is_empty() => "no GPU was found".into(),
        None => "only software Vulkan was found; RHYTON_DEVICE=gpu takes it".into(),
    };
    Ok((opened.cpu()?, why))
}

#[cfg(not(feature = "gpu"))]
fn pick(opened: &mut open::Opened) -> Result<open::Found, Error> {
    Ok((opened.cpu()?, "built without the feature `gpu`".into()))
}

#[cfg(feature = "gpu")]
fn adapter(opened: &mut open::Opened, name: &str) -> Result<Arc<dyn Backend>, Error> {
    opened.adapter(&adapters::find(name)?)
}

#[cfg(not(feature = "gpu"))]
fn adapter(_opened: &mut open::Opened, name: &str) -> Result<Arc<dyn Backend>, Error> {
    Err(Error::Device {
        device: name.into(),
        what: "this build has no GPU support; build with the feature `gpu`".into(),
    })
}

/// Where a variable lies on a device.
pub(crate) struct Placed {
    pub backend: Arc<dyn Backend>,
    pub memory: MemoryRef,
}

impl Resident for Placed {
    fn read(&self, offset: usize, words: usize) -> Reading {
        self.backend.read(&self.memory, offset, words)
    }
    fn write(&self, offset: usize, data: &[u32]) -> Result<(), Error> {
        self.backend.write(&self.memory, offset, data)
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
