//! A whole folder that takes its place at once.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::staged::ENDING;
use super::{disk, resolve, sync_folder};
use crate::place::folder_of;
use crate::{Error, Location, storage};

/// Between the name and the number of a folder that was set aside.
const OLD: &str = "old";
/// Between the name and the number of a folder that is being written.
const NEW: &str = "new";

/// Saves a folder: `fill` puts files into an empty one, and syncs them; then it takes the place of `target` at once.
///
/// It is exchanged with the folder that is there, in one step of the file system (Linux and Apple's; elsewhere the old one is renamed away
/// first, and a crash between the two renames leaves it under its other name, from where the next save brings it back). What is in
/// the old folder and has a name that is not the format's own, as `own` says, moves over to the new one.
///
/// # Errors
/// What `fill` returns, [`Error::Io`], or [`Error::Usage`] where the target is a file: the old folder is as it was. [`Error::Durability`]: the
/// new one is there, but a power failure may undo it.
pub fn write_folder(
    target: impl Into<Location>,
    own: fn(&str) -> bool,
    fill: impl FnOnce(&Location) -> Result<(), Error>,
) -> Result<(), Error> {
    let target = target.into();
    let Some(path) = target.local() else { return write_remote_folder(&target, own, fill) };
    let folder = Folder::new(path, own)?;
    fill(&folder.temporary.as_path().into()).map_err(unsaved)?;
    folder.publish()
}

/// It is filled on this machine, and moved into its place on the server. Where folders cannot be moved (S3), the files replace those
/// that are there, one by one in the order in which `fill` writes them.
fn write_remote_folder(
    target: &Location,
    own: fn(&str) -> bool,
    fill: impl FnOnce(&Location) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(store) = storage::store(target) else { return Ok(()) };
    let store = store?;
    if !store.moves_folders() {
        return fill(target);
    }
    let here = tempfile::tempdir().map_err(|e| failed("create a folder in", &std::env::temp_dir(), e))?;
    // Nobody but this save looks into it, so it may be as incomplete as a crash leaves it.
    fill(&here.path().into()).map_err(unsaved)?;
    store.replace_folder(&target.url(), here.path(), &own).map_err(|e| target.failed("write", e))
}

/// What an error means for a file that others must follow before anything is saved.
pub fn unsaved(error: Error) -> Error {
    match error {
        Error::Durability { path, source } => Error::Io { action: "make durable", path, source },
        other => other,
    }
}

/// A folder under a temporary name beside its place. Dropped without being published, it is removed.
struct Folder {
    temporary: PathBuf,
    target: PathBuf,
    /// Whether a name in the folder is the format's own.
    own: fn(&str) -> bool,
    /// Its lock tells other programs that the folder is in use.
    lock: Option<File>,
}

impl Folder {
    /// An empty folder that is to become `target`, whose parent exists. Tidies what crashed saves of the same target left behind.
    fn new(target: &Path, own: fn(&str) -> bool) -> Result<Self, Error> {
        let target = resolve(target)?;
        if target.exists() && !target.is_dir() {
            return Err(Error::Usage {
                what: format!("{} is a file, and would become a folder", target.display()),
                advice: "remove it, or choose another name".into(),
            });
        }
        sweep(&target, own);
        let temporary = create(&target)?;
        let lock = File::open(&temporary).ok();
        if let Some(lock) = &lock {
            drop(lock.try_lock());
        }
        let made = Self { temporary, target, own, lock };
        if let Ok(old) = std::fs::metadata(&made.target) {
            std::fs::set_permissions(&made.temporary, old.permissions())
                .map_err(|e| failed("set the permissions of", &made.target, e))?;
        }
        Ok(made)
    }

    /// Puts it in its place.
    fn publish(mut self) -> Result<(), Error> {
        let parent = folder_of(&self.target).to_path_buf();
        for folder in [&self.temporary, &parent] {
            disk::sync_folder(folder).map_err(|e| failed("sync the folder", folder, e))?;
        }
        let left = if self.target.exists() {
            self.exchange()?
        } else {
            disk::rename(&self.temporary, &self.target).map_err(|e| failed("rename to", &self.target, e))?;
            None
        };
        self.temporary.clear();
        self.lock = None;
        sync_folder(&parent, &self.target)?;
        if let Some(old) = left {
            // The new folder is in its place: nothing from here on makes the save a failed one.
            drop(clear(&old, Some(&self.target), self.own));
        }
        Ok(())
    }

    /// Takes the place of the folder that is there; gives where that one is now.
    fn exchange(&self) -> Result<Option<PathBuf>, Error> {
        match disk::exchange(&self.temporary, &self.target) {
            Ok(()) => return Ok(Some(self.temporary.clone())),
            Err(e) if disk::cannot_exchange(&e) => {}
            Err(e) => return Err(failed("exchange", &self.target, e)),
        }
        let aside = name(&self.target, OLD)?;
        disk::rename(&self.target, &aside).map_err(|e| failed("rename", &self.target, e))?;
        match disk::rename(&self.temporary, &self.target) {
            Ok(()) => Ok(Some(aside)),
            Err(e) => {
                drop(disk::rename(&aside, &self.target));
                Err(failed("rename to", &self.target, e))
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.lock = None;
        if !self.temporary.as_os_str().is_empty() {
            drop(clear(&self.temporary, None, self.own));
        }
    }
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { action, path: path.to_path_buf(), source }
}

/// Beginning of the temporary names for a target.
fn prefix(target: &Path) -> Result<OsString, Error> {
    let name = target.file_name().ok_or_else(|| Error::Usage {
        what: format!("{} has no name of its own", target.display()),
        advice: "give the path of a folder that ends in its name".into(),
    })?;
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    Ok(prefix)
}

/// A temporary name that this program has not used.
fn name(target: &Path, kind: &str) -> Result<PathBuf, Error> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let mut name = prefix(target)?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!("{kind}-{}-{number}{ENDING}", std::process::id()));
    Ok(folder_of(target).join(name))
}

fn create(target: &Path) -> Result<PathBuf, Error> {
    loop {
        let path = name(target, NEW)?;
        match disk::create_folder(&path) {
            Ok(()) => return Ok(path),
            // Left by a program that had our number.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed("create the folder", &path, e)),
        }
    }
}

/// Removes what is the format's own from a folder, moves the rest to another one where nothing there has its name, and removes the folder
/// if it is empty then.
fn clear(folder: &Path, rest: Option<&Path>, own: fn(&str) -> bool) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (name, path) = (entry.file_name(), entry.path());
        let temporary = name.to_str().is_some_and(|n| n.starts_with('.') && n.ends_with(ENDING));
        if name.to_str().is_some_and(own) || temporary {
            if entry.file_type()?.is_dir() { disk::remove_folder(&path)? } else { disk::remove(&path)? }
        } else if let Some(to) = rest.map(|rest| rest.join(&name)).filter(|to| !to.exists()) {
            disk::rename(&path, &to)?;
        }
    }
    disk::remove_empty_folder(folder)
}

/// Removes what crashed saves of a target left behind. A folder that is locked is in use; one that cannot be locked is left alone.
fn sweep(target: &Path, own: fn(&str) -> bool) {
    let (Ok(prefix), Ok(entries)) = (prefix(target), std::fs::read_dir(folder_of(target))) else { return };
    let Some(prefix) = prefix.to_str() else { return };
    for entry in entries.flatten() {
        let file_name = entry.file_name();
        let kind = file_name.to_str().and_then(|n| n.strip_prefix(prefix)?.strip_suffix(ENDING));
        let (Some(kind), true) = (kind, entry.file_type().is_ok_and(|t| t.is_dir())) else { continue };
        let Ok(folder) = File::open(entry.path()) else { continue };
        if folder.try_lock().is_err() {
            continue;
        }
        drop(folder);
        if kind.starts_with(OLD) && !target.exists() {
            drop(disk::rename(&entry.path(), target));
        } else if kind.starts_with(OLD) || kind.starts_with(NEW) {
            drop(clear(&entry.path(), target.is_dir().then_some(target), own));
        }
    }
}
