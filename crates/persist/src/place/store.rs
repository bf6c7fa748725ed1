//! What a kind of remote storage can do.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What is on its way and did not change for so many seconds belongs to nobody any more.
#[cfg(feature = "remote")]
pub(crate) const FORGOTTEN: u64 = 24 * 3600;

/// Files behind URLs. URLs come and go as text without secrets; what they are allowed with, a store knows.
///
/// Errors have the kinds of the file system: `NotFound`, `PermissionDenied`, `StorageFull`, `IsADirectory`; what may pass was tried
/// again before they are returned. Their text has the server's words.
pub(crate) trait Store: Send + Sync {
    /// Bytes of a file from `from` on, `most` at most; where the server has no ranges, all of it. With a tag: of the file that
    /// had it.
    fn get(&self, url: &str, from: u64, most: u64, tag: Option<&Tag>) -> io::Result<Part>;

    /// Puts a file in its place, whole or not at all. Reads `body` from its beginning.
    fn replace(&self, url: &str, body: &File, size: u64) -> io::Result<()>;

    /// Gives the bytes of a file to another name too, without their coming here.
    fn copy(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, url: &str) -> io::Result<()>;

    /// What is in a folder; `NotFound` where there is none.
    fn list(&self, folder: &str) -> io::Result<Vec<Entry>>;

    /// Makes a folder and its missing parents; nothing happens where it exists.
    fn create_folder(&self, folder: &str) -> io::Result<()>;

    /// Whether a folder can be moved into its place. Where it cannot, [`Store::replace_folder`] is not asked for.
    fn moves_folders(&self) -> bool;

    /// Puts a folder in its place, whole or not at all: its files are those of the folder `filled`, and those of the old one whose
    /// names are not the format's `own`.
    fn replace_folder(&self, url: &str, filled: &Path, own: &dyn Fn(&str) -> bool) -> io::Result<()>;

    /// Removes what broken saves of the files `ours` left in a folder, and what others left there long ago.
    fn sweep(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> io::Result<()>;
}

/// Which of the files that had a name one after another: what the server calls it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<String>,
}

/// An answer with bytes.
pub(crate) struct Part {
    /// Where its bytes begin: as asked for, or 0.
    pub(crate) start: u64,
    /// Bytes of the whole file, where the server says.
    pub(crate) total: Option<u64>,
    /// Whether the server has ranges.
    pub(crate) ranges: bool,
    pub(crate) tag: Tag,
    pub(crate) body: Box<dyn Read + Send>,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Name in the folder.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Bytes of a file, where they are known.
    pub size: Option<u64>,
    /// When it was last changed, in seconds since 1970, where that is known.
    pub modified: Option<u64>,
}
