//! A sorted table of keys and values in one file, as LevelDB and TensorFlow's `.index` have it.
//!
//! Blocks of entries, an empty metaindex block, an index block and a footer; each block ends in a masked CRC32C. Unlike the crate
//! `sstable`, the empty key is allowed: TensorFlow's header has it.
//!
//! The reader takes the whole table and is stricter than a look-up would be: every block is checked, blocks lie one after the
//! other, and keys rise. So no entry can hide from one reader and be seen by another.

use std::path::Path;

use super::crc::{masked, masked_of_parts};
use super::varint::{Cursor, put_varint};
use crate::Error;

/// Last eight bytes of a table.
pub const MAGIC: [u8; 8] = 0xdb47_7524_8b80_fb57_u64.to_le_bytes();
/// Two handles of at most 20 bytes each, padded to 40, and the magic.
const FOOTER: usize = 48;
/// Type byte and CRC32C after each block.
const TRAILER: usize = 5;
/// TensorFlow ends a data block when it has grown to this size.
const BLOCK_SIZE: usize = 262_144;
/// Entries of a data block between two that repeat their whole key.
const RESTART_INTERVAL: usize = 16;
/// Keys share beginnings with the one before, so a few bytes can stand for a long key. Real tables expand less than four
/// times; this is the most that is accepted, relative to the size of the file.
const MOST_EXPANSION: usize = 16;

/// How a block is compressed: not at all, or by Snappy, as TensorFlow 1 does on some systems.
const NONE: u8 = 0;
const SNAPPY: u8 = 1;
/// The most bytes that one byte of Snappy stands for: copies of 64 bytes take three.
const MOST_UNPACKED: usize = 22;

/// An entry: key and value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Reads all entries of the table `bytes`, in rising order of their keys. `path` is for messages.
///
/// # Errors
/// [`Error::Format`] for whatever is not as the module says; [`Error::Unsupported`] for compressed blocks.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    let reader = Reader { path, bytes };
    let Some(end) = bytes.len().checked_sub(FOOTER) else {
        return Err(reader.bad("footer", format!("{} bytes", bytes.len()), "at least 48 bytes"));
    };
    let (body, footer) = bytes.split_at(end);
    if !footer.ends_with(&MAGIC) {
        return Err(reader.bad("footer", "another ending".into(), "the magic number of a table"));
    }
    let mut cursor = Cursor::new(footer.get(..40).unwrap_or_default());
    let metaindex = reader.handle(&mut cursor, "footer")?;
    let index = reader.handle(&mut cursor, "footer")?;
    if cursor.rest().iter().any(|&b| b != 0) {
        return Err(reader.bad("footer", "bytes after the handles".into(), "zeros"));
    }

    let mut budget = bytes.len().saturating_mul(MOST_EXPANSION);
    let mut next_offset = 0;
    let mut entries: Vec<Entry> = Vec::new();
    let mut bound: Option<Vec<u8>> = None;
    for (separator, handle) in reader.entries(body, index, "index block", &mut budget)? {
        let mut cursor = Cursor::new(&handle);
        let handle = reader.handle(&mut cursor, "index block")?;
        if !cursor.rest().is_empty() {
            return Err(reader.bad("index block", "bytes after a handle".into(), "none"));
        }
        let place = format!("block at {}", handle.offset);
        if handle.offset != next_offset {
            return Err(reader.bad("index block", place, &format!("a block at {next_offset}")));
        }
        next_offset = handle.end();
        let block = reader.entries(body, handle, &place, &mut budget)?;
        let (Some(first), Some(last)) = (block.first(), block.last()) else {
            return Err(reader.bad(&place, "no entries".into(), "at least one"));
        };
        // The index must lead to each key: last key <= separator < first key of the next block.
        if bound.as_ref().is_some_and(|b| first.0 <= *b) || last.0 > separator {
            return Err(reader.bad(&place, "keys outside of the index's range".into(), "rising keys"));
        }
        bound = Some(separator);
        entries.extend(block);
    }
    if metaindex.offset != next_offset {
        return Err(reader.bad(
            "footer",
            format!("metaindex at {}", metaindex.offset),
            &next_offset.to_string(),
        ));
    }
    if !reader.entries(body, metaindex, "metaindex block", &mut budget)?.is_empty() {
        return Err(reader.bad("metaindex block", "entries".into(), "none"));
    }
    if index.offset != metaindex.end() || index.end() != body.len() {
        return Err(reader.bad(
            "footer",
            format!("index block at {}", index.offset),
            "the block before the footer",
        ));
    }
    Ok(entries)
}

/// Writes a table of entries whose keys rise.
#[must_use]
pub fn write(entries: &[Entry]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut index = Vec::new();
    let mut block = Block::new(RESTART_INTERVAL);
    for (i, (key, value)) in entries.iter().enumerate() {
        block.add(key, value);
        let next = entries.get(i + 1);
        if block.size() >= BLOCK_SIZE || next.is_none() {
            let done = std::mem::replace(&mut block, Block::new(RESTART_INTERVAL));
            let handle = append(&mut file, done.finish());
            let separator = match next {
                Some((next, _)) => short_separator(key, next),
                None => short_successor(key),
            };
            index.push((separator, handle));
        }
    }
    let mut footer = append(&mut file, Block::new(RESTART_INTERVAL).finish());
    let mut index_block = Block::new(1);
    index.iter().for_each(|(key, handle)| index_block.add(key, handle));
    footer.extend(append(&mut file, index_block.finish()));
    footer.resize(FOOTER - MAGIC.len(), 0);
    file.extend(footer);
    file.extend(MAGIC);
    file
}

/// Where a block lies, without its trailer.
#[derive(Clone, Copy)]
struct Handle {
    offset: usize,
    size: usize,
}

impl Handle {
    /// Offset after the trailer. Handles are checked to lie inside the file when they are read.
    fn end(self) -> usize {
        self.offset + self.size + TRAILER
    }
}

struct Reader<'a> {
    path: &'a Path,
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn bad(&self, place: &str, found: String, expected: &str) -> Error {
        Error::Format { path: self.path.into(), place: place.into(), found, expected: expected.into() }
    }

    fn handle(&self, cursor: &mut Cursor, place: &str) -> Result<Handle, Error> {
        let read = |cursor: &mut Cursor| cursor.varint().and_then(|n| usize::try_from(n).ok());
        let most = self.bytes.len() - FOOTER;
        match (read(cursor), read(cursor)) {
            (Some(offset), Some(size))
                if offset
                    .checked_add(size)
                    .and_then(|n| n.checked_add(TRAILER))
                    .is_some_and(|end| end <= most) =>
            {
                Ok(Handle { offset, size })
            }
            _ => Err(self.bad(
                place,
                "a block handle that points out of the file".into(),
                "offset and size inside",
            )),
        }
    }

    /// Unpacks a block that Snappy compressed. `budget` grows by what the keys of its bytes may be.
    fn unpack(&self, block: &[u8], place: &str, budget: &mut usize) -> Result<Vec<u8>, Error> {
        let bad = |found: String| self.bad(place, found, "a block that Snappy compressed");
        let size = snap::raw::decompress_len(block).map_err(|e| bad(e.to_string()))?;
        if size > block.len().saturating_mul(MOST_UNPACKED) {
            return Err(bad(format!("{size} bytes packed into {}", block.len())));
        }
        let most = self.bytes.len().saturating_mul(2 * MOST_EXPANSION);
        *budget = budget.saturating_add(size.saturating_mul(4)).min(most);
        snap::raw::Decoder::new().decompress_vec(block).map_err(|e| bad(e.to_string()))
    }

    /// Checks a block and takes it apart. `budget` bounds the bytes of all keys.
    fn entries(
        &self,
        body: &[u8],
        handle: Handle,
        place: &str,
        budget: &mut usize,
    ) -> Result<Vec<Entry>, Error> {
        let bad = |found: &str, expected: &str| Err(self.bad(place, found.into(), expected));
        let stored = body.get(handle.offset..handle.end()).and_then(|b| b.split_last_chunk::<4>());
        let Some((typed, checksum)) = stored else {
            return bad("the end of the file", "a block");
        };
        if masked(typed) != u32::from_le_bytes(*checksum) {
            return bad("another checksum", "the CRC32C of the block");
        }
        let Some((&kind, block)) = typed.split_last() else {
            return bad("the end of the file", "a block");
        };
        let unpacked;
        let block = match kind {
            NONE => block,
            SNAPPY => {
                unpacked = self.unpack(block, place, budget)?;
                &unpacked
            }
            _ => {
                return Err(Error::Unsupported {
                    path: self.path.into(),
                    place: place.into(),
                    what: format!("compression {kind}"),
                    advice: "; TensorFlow writes tables without compression, or with Snappy's".into(),
                });
            }
        };
        let Some((rest, count)) = block.split_last_chunk::<4>() else {
            return bad("no restart count", "a block");
        };
        let restarts = usize::try_from(u32::from_le_bytes(*count)).ok().and_then(|n| n.checked_mul(4));
        let Some(data) = restarts.and_then(|n| rest.len().checked_sub(n)).and_then(|n| rest.get(..n)) else {
            return bad("more restarts than bytes", "a block");
        };
        let mut cursor = Cursor::new(data);
        let mut entries: Vec<Entry> = Vec::new();
        while !cursor.rest().is_empty() {
            let Some((shared, fresh, value)) = entry(&mut cursor) else {
                return bad("an entry that is cut off", "lengths, key and value");
            };
            let before = entries.last().map(|(k, _)| k.as_slice());
            let Some(start) = before.unwrap_or_default().get(..shared) else {
                return bad("a key that shares more bytes than the one before has", "a key");
            };
            let key = [start, fresh].concat();
            if before.is_some_and(|b| *b >= *key) {
                return bad("keys out of order", "rising keys");
            }
            match budget.checked_sub(key.len()) {
                Some(left) => *budget = left,
                None => return bad("keys that are too long for the size of the file", "a table"),
            }
            entries.push((key, value.to_vec()));
        }
        Ok(entries)
    }
}

/// Number of bytes shared with the key before, rest of the key, value.
fn entry<'a>(cursor: &mut Cursor<'a>) -> Option<(usize, &'a [u8], &'a [u8])> {
    let shared = usize::try_from(cursor.varint()?).ok()?;
    let fresh = usize::try_from(cursor.varint()?).ok()?;
    let value = usize::try_from(cursor.varint()?).ok()?;
    Some((shared, cursor.take(fresh)?, cursor.take(value)?))
}

/// A block that is being written.
struct Block {
    interval: usize,
    bytes: Vec<u8>,
    restarts: Vec<usize>,
    count: usize,
    last: Vec<u8>,
}

impl Block {
    fn new(interval: usize) -> Self {
        Self { interval, bytes: Vec::new(), restarts: vec![0], count: 0, last: Vec::new() }
    }

    fn add(&mut self, key: &[u8], value: &[u8]) {
        let mut shared = 0;
        if self.count.is_multiple_of(self.interval) {
            if self.count > 0 {
                self.restarts.push(self.bytes.len());
            }
        } else {
            shared = common_prefix(key, &self.last);
        }
        let (_, fresh) = key.split_at(shared);
        put_varint(&mut self.bytes, shared as u64);
        put_varint(&mut self.bytes, fresh.len() as u64);
        put_varint(&mut self.bytes, value.len() as u64);
        self.bytes.extend(fresh);
        self.bytes.extend(value);
        self.last = key.to_vec();
        self.count += 1;
    }

    /// Size as TensorFlow counts it.
    fn size(&self) -> usize {
        self.bytes.len() + 4 * self.restarts.len() + 4
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = self.bytes;
        let count = self.restarts.len();
        for number in self.restarts.into_iter().chain([count]) {
            // A block holds little more than BLOCK_SIZE and one entry; a larger value could not be read by anyone.
            bytes.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes
    }
}

/// Appends a block with its trailer, and returns its handle.
fn append(file: &mut Vec<u8>, block: Vec<u8>) -> Vec<u8> {
    let mut handle = Vec::new();
    put_varint(&mut handle, file.len() as u64);
    put_varint(&mut handle, block.len() as u64);
    let checksum = masked_of_parts(&[&block, &[0]]);
    file.extend(block);
    file.push(0);
    file.extend(checksum.to_le_bytes());
    handle
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// A short key from `a` on and before `b`, as LevelDB chooses it.
fn short_separator(a: &[u8], b: &[u8]) -> Vec<u8> {
    let shared = common_prefix(a, b);
    match (a.get(shared), b.get(shared)) {
        (Some(&x), Some(&y)) if x < 255 && x + 1 < y => {
            let (start, _) = a.split_at(shared);
            [start, &[x + 1]].concat()
        }
        _ => a.to_vec(),
    }
}

/// A short key from `a` on.
fn short_successor(a: &[u8]) -> Vec<u8> {
    match a.iter().position(|&c| c != 255) {
        Some(i) => {
            let (start, rest) = a.split_at(i);
            let next = rest.first().map(|c| c + 1);
            start.iter().copied().chain(next).collect()
        }
        None => a.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_ok(bytes: &[u8]) -> Vec<Entry> {
        read(Path::new("t.index"), bytes).unwrap()
    }

    fn table(n: usize, value: usize) -> Vec<Entry> {
        let mut entries = vec![(Vec::new(), b"header".to_vec())];
        entries.extend((0..n).map(|i| (format!("layer/{i:06}/kernel").into_bytes(), vec![7; value])));
        entries
    }

    #[test]
    fn what_is_written_is_read() {
        for entries in [vec![], table(0, 0), table(1, 3), table(40, 30), table(20_000, 60)] {
            assert_eq!(read_ok(&write(&entries)), entries);
        }
    }

    /// Puts a block as Snappy compresses it behind others; `claim`: what it says of its size.
    fn append_packed(file: &mut Vec<u8>, block: &[u8], claim: Option<u8>) -> Vec<u8> {
        let mut packed = snap::raw::Encoder::new().compress_vec(block).unwrap();
        if let Some(size) = claim {
            packed.splice(..1, [0xff, 0xff, size]);
        }
        let mut handle = Vec::new();
        put_varint(&mut handle, file.len() as u64);
        put_varint(&mut handle, packed.len() as u64);
        packed.push(SNAPPY);
        let sum = masked(&packed);
        file.extend(packed);
        file.extend(sum.to_le_bytes());
        handle
    }

    #[test]
    fn blocks_of_snappy_are_read() {
        let entries = table(5, 3);
        let packed = |claim| {
            let mut block = Block::new(RESTART_INTERVAL);
            entries.iter().for_each(|(key, value)| block.add(key, value));
            let mut file = Vec::new();
            let handle = append_packed(&mut file, &block.finish(), claim);
            let mut index = Block::new(1);
            index.add(b"m", &handle);
            let mut footer = append_packed(&mut file, &Block::new(RESTART_INTERVAL).finish(), None);
            footer.extend(append_packed(&mut file, &index.finish(), None));
            footer.resize(FOOTER - MAGIC.len(), 0);
            file.extend(footer);
            file.extend(MAGIC);
            file
        };
        assert_eq!(read_ok(&packed(None)), entries);
        // Two million bytes in a hundred: no memory is asked for.
        let error = read(Path::new("t"), &packed(Some(0x7f))).unwrap_err().to_string();
        assert!(error.contains("2097151 bytes packed into"), "{error}");
    }

    #[test]
    fn separators_are_short() {
        // LevelDB's own cases, table/… `FindShortestSeparator`, `FindShortSuccessor`.
        for (a, b, want) in [
            ("foo", "foo", "foo"),
            ("foo", "bar", "foo"),
            ("foo", "hello", "g"),
            ("foo", "foobar", "foo"),
            ("foobar", "foo", "foobar"),
        ] {
            assert_eq!(short_separator(a.as_bytes(), b.as_bytes()), want.as_bytes());
        }
        assert_eq!(short_successor(b"foo"), b"g");
        assert_eq!(short_successor(b"\xff\xff"), b"\xff\xff");
    }

    #[test]
    fn damage_is_an_error() {
        let good = write(&table(20, 3));
        for length in 0..good.len() {
            assert!(read(Path::new("t"), &good[..length]).is_err(), "cut to {length}");
        }
        for i in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[i / 8] ^= 1 << (i % 8);
            assert!(read(Path::new("t"), &bad).is_err(), "bit {i}");
        }
    }

    #[test]
    fn keys_that_explode_are_refused() {
        // One key of 60 000 bytes, then many entries of four bytes that share it.
        let mut block = Block::new(usize::MAX);
        block.add(&[b'a'; 60_000], b"");
        for i in 0..60_000_u32 {
            let key = [&[b'a'; 60_000][..], &i.to_be_bytes()].concat();
            block.add(&key, b"");
        }
        let mut file = Vec::new();
        let mut index = Block::new(1);
        index.add(b"b", &append(&mut file, block.finish()));
        let mut footer = append(&mut file, Block::new(1).finish());
        footer.extend(append(&mut file, index.finish()));
        footer.resize(40, 0);
        file.extend(footer);
        file.extend(MAGIC);
        assert!(
            matches!(read(Path::new("t"), &file), Err(Error::Format { found, .. }) if found.contains("too long"))
        );
    }

    #[test]
    fn blocks_cannot_be_used_twice() {
        let mut file = Vec::new();
        let mut block = Block::new(16);
        block.add(b"k", b"v");
        let handle = append(&mut file, block.finish());
        let mut index = Block::new(1);
        index.add(b"l", &handle);
        index.add(b"m", &handle);
        let mut footer = append(&mut file, Block::new(1).finish());
        footer.extend(append(&mut file, index.finish()));
        footer.resize(40, 0);
        file.extend(footer);
        file.extend(MAGIC);
        assert!(read(Path::new("t"), &file).is_err());
    }
}
