//! What was opened while one file is looked at: sniffing its format, and reading it, ask for the same bytes.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Location;
use crate::bytes::Window;
use crate::error::is_absent;

/// A window, or why there is none.
type Opened = Result<Window, (ErrorKind, String)>;

/// Windows by URL, and why there is none.
#[derive(Default)]
pub(crate) struct Session {
    windows: Mutex<HashMap<PathBuf, Opened>>,
    /// Whether what is opened is fetched whole.
    whole: AtomicBool,
}

impl Session {
    /// One that has nothing open yet, and reads as this one does.
    pub(crate) fn again(&self) -> Self {
        Self { windows: Mutex::default(), whole: AtomicBool::new(self.whole.load(Ordering::Relaxed)) }
    }

    /// From now on files are fetched whole.
    pub(crate) fn read_whole(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    /// The first error that says more than that something is absent.
    pub(crate) fn trouble(&self) -> Option<io::Error> {
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let errors = windows.values().filter_map(|window| window.as_ref().err());
        let mut errors = errors.map(|(kind, text)| io::Error::new(*kind, text.clone()));
        errors.find(|error| !is_absent(error))
    }

    /// The window of a place, which `open` makes where there was none yet.
    pub(crate) fn window(
        &self,
        location: &Location,
        open: impl FnOnce() -> io::Result<Window>,
    ) -> io::Result<Window> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = windows
            .entry(location.as_path().to_path_buf())
            .or_insert_with(|| open().map_err(|error| (error.kind(), error.to_string())));
        let window = entry.clone().map_err(|(kind, text)| io::Error::new(kind, text))?;
        if self.whole.load(Ordering::Relaxed) {
            window.fetch()?;
        }
        Ok(window)
    }
}
