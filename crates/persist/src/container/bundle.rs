//! TensorFlow's tensor bundle (checkpoint format V2): named tensors in `PREFIX.index` and `PREFIX.data-?????-of-?????`.
//!
//! The index is a table ([`super::sstable`]) from name to type, shape, data file, offset, size and checksum. Tensors are
//! row-major, little-endian, without padding. A tensor may be cut into slices that have entries of their own.
//!
//! # Overwriting
//!
//! The names of data files are fixed by TensorFlow, so a checkpoint under a prefix that is already in use cannot just be renamed
//! into place: between the rename of the data and that of the index, the old index would stand beside new data. But the name of a data
//! file also holds the number of data files, and a reader asks only for those that the index refers to. So [`write`] makes the new
//! checkpoint visible twice:
//!
//! 1. as `-of-00002` (say), with an index that counts one data file more than there are; the rename of the index replaces the
//!    old checkpoint, whose data files are still untouched;
//! 2. under the usual names: the data files get second names (hard links, or copies where there are none), then the usual index is renamed
//!    over the first one, and the provisional names are removed.
//!
//! At every moment the index on the disk, whichever it is, belongs to complete data: for TensorFlow, for this reader, and after a power
//! failure. What a crash leaves behind is removed by the next save under the same prefix.

mod copy;
mod publish;
mod read;
mod slices;
mod source;
mod strings;
#[cfg(test)]
mod tests;
mod write;

use crate::{Error, Location, commit, storage};

pub use copy::copy;
#[cfg(test)]
use read::Info;
pub use read::{Bundle, shards_in_force};
pub use write::{Content, Tensor, write};

/// TensorFlow's numbers of element types.
pub mod data_type {
    #![allow(missing_docs)]
    pub const FLOAT: i32 = 1;
    pub const DOUBLE: i32 = 2;
    pub const INT32: i32 = 3;
    pub const UINT8: i32 = 4;
    pub const INT16: i32 = 5;
    pub const INT8: i32 = 6;
    pub const STRING: i32 = 7;
    pub const COMPLEX64: i32 = 8;
    pub const INT64: i32 = 9;
    pub const BOOL: i32 = 10;
    pub const BFLOAT16: i32 = 14;
    pub const UINT16: i32 = 17;
    pub const COMPLEX128: i32 = 18;
    pub const HALF: i32 = 19;
    pub const RESOURCE: i32 = 20;
    pub const VARIANT: i32 = 21;
    pub const UINT32: i32 = 22;
    pub const UINT64: i32 = 23;

    /// Bytes of an element; `None` where elements have no fixed size, or the type is not known.
    pub fn size(number: i32) -> Option<u64> {
        match number {
            UINT8 | INT8 | BOOL => Some(1),
            INT16 | UINT16 | BFLOAT16 | HALF => Some(2),
            FLOAT | INT32 | UINT32 => Some(4),
            DOUBLE | INT64 | UINT64 | COMPLEX64 => Some(8),
            COMPLEX128 => Some(16),
            _ => None,
        }
    }
}

/// `PREFIX.index`.
pub fn index_path(prefix: &Location) -> Location {
    prefix.with_suffix(".index")
}

/// `PREFIX.data-00000-of-00001`.
pub fn data_path(prefix: &Location, shard: usize, shards: usize) -> Location {
    prefix.with_suffix(&data_ending(shard, shards))
}

/// `.data-00000-of-00001`.
fn data_ending(shard: usize, shards: usize) -> String {
    format!(".data-{shard:05}-of-{shards:05}")
}

/// The data files that a folder holds for a prefix, with the number of data files that their names tell.
fn data_files(prefix: &Location) -> Vec<(Location, usize)> {
    let folder = prefix.folder();
    let (Some(stem), Ok(entries)) = (prefix.file_name(), storage::list(&folder)) else { return Vec::new() };
    entries.iter().filter_map(|e| Some((folder.join(&e.name), shards_of(&stem, &e.name)?))).collect()
}

/// The number of data files that the name of one tells; `None` for other names.
fn shards_of(stem: &str, name: &str) -> Option<usize> {
    let (shard, shards) = name.strip_prefix(stem)?.strip_prefix(".data-")?.split_once("-of-")?;
    let number = |s: &str| -> Option<usize> {
        (s.len() >= 5 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse().ok())?
    };
    number(shard)?;
    number(shards)
}

/// Whether a name is that of a file of a checkpoint.
fn is_file_of(stem: &str, name: &str) -> bool {
    name.strip_prefix(stem) == Some(".index") || shards_of(stem, name).is_some()
}

/// Removes a checkpoint, the index first, so that what is left after a crash is no checkpoint. Nothing there is no error.
///
/// # Errors
/// [`Error::Io`].
pub fn remove(prefix: &Location) -> Result<(), Error> {
    commit::remove_file(&index_path(prefix))?;
    for (file, _) in data_files(prefix) {
        commit::remove_file(&file)?;
    }
    Ok(())
}
