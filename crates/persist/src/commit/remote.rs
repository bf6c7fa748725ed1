//! Saving to a server.

use std::fs::File;
use std::io::Write;

use crate::{Error, Location, storage};

/// A file of a [`Group`](super::Group) that is to go to a server.
pub(super) struct Staged {
    target: Location,
    bytes: Bytes,
}

enum Bytes {
    /// Complete, in a temporary file of this machine that goes with its handle.
    Here(File),
    /// Those of another file of the server.
    There(Location),
}

impl Staged {
    /// Writes a file that is to become `target`.
    pub(super) fn write(
        target: Location,
        write: impl FnOnce(&mut File) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        Ok(Self { target, bytes: Bytes::Here(written(write)?) })
    }

    /// Gives the bytes of `existing` another name.
    pub(super) fn link(existing: Location, target: Location) -> Self {
        Self { target, bytes: Bytes::There(existing) }
    }

    /// Puts it in its place.
    pub(super) fn publish(self) -> Result<(), Error> {
        match self.bytes {
            Bytes::Here(file) => put(&self.target, &file),
            Bytes::There(existing) => {
                let Some(store) = storage::store(&self.target) else { return Ok(()) };
                let copied = store?.copy(&existing.url(), &self.target.url());
                copied.map_err(|e| self.target.failed("copy to", e))
            }
        }
    }
}

/// Saves one file.
pub(super) fn write_file(
    target: &Location,
    write: impl FnOnce(&mut File) -> Result<(), Error>,
) -> Result<(), Error> {
    send_file(target, &written(write)?)
}

/// Saves the bytes of a file that is complete.
pub(super) fn send_file(target: &Location, file: &File) -> Result<(), Error> {
    put(target, file)?;
    // Not before: what an earlier save left may be the only one that is whole.
    let name = target.file_name();
    sweep(&target.folder(), &|other| name.as_deref() == Some(other));
    Ok(())
}

/// Removes what broken saves of the files `ours` left in a folder. It is tidying, and may fail.
pub(super) fn sweep(folder: &Location, ours: &dyn Fn(&str) -> bool) {
    if let Some(Ok(store)) = storage::store(folder) {
        drop(store.sweep(&folder.url(), ours));
    }
}

/// A temporary file of this machine, which nobody else sees.
fn written(write: impl FnOnce(&mut File) -> Result<(), Error>) -> Result<File, Error> {
    let failed =
        |source| Error::Io { action: "write a temporary file in", path: std::env::temp_dir(), source };
    let mut file = tempfile::tempfile().map_err(failed)?;
    write(&mut file)?;
    file.flush().map_err(failed)?;
    Ok(file)
}

fn put(target: &Location, file: &File) -> Result<(), Error> {
    let Some(store) = storage::store(target) else { return Ok(()) };
    let size = file.metadata().map_err(|e| target.failed("write", e))?.len();
    store?.replace(&target.url(), file, size).map_err(|e| target.failed("write", e))
}
