//! How a file becomes visible: whole and durable, or not at all.
//!
//! New bytes go under a temporary name in the same folder, are synced to the disk, and take the final name by a
//! rename; then the folder is synced. A crash at any point leaves the older file as it was. Temporary files that a
//! crashed program left behind are removed by the next save into the same folder.
//!
//! [`write_file`] saves one file; [`Group`] saves formats of several files, whose last file makes the others visible; [`write_folder`]
//! saves a folder whose files have fixed names.
//!
//! Behind a URL the storage has the last word: new bytes are complete in a temporary file of this machine first, then they go to the
//! server under a temporary name and take the final one there (WebDAV), or become visible when the last of them came (S3). A
//! transfer that breaks leaves the older file as it was.
//!
//! [`Error::Io`] from here means: not saved, the older file is still there. [`Error::Durability`] means: saved, and every
//! reader sees the new file, but a power failure may still undo it.
//!
//! Not covered: two programs that save under one name at the same time. Each file is still whole, the last one wins.

mod disk;
mod folder;
mod group;
mod remote;
mod staged;
#[cfg(test)]
pub(crate) mod testing;

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use folder::{unsaved, write_folder};
pub use group::Group;
use staged::Staged;

use crate::place::folder_of;
use crate::{Error, Location, storage};

/// Saves one file: `write` puts the bytes into an empty file, which then takes the place of `path` at once.
///
/// The new file has the permissions of the old one, or those that the process gives to new files. A link is
/// followed: what it points to is replaced.
///
/// # Errors
/// What `write` returns, or [`Error::Io`]: nothing was changed. [`Error::Durability`]: saved, see the module.
pub fn write_file(
    location: impl Into<Location>,
    write: impl FnOnce(&mut File) -> Result<(), Error>,
) -> Result<(), Error> {
    let location = location.into();
    let Some(path) = location.local() else { return remote::write_file(&location, write) };
    let path = resolve(path)?;
    let folder = folder_of(&path);
    staged::sweep(folder);
    Staged::write(&path, write)?.publish()?;
    sync_folder(folder, &path)
}

/// Saves the bytes of a complete file of this machine behind a URL, without another copy of them here.
///
/// # Errors
/// Those of [`write_file`].
pub(crate) fn send_file(location: &Location, file: &File) -> Result<(), Error> {
    remote::send_file(location, file)
}

/// Makes a folder and its missing parents, durably. Nothing happens where it exists.
///
/// # Errors
/// [`Error::Io`].
pub fn create_folder(location: impl Into<Location>) -> Result<(), Error> {
    let location = location.into();
    match storage::store(&location) {
        Some(store) => {
            store?.create_folder(&location.url()).map_err(|e| location.failed("create the folder", e))
        }
        None => create_local_folder(location.as_path()),
    }
}

fn create_local_folder(path: &Path) -> Result<(), Error> {
    let error = |source| Error::Io { action: "create the folder", path: path.to_path_buf(), source };
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = folder_of(path);
    create_local_folder(parent)?;
    match disk::create_folder(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(error(e)),
        Ok(()) => disk::sync_folder(parent).map_err(error),
    }
}

/// Removes a file; one that is not there is no error. The folder is not synced: this is for tidying.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn remove_file(location: &Location) -> Result<(), Error> {
    let removed = match storage::store(location) {
        Some(store) => store?.remove(&location.url()),
        None => disk::remove(location.as_path()),
    };
    match removed {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(location.failed("remove", source)),
        _ => Ok(()),
    }
}

/// Whether a name is one of a file or folder on its way.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(staged::ENDING)
}

/// Follows a link, so that a rename replaces what it points to and not the link.
fn resolve(path: &Path) -> Result<PathBuf, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => std::fs::canonicalize(path).map_err(|source| Error::Io {
            action: "follow the link",
            path: path.to_path_buf(),
            source,
        }),
        _ => Ok(path.to_path_buf()),
    }
}

/// Syncs a folder after `saved` took its name in it.
fn sync_folder(folder: &Path, saved: &Path) -> Result<(), Error> {
    disk::sync_folder(folder).map_err(|source| Error::Durability { path: saved.to_path_buf(), source })
}

#[cfg(test)]
mod tests;
