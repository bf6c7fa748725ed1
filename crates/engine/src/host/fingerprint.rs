//! The fingerprint of FarmHash of 64 bits (Pike, 2014), by which TensorFlow puts strings into buckets.
//!
//! Short strings are mixed by products of 128 bits folded to 64, longer ones in blocks of 64 bytes with a state of 7 words.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
/// The multiplier of MurmurHash, which joins fingerprints.
const MURMUR: u64 = 0xc6a4_a793_5bd1_e995;

/// Returns the fingerprint of bytes.
///
/// ```
/// // tf.strings.to_hash_bucket_fast("hello", 1000)
/// assert_eq!(rhyton_engine::host::fingerprint(b"hello") % 1000, 296);
/// ```
pub fn fingerprint(bytes: &[u8]) -> u64 {
    match bytes.len() {
        0..=16 => up_to_16(bytes),
        17..=32 => up_to_32(bytes),
        33..=64 => up_to_64(bytes),
        _ => longer(bytes),
    }
}

/// Returns the fingerprint of two fingerprints, one after the other: that of a cross of features.
pub fn cross(first: u64, second: u64) -> u64 {
    let shift = |x: u64| x ^ (x >> 47);
    let mixed = first ^ MURMUR ^ shift(second.wrapping_mul(MURMUR)).wrapping_mul(MURMUR);
    shift(shift(mixed.wrapping_mul(MURMUR)).wrapping_mul(MURMUR))
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    bytes[at..].iter().zip(&mut word).for_each(|(from, to)| *to = *from);
    u64::from_le_bytes(word)
}

fn half_word(bytes: &[u8], at: usize) -> u64 {
    word(&bytes[..at + 4], at)
}

/// 16 bytes to 8.
fn fold(a: u64, b: u64, by: u64) -> u64 {
    let first = (a ^ b).wrapping_mul(by);
    let first = first ^ (first >> 47);
    let second = (b ^ first).wrapping_mul(by);
    (second ^ (second >> 47)).wrapping_mul(by)
}

/// The multiplier that belongs to a length.
fn multiplier(len: usize) -> u64 {
    K2.wrapping_add(2 * len as u64)
}

fn up_to_16(bytes: &[u8]) -> u64 {
    let (len, by) = (bytes.len(), multiplier(bytes.len()));
    match len {
        8.. => {
            let a = word(bytes, 0).wrapping_add(K2);
            let b = word(bytes, len - 8);
            let c = b.rotate_right(37).wrapping_mul(by).wrapping_add(a);
            let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(by);
            fold(c, d, by)
        }
        4..8 => fold((len as u64).wrapping_add(half_word(bytes, 0) << 3), half_word(bytes, len - 4), by),
        1..4 => {
            let [a, b, c] = [0, len / 2, len - 1].map(|i| u64::from(bytes[i]));
            let (y, z) = (a + (b << 8), len as u64 + (c << 2));
            let mixed = y.wrapping_mul(K2) ^ z.wrapping_mul(K0);
            (mixed ^ (mixed >> 47)).wrapping_mul(K2)
        }
        0 => K2,
    }
}

/// Two words of the beginning and two of the end, mixed; what strings of 17 to 64 bytes have in common.
fn ends(bytes: &[u8], first: u64) -> (u64, u64) {
    let (len, by) = (bytes.len(), multiplier(bytes.len()));
    let a = word(bytes, 0).wrapping_mul(first);
    let b = word(bytes, 8);
    let c = word(bytes, len - 8).wrapping_mul(by);
    let d = word(bytes, len - 16).wrapping_mul(K2);
    let x = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let y = a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c);
    (x, y)
}

fn up_to_32(bytes: &[u8]) -> u64 {
    let (x, y) = ends(bytes, K1);
    fold(x, y, multiplier(bytes.len()))
}

fn up_to_64(bytes: &[u8]) -> u64 {
    let (len, by) = (bytes.len(), multiplier(bytes.len()));
    let (y, z) = ends(bytes, K2);
    let a = word(bytes, 0).wrapping_mul(K2);
    let z = fold(y, z, by);
    let e = word(bytes, 16).wrapping_mul(by);
    let f = word(bytes, 24);
    let g = y.wrapping_add(word(bytes, len - 32)).wrapping_mul(by);
    let h = z.wrapping_add(word(bytes, len - 24)).wrapping_mul(by);
    let x = e.wrapping_add(f).rotate_right(43).wrapping_add(g.rotate_right(30)).wrapping_add(h);
    let w = e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g);
    fold(x, w, by)
}

/// 32 bytes and two words to two words.
fn mix_32(bytes: &[u8], at: usize, a: u64, b: u64) -> [u64; 2] {
    let [w, x, y, z] = [0, 8, 16, 24].map(|i| word(bytes, at + i));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a.wrapping_add(x).wrapping_add(y);
    let b = b.wrapping_add(c.rotate_right(44)).wrapping_add(a);
    [c.wrapping_add(z), b]
}

fn longer(bytes: &[u8]) -> u64 {
    const SEED: u64 = 81;
    let mut x = SEED;
    let mut y = SEED.wrapping_mul(K1).wrapping_add(113);
    let mixed = y.wrapping_mul(K2).wrapping_add(113);
    let mut z = (mixed ^ (mixed >> 47)).wrapping_mul(K2);
    let (mut v, mut w) = ([0_u64; 2], [0_u64; 2]);
    x = x.wrapping_mul(K2).wrapping_add(word(bytes, 0));
    // All whole blocks, but never the last byte; then the last 64 bytes, which overlap them.
    let blocks = (bytes.len() - 1) / 64;
    let last = (bytes.len() - 1) % 64;
    for at in (0..blocks).map(|i| i * 64) {
        x = x.wrapping_add(y).wrapping_add(v[0]).wrapping_add(word(bytes, at + 8)).rotate_right(37);
        x = x.wrapping_mul(K1);
        y = y.wrapping_add(v[1]).wrapping_add(word(bytes, at + 48)).rotate_right(42).wrapping_mul(K1);
        x ^= w[1];
        y = y.wrapping_add(v[0]).wrapping_add(word(bytes, at + 40));
        z = z.wrapping_add(w[0]).rotate_right(33).wrapping_mul(K1);
        v = mix_32(bytes, at, v[1].wrapping_mul(K1), x.wrapping_add(w[0]));
        w = mix_32(bytes, at + 32, z.wrapping_add(w[1]), y.wrapping_add(word(bytes, at + 16)));
        std::mem::swap(&mut z, &mut x);
    }
    let by = K1.wrapping_add((z & 0xff) << 1);
    let at = bytes.len() - 64;
    w[0] = w[0].wrapping_add(last as u64);
    v[0] = v[0].wrapping_add(w[0]);
    w[0] = w[0].wrapping_add(v[0]);
    x = x.wrapping_add(y).wrapping_add(v[0]).wrapping_add(word(bytes, at + 8)).rotate_right(37);
    x = x.wrapping_mul(by);
    y = y.wrapping_add(v[1]).wrapping_add(word(bytes, at + 48)).rotate_right(42).wrapping_mul(by);
    x ^= w[1].wrapping_mul(9);
    y = y.wrapping_add(v[0].wrapping_mul(9)).wrapping_add(word(bytes, at + 40));
    z = z.wrapping_add(w[0]).rotate_right(33).wrapping_mul(by);
    v = mix_32(bytes, at, v[1].wrapping_mul(by), x.wrapping_add(w[0]));
    w = mix_32(bytes, at + 32, z.wrapping_add(w[1]), y.wrapping_add(word(bytes, at + 16)));
    std::mem::swap(&mut z, &mut x);
    let mixed = y ^ (y >> 47);
    let first = fold(v[0], w[0], by).wrapping_add(mixed.wrapping_mul(K0)).wrapping_add(z);
    fold(first, fold(v[1], w[1], by).wrapping_add(x), by)
}
