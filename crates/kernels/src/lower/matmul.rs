//! Matrix products.

use super::{dispatch, single, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered};
use crate::table::{MATMUL_DIRECT, MATMUL_SMALL, MATMUL_TILED};

/// From this many 64 x 64 tiles on a GPU is filled by them.
pub(super) const MANY_TILES: usize = 64;

/// `In(0)` · `In(1)`: `[m, k]` · `[k, n]`, either stored transposed, to `[m, n]`. All f32, row-major.
pub fn matmul(m: usize, k: usize, n: usize, transpose_a: bool, transpose_b: bool, caps: &Caps) -> Lowered {
    if caps.software {
        let (a_row, a_k) = if transpose_a { (1, m) } else { (k, 1) };
        let (b_k, b_column) = if transpose_b { (1, k) } else { (n, 1) };
        let words = [m, n, k, a_row, a_k, b_k, b_column].map(word).to_vec();
        let groups = (m.div_ceil(8) * n.div_ceil(8)).div_ceil(8);
        let why = "software adapter: registers only, no barriers";
        return single(m * n, Dispatch { why, ..dispatch(&MATMUL_DIRECT, caps, groups, words, &[0, 1]) });
    }
    let overrides = [("TRANSPOSE_A", transpose_a), ("TRANSPOSE_B", transpose_b)];
    let overrides = overrides.into_iter().filter(|(_, on)| *on).map(|(name, _)| (name, 1)).collect();
    let words = vec![word(m), word(n), word(k)];
    let large = m.div_ceil(64) * n.div_ceil(64);
    let (kernel, groups, why) = if large >= MANY_TILES {
        (&MATMUL_TILED, large, "enough 64 x 64 tiles to fill a GPU")
    } else {
        (&MATMUL_SMALL, m.div_ceil(16) * n.div_ceil(16), "few elements: 16 x 16 tiles")
    };
    single(m * n, Dispatch { overrides, why, ..dispatch(kernel, caps, groups, words, &[0, 1]) })
}
