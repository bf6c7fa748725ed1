//! Softmax and argmax over rows.

use super::{dispatch, linear, single, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered};
use crate::table::{ARGMAX, SOFTMAX_EACH, SOFTMAX_GROUP};

/// Rows from this length on are worth a workgroup each on a GPU.
pub(super) const LONG_ROW: usize = 64;

/// `In(0)`: `[rows, len]`, to its softmax along the rows, or the logarithm of that.
pub fn softmax(rows: usize, len: usize, log: bool, caps: &Caps) -> Lowered {
    let words = vec![word(rows), word(len)];
    let mut dispatch = if !caps.software && len >= LONG_ROW {
        Dispatch { why: "long rows: a workgroup a row", ..dispatch(&SOFTMAX_GROUP, caps, rows, words, &[0]) }
    } else {
        Dispatch { why: "an invocation a row", ..linear(&SOFTMAX_EACH, caps, rows, 1, words, &[0]) }
    };
    if log {
        dispatch.overrides.push(("LOG", 1));
    }
    single(rows * len, dispatch)
}

/// `In(0)`: `[rows, len]`, to the index of the largest element of each row as f32; the first of equals, as NumPy.
pub fn argmax(rows: usize, len: usize, caps: &Caps) -> Lowered {
    let dispatch = linear(&ARGMAX, caps, rows, 1, vec![word(rows), word(len)], &[0]);
    single(rows * len, Dispatch { why: "an invocation a row", ..dispatch })
}
