//! Pointwise programs without a root.

use super::{linear, single, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered};
use crate::program::Program;
use crate::table::POINTWISE;

/// A program over `count` elements.
pub fn pointwise(count: usize, _program: &Program, caps: &Caps) -> Lowered {
    let dispatch = linear(&POINTWISE, caps, count, 16, vec![word(count)], &[]);
    single(count, Dispatch { why: if caps.software { "16 elements an invocation" } else { "" }, ..dispatch })
}
