//! SipHash-2-4 (Aumasson and Bernstein, 2012): TensorFlow's hash with a key.

/// Returns the hash of bytes under a key of two words.
///
/// ```
/// // The first of the vectors of its authors.
/// let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
/// assert_eq!(rhyton_engine::host::siphash(key, b""), 0x726f_db47_dd0e_0e31);
/// ```
pub fn siphash(key: [u64; 2], bytes: &[u8]) -> u64 {
    // "somepseudorandomlygeneratedbytes"
    let mut state = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let (words, rest) = bytes.as_chunks::<8>();
    // The last word has what is left of the bytes, and their number modulo 256.
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    for word in words.iter().chain([&last]).map(|w| u64::from_le_bytes(*w)) {
        state[3] ^= word;
        round(&mut state);
        round(&mut state);
        state[0] ^= word;
    }
    state[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut state);
    }
    state.into_iter().fold(0, |all, word| all ^ word)
}

fn round([a, b, c, d]: &mut [u64; 4]) {
    let mix = |x: &mut u64, y: &mut u64, by: u32| {
        *x = x.wrapping_add(*y);
        *y = y.rotate_left(by) ^ *x;
    };
    mix(a, b, 13);
    *a = a.rotate_left(32);
    mix(c, d, 16);
    mix(a, d, 21);
    mix(c, b, 17);
    *c = c.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::siphash;

    /// Compares with vectors of the authors: `i` bytes 0, 1, 2 ... under the key 0, 1, .. 15.
    #[test]
    fn vectors() {
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let bytes: Vec<u8> = (0..64).collect();
        assert_eq!(siphash(key, &bytes[..0]), 0x726f_db47_dd0e_0e31);
        assert_eq!(siphash(key, &bytes[..1]), 0x74f8_39c5_93dc_67fd);
        assert_eq!(siphash(key, &bytes[..15]), 0xa129_ca61_49be_45e5);
    }
}
