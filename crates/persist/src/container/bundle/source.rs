//! Bytes of tensors inside data files, read and checked when asked for.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::slices::{Place, place};
use crate::bytes::Window;
use crate::container::crc;
use crate::tree::{ByteSource, Bytes};
use crate::{Error, Location, storage};

/// A data file.
pub(super) struct Shard {
    pub(super) path: PathBuf,
    pub(super) len: u64,
    location: Location,
    /// Kept open, so that a save over this checkpoint does not change what is read. `None` where there are very many data files.
    file: Option<Window>,
}

impl Shard {
    pub(super) fn open(location: &Location, keep: bool) -> Result<Self, Error> {
        let file = storage::open(location)?;
        Ok(Self {
            path: location.as_path().into(),
            len: file.size(),
            location: location.clone(),
            file: keep.then_some(file),
        })
    }

    /// Reads `len` bytes; both are checked against the length of the file when the bundle is opened.
    fn read(&self, offset: u64, len: u64) -> Result<Vec<u8>, Error> {
        let opened = match &self.file {
            Some(_) => None,
            None => Some(storage::open(&self.location)?),
        };
        let part = self.file.as_ref().or(opened.as_ref()).and_then(|file| file.slice(offset, len));
        // The file may have shrunk since.
        part.ok_or_else(|| self.location.failed("read", ErrorKind::UnexpectedEof.into()))?.read()
    }
}

/// The stored bytes of one entry.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) shard: Arc<Shard>,
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) checksum: u32,
    /// Key, for messages.
    pub(super) name: Arc<str>,
}

impl Stored {
    pub(super) fn path(&self) -> &Path {
        &self.shard.path
    }

    /// The bytes, without a look at the checksum.
    pub(super) fn read_unchecked(&self) -> Result<Vec<u8>, Error> {
        self.shard.read(self.offset, self.len)
    }

    pub(super) fn check(&self, found: u32) -> Result<(), Error> {
        if found == self.checksum {
            return Ok(());
        }
        Err(Error::Format {
            path: self.path().into(),
            place: format!("tensor {} at {}", self.name, self.offset),
            found: format!("checksum {found:08x}"),
            expected: format!("{:08x}, as the index says; the data are damaged", self.checksum),
        })
    }
}

impl ByteSource for Stored {
    fn len(&self) -> u64 {
        self.len
    }
    fn read(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.read_unchecked()?;
        self.check(crc::masked(&bytes))?;
        Ok(bytes)
    }
}

/// A tensor that is stored in slices.
pub(super) struct Sliced {
    /// Index file, for messages.
    pub(super) index: PathBuf,
    pub(super) name: Arc<str>,
    pub(super) shape: Vec<u64>,
    pub(super) element: u64,
    /// Bytes of the whole tensor; equals the sum over the slices.
    pub(super) len: u64,
    pub(super) slices: Vec<(Place, Bytes)>,
}

impl ByteSource for Sliced {
    fn len(&self) -> u64 {
        self.len
    }
    fn read(&self) -> Result<Vec<u8>, Error> {
        let bad = |found: &str| Error::Format {
            path: self.index.clone(),
            place: format!("slices of {}", self.name),
            found: found.into(),
            expected: "slices that cover the tensor exactly once".into(),
        };
        let too_large = || bad("more bytes than this machine can address");
        let len = usize::try_from(self.len).map_err(|_| too_large())?;
        let element = usize::try_from(self.element).map_err(|_| too_large())?;
        let mut whole = vec![0; len];
        let mut covered = vec![false; len / element.max(1)];
        for (at, source) in &self.slices {
            let part = source.read()?;
            place(&mut whole, &mut covered, &self.shape, element, at, &part)
                .ok_or_else(|| bad("slices that overlap"))?;
        }
        if covered.contains(&false) {
            return Err(bad("a hole"));
        }
        Ok(whole)
    }
}
