//! Bytes that are read when asked for: of a file, of a server, or in memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;

/// Bytes that are read when asked for: little-endian, row-major, without padding.
pub trait ByteSource: Send + Sync {
    /// Number of bytes.
    fn len(&self) -> u64;
    /// True where there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Reads all of them.
    ///
    /// # Errors
    /// The file cannot be read, has changed, or its checksum differs.
    fn read(&self) -> Result<Vec<u8>, Error>;
}

/// Bytes in memory.
impl ByteSource for Vec<u8> {
    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }
    fn read(&self) -> Result<Vec<u8>, Error> {
        Ok(self.clone())
    }
}

/// A value of a variable: lazy bytes behind an `Arc`.
pub type Bytes = Arc<dyn ByteSource>;

/// A file's bytes, wherever they are: read by parts, in any order, by several threads.
///
/// Bytes in memory (`Vec<u8>`, `Arc<[u8]>`, `&'static [u8]`) are such a file; [`open_bytes`](crate::open_bytes) reads a model from one.
pub trait ReadAt: Send + Sync {
    /// Returns how many bytes there are.
    ///
    /// # Errors
    /// The system cannot say.
    fn size(&self) -> io::Result<u64>;

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// They are not all there (`UnexpectedEof`), or cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Returns whether a range can be read without a wait for another machine.
    fn is_here(&self, _offset: u64, _len: u64) -> bool {
        true
    }

    /// Brings a range to this machine, where it is elsewhere. Its length is certain from then on.
    ///
    /// # Errors
    /// It cannot be read.
    fn fetch(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    /// Brings all of it to this machine.
    ///
    /// # Errors
    /// It cannot be read.
    fn fetch_all(&self) -> io::Result<()> {
        Ok(())
    }

    /// Brings all of it straight into an empty file; false where it is at hand, and has to be copied.
    ///
    /// # Errors
    /// It cannot be read, or the file not be written.
    fn fetch_into(&self, _file: &File) -> io::Result<bool> {
        Ok(false)
    }
}

/// Bytes that are in memory.
macro_rules! in_memory {
    ($($t:ty),*) => {$(
        impl ReadAt for $t {
            fn size(&self) -> io::Result<u64> {
                Ok(<[u8]>::len(self) as u64)
            }

            fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
                let start = usize::try_from(offset).map_err(|_| ErrorKind::UnexpectedEof)?;
                let bytes = self.get(start..).and_then(|bytes| bytes.get(..buffer.len()));
                buffer.copy_from_slice(bytes.ok_or(ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    )*};
}

in_memory!(Vec<u8>, Arc<[u8]>, &'static [u8]);

/// An open file of this machine. It has one position, so there is one reader at a time: reads are few and large.
impl ReadAt for Mutex<File> {
    fn size(&self) -> io::Result<u64> {
        self.lock().unwrap_or_else(PoisonError::into_inner).seek(SeekFrom::End(0))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = self.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

/// Where a file is written that is not written from its beginning to its end.
pub(crate) trait Sink: Write + Seek {}

impl<W: Write + Seek> Sink for W {}

/// How many bytes are copied or summed at once.
const PIECE: usize = 256 << 10;

/// A range of bytes. Cheap to clone and to cut. An open file stays readable when another takes its name.
#[derive(Clone)]
pub(crate) struct Window {
    source: Arc<dyn ReadAt>,
    path: Arc<Path>,
    start: u64,
    len: u64,
}

impl Window {
    /// All of a file; `path` is its name in messages.
    pub(crate) fn over(source: Arc<dyn ReadAt>, path: Arc<Path>) -> io::Result<Self> {
        let len = source.size()?;
        Ok(Self { source, path, start: 0, len })
    }

    /// Bytes that were unpacked from the file at `path`.
    pub(crate) fn memory(path: Arc<Path>, bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { source: Arc::new(bytes), path, start: 0, len }
    }

    /// Bytes that were unpacked from the file at `path` into a file without a name.
    pub(crate) fn unpacked(path: Arc<Path>, file: File, len: u64) -> Self {
        Self { source: Arc::new(Mutex::new(file)), path, start: 0, len }
    }

    /// Writes all of a file into an empty one; a remote file comes straight into it. `path` is the target's, for messages.
    pub(crate) fn copy_into(&self, target: &mut File, path: &Path) -> Result<(), Error> {
        if self.source.fetch_into(target).map_err(|source| self.failed(source))? {
            return Ok(());
        }
        self.pieces(|part| {
            target.write_all(part).map_err(|source| Error::Io { action: "write", path: path.into(), source })
        })
    }

    /// Fetches all of a remote file, so that nothing more is asked of its server.
    pub(crate) fn fetch(&self) -> io::Result<()> {
        self.source.fetch_all()
    }

    /// Returns whether reading all of it asks nothing of a server.
    pub(crate) fn is_at_hand(&self) -> bool {
        self.source.is_here(self.start, self.len)
    }

    /// The CRC-32 of all of it.
    pub(crate) fn crc32(&self) -> Result<u32, Error> {
        let mut sum = flate2::Crc::new();
        self.pieces(|part| {
            sum.update(part);
            Ok(())
        })?;
        Ok(sum.sum())
    }

    /// Hands all bytes over in pieces.
    fn pieces(&self, mut with: impl FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
        let mut at = 0;
        let mut buffer = vec![0; PIECE];
        while at < self.len {
            let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
            let Some(part) = buffer.get_mut(..left.min(PIECE)) else { break };
            self.read_at(at, part).map_err(|source| self.failed(source))?;
            with(part)?;
            at = at.saturating_add(part.len() as u64);
        }
        Ok(())
    }

    /// The file that messages name.
    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    pub(crate) fn size(&self) -> u64 {
        self.len
    }

    /// A part of it; `None` where that is not inside.
    pub(crate) fn slice(&self, offset: u64, len: u64) -> Option<Self> {
        let inside = offset.checked_add(len)? <= self.len;
        inside.then(|| Self { start: self.start.saturating_add(offset), len, ..self.clone() })
    }

    /// Fills `buffer` from `offset` on.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let part = self.slice(offset, buffer.len() as u64).ok_or(ErrorKind::UnexpectedEof)?;
        self.source.read_at(part.start, buffer)
    }

    /// The error of a read that failed.
    pub(crate) fn failed(&self, source: io::Error) -> Error {
        Error::Io { action: "read", path: PathBuf::from(&*self.path), source }
    }
}

impl ByteSource for Window {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        // Its length may be a server's word until the bytes are here.
        self.source.fetch(self.start, self.len).map_err(|e| self.failed(e))?;
        let size = usize::try_from(self.len).map_err(|e| self.failed(io::Error::other(e)))?;
        let mut buffer = Vec::new();
        // A refused allocation is an error, not an abort.
        buffer.try_reserve_exact(size).map_err(|e| self.failed(io::Error::other(e)))?;
        buffer.resize(size, 0);
        self.read_at(0, &mut buffer).map_err(|e| self.failed(e))?;
        Ok(buffer)
    }
}
