//! Several files that become visible by their last one.

use std::fs::File;
use std::path::Path;

use super::{disk, remote, staged, sync_folder};
use crate::{Error, Location};

/// Files of one folder that are saved together: all are written and synced under temporary names, then renamed in the
/// order in which they were added.
///
/// The last file is what makes the others visible (a checkpoint's `.index`), and only it may have a name that a reader of the
/// older files still needs: a crash before its rename leaves the older files in force, a crash after it the new ones. A format
/// whose file names are fixed uses two groups, as the TensorFlow checkpoint does.
///
/// Dropped without [`publish`](Self::publish), it leaves nothing behind.
pub struct Group<'a> {
    folder: Location,
    files: Vec<Staged>,
    /// Which names are of its files.
    own: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Group<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("folder", &self.folder).field("files", &self.files.len()).finish()
    }
}

enum Staged {
    Local(staged::Staged),
    Remote(remote::Staged),
}

impl Staged {
    fn publish(self) -> Result<(), Error> {
        match self {
            Self::Local(file) => file.publish(),
            Self::Remote(file) => file.publish(),
        }
    }
}

impl<'a> Group<'a> {
    /// An empty group in a folder that exists; tidies what crashed saves left in it. `own` says which names are of its files.
    #[must_use]
    pub fn new(folder: impl Into<Location>, own: &'a dyn Fn(&str) -> bool) -> Self {
        let folder = match folder.into() {
            folder if folder.as_path().as_os_str().is_empty() => Location::new("."),
            folder => folder,
        };
        if let Some(path) = folder.local() {
            staged::sweep(path);
        }
        Self { folder, files: Vec::new(), own }
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
        self.files.push(match target.local() {
            Some(path) => Staged::Local(staged::Staged::write(path, write)?),
            None => Staged::Remote(remote::Staged::write(target, write)?),
        });
        Ok(())
    }

    /// Adds the file `name`, with the same bytes as the file `existing` of the same folder, without writing them again where the
    /// file system has hard links.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn link(&mut self, existing: &str, name: &str) -> Result<(), Error> {
        let (existing, target) = (self.folder.join(existing), self.folder.join(name));
        self.files.push(match target.local() {
            Some(path) => Staged::Local(staged::Staged::link(existing.as_path(), path)?),
            None => Staged::Remote(remote::Staged::link(existing, target)),
        });
        Ok(())
    }

    /// Renames all files, the last one after the others are durable.
    ///
    /// # Errors
    /// [`Error::Io`]: the last file did not get its name, so the older files are in force. [`Error::Durability`]: all have, but
    /// a power failure may undo it.
    pub fn publish(self) -> Result<(), Error> {
        let Self { folder, mut files, own } = self;
        let Some(last) = files.pop() else { return Ok(()) };
        if !files.is_empty() {
            for file in files {
                file.publish()?;
            }
            sync(&folder).map_err(|source| folder.failed("sync the folder", source))?;
        }
        let target = match &last {
            Staged::Local(file) => file.target().to_path_buf(),
            // A server that said yes has nothing more to say.
            Staged::Remote(_) => {
                last.publish()?;
                remote::sweep(&folder, own);
                return Ok(());
            }
        };
        last.publish()?;
        sync_folder(folder.as_path(), &target)
    }
}

fn sync(folder: &Location) -> std::io::Result<()> {
    folder.local().map_or(Ok(()), |path: &Path| disk::sync_folder(path))
}
