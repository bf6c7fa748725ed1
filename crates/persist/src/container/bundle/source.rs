//! Bytes of tensors inside data files, read and checked when asked for.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::slices::{Place, place};
use crate::Error;
use crate::container::crc;
use crate::tree::{ByteSource, Bytes};

/// A data file.
pub(super) struct Shard {
    pub(super) path: PathBuf,
    pub(super) len: u64,
    /// Kept open, so that a save over this checkpoint does not change what is read. `None` where there are very many data files.
    file: Option<Mutex<File>>,
}

impl Shard {
    pub(super) fn open(path: PathBuf, keep: bool) -> Result<Self, Error> {
        let failed = |source| Error::Io { action: "open", path: path.clone(), source };
        let file = File::open(&path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(failed(std::io::Error::other("it is not a file")));
        }
        Ok(Self { len: found.len(), file: keep.then(|| Mutex::new(file)), path })
    }

    /// Reads `len` bytes; both are checked against the length of the file when the bundle is opened.
    fn read(&self, offset: u64, len: u64) -> std::io::Result<Vec<u8>> {
        let read = |file: &mut File| {
            // The file may have shrunk since.
            let end = offset.checked_add(len).ok_or(ErrorKind::UnexpectedEof)?;
            if file.metadata()?.len() < end {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let len = usize::try_from(len).map_err(|_| ErrorKind::OutOfMemory)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = vec![0; len];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        match &self.file {
            Some(file) => read(&mut file.lock().unwrap_or_else(PoisonError::into_inner)),
            None => read(&mut File::open(&self.path)?),
        }
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
        self.shard.read(self.offset, self.len).map_err(|source| Error::Io {
            action: "read",
            path: self.path().into(),
            source,
        })
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
