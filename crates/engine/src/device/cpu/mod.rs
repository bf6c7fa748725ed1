//! The CPU device: runs the steps of a plan, at native speed, with nothing to install.
//!
//! Work is cut by shapes alone and each piece is computed by one thread, so results do not depend on the number of threads.

mod block;
mod memory;
mod step;

use std::any::Any;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhyton_kernels::caps::Caps;

use super::{Backend, Memory, MemoryRef, Reading, Replay, StepRow};
use crate::Error;
use crate::plan::{Plan, Role};
use memory::CpuMemory;
use step::CpuStep;

/// The CPU device.
pub struct Cpu {
    name: String,
    caps: Caps,
    allocated: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

/// What replays share with the device: the threads, and the lock that orders all access to memory.
struct Shared {
    pool: rayon::ThreadPool,
    queue: Mutex<()>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cpu {
    /// With this many threads; 0 means one per core.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub fn new(threads: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("rhyton-cpu-{i}"))
            .build();
        let pool = pool.map_err(|e| Error::Device {
            device: "cpu".into(),
            what: format!("cannot start threads: {e}"),
        })?;
        let name = match pool.current_num_threads() {
            1 => "CPU (1 thread)".into(),
            n => format!("CPU ({n} threads)"),
        };
        // No limits of bindings: the plan is run step by step.
        let caps = Caps {
            name: "cpu".into(),
            storage_buffers: 64,
            binding_bytes: u64::MAX,
            buffer_bytes: u64::MAX,
            ..Caps::portable()
        };
        let shared = Arc::new(Shared { pool, queue: Mutex::new(()) });
        Ok(Cpu { name, caps, allocated: Arc::new(AtomicU64::new(0)), shared })
    }

    fn own<'a>(&self, memory: &'a MemoryRef, offset: usize, words: usize) -> Result<&'a CpuMemory, Error> {
        let fits = offset.checked_add(words).is_some_and(|end| end <= memory.words());
        match memory.as_any().downcast_ref::<CpuMemory>() {
            Some(own) if fits => Ok(own),
            Some(own) => Err(self.error(format!(
                "words {offset} to {} of a memory of {}",
                offset + words,
                own.words()
            ))),
            None => Err(self.error("this memory is another device's".into())),
        }
    }

    fn error(&self, what: String) -> Error {
        Error::Device { device: self.name.clone(), what }
    }
}

impl Backend for Cpu {
    fn name(&self) -> &str {
        &self.name
    }

    fn caps(&self) -> &Caps {
        &self.caps
    }

    fn allocate(&self, label: &str, words: usize) -> Result<MemoryRef, Error> {
        let memory = CpuMemory::zeroed(words, Arc::clone(&self.allocated));
        let memory =
            memory.ok_or_else(|| self.error(format!("cannot allocate {words} words for {label}")))?;
        Ok(Arc::new(memory))
    }

    fn allocated_bytes(&self) -> u64 {
        self.allocated.load(Ordering::Relaxed)
    }

    fn write(&self, memory: &MemoryRef, offset: usize, data: &[u32]) -> Result<(), Error> {
        let own = self.own(memory, offset, data.len())?;
        let queue = self.shared.lock();
        own.words_mut(&queue, offset, data.len()).copy_from_slice(data);
        Ok(())
    }

    fn copy(&self, from: (&MemoryRef, usize), to: (&MemoryRef, usize), words: usize) -> Result<(), Error> {
        let (source, target) = (self.own(from.0, from.1, words)?, self.own(to.0, to.1, words)?);
        let queue = self.shared.lock();
        let data = source.words_ref(&queue, from.1, words).to_vec();
        target.words_mut(&queue, to.1, words).copy_from_slice(&data);
        Ok(())
    }

    fn read(&self, memory: &MemoryRef, offset: usize, words: usize) -> Reading {
        let data = self.own(memory, offset, words).map(|own| {
            let queue = self.shared.lock();
            own.words_ref(&queue, offset, words).to_vec()
        });
        Box::pin(std::future::ready(data))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn prepare(&self, plan: &Arc<Plan>, memories: Vec<MemoryRef>) -> Result<Box<dyn Replay>, Error> {
        for (buffer, memory) in plan.buffers.iter().zip(&memories) {
            self.own(memory, 0, buffer.words)?;
        }
        if memories.len() != plan.buffers.len() {
            return Err(self.error(format!(
                "a plan of {} buffers was given {} memories",
                plan.buffers.len(),
                memories.len()
            )));
        }
        let steps = plan.steps.iter().map(CpuStep::new).collect();
        let (runs, shared) = (plan.runs(), Arc::clone(&self.shared));
        Ok(Box::new(CpuReplay { plan: Arc::clone(plan), memories, steps, runs, shared }))
    }
}

struct CpuReplay {
    plan: Arc<Plan>,
    memories: Vec<MemoryRef>,
    steps: Vec<CpuStep>,
    /// Steps that run together, and how often.
    runs: Vec<(Range<usize>, usize)>,
    shared: Arc<Shared>,
}

impl Replay for CpuReplay {
    fn run(&mut self, rows: &[StepRow]) -> Result<(), Error> {
        let queue = self.shared.lock();
        let (plan, memories, steps, runs) = (&self.plan, &self.memories, &mut self.steps, &self.runs);
        self.shared.pool.install(|| {
            for (slot, row) in rows.iter().enumerate() {
                let bases: Vec<(&CpuMemory, usize)> = plan
                    .buffers
                    .iter()
                    .zip(memories)
                    .filter_map(|(buffer, memory)| {
                        let windowed = matches!(buffer.role, Role::Input(_) | Role::Output(_));
                        Some((
                            memory.as_any().downcast_ref::<CpuMemory>()?,
                            if windowed { slot * buffer.words } else { 0 },
                        ))
                    })
                    .collect();
                for (range, trips) in runs {
                    for trip in 0..*trips {
                        for (step, ready) in plan.steps[range.clone()].iter().zip(&mut steps[range.clone()]) {
                            ready.run(step, &bases, row, trip, &queue);
                        }
                    }
                }
            }
        });
        Ok(())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

debug!(Cpu, |cpu| name: cpu.name);
