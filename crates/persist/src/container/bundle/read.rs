//! Opening a bundle. Everything that the index says is checked here against the data files, but for the bytes themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message;

use super::source::{Shard, Sliced, Stored};
use super::{data_path, data_type, index_path, slices, strings};
use crate::container::protobuf::{BundleEntryProto, BundleHeaderProto, TensorShapeProto};
use crate::container::sstable;
use crate::error::is_absent;
use crate::tree::{ByteSource as _, Bytes};
use crate::{Error, Location, limits, storage};

/// Version of the format that is read: the one that TensorFlow writes.
const VERSION: i32 = 1;
/// Attempts to open a bundle that is saved over meanwhile.
const ATTEMPTS: usize = 5;
/// Data files that are kept open at most; systems allow as few as 256 per program.
const OPEN_FILES: usize = 64;

/// What the index says of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// One of [`data_type`], or a number that is not known here.
    pub data_type: i32,
    /// Shape.
    pub shape: Vec<u64>,
    /// Number of elements.
    pub count: u64,
}

/// An opened bundle. Tensors are read and verified when asked for; a save over the same prefix does not change them.
pub struct Bundle {
    index: PathBuf,
    tensors: BTreeMap<Arc<str>, (Info, Source)>,
}

enum Source {
    Plain(Stored),
    Sliced(Arc<Sliced>),
}

impl Bundle {
    /// Opens `PREFIX.index` and the data files that it refers to.
    ///
    /// # Errors
    /// A file is missing or cannot be read; the index is damaged, or contradicts itself or the data files.
    pub fn open(prefix: &Location) -> Result<Self, Error> {
        let mut attempt = 1;
        loop {
            let prefix = prefix.again();
            let bytes = read_index(&prefix)?;
            let opened = Self::parse(&prefix, &bytes);
            // Had the checkpoint been replaced between the index and the data, they would not belong together.
            if attempt == ATTEMPTS || read_index(&prefix.again()).is_ok_and(|now| now == bytes) {
                return opened;
            }
            attempt += 1;
        }
    }

    fn parse(prefix: &Location, bytes: &[u8]) -> Result<Self, Error> {
        let mut parser = Parser { index: index_path(prefix).as_path().into(), tensors: BTreeMap::new() };
        parser.parse(prefix, bytes)?;
        Ok(Self { index: parser.index, tensors: parser.tensors })
    }

    /// Path of the index.
    pub fn path(&self) -> &Path {
        &self.index
    }

    /// All tensors by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Info)> {
        self.tensors.iter().map(|(name, (info, _))| (&**name, info))
    }

    /// What the index says of one tensor.
    pub fn info(&self, name: &str) -> Option<&Info> {
        self.tensors.get(name).map(|(info, _)| info)
    }

    /// Data file and offset of a tensor that is stored in one piece.
    #[cfg(test)]
    pub(super) fn offset(&self, name: &str) -> Option<u64> {
        match &self.tensors.get(name)?.1 {
            Source::Plain(stored) => Some(stored.offset),
            Source::Sliced(_) => None,
        }
    }

    /// The stored bytes of a tensor whose elements have a fixed size; `None` for others and for unknown names.
    pub fn bytes(&self, name: &str) -> Option<Bytes> {
        let (info, source) = self.tensors.get(name)?;
        data_type::size(info.data_type)?;
        Some(match source {
            Source::Plain(stored) => Arc::new(stored.clone()),
            Source::Sliced(sliced) => Arc::clone(sliced) as Bytes,
        })
    }

    /// The elements of a string tensor; `None` for others and for unknown names.
    ///
    /// # Errors
    /// The data cannot be read or are damaged.
    pub fn strings(&self, name: &str) -> Result<Option<Vec<Vec<u8>>>, Error> {
        match self.tensors.get(name) {
            Some((info, Source::Plain(stored))) if info.data_type == data_type::STRING => {
                strings::read(stored, info.count).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The element of a scalar string tensor of at most `most` bytes; `None` for other tensors and for unknown names.
    ///
    /// # Errors
    /// The string is longer, or the data cannot be read or are damaged.
    pub fn string(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.tensors.get(name) {
            Some((info, Source::Plain(stored))) if info.shape.is_empty() => {
                // Before the string come its length and a checksum.
                if stored.len > most.saturating_add(16) {
                    return Err(Error::Unsupported {
                        path: self.index.clone(),
                        place: name.into(),
                        what: format!("a string of {} bytes", stored.len),
                        advice: format!("; the limit is {most} bytes"),
                    });
                }
                Ok(self.strings(name)?.and_then(|values| values.into_iter().next()))
            }
            _ => Ok(None),
        }
    }
}

/// Number of data files that the index of a prefix tells; `None` where there is no index, or a damaged one.
///
/// # Errors
/// It cannot be said.
pub fn shards_in_force(prefix: &Location) -> Result<Option<usize>, Error> {
    let bytes = match read_index(prefix) {
        Ok(bytes) => bytes,
        Err(Error::Io { source, .. }) if !is_absent(&source) => {
            return Err(index_path(prefix).failed("read", source));
        }
        Err(_) => return Ok(None),
    };
    let shards = || {
        let entries = sstable::read(index_path(prefix).as_path(), &bytes).ok()?;
        let header = BundleHeaderProto::decode(entries.first()?.1.as_slice()).ok()?;
        usize::try_from(header.num_shards).ok()
    };
    Ok(shards())
}

pub(super) fn read_index(prefix: &Location) -> Result<Vec<u8>, Error> {
    let index = storage::open(&index_path(prefix))?;
    if index.size() > limits::BUNDLE_INDEX_BYTES {
        return Err(Error::Unsupported {
            path: index.path().to_path_buf(),
            place: "index".into(),
            what: format!("an index of {} bytes", index.size()),
            advice: format!("; the limit is {} bytes", limits::BUNDLE_INDEX_BYTES),
        });
    }
    index.read()
}

struct Parser {
    index: PathBuf,
    tensors: BTreeMap<Arc<str>, (Info, Source)>,
}

impl Parser {
    fn bad(&self, place: &str, found: impl Into<String>, expected: &str) -> Error {
        Error::Format {
            path: self.index.clone(),
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    fn parse(&mut self, prefix: &Location, bytes: &[u8]) -> Result<(), Error> {
        let mut entries = sstable::read(&self.index, bytes)?.into_iter();
        let shards = match entries.next() {
            Some((key, value)) if key.is_empty() => self.header(&value)?,
            _ => return Err(self.bad("header", "no entry with the empty key", "the header of a checkpoint")),
        };
        let mut plain = Vec::new();
        let mut pieces = BTreeMap::new();
        for (key, value) in entries {
            let name = String::from_utf8_lossy(&key).into_owned();
            let entry = BundleEntryProto::decode(value.as_slice())
                .map_err(|e| self.bad(&name, format!("no tensor entry ({e})"), "a BundleEntryProto"))?;
            if key.first() == Some(&0) {
                pieces.insert(key, entry);
            } else {
                let name =
                    String::from_utf8(key).map_err(|_| self.bad(&name, "a name in no UTF-8", "UTF-8"))?;
                plain.push((Arc::from(name), entry));
            }
        }

        let mut files =
            self.open_shards(prefix, shards, plain.iter().map(|(_, e)| e).chain(pieces.values()))?;
        let mut used = Vec::new();
        for (name, entry) in plain {
            let info = self.shape(&name, &entry)?;
            let source = if entry.slices.is_empty() {
                Source::Plain(self.stored(&name, &entry, &info, &mut files, &mut used)?)
            } else {
                Source::Sliced(Arc::new(self.sliced(&name, &entry, &info, &pieces, &mut files, &mut used)?))
            };
            self.tensors.insert(name, (info, source));
        }
        used.sort_unstable();
        for pair in used.windows(2) {
            if let [(shard, _, end), (next, start, _)] = pair
                && shard == next
                && start < end
            {
                let place = data_path(prefix, *shard, shards).display().to_string();
                return Err(self.bad(
                    &place,
                    format!("two tensors at {start}"),
                    "tensors that do not overlap",
                ));
            }
        }
        Ok(())
    }

    /// Number of data files.
    fn header(&self, value: &[u8]) -> Result<usize, Error> {
        let header = BundleHeaderProto::decode(value)
            .map_err(|e| self.bad("header", e.to_string(), "a BundleHeaderProto"))?;
        let unsupported = |what: String| Error::Unsupported {
            path: self.index.clone(),
            place: "header".into(),
            what,
            advice: "; save it again with TensorFlow 2 on a little-endian machine".into(),
        };
        if header.endianness != 0 {
            return Err(unsupported("big-endian data".into()));
        }
        if let Some(version) = &header.version
            && (version.min_consumer > VERSION || version.bad_consumers.contains(&VERSION))
        {
            return Err(unsupported(format!("version {}", version.min_consumer)));
        }
        match usize::try_from(header.num_shards) {
            Ok(shards) if shards > 0 => Ok(shards),
            _ => Err(self.bad("header", format!("{} data files", header.num_shards), "at least one")),
        }
    }

    /// Opens the data files that some entry refers to; others may be missing.
    fn open_shards<'a>(
        &self,
        prefix: &Location,
        shards: usize,
        entries: impl Iterator<Item = &'a BundleEntryProto>,
    ) -> Result<BTreeMap<usize, Arc<Shard>>, Error> {
        let mut needed: Vec<usize> = Vec::new();
        for entry in entries.filter(|e| e.slices.is_empty()) {
            match usize::try_from(entry.shard_id) {
                Ok(shard) if shard < shards => needed.push(shard),
                _ => {
                    let found = format!("data file {} of {shards}", entry.shard_id);
                    return Err(self.bad("an entry", found, "a data file that exists"));
                }
            }
        }
        needed.sort_unstable();
        needed.dedup();
        let keep = needed.len() <= OPEN_FILES;
        let open = |shard| Ok((shard, Arc::new(Shard::open(&data_path(prefix, shard, shards), keep)?)));
        needed.into_iter().map(open).collect()
    }

    fn shape(&self, name: &str, entry: &BundleEntryProto) -> Result<Info, Error> {
        let dims = |shape: &TensorShapeProto| -> Option<Vec<u64>> {
            let plain = !shape.unknown_rank && shape.dim.len() <= limits::TENSOR_RANK;
            plain.then(|| shape.dim.iter().map(|d| u64::try_from(d.size).ok()).collect())?
        };
        if entry.dtype <= 0 {
            return Err(self.bad(name, format!("data type {}", entry.dtype), "a data type"));
        }
        let shape = entry.shape.as_ref().map_or(Some(Vec::new()), dims);
        let count = |shape: &Vec<u64>| {
            // A zero makes the product zero, however large the others are; TensorFlow refuses those that overflow without it.
            shape.iter().filter(|&&d| d > 0).try_fold(1_u64, |n, d| n.checked_mul(*d))?;
            shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d))
        };
        match shape.and_then(|shape| count(&shape).map(|n| (shape, n))) {
            Some((shape, count)) => Ok(Info { data_type: entry.dtype, shape, count }),
            None => Err(self.bad(name, "an impossible shape", "sizes from 0 on whose product fits 64 bits")),
        }
    }

    fn stored(
        &self,
        name: &Arc<str>,
        entry: &BundleEntryProto,
        info: &Info,
        files: &mut BTreeMap<usize, Arc<Shard>>,
        used: &mut Vec<(usize, u64, u64)>,
    ) -> Result<Stored, Error> {
        let (Ok(offset), Ok(len)) = (u64::try_from(entry.offset), u64::try_from(entry.size)) else {
            return Err(self.bad(name, "a negative offset or size", "a place in a data file"));
        };
        if let Some(element) = data_type::size(info.data_type)
            && info.count.checked_mul(element) != Some(len)
        {
            let expected = format!("{} elements of {element} bytes", info.count);
            return Err(self.bad(name, format!("{len} bytes"), &expected));
        }
        // A string has at least one byte, its length; so a count cannot be larger than the data.
        if info.data_type == data_type::STRING && info.count > len {
            return Err(self.bad(name, format!("{} strings in {len} bytes", info.count), "fewer"));
        }
        let file = usize::try_from(entry.shard_id).ok().and_then(|n| Some((n, files.get(&n)?)));
        let Some((number, shard)) = file else {
            return Err(self.bad(name, format!("data file {}", entry.shard_id), "a data file that exists"));
        };
        match offset.checked_add(len) {
            Some(end) if end <= shard.len => {
                if len > 0 {
                    used.push((number, offset, end));
                }
                let shard = Arc::clone(shard);
                Ok(Stored { shard, offset, len, checksum: entry.crc32c, name: Arc::clone(name) })
            }
            _ => Err(Error::Format {
                path: shard.path.clone(),
                place: format!("tensor {name}"),
                found: format!("the end of the file at {}", shard.len),
                expected: format!("{len} bytes at {offset}; the file is cut off or belongs to another index"),
            }),
        }
    }

    fn sliced(
        &self,
        name: &Arc<str>,
        entry: &BundleEntryProto,
        info: &Info,
        pieces: &BTreeMap<Vec<u8>, BundleEntryProto>,
        files: &mut BTreeMap<usize, Arc<Shard>>,
        used: &mut Vec<(usize, u64, u64)>,
    ) -> Result<Sliced, Error> {
        let Some(element) = data_type::size(info.data_type) else {
            return Err(Error::Unsupported {
                path: self.index.clone(),
                place: name.to_string(),
                what: format!("data type {} in slices", info.data_type),
                advice: String::new(),
            });
        };
        let mut parts: Vec<(slices::Place, Bytes)> = Vec::new();
        let mut count = 0_u64;
        for slice in &entry.slices {
            let Some(place) = slices::resolve(slice, &info.shape) else {
                return Err(self.bad(
                    name,
                    "a slice that is no part of the shape",
                    "slices inside the tensor",
                ));
            };
            let Some(piece) = pieces.get(&slices::key(name, slice)) else {
                return Err(self.bad(
                    name,
                    format!("no entry for the slice {place:?}"),
                    "one for each slice",
                ));
            };
            let part = self.shape(name, piece)?;
            if part.data_type != info.data_type || !part.shape.iter().eq(place.iter().map(|(_, n)| n)) {
                let found =
                    format!("type {} and shape {:?} for the slice {place:?}", part.data_type, part.shape);
                return Err(self.bad(name, found, "those of the slice"));
            }
            if !piece.slices.is_empty() {
                return Err(self.bad(name, "slices of a slice", "data"));
            }
            // Saturating: the sum is only compared with a number that fits.
            count = count.saturating_add(part.count);
            parts.push((place, Arc::new(self.stored(name, piece, &part, files, used)?)));
        }
        // Together with "no element twice", which is seen when they are read, this means that there is no hole.
        if count != info.count {
            let found = format!("slices with {count} elements");
            return Err(self.bad(name, found, &format!("{}, without holes or overlaps", info.count)));
        }
        let len = count.checked_mul(element).ok_or_else(|| self.bad(name, "too many bytes", "fewer"))?;
        Ok(Sliced {
            index: self.index.clone(),
            name: Arc::clone(name),
            shape: info.shape.clone(),
            element,
            len,
            slices: parts,
        })
    }
}
