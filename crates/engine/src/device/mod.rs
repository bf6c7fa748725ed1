//! Devices: where plans run.

pub mod compare;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
mod handle;
pub mod once;
mod open;

use std::any::Any;
use std::sync::Arc;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::STEP_WORDS;

use crate::Error;
pub use crate::graph::Reading;
use crate::plan::Plan;
pub use handle::Device;
pub(crate) use handle::Placed;

/// A row of the step table: what differs between one replay of a plan and the next. Word 0 is the step (random
/// counter), words 1 and 2 the seed, from word 4 on f32 columns.
pub type StepRow = [u32; STEP_WORDS];

/// Memory of a device. What it is, only its backend knows.
pub trait Memory: Any + Send + Sync {
    /// Number of words (4 bytes each).
    fn words(&self) -> usize;
    /// For the backend that made it.
    fn as_any(&self) -> &dyn Any;
}

/// Shared memory of a device.
pub type MemoryRef = Arc<dyn Memory>;

/// What a device must do. Everything returns at once, but the future of [`Backend::read`]; errors that come late
/// (a lost device) come with the next call.
pub trait Backend: Send + Sync {
    /// Name for people: `cpu (2 threads)`, `NVIDIA H100 (Vulkan)`.
    fn name(&self) -> &str;
    /// What it can do.
    fn caps(&self) -> &Caps;
    /// Zeroed memory.
    fn allocate(&self, label: &str, words: usize) -> Result<MemoryRef, Error>;
    /// Bytes of all memory now allocated here (our own count).
    fn allocated_bytes(&self) -> u64;
    /// Writes words, after all that was submitted before.
    fn write(&self, memory: &MemoryRef, offset: usize, data: &[u32]) -> Result<(), Error>;
    /// Copies words inside the device, after all that was submitted before.
    fn copy(&self, from: (&MemoryRef, usize), to: (&MemoryRef, usize), words: usize) -> Result<(), Error>;
    /// Reads words as they are after all that was submitted before: the copy is enqueued now.
    fn read(&self, memory: &MemoryRef, offset: usize, words: usize) -> Reading;
    /// Checks whether it is still there.
    ///
    /// # Errors
    /// It is lost.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
    /// For who knows which backend it is.
    fn as_any(&self) -> &dyn Any;
    /// Makes a plan ready: pipelines, bind groups, uniforms. `memories` has the memory of each buffer of the plan
    /// (windows: a whole number of slots).
    fn prepare(&self, plan: &Arc<Plan>, memories: Vec<MemoryRef>) -> Result<Box<dyn Replay>, Error>;
}

/// A plan made ready on a device.
pub trait Replay: Send {
    /// Submits one replay per row; replay k uses slot k of every window. Returns at once (but holds back when too many
    /// submits are in flight).
    fn run(&mut self, rows: &[StepRow]) -> Result<(), Error>;
    /// For the backend that made it.
    fn as_any(&mut self) -> &mut dyn Any;
}
