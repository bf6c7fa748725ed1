//! Zip archives, as Keras writes and reads them. The only file that names the crate `zip`.
//!
//! Members are looked up by exact name. A stored member is handed out as a window of the file, after its checksum was compared; where its bytes are
//! on a server and were not fetched (a look, and no load), that is left out.
//!
//! The directory and the headers before the members must agree, so that every program sees the same archive.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::json;
use crate::bytes::Window;
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
    crc32: u32,
}

impl Member {
    /// Returns what a member of this size would be that is too small on the disk for it.
    fn bomb(&self, floor: u64) -> Option<(String, String)> {
        let most = self.packed.saturating_mul(limits::UNPACKED_RATIO).max(floor);
        (self.size > most).then(|| {
            let found = format!("{} bytes packed into {}", self.size, self.packed);
            (found, format!("{most} at most; pack it with `store`, as Keras does"))
        })
    }
}

/// Bytes of the last record of an archive, without the comment that may follow.
const END: u64 = 22;
const END_MAGIC: &[u8] = b"PK\x05\x06";

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
        check_end(&window, archive.comment(), archive.offset())?;
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
        // Some programs go by the directory, some by what stands before each member.
        archive.validate_header_consistency().map_err(damaged)?;
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
            let most = if stored { packed } else { packed.saturating_mul(limits::DEFLATE_RATIO) };
            if size > most || packed > window.size() || (stored && size != packed) {
                let found = format!("{size} bytes out of {packed} stored");
                return Err(format_error(&path, &name, &found, &format!("at most {most}")));
            }
            let member = Member { index, stored, packed, size, crc32: entry.crc32() };
            let double = members.insert(name.clone(), member);
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
            let part = part.ok_or_else(outside)?;
            if part.is_at_hand() {
                let found = part.crc32()?;
                if found != member.crc32 {
                    let expected = format!("{:08x}, as the archive says; the file is damaged", member.crc32);
                    let found = format!("bytes whose CRC-32 is {found:08x}");
                    return Err(format_error(&path, name, &found, &expected));
                }
            }
            return Ok(Some(part));
        }
        if let Some((found, expected)) = member.bomb(limits::UNPACKED_BYTES) {
            return Err(format_error(&path, name, &found, &expected));
        }
        let packed = self.archive.by_index(member.index).map_err(damaged)?;
        // One more than declared, so that a longer stream is seen. The crate compares the checksum at the end of the stream.
        let mut packed = packed.take(member.size.saturating_add(1));
        let failed = |e: std::io::Error| format_error(&path, name, &e.to_string(), "a sound member");
        let mut bytes = Vec::new();
        packed.by_ref().take(limits::ZIP_MEMORY_BYTES).read_to_end(&mut bytes).map_err(failed)?;
        let mut size = bytes.len() as u64;
        let window = if size < limits::ZIP_MEMORY_BYTES {
            Window::memory(path.clone(), bytes)
        } else {
            let here = |source| Error::Io { action: "unpack", path: path.to_path_buf(), source };
            let mut file = tempfile::tempfile().map_err(here)?;
            file.write_all(&bytes).map_err(here)?;
            drop(bytes);
            let mut buffer = vec![0; 256 << 10];
            loop {
                let n = packed.read(&mut buffer).map_err(failed)?;
                let Some(part) = buffer.get(..n).filter(|part| !part.is_empty()) else { break };
                file.write_all(part).map_err(here)?;
                size = size.saturating_add(n as u64);
            }
            Window::unpacked(path.clone(), file, size)
        };
        if size != member.size {
            let found = format!("{size} bytes or more");
            return Err(format_error(&path, name, &found, &format!("the declared {}", member.size)));
        }
        Ok(Some(window))
    }

    /// Names of all members below a folder.
    pub(crate) fn below(&self, folder: &str) -> Vec<String> {
        let files = self.members.keys().filter(|name| name.starts_with(folder) && !name.ends_with('/'));
        files.cloned().collect()
    }

    /// The value of a member that is JSON; `None` where there is none of that name.
    pub(crate) fn json(&mut self, name: &str) -> Result<Option<Value>, Error> {
        let path = self.window.path().clone();
        let Some(member) = self.members.get(name) else { return Ok(None) };
        if let Some((found, expected)) = member.bomb(limits::JSON_UNPACKED_BYTES) {
            return Err(format_error(&path, name, &found, &expected));
        }
        if member.size > limits::JSON_BYTES {
            let found = format!("{} bytes of text", member.size);
            return Err(format_error(&path, name, &found, &format!("{} at most", limits::JSON_BYTES)));
        }
        let Some(window) = self.member(name)? else { return Ok(None) };
        json::parse(&path, name, &window.read()?).map(Some)
    }
}

/// Refuses what lets two programs see two archives in one file: something before it or after it, and a comment that looks like its end.
fn check_end(window: &Window, comment: &[u8], offset: u64) -> Result<(), Error> {
    let bad = |found: &str| format_error(window.path(), "the end of the archive", found, "the archive alone");
    if offset != 0 {
        return Err(bad("an archive behind other bytes"));
    }
    let mut end = [0; END as usize];
    let at = window.size().checked_sub(END.saturating_add(comment.len() as u64));
    let Some(at) = at.filter(|at| window.read_at(*at, &mut end).is_ok() && end.starts_with(END_MAGIC)) else {
        return Err(bad("bytes behind it"));
    };
    let [.., s0, s1, s2, s3, o0, o1, o2, o3, _, _] = end;
    let (size, start) = (u32::from_le_bytes([s0, s1, s2, s3]), u32::from_le_bytes([o0, o1, o2, o3]));
    let (size, start, end) = match large_directory(window, at) {
        // Where the record has numbers that fit, this one may have them too, as Python writes it from 2 GiB on.
        Some(large)
            if [(size, large.0), (start, large.1)]
                .iter()
                .all(|(n, of)| *n == u32::MAX || u64::from(*n) == *of) =>
        {
            large
        }
        Some(_) => return Err(bad("two records that place the directory differently")),
        None => (size.into(), start.into(), at),
    };
    if start.checked_add(size) != Some(end) {
        return Err(bad("a directory that does not end where the archive does"));
    }
    if comment.windows(END_MAGIC.len()).any(|part| part == END_MAGIC) {
        return Err(bad("a second end in its comment"));
    }
    Ok(())
}

/// Returns the directory's size and start, and the place of the record that has them in 64 bits, where one stands before the last record `end`.
fn large_directory(window: &Window, end: u64) -> Option<(u64, u64, u64)> {
    // PKWARE's APPNOTE, 4.3.14 and 4.3.15: a record of 56 bytes, and 20 bytes that tell its place.
    let (mut record, mut locator) = ([0; 56], [0; 20]);
    let at = end.checked_sub(20)?;
    window.read_at(at, &mut locator).ok()?;
    let number = |bytes: &[u8], from: usize| {
        let bytes = bytes.get(from..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes))
    };
    let record_at = number(&locator, 8).filter(|_| locator.starts_with(b"PK\x06\x07"))?;
    window.read_at(record_at, &mut record).ok()?;
    let ends = record_at.checked_add(12)?.checked_add(number(&record, 4)?)?;
    let whole = record.starts_with(b"PK\x06\x06") && ends == at;
    Some((number(&record, 40)?, number(&record, 48)?, record_at)).filter(|_| whole)
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
