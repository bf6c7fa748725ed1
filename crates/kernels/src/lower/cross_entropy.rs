//! Cross-entropy of logits with class numbers.

use super::softmax::LONG_ROW;
use super::{dispatch, linear, single, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered};
use crate::program::Scalar;
use crate::table::{CROSS_ENTROPY_EACH, CROSS_ENTROPY_GROUP};

fn cross_entropy(rows: usize, classes: usize, labels: Scalar, gradient: bool, caps: &Caps) -> Lowered {
    let words = vec![word(rows), word(classes)];
    let inputs = [0, 1];
    let mut dispatch = if !caps.software && classes >= LONG_ROW {
        let dispatch = dispatch(&CROSS_ENTROPY_GROUP, caps, rows, words, &inputs);
        Dispatch { why: "many classes: a workgroup a row", ..dispatch }
    } else {
        let dispatch = linear(&CROSS_ENTROPY_EACH, caps, rows, 1, words, &inputs);
        Dispatch { why: "an invocation a row", ..dispatch }
    };
    if gradient {
        dispatch.overrides.push(("GRADIENT", 1));
    }
    if labels == Scalar::F32 {
        dispatch.overrides.push(("FLOAT_LABELS", 1));
    }
    single(rows * classes, dispatch)
}

/// `In(0)`: f32 logits `[rows, classes]`, `In(1)`: labels `[rows]` of this type, to the loss of each row. A label that is no class
/// gives NaN; nothing is read at it.
pub fn sparse_cross_entropy(rows: usize, classes: usize, labels: Scalar, caps: &Caps) -> Lowered {
    cross_entropy(rows, classes, labels, false, caps)
}

/// The gradient of [`sparse_cross_entropy`] by the logits, `[rows, classes]`: a row of NaN where the label is no class.
pub fn sparse_cross_entropy_grad(rows: usize, classes: usize, labels: Scalar, caps: &Caps) -> Lowered {
    cross_entropy(rows, classes, labels, true, caps)
}
