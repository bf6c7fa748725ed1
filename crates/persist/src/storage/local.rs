//! Files and folders of this machine.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use super::Entry;
use crate::bytes::Window;

/// Opens a file.
pub(super) fn open(path: &Path) -> io::Result<Window> {
    // Before it is opened: a pipe would wait for who writes into it.
    let kind = fs::metadata(path)?;
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::other("this is a pipe or a device, and no file"));
    }
    Window::over(Arc::new(Mutex::new(File::open(path)?)), path.into())
}

/// Lists a folder.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let entry = |found: io::Result<fs::DirEntry>| {
        let found = found?;
        let name = found.file_name().to_string_lossy().into_owned();
        // A link that leads nowhere is still a name.
        let about = fs::metadata(found.path()).or_else(|_| found.metadata())?;
        let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Entry {
            name,
            is_folder: about.is_dir(),
            size: about.is_file().then_some(about.len()),
            modified: modified.map(|time| time.as_secs()),
        })
    };
    fs::read_dir(folder)?.map(entry).collect()
}
