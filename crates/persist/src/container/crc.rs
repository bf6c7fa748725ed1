//! CRC32C as TensorFlow stores it: masked, so that the checksum of bytes that hold checksums stays useful.

/// Masks a CRC32C.
#[must_use]
pub fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Masked CRC32C of bytes.
#[must_use]
pub fn masked(bytes: &[u8]) -> u32 {
    mask(crc32c::crc32c(bytes))
}

/// Masked CRC32C of several pieces, one after the other.
#[must_use]
pub fn masked_of_parts(parts: &[&[u8]]) -> u32 {
    mask(parts.iter().fold(0, |crc, part| crc32c::crc32c_append(crc, part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_values() {
        // RFC 3720, B.4; and LevelDB's mask.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(masked(b""), 0xa282_ead8);
        assert_eq!(masked_of_parts(&[b"ab", b"", b"c"]), masked(b"abc"));
    }
}
