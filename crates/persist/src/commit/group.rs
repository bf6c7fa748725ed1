//! Several files that become visible by their last one.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::staged::Staged;
use super::{disk, staged, sync_folder};
use crate::Error;

/// Files of one folder that are saved together: all are written and synced under temporary names, then renamed in the
/// order in which they were added.
///
/// The last file is what makes the others visible (a checkpoint's `.index`), and only it may have a name that a reader of the
/// older files still needs: a crash before its rename leaves the older files in force, a crash after it the new ones. A format
/// whose file names are fixed uses two groups, as the TensorFlow checkpoint does.
///
/// Dropped without [`publish`](Self::publish), it leaves nothing behind.
pub struct Group {
    folder: PathBuf,
    files: Vec<Staged>,
}

impl Group {
    /// An empty group in a folder that exists; tidies what crashed saves left in it.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        staged::sweep(folder);
        Self { folder: folder.to_path_buf(), files: Vec::new() }
    }

    /// Adds the file `name`, whose bytes `write` puts into an empty file.
    ///
    /// # Errors
    /// What `write` returns, or [`Error::Io`]; then nothing is saved.
    pub fn write(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut File) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let target = self.folder.join(name);
        self.files.push(Staged::write(&target, write)?);
        Ok(())
    }

    /// Adds the file `name`, with the same bytes as the file `existing` of the same folder, without writing them again where the
    /// file system has hard links.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn link(&mut self, existing: &str, name: &str) -> Result<(), Error> {
        let target = self.folder.join(name);
        self.files.push(Staged::link(&self.folder.join(existing), &target)?);
        Ok(())
    }

    /// Renames all files, the last one after the others are durable.
    ///
    /// # Errors
    /// [`Error::Io`]: the last file did not get its name, so the older files are in force. [`Error::Durability`]: all have, but
    /// a power failure may undo it.
    pub fn publish(self) -> Result<(), Error> {
        let Self { folder, mut files } = self;
        let Some(last) = files.pop() else { return Ok(()) };
        if !files.is_empty() {
            for file in files {
                file.publish()?;
            }
            disk::sync_folder(&folder).map_err(|source| Error::Io {
                action: "sync the folder",
                path: folder.clone(),
                source,
            })?;
        }
        let target = last.target().to_path_buf();
        last.publish()?;
        sync_folder(&folder, &target)
    }
}
