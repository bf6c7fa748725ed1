//! A part of a tensor along one axis, and its reverse: a tensor padded with zeros.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, words};
use rhyton_kernels::table::COPY_AXIS;

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{
    Backward, CpuView, Kind, OpDef, Real, Tensor, Tile, Tiling, View, op_node, tensor_of, with_open,
};
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

/// Elements of a tile on the CPU, about.
const TILE: usize = 8192;

/// Tiles of a result as rows of all that is behind an axis, that one included.
pub(super) fn rows_of(output: &TensorType, axis: usize) -> Tiling {
    let cols = output.shape[axis..].iter().product::<usize>().max(1);
    let tile_cols = cols.min(TILE);
    Tiling { rows: output.len() / cols, cols, tile_rows: TILE / tile_cols, tile_cols }
}

/// Copies what lies at `offset` of a row into the part of that row that begins at `first`.
pub(super) fn overlay(part: &mut [f32], first: usize, source: &[f32], offset: usize) {
    let (begin, end) = (first.max(offset), (first + part.len()).min(offset + source.len()));
    if begin < end {
        part[begin - first..end - first].copy_from_slice(&source[begin - offset..end - offset]);
    }
}

impl OpDef for Slice {
    const NAME: &'static str = "slice";

    fn moves(&self) -> bool {
        true
    }

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

    fn tiling(&self, _inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        Some(rows_of(output, self.axis))
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let (_, inner) = self.split(&inputs[0].ty.shape);
        let (part, whole, start) = (self.len * inner, self.whole * inner, self.start * inner);
        let data = inputs[0].f32();
        for (r, row) in out.chunks_exact_mut(tile.cols).enumerate() {
            let at = tile.row + r;
            if self.pad {
                row.fill(0.0);
                overlay(row, tile.col, &data[at * part..(at + 1) * part], start);
            } else {
                let from = at * whole + start + tile.col;
                row.copy_from_slice(&data[from..from + tile.cols]);
            }
        }
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
    /// Returns whether it is a part of a tensor, padded with zeros.
    pub(crate) fn is_padded(self) -> bool {
        self.padded().is_some()
    }

    /// Returns the op that padded it, and what was padded.
    fn padded(self) -> Option<(Slice, Tensor)> {
        let edge = self.edge()?;
        let found = with_open(|g| match &g.nodes[edge.node].kind {
            Kind::Op(op) => {
                let slice = op.as_any().downcast_ref::<Slice>().filter(|slice| slice.pad)?;
                Some((*slice, *g.nodes[edge.node].inputs.first()?))
            }
            _ => None,
        });
        found.flatten().map(|(slice, input)| (slice, tensor_of(input)))
    }

    /// Returns the sum of padded tensors where they are all parts of one tensor: the parts one behind the other.
    pub(crate) fn join_padded(list: &[Tensor]) -> Option<Tensor> {
        let mut parts: Vec<(Slice, Tensor)> = list.iter().filter_map(|t| t.padded()).collect();
        parts.sort_by_key(|(slice, _)| slice.start);
        let (first, _) = *parts.first()?;
        let mut end = 0;
        for (slice, _) in &parts {
            if (slice.axis, slice.whole, slice.start) != (first.axis, first.whole, end) {
                return None;
            }
            end += slice.len;
        }
        let parts: Vec<Tensor> = parts.into_iter().map(|(_, part)| part).collect();
        (end == first.whole && parts.len() == list.len()).then(|| Tensor::concat(&parts, first.axis))
    }

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
        // Wider than a tile, and beginning inside one.
        case(1, 300, 9000, 9400, false, &[2, 9400]),
        case(1, 300, 9000, 9400, true, &[2, 9000]),
    ]
}
