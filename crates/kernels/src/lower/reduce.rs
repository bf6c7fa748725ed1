//! Reductions.

use super::{dispatch, linear, single, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered};
use crate::table::{REDUCE_EACH, REDUCE_GROUP};

/// What a reduction does with two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Adds them.
    Sum,
    /// Takes the larger.
    Max,
    /// Takes the smaller.
    Min,
}

/// `In(0)`: `[outer, len, inner]`, to `[outer, inner]`, in a fixed order.
pub fn reduce(kind: Reduction, outer: usize, len: usize, inner: usize, caps: &Caps) -> Lowered {
    let outputs = outer * inner;
    let words = vec![word(outputs), word(len), word(inner)];
    let kind = match kind {
        Reduction::Sum => 0,
        Reduction::Max => 1,
        Reduction::Min => 2,
    };
    // Neighbouring invocations read neighbours only where the rows are columns (inner > 1).
    let tree = match (caps.software, inner) {
        (true, _) => outputs < 4 && len >= 16_384,
        (false, 1) => len >= 64,
        (false, _) => outputs < 1024 && len >= 256,
    };
    let mut dispatch = if tree {
        Dispatch { why: "long: a workgroup a result", ..dispatch(&REDUCE_GROUP, caps, outputs, words, &[0]) }
    } else {
        Dispatch { why: "an invocation a result", ..linear(&REDUCE_EACH, caps, outputs, 1, words, &[0]) }
    };
    if kind != 0 {
        dispatch.overrides.push(("KIND", kind));
    }
    single(outputs, dispatch)
}
