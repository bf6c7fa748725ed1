//! Philox4x32-10, the counter-based random generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
//! (SC 2011). The same function stands in shaders/common/philox.wgsl: both devices draw the same bits.

const M0: u32 = 0xD251_1F53;
const M1: u32 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9;
const W1: u32 = 0xBB67_AE85;

/// Ten rounds over one counter and key: four random words.
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let (p0, p1) = (u64::from(M0) * u64::from(a), u64::from(M1) * u64::from(c));
        (a, b, c, d) = ((p1 >> 32) as u32 ^ b ^ k0, p1 as u32, (p0 >> 32) as u32 ^ d ^ k1, p0 as u32);
        (k0, k1) = (k0.wrapping_add(W0), k1.wrapping_add(W1));
    }
    [a, b, c, d]
}

/// What names a random draw besides the element: all 64 bits of the seed, the stream (order of random calls in a
/// trace) and the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Seed, low word first.
    pub seed: [u32; 2],
    /// Which random call of the trace.
    pub stream: u32,
    /// Which training step.
    pub step: u32,
}

impl Draw {
    /// The uniform number in [0, 1) of an element: 24 bits, so that it is exact in f32.
    #[inline]
    pub fn uniform(self, element: u32) -> f32 {
        let words = philox4x32([element >> 2, self.step, self.stream, 0], self.seed);
        to_uniform(words[(element & 3) as usize])
    }

    /// Fills `out` with the numbers of the elements from `first` on.
    pub fn fill(self, first: u32, out: &mut [f32]) {
        let mut element = first;
        let mut rest = out;
        while !rest.is_empty() {
            let words = philox4x32([element >> 2, self.step, self.stream, 0], self.seed);
            let lane = (element & 3) as usize;
            let (now, later) = rest.split_at_mut(rest.len().min(4 - lane));
            now.iter_mut().zip(&words[lane..]).for_each(|(o, w)| *o = to_uniform(*w));
            element = element.wrapping_add(now.len() as u32);
            rest = later;
        }
    }
}

#[inline]
fn to_uniform(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random123 1.14, examples/kat_vectors, lines `philox4x32 10`.
    #[test]
    fn known_answers() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, want) in cases {
            assert_eq!(philox4x32(counter, key), want);
        }
    }

    #[test]
    fn fill_equals_single_draws() {
        let draw = Draw { seed: [7, 9], stream: 2, step: 41 };
        for first in 0..5 {
            let mut out = [0.0; 11];
            draw.fill(first, &mut out);
            for (i, v) in out.iter().enumerate() {
                assert_eq!(*v, draw.uniform(first + i as u32));
            }
        }
    }
}
