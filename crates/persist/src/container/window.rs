//! A part of a file, or of memory, that is read when asked for.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::storage::RemoteFile;
use crate::tree::ByteSource;
use crate::{Error, Location};

enum Backing {
    // One position per open file, so one reader at a time: reads are few and large.
    File(Mutex<File>),
    Remote(Mutex<RemoteFile>),
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
    pub(crate) fn open(location: &Location) -> Result<Self, Error> {
        let failed = |source| location.failed("open", source);
        if let Some(store) = location.store() {
            let store = store?;
            let retries = location.remote().map_or(0, |remote| remote.options.retries);
            let open = || {
                let file = RemoteFile::open(store, &location.url(), retries)?;
                let len = file.size();
                Ok(Self::over(Backing::Remote(Mutex::new(file)), location.as_path(), len))
            };
            return match location.opened() {
                Some(session) => session.window(location, open),
                None => open(),
            }
            .map_err(failed);
        }
        let path = location.as_path();
        // Before it is opened: a pipe would wait for who writes into it.
        let kind = std::fs::metadata(path).map_err(failed)?;
        if kind.is_dir() {
            return Err(failed(std::io::ErrorKind::IsADirectory.into()));
        }
        if !kind.is_file() {
            return Err(failed(std::io::Error::other("this is a pipe or a device, and no file")));
        }
        let mut file = File::open(path).map_err(failed)?;
        let len = file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self::over(Backing::File(Mutex::new(file)), path, len))
    }

    /// Writes all of a file into an empty one; a remote file comes straight into it. `path` is the target's, for messages.
    pub(crate) fn copy_into(&self, target: &mut File, path: &Path) -> Result<(), Error> {
        if let Backing::Remote(file) = &*self.backing {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            return file.fetch_into(target).map_err(|source| self.failed(source));
        }
        let mut at = 0;
        let mut buffer = vec![0; 256 << 10];
        while at < self.len {
            let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
            let Some(part) = buffer.get_mut(..left.min(256 << 10)) else { break };
            self.read_at(at, part).map_err(|source| self.failed(source))?;
            let failed = |source| Error::Io { action: "write", path: path.into(), source };
            target.write_all(part).map_err(failed)?;
            at = at.saturating_add(part.len() as u64);
        }
        Ok(())
    }

    fn over(backing: Backing, path: &Path, len: u64) -> Self {
        Self { backing: Arc::new(backing), path: path.into(), start: 0, len }
    }

    /// Fetches all of a remote file, so that nothing more is asked of its server.
    pub(crate) fn fetch(&self) -> std::io::Result<()> {
        match &*self.backing {
            Backing::Remote(file) => file.lock().unwrap_or_else(PoisonError::into_inner).fetch_all(),
            _ => Ok(()),
        }
    }

    /// Bytes that were unpacked from the file at `path`.
    pub(crate) fn memory(path: Arc<Path>, bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Self { backing: Arc::new(Backing::Memory(bytes)), path, start: 0, len }
    }

    /// Bytes that were unpacked from the file at `path` into a file without a name.
    pub(crate) fn unpacked(path: Arc<Path>, file: File, len: u64) -> Self {
        Self { backing: Arc::new(Backing::File(Mutex::new(file))), path, start: 0, len }
    }

    /// Returns whether reading all of it asks nothing of a server.
    pub(crate) fn is_at_hand(&self) -> bool {
        match &*self.backing {
            Backing::Remote(file) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).has(self.start, self.len)
            }
            Backing::File(_) | Backing::Memory(_) => true,
        }
    }

    /// The CRC-32 of all of it.
    pub(crate) fn crc32(&self) -> std::io::Result<u32> {
        let mut sum = flate2::Crc::new();
        let mut buffer = vec![0; 256 << 10];
        let mut at = 0;
        while at < self.len {
            let left = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
            let Some(part) = buffer.get_mut(..left.min(256 << 10)) else { break };
            self.read_at(at, part)?;
            sum.update(part);
            at = at.saturating_add(part.len() as u64);
        }
        Ok(sum.sum())
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
            Backing::Remote(file) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).read_at(part.start, buffer)
            }
            Backing::Memory(bytes) => {
                let start = usize::try_from(part.start).map_err(|_| std::io::ErrorKind::UnexpectedEof)?;
                let bytes = bytes.get(start..).and_then(|b| b.get(..buffer.len()));
                buffer.copy_from_slice(bytes.ok_or(std::io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }

    /// The error of a read that failed.
    pub(crate) fn failed(&self, source: std::io::Error) -> Error {
        Error::Io { action: "read", path: PathBuf::from(&*self.path), source }
    }
}

impl ByteSource for Window {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        if let Backing::Remote(file) = &*self.backing {
            // Its length is a server's word until the bytes are here.
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.ensure(self.start, self.len).map_err(|e| self.failed(e))?;
        }
        let size = usize::try_from(self.len).map_err(|e| self.failed(std::io::Error::other(e)))?;
        let mut buffer = Vec::new();
        // A refused allocation is an error, not an abort.
        buffer.try_reserve_exact(size).map_err(|e| self.failed(std::io::Error::other(e)))?;
        buffer.resize(size, 0);
        self.read_at(0, &mut buffer).map_err(|e| self.failed(e))?;
        Ok(buffer)
    }
}
