//! A part of a tensor along one axis, and its reverse: a tensor padded with zeros.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, words};
use rhyton_kernels::table::COPY_AXIS;

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{Backward, OpDef, Real, Tensor, View, op_node};
use crate::types::TensorType;

/// Elements `start..start + len` of an axis of `whole` elements; or back: zeros elsewhere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    axis: usize,
    start: usize,
    len: usize,
    whole: usize,
    pad: bool,
}

impl Slice {
    fn split(self, shape: &[usize]) -> (usize, usize) {
        (shape[..self.axis].iter().product(), shape[self.axis + 1..].iter().product())
    }
}

impl OpDef for Slice {
    const NAME: &'static str = "slice";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let mut shape = inputs[0].shape.clone();
        let (has, gives) = if self.pad { (self.len, self.whole) } else { (self.whole, self.len) };
        if shape.get(self.axis) != Some(&has) || self.start.saturating_add(self.len) > self.whole {
            return Err(format!(
                "{}..{} of axis {} of shape {shape:?}",
                self.start,
                self.start + self.len,
                self.axis
            ));
        }
        shape[self.axis] = gives;
        TensorType::f32(shape).addressable()
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (outer, inner) = self.split(inputs[0].shape);
        let (part, whole) = (self.len * inner, self.whole * inner);
        out.fill(F::zero());
        for o in 0..outer {
            let (in_whole, in_part) = (o * whole + self.start * inner, o * part);
            let (from, to) = if self.pad { (in_part, in_whole) } else { (in_whole, in_part) };
            out[to..to + part].copy_from_slice(&inputs[0].data[from..from + part]);
        }
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        let (outer, inner) = self.split(&inputs[0].shape);
        let (part, whole, start) = (self.len * inner, self.whole * inner, self.start * inner);
        let (from, to) = if self.pad { ((part, 0), (whole, start)) } else { ((whole, start), (part, 0)) };
        let dispatch = copy(0, outer, from, to, part, self.pad, caps);
        Lowered::one(outer * if self.pad { whole } else { part }, dispatch)
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        Ok(vec![Some(make(Slice { pad: !self.pad, ..*self }, cx.grad))])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let x = cx.inputs.first()?.clone();
        let number = |n: usize| i32::try_from(n).ok();
        let (start, len) = (number(self.start)?, number(self.len)?);
        let on_axis = |here: i32, elsewhere: i32| -> Vec<i32> {
            (0..x.shape.len()).map(|axis| if axis == self.axis { here } else { elsewhere }).collect()
        };
        if self.pad {
            let after = number(self.whole)? - start - len;
            let around = on_axis(start, 0).into_iter().zip(on_axis(after, 0));
            let paddings = cx.nodes.pairs(&around.map(|(a, b)| [a, b]).collect::<Vec<_>>());
            let types = vec![("Tpaddings", Attribute::Type(Element::I32))];
            return Some(cx.nodes.float("Pad", "output", &[x.source, paddings], types));
        }
        let begin = cx.nodes.ints(&on_axis(start, 0));
        // -1: to the end.
        let size = cx.nodes.ints(&on_axis(len, -1));
        let types = vec![("Index", Attribute::Type(Element::I32))];
        Some(cx.nodes.float("Slice", "output", &[x.source, begin, size], types))
    }
}

/// Copies `length` elements of each of `outer` rows of `In(input)` to `In`'s: from rows of one length, at an offset, to rows of another.
/// With `fill` every other element of the target is stored as zero; else only the stretch is stored.
pub(super) fn copy(
    input: usize,
    outer: usize,
    (source_length, source_offset): (usize, usize),
    (target_length, target_offset): (usize, usize),
    length: usize,
    fill: bool,
    caps: &Caps,
) -> Dispatch {
    let (first, span) = if fill { (0, target_length) } else { (target_offset, length) };
    let count = outer * span;
    let words =
        words(&[count, 1, source_length, target_length, source_offset, target_offset, length, first, span]);
    Dispatch::linear(&COPY_AXIS, caps, count, 16, words, &[input])
}

fn make(op: Slice, x: Tensor) -> Tensor {
    op_node(op, &[x])
}

impl Tensor {
    /// Elements `start..start + len` along an axis.
    pub fn slice(self, axis: usize, start: usize, len: usize) -> Tensor {
        let whole = self.shape().get(axis).copied().unwrap_or(0);
        make(Slice { axis, start, len, whole, pad: false }, self)
    }

    /// Zeros before and after the elements of an axis.
    pub fn pad(self, axis: usize, before: usize, after: usize) -> Tensor {
        let len = self.shape().get(axis).copied().unwrap_or(0);
        let whole = len.saturating_add(before).saturating_add(after);
        make(Slice { axis, start: before, len, whole, pad: true }, self)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |axis, start, len, whole, pad, shape: &[usize]| {
        Case::new(Slice { axis, start, len, whole, pad }, &[shape], 0.0, "copies")
    };
    vec![
        case(1, 2, 3, 7, false, &[4, 7]),
        case(1, 2, 3, 7, true, &[4, 3]),
        case(0, 1, 2, 5, false, &[5, 3]),
        case(1, 0, 1, 3, true, &[2, 1, 4]),
    ]
}
