//! The devices that this process has opened. A device has pipelines or threads of its own, which take long to make: who asks by the same name
//! gets the same one, until it is lost.

use std::sync::{Arc, Mutex, PoisonError};

use super::Backend;
use super::cpu::Cpu;
#[cfg(feature = "gpu")]
use super::gpu::{Gpu, adapters::Adapter};
use crate::Error;

/// A device, and why it was taken.
pub(super) type Found = (Arc<dyn Backend>, String);

/// Lists what is open, by the names that it was asked for by and by what it is.
#[derive(Default)]
pub(super) struct Opened(Vec<(String, Found)>);

static OPENED: Mutex<Opened> = Mutex::new(Opened(Vec::new()));

/// Returns what `open` gives for a name, the first time and where that was lost.
pub(super) fn shared(
    name: &str,
    open: impl FnOnce(&mut Opened) -> Result<Found, Error>,
) -> Result<Found, Error> {
    // Who asks while it is being opened waits.
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    opened.0.retain(|(_, (backend, _))| backend.check().is_ok());
    let name = format!("name {}", name.to_ascii_lowercase());
    if let Some((_, found)) = opened.0.iter().find(|(n, _)| *n == name) {
        return Ok(found.clone());
    }
    let found = open(&mut opened)?;
    opened.0.push((name, found.clone()));
    Ok(found)
}

impl Opened {
    fn get(
        &mut self,
        what: String,
        open: impl FnOnce() -> Result<Arc<dyn Backend>, Error>,
    ) -> Result<Arc<dyn Backend>, Error> {
        if let Some((_, (backend, _))) = self.0.iter().find(|(w, _)| *w == what) {
            return Ok(Arc::clone(backend));
        }
        let backend = open()?;
        self.0.push((what, (Arc::clone(&backend), String::new())));
        Ok(backend)
    }

    /// The CPU, with a thread per core, or as many as `RHYTON_THREADS` says.
    pub fn cpu(&mut self) -> Result<Arc<dyn Backend>, Error> {
        let threads = std::env::var("RHYTON_THREADS").ok().and_then(|v| v.parse().ok()).unwrap_or(0);
        self.get(format!("cpu, {threads}"), || Ok(Arc::new(Cpu::new(threads)?)))
    }

    /// The device of an adapter.
    #[cfg(feature = "gpu")]
    pub fn adapter(&mut self, adapter: &Adapter) -> Result<Arc<dyn Backend>, Error> {
        self.get(format!("adapter {adapter}, {}", adapter.driver), || Ok(Arc::new(Gpu::open(adapter)?)))
    }
}
