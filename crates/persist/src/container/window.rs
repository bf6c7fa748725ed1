//! A part of a file, or of memory, that is read when asked for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;
use crate::tree::ByteSource;

enum Backing {
    // One position per open file, so one reader at a time: reads are few and large.
    File(Mutex<File>),
    Memory(Vec<u8>),
}

/// A range of bytes. Cheap to clone and to cut. An open file stays readable when another takes its name.
#[derive(Clone)]
pub(crate) struct Window {
    backing: Arc<Backing>,
    path: Arc<Path>,
    start: u64,
    len: u64,
}

impl Window {
    /// All of a file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let error = |source| Error::Io { action: "open", path: path.to_path_buf(), source };
        let mut file = File::open(path).map_err(error)?;
        let len = file.seek(SeekFrom::End(0)).map_err(error)?;
        Ok(Self { backing: Arc::new(Backing::File(Mutex::new(file))), path: path.into(), start: 0, len })
    }

    /// Bytes that were unpacked from the file at `path`.
    pub(crate) fn memory(path: Arc<Path>, bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { backing: Arc::new(Backing::Memory(bytes)), path, start: 0, len }
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
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        let part = self.slice(offset, buffer.len() as u64).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        match &*self.backing {
            Backing::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(part.start))?;
                file.read_exact(buffer)
            }
            Backing::Memory(bytes) => {
                let start = usize::try_from(part.start).map_err(|_| std::io::ErrorKind::UnexpectedEof)?;
                let bytes = bytes.get(start..).and_then(|b| b.get(..buffer.len()));
                buffer.copy_from_slice(bytes.ok_or(std::io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    fn io_error(&self, source: std::io::Error) -> Error {
        Error::Io { action: "read", path: PathBuf::from(&*self.path), source }
    }
}

impl ByteSource for Window {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let size = usize::try_from(self.len).map_err(|e| self.io_error(std::io::Error::other(e)))?;
        let mut buffer = Vec::new();
        // A refused allocation is an error, not an abort.
        buffer.try_reserve_exact(size).map_err(|e| self.io_error(std::io::Error::other(e)))?;
        buffer.resize(size, 0);
        self.read_at(0, &mut buffer).map_err(|e| self.io_error(e))?;
        Ok(buffer)
    }
}
