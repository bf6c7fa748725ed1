//! Copies: parts of an axis, joined tensors, axes in another order.

use super::{linear, single, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered};
use crate::table::{COPY_AXIS, STRIDED_COPY};

/// Copies elements `source_offset..source_offset + length` of an axis of `[outer, source_length, inner]` (`In(input)`)
/// to `target_offset` on, in `[outer, target_length, inner]`. With `fill` every other element of the target is stored as
/// zero; else only the stretch is stored.
#[allow(clippy::too_many_arguments)]
pub fn copy_axis(
    input: usize,
    outer: usize,
    inner: usize,
    (source_length, source_offset): (usize, usize),
    (target_length, target_offset): (usize, usize),
    length: usize,
    fill: bool,
    caps: &Caps,
) -> Lowered {
    let (first, span) = if fill { (0, target_length) } else { (target_offset, length) };
    let count = outer * span * inner;
    let words =
        [count, inner, source_length, target_length, source_offset, target_offset, length, first, span];
    single(count, linear(&COPY_AXIS, caps, count, 16, words.map(word).to_vec(), &[input]))
}

/// Joins `[outer, lens[k]]` (`In(k)`) along the second axis.
pub fn concat(outer: usize, lens: &[usize], caps: &Caps) -> Lowered {
    let total = lens.iter().sum();
    let mut offset = 0;
    let mut lowered = Lowered::default();
    for (k, &len) in lens.iter().enumerate() {
        let copy = copy_axis(k, outer, 1, (len, 0), (total, offset), len, false, caps);
        lowered.dispatches.extend(copy.dispatches.into_iter().map(|d| Dispatch { why: "one input", ..d }));
        offset += len;
    }
    lowered
}

/// Elements `start..start + part` of rows of `whole`; with `pad` the reverse: rows of `part` placed in zeros.
pub fn slice(outer: usize, whole: usize, start: usize, part: usize, pad: bool, caps: &Caps) -> Lowered {
    let (source, target) = if pad { ((part, 0), (whole, start)) } else { ((whole, start), (part, 0)) };
    copy_axis(0, outer, 1, source, target, part, pad, caps)
}

/// `In(0)` of this shape with its axes in another order: axis i of the result is axis `order[i]` of the input.
pub fn transpose(shape: &[usize], order: &[usize], caps: &Caps) -> Lowered {
    let count: usize = shape.iter().product();
    let step = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    // (length, step) of the result's axes; an axis that continues the one before in the input is one with it.
    let mut axes: Vec<(usize, usize)> = Vec::new();
    for &axis in order.iter().filter(|a| shape[**a] != 1) {
        match axes.last_mut() {
            Some((len, last)) if *last == step(axis) * shape[axis] => {
                *len *= shape[axis];
                *last = step(axis);
            }
            _ => axes.push((shape[axis], step(axis))),
        }
    }
    let mut words = vec![word(count), word(axes.len()), 0, 0];
    words.extend(axes.iter().rev().flat_map(|(len, step)| [word(*len), word(*step)]));
    // 32 axes at most: more, none of length 1, would be more elements than a word can count.
    words.resize(4 + 2 * 32, 0);
    single(count, linear(&STRIDED_COPY, caps, count, 16, words, &[0]))
}
