//! Tensors of byte strings: lengths as varints, a checksum of the lengths, the bytes.

use super::source::Stored;
use crate::Error;
use crate::container::crc;
use crate::container::varint::{Cursor, put_varint};

/// The lengths as the checksum sees them: four bytes each, eight where four are too few.
fn length_bytes(n: u64) -> Vec<u8> {
    u32::try_from(n).map_or_else(|_| n.to_le_bytes().to_vec(), |n| n.to_le_bytes().to_vec())
}

/// Bytes to store, and the masked checksum for the index. The checksum goes over the lengths as fixed-size numbers, over the
/// stored checksum of the lengths, and over the strings, but never over the varints.
pub(super) fn encode(values: &[Vec<u8>]) -> (Vec<u8>, u32) {
    let mut bytes = Vec::new();
    let mut checksum = 0;
    for value in values {
        put_varint(&mut bytes, value.len() as u64);
        checksum = crc32c::crc32c_append(checksum, &length_bytes(value.len() as u64));
    }
    let lengths = crc::mask(checksum).to_le_bytes();
    bytes.extend(lengths);
    checksum = crc32c::crc32c_append(checksum, &lengths);
    for value in values {
        bytes.extend(value);
        checksum = crc32c::crc32c_append(checksum, value);
    }
    (bytes, crc::mask(checksum))
}

/// Reads `count` strings and verifies their checksums.
pub(super) fn read(stored: &Stored, count: u64) -> Result<Vec<Vec<u8>>, Error> {
    let bad = |found: &str, expected: &str| Error::Format {
        path: stored.path().into(),
        place: format!("strings of {}", stored.name),
        found: found.into(),
        expected: expected.into(),
    };
    let bytes = stored.read_unchecked()?;
    // Each string has at least one byte of length, so the loop ends with the bytes.
    let mut cursor = Cursor::new(&bytes);
    let mut lengths = Vec::new();
    let mut checksum = 0;
    for _ in 0..count {
        let length = cursor.varint().ok_or_else(|| bad("lengths that are cut off", "a length per string"))?;
        checksum = crc32c::crc32c_append(checksum, &length_bytes(length));
        lengths.push(length);
    }
    let found = cursor.take(4).ok_or_else(|| bad("no checksum of the lengths", "four bytes"))?;
    if found != crc::mask(checksum).to_le_bytes() {
        return Err(bad("another checksum of the lengths", "a matching one; the data are damaged"));
    }
    checksum = crc32c::crc32c_append(checksum, found);
    let mut values = Vec::new();
    for length in lengths {
        let value = usize::try_from(length).ok().and_then(|n| cursor.take(n));
        let value = value.ok_or_else(|| bad("a string that is cut off", "as many bytes as its length"))?;
        checksum = crc32c::crc32c_append(checksum, value);
        values.push(value.to_vec());
    }
    if !cursor.rest().is_empty() {
        return Err(bad("bytes after the last string", "none"));
    }
    stored.check(crc::mask(checksum))?;
    Ok(values)
}
