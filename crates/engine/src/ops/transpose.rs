//! Axes in another order.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, word};
use rhyton_kernels::table::STRIDED_COPY;

use super::cases::Case;
use crate::Error;
use crate::export::{Exporter, Source};
use crate::graph::{
    Backward, CpuView, Kind, OpDef, Real, Tensor, Tile, Tiling, View, op_node, tensor_of, with_open,
};
use crate::types::TensorType;

/// Output axis `i` is input axis `order[i]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Transpose {
    order: Vec<usize>,
}

/// Elements of a tile on the CPU, about.
const TILE: usize = 8192;

impl Transpose {
    /// (length, step) of the result's axes; an axis that continues the one before in the input is one with it.
    fn axes(&self, shape: &[usize]) -> Vec<(usize, usize)> {
        let step = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        let mut axes: Vec<(usize, usize)> = Vec::new();
        for &axis in self.order.iter().filter(|a| shape[**a] != 1) {
            match axes.last_mut() {
                Some((len, last)) if *last == step(axis) * shape[axis] => {
                    *len *= shape[axis];
                    *last = step(axis);
                }
                _ => axes.push((shape[axis], step(axis))),
            }
        }
        axes
    }
}

impl OpDef for Transpose {
    const NAME: &'static str = "transpose";

    fn moves(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let shape = &inputs[0].shape;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..shape.len()) {
            return Err(format!("{:?} is no order of the axes of shape {shape:?}", self.order));
        }
        Ok(TensorType::f32(self.order.iter().map(|a| shape[*a]).collect::<Vec<_>>()))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let shape = inputs[0].shape;
        let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
        for (i, o) in out.iter_mut().enumerate() {
            let (mut rest, mut at) = (i, 0);
            for axis in self.order.iter().rev() {
                at += rest % shape[*axis] * stride(*axis);
                rest /= shape[*axis];
            }
            *o = inputs[0].data[at];
        }
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        let (axes, count) = (self.axes(&inputs[0].shape), inputs[0].len());
        let mut words = vec![word(count), word(axes.len()), 0, 0];
        words.extend(axes.iter().rev().flat_map(|(len, step)| [word(*len), word(*step)]));
        // 32 axes at most: more, none of length 1, would be more elements than a word can count.
        words.resize(4 + 2 * 32, 0);
        Lowered::one(count, Dispatch::linear(&STRIDED_COPY, caps, count, 16, words, &[0]))
    }

    fn tiling(&self, inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let cols = self.axes(&inputs[0].shape).last().map_or(1, |(len, _)| *len).max(1);
        let tile_rows = (TILE / cols).max(1);
        Some(Tiling { rows: output.len() / cols, cols, tile_rows, tile_cols: cols })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let axes = self.axes(&inputs[0].ty.shape);
        let (step, outer) = axes.split_last().map_or((1, &[][..]), |((_, step), outer)| (*step, outer));
        let data = inputs[0].f32();
        for (r, row) in out.chunks_exact_mut(tile.cols).enumerate() {
            let (mut rest, mut at) = (tile.row + r, 0);
            for (len, step) in outer.iter().rev() {
                at += rest % len * step;
                rest /= len;
            }
            if step == 1 {
                row.copy_from_slice(&data[at..at + tile.cols]);
            } else {
                row.iter_mut().zip(data[at..].iter().step_by(step)).for_each(|(to, from)| *to = *from);
            }
        }
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let mut back = vec![0; self.order.len()];
        self.order.iter().enumerate().for_each(|(i, a)| back[*a] = i);
        Ok(vec![Some(cx.grad.transpose(&back))])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        cx.with_ints("Transpose", "y", &self.order, "Tperm", vec![])
    }
}

impl Tensor {
    /// Returns what was transposed, and the order, where this tensor is the result of it.
    pub(super) fn transpose_input(self) -> Option<(Tensor, Vec<usize>)> {
        let edge = self.edge()?;
        let found = with_open(|g| match &g.nodes[edge.node].kind {
            Kind::Op(op) => {
                let order = op.as_any().downcast_ref::<Transpose>()?.order.clone();
                g.nodes[edge.node].inputs.first().map(|input| (*input, order))
            }
            _ => None,
        });
        found.flatten().map(|(input, order)| (tensor_of(input), order))
    }

    /// Axes in another order: output axis `i` is axis `order[i]`.
    pub fn transpose(self, order: &[usize]) -> Tensor {
        let op = Transpose { order: order.to_vec() };
        op_node(op, &[self])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |order: &[usize], shape: &[usize]| {
        Case::new(Transpose { order: order.to_vec() }, &[shape], 0.0, "copies")
    };
    vec![
        case(&[1, 0], &[5, 7]),
        case(&[0, 2, 1], &[2, 3, 4]),
        case(&[2, 0, 1], &[3, 1, 5]),
        case(&[0, 2, 1, 3], &[3, 70, 4, 32]),
    ]
}
