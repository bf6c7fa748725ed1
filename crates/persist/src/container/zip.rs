//! Zip archives, as Keras writes and reads them. The only file that names the crate `zip`.
//!
//! Members are looked up by exact name. A stored member is not read but handed out as a window of the file.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::window::Window;
use crate::tree::ByteSource as _;
use crate::{Error, limits};

/// Reads through a window, for the crate.
struct Cursor {
    window: Window,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.window.size().saturating_sub(self.at);
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(part) = buffer.get_mut(..n) else { return Ok(0) };
        self.window.read_at(self.at, part)?;
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.window.size().checked_add_signed(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

struct Member {
    index: usize,
    stored: bool,
    packed: u64,
    size: u64,
}

/// An archive whose directory was read and checked.
pub(crate) struct Archive {
    window: Window,
    archive: ZipArchive<Cursor>,
    members: BTreeMap<String, Member>,
}

impl Archive {
    /// Reads the directory.
    pub(crate) fn open(window: Window) -> Result<Self, Error> {
        let path = window.path().clone();
        let damaged = |e: zip::result::ZipError| {
            format_error(&path, "zip directory", &e.to_string(), "a sound archive")
        };
        let mut archive = ZipArchive::new(Cursor { window: window.clone(), at: 0 }).map_err(damaged)?;
        if archive.len() > limits::ZIP_MEMBERS {
            let found = format!("{} members", archive.len());
            return Err(format_error(
                &path,
                "zip directory",
                &found,
                &format!("{} at most", limits::ZIP_MEMBERS),
            ));
        }
        if archive.has_duplicate_names() {
            return Err(format_error(&path, "zip directory", "two members of one name", "one of each name"));
        }
        if archive.has_overlapping_entries().map_err(damaged)? {
            return Err(format_error(
                &path,
                "zip directory",
                "members that overlap",
                "bytes of their own for each",
            ));
        }
        let mut members = BTreeMap::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_data(index).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?.into_owned();
            check_name(&path, &name)?;
            let stored = match entry.compression() {
                CompressionMethod::Stored => true,
                CompressionMethod::Deflated => false,
                other => {
                    return Err(Error::Unsupported {
                        path: path.to_path_buf(),
                        place: name,
                        what: format!("the compression {other:?}"),
                        advice: "; pack the archive with `store` or `deflate`".into(),
                    });
                }
            };
            if entry.encrypted() || entry.is_symlink() {
                let what = if entry.encrypted() { "an encrypted member" } else { "a link as member" };
                return Err(Error::Unsupported {
                    path: path.to_path_buf(),
                    place: name,
                    what: what.into(),
                    advice: String::new(),
                });
            }
            let (packed, size) = (entry.compressed_size(), entry.size());
            let most = if stored { packed } else { packed.saturating_mul(limits::ZIP_RATIO) };
            if size > most || packed > window.size() || (stored && size != packed) {
                let found = format!("{size} bytes out of {packed} stored");
                return Err(format_error(&path, &name, &found, &format!("at most {most}")));
            }
            let double = members.insert(name.clone(), Member { index, stored, packed, size });
            if double.is_some() {
                return Err(format_error(&path, &name, "two members of one name", "one of each name"));
            }
        }
        Ok(Self { window, archive, members })
    }

    /// The bytes of a member; `None` where there is none of that name.
    pub(crate) fn member(&mut self, name: &str) -> Result<Option<Window>, Error> {
        let Some(member) = self.members.get(name) else { return Ok(None) };
        let path = self.window.path().clone();
        let damaged = |e: zip::result::ZipError| format_error(&path, name, &e.to_string(), "a sound member");
        if member.stored {
            // Seeks to the local header, whose length alone tells where the bytes begin.
            let file = self.archive.by_index_raw(member.index).map_err(damaged)?;
            let part = file.data_start().and_then(|start| self.window.slice(start, member.packed));
            let outside = || format_error(&path, name, "a member outside the file", "one inside");
            return part.ok_or_else(outside).map(Some);
        }
        if member.size > limits::ZIP_DEFLATED_BYTES {
            return Err(Error::Unsupported {
                path: path.to_path_buf(),
                place: name.into(),
                what: format!("a packed member of {} bytes", member.size),
                advice: "; pack it with `store`, as Keras does".into(),
            });
        }
        let file = self.archive.by_index(member.index).map_err(damaged)?;
        let mut bytes = Vec::new();
        // One more than declared, so that a longer stream is seen. The buffer grows with what really comes.
        file.take(member.size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|e| format_error(&path, name, &e.to_string(), "a sound member"))?;
        if bytes.len() as u64 != member.size {
            let found = format!("{} bytes or more", bytes.len());
            return Err(format_error(&path, name, &found, &format!("the declared {}", member.size)));
        }
        Ok(Some(Window::memory(path.clone(), bytes)))
    }

    /// Names of all members below a folder.
    pub(crate) fn below(&self, folder: &str) -> Vec<String> {
        let files = self.members.keys().filter(|name| name.starts_with(folder) && !name.ends_with('/'));
        files.cloned().collect()
    }

    /// A member as text, for JSON.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Error> {
        let path = self.window.path().clone();
        let Some(window) = self.member(name)? else { return Ok(None) };
        if window.size() > limits::JSON_BYTES {
            let found = format!("{} bytes of text", window.size());
            return Err(format_error(&path, name, &found, &format!("{} at most", limits::JSON_BYTES)));
        }
        let text = String::from_utf8(window.read()?);
        text.map(Some).map_err(|e| format_error(&path, name, &e.to_string(), "UTF-8"))
    }
}

fn check_name(path: &Path, name: &str) -> Result<(), Error> {
    let plain = !name.is_empty()
        && !name.contains(['\\', '\0', ':'])
        && !name.starts_with('/')
        && name.strip_suffix('/').unwrap_or(name).split('/').all(|part| !matches!(part, "" | "." | ".."));
    if plain {
        Ok(())
    } else {
        Err(format_error(path, "zip directory", &format!("the name {name:?}"), "a plain name"))
    }
}

fn format_error(path: &Path, place: &str, found: &str, expected: &str) -> Error {
    Error::Format { path: path.into(), place: place.into(), found: found.into(), expected: expected.into() }
}

/// Writes an archive, every member stored, in the order in which they come.
pub(crate) struct Writer<W: Write + Seek> {
    zip: ZipWriter<W>,
    path: Arc<Path>,
}

impl<W: Write + Seek> Writer<W> {
    pub(crate) fn new(path: &Path, file: W) -> Self {
        // Sizes are written afterwards into the header, so that a member can be longer than memory.
        Self { zip: ZipWriter::new(file).set_auto_large_file(), path: path.into() }
    }

    /// Adds a member of about `size` bytes.
    pub(crate) fn member(
        &mut self,
        name: &str,
        size: u64,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o600)
            .large_file(size >= u64::from(u32::MAX) - (1 << 20));
        self.zip.start_file(name, options).map_err(|e| self.error(e))?;
        write(&mut self.zip)
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        let path = self.path.clone();
        self.zip.finish().map_err(|e| write_error(&path, e)).map(drop)
    }

    fn error(&self, error: zip::result::ZipError) -> Error {
        write_error(&self.path, error)
    }
}

fn write_error(path: &Path, error: zip::result::ZipError) -> Error {
    let source = match error {
        zip::result::ZipError::Io(source) => source,
        other => std::io::Error::other(other),
    };
    Error::Io { action: "write", path: path.into(), source }
}
