//! Ctrl-C while a model trains: the first one ends training after the step, the second one ends the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Lists the exit codes that shells give for programs which these signals ended.
const CODES: [(i32, u8); 2] = [(SIGINT, 130), (SIGTERM, 143)];

/// Counts how often the program was asked to stop.
#[derive(Clone)]
pub struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// Listens from now on. Where the system refuses, signals end the program as they always do.
    pub fn listen() -> Self {
        let (stop, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for (signal, code) in CODES {
            // In this order: only what was seen before ends the program.
            let _ = flag::register_conditional_shutdown(signal, code.into(), seen.clone())
                .and_then(|_| flag::register(signal, seen.clone()))
                .and_then(|_| flag::register_usize(signal, stop.clone(), code.into()));
        }
        Stop(stop)
    }

    /// The exit code of who was asked to stop.
    pub fn code(&self) -> Option<u8> {
        u8::try_from(self.0.load(Ordering::Relaxed)).ok().filter(|code| *code != 0)
    }
}
