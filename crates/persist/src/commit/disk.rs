//! Every operation that changes a folder, in one place, so that tests can stop the program before any of them.

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(test)]
use super::testing::{Step, step};

/// Announces an operation to the crash tests; nothing in a normal build.
macro_rules! announce {
    ($step:expr) => {
        #[cfg(test)]
        step($step)?;
    };
}

/// Says that a new file appeared.
#[cfg_attr(not(test), expect(clippy::unnecessary_wraps, reason = "tests make it fail"))]
pub(super) fn created(_path: &Path) -> io::Result<()> {
    announce!(Step::Create(_path.to_path_buf()));
    Ok(())
}

/// Makes a file's bytes durable.
pub(super) fn sync_file(file: &File, _path: &Path) -> io::Result<()> {
    announce!(Step::SyncFile(_path.to_path_buf()));
    if cfg!(test) {
        // The tests of this crate play the power failure themselves, thousands of times; those in tests/ do sync.
        return Ok(());
    }
    file.sync_all()
}

/// Gives a file another name, replacing what has it.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    announce!(Step::Rename(from.to_path_buf(), to.to_path_buf()));
    std::fs::rename(from, to)
}

/// Gives a file a second name.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    announce!(Step::Link(from.to_path_buf(), to.to_path_buf()));
    std::fs::hard_link(from, to)
}

/// Removes a name.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    announce!(Step::Remove(path.to_path_buf()));
    std::fs::remove_file(path)
}

/// Removes a folder and what is in it.
pub(super) fn remove_folder(path: &Path) -> io::Result<()> {
    announce!(Step::Remove(path.to_path_buf()));
    std::fs::remove_dir_all(path)
}

/// Removes an empty folder.
pub(super) fn remove_empty_folder(path: &Path) -> io::Result<()> {
    announce!(Step::Remove(path.to_path_buf()));
    std::fs::remove_dir(path)
}

/// Gives each of two folders the other's name, in one step.
pub(super) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    announce!(Step::Exchange(a.to_path_buf(), b.to_path_buf()));
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).map_err(io::Error::from)
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    {
        let _ = (a, b);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Whether an exchange failed because this system or file system has none.
pub(super) fn cannot_exchange(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
}

/// Makes a folder whose parent exists.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    announce!(Step::CreateFolder(path.to_path_buf()));
    std::fs::create_dir(path)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    announce!(Step::SyncFolder(path.to_path_buf()));
    if cfg!(test) {
        return Ok(());
    }
    #[cfg(unix)]
    match File::open(path)?.sync_all() {
        // Some file systems cannot sync a folder; they order its names themselves or not at all.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
    // Windows has no such call: its renames are journaled.
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}
