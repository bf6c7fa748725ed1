//! One file under a temporary name, synced and ready to take its place.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::disk;
use crate::Error;
use crate::place::folder_of;

/// End of every temporary name. The beginning is a dot and the final name.
pub(super) const ENDING: &str = ".rhyton-tmp";

/// A file that is complete and durable under a temporary name. Dropped without [`publish`](Self::publish), it is removed.
pub(super) struct Staged {
    temporary: PathBuf,
    target: PathBuf,
    /// Kept open because its lock tells other programs that this file is in use.
    file: Option<File>,
}

impl Staged {
    /// Writes and syncs a file that is to become `target`.
    pub(super) fn write(
        target: &Path,
        write: impl FnOnce(&mut File) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut staged = Self::create(target)?;
        if let Some(file) = staged.file.as_mut() {
            write(file)?;
            disk::sync_file(file, &staged.temporary).map_err(|e| failed("sync", target, e))?;
        }
        Ok(staged)
    }

    /// Gives the bytes of `existing`, which must be durable, a second name that is to become `target`. Where the file system has no
    /// links, they are copied.
    pub(super) fn link(existing: &Path, target: &Path) -> Result<Self, Error> {
        let prefix = prefix(target)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(ENDING);
        if let Ok(made) = builder.make_in(folder_of(target), |path| disk::link(existing, path)) {
            let temporary = made.into_temp_path().keep().map_err(|e| failed("link", target, e.error))?;
            let file = File::options().write(true).open(&temporary).ok();
            if let Some(file) = &file {
                // Held by us already where the data were just written.
                drop(file.try_lock());
            }
            return Ok(Self { temporary, target: target.to_path_buf(), file });
        }
        Self::write(target, |file| {
            let mut source = File::open(existing).map_err(|e| failed("read", existing, e))?;
            std::io::copy(&mut source, file).map(drop).map_err(|e| failed("write", target, e))
        })
    }

    /// An empty file next to `target`, with the permissions that `target` should have.
    fn create(target: &Path) -> Result<Self, Error> {
        let prefix = prefix(target)?;
        let old = std::fs::metadata(target).ok().map(|m| m.permissions());
        loop {
            let mut builder = tempfile::Builder::new();
            builder.prefix(&prefix).suffix(ENDING);
            #[cfg(unix)]
            let mode = {
                use std::os::unix::fs::PermissionsExt;
                // The system takes the umask off what is asked for here.
                old.clone().unwrap_or_else(|| std::fs::Permissions::from_mode(0o666))
            };
            #[cfg(unix)]
            builder.permissions(mode);
            let made = builder.tempfile_in(folder_of(target)).map_err(|e| failed("create", target, e))?;
            let (file, temporary) = made.keep().map_err(|e| failed("create", target, e.error))?;
            let staged = Self { temporary, target: target.to_path_buf(), file: Some(file) };
            disk::created(&staged.temporary).map_err(|e| failed("create", target, e))?;
            if let (Some(file), Some(old)) = (&staged.file, &old) {
                file.set_permissions(old.clone()).map_err(|e| failed("set the permissions of", target, e))?;
            }
            // Another program's sweep may come between creating and locking; then the file is, or will be, gone.
            match staged.file.as_ref().map(File::try_lock) {
                Some(Err(TryLockError::WouldBlock)) => {}
                Some(Ok(())) if !staged.temporary.exists() => {}
                // Locked; or there are no locks here, and then no sweep takes it either.
                _ => return Ok(staged),
            }
        }
    }

    /// The final path.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Renames it to its target.
    pub(super) fn publish(mut self) -> Result<(), Error> {
        disk::rename(&self.temporary, &self.target).map_err(|e| failed("rename to", &self.target, e))?;
        self.file = None;
        self.temporary.clear();
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.file = None;
        if !self.temporary.as_os_str().is_empty() {
            let _ = disk::remove(&self.temporary);
        }
    }
}

/// Beginning of the temporary names for a target.
fn prefix(target: &Path) -> Result<OsString, Error> {
    let name = target.file_name().ok_or_else(|| Error::Usage {
        what: format!("{} has no file name", target.display()),
        advice: "give the path of a file".into(),
    })?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    Ok(prefix)
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { action, path: path.to_path_buf(), source }
}

/// Removes temporary files of programs that are gone. What is locked is in use; what cannot be locked is left alone.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|n| n.starts_with('.') && n.ends_with(ENDING));
        let plain = entry.file_type().is_ok_and(|t| t.is_file());
        if !(ours && plain) {
            continue;
        }
        let Ok(file) = File::options().write(true).open(entry.path()) else { continue };
        match file.try_lock() {
            Ok(()) => drop(disk::remove(&entry.path())),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}
