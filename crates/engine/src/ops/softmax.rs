//! Softmax and its logarithm along the last axis.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, words};
use rhyton_kernels::elementary::Elementary as _;
use rhyton_kernels::pointwise::vectorized;
use rhyton_kernels::table::{SOFTMAX_EACH, SOFTMAX_GROUP};

use super::cases::Case;
use crate::Error;
use crate::export::{Exporter, Source};
use crate::graph::{
    Backward, CpuView, Kind, OpDef, Real, Tensor, Tile, Tiling, View, op_node, tensor_of, with_open,
};
use crate::types::TensorType;

/// Rows from this length on are worth a workgroup each on a GPU.
pub(super) const LONG_ROW: usize = 64;

/// exp(x - max) / sum, or its logarithm, along the last axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax {
    log: bool,
}

/// Numbers that are gathered beside one another: the order of a sum depends on nothing but its length.
const LANES: usize = 16;

/// Gathers a row: each lane its own numbers, then the lanes.
#[inline(always)]
fn gathered(x: &[f32], first: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut lanes = [first; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane = join(*lane, *x));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane = join(*lane, *x));
    lanes.into_iter().fold(first, join)
}

/// The definition for one row, in loops that a compiler makes vectors of.
#[inline(always)]
fn row(x: &[f32], y: &mut [f32], log: bool) {
    let max = gathered(x, f32::NEG_INFINITY, |a, b| if b > a { b } else { a });
    y.iter_mut().zip(x).for_each(|(y, x)| *y = (*x - max).exponential());
    let sum = gathered(y, 0.0, |a, b| a + b);
    if log {
        let sum = sum.ln();
        y.iter_mut().zip(x).for_each(|(y, x)| *y = *x - max - sum);
    } else {
        y.iter_mut().for_each(|y| *y /= sum);
    }
}

impl OpDef for Softmax {
    const NAME: &'static str = "softmax";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        match inputs[0].shape.last() {
            Some(n) if *n > 0 => Ok(TensorType::f32(inputs[0].shape.clone())),
            _ => Err(format!("softmax needs a last axis, but the shape is {:?}", inputs[0].shape)),
        }
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let n = inputs[0].shape.last().copied().unwrap_or(1);
        for (x, y) in inputs[0].data.chunks_exact(n).zip(out.chunks_exact_mut(n)) {
            let max = x.iter().copied().fold(F::neg_infinity(), F::max);
            let sum = x.iter().fold(F::zero(), |s, v| s + (*v - max).exp());
            for (y, x) in y.iter_mut().zip(x) {
                *y = if self.log { *x - max - sum.ln() } else { (*x - max).exp() / sum };
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let n = inputs[0].shape.last().copied().unwrap_or(1);
        let (rows, words) = (output.len() / n, words(&[output.len() / n, n]));
        let dispatch = if !caps.software && n >= LONG_ROW {
            Dispatch::new(&SOFTMAX_GROUP, caps, rows, words, &[0]).because("long rows: a workgroup a row")
        } else {
            Dispatch::linear(&SOFTMAX_EACH, caps, rows, 1, words, &[0]).because("an invocation a row")
        };
        Lowered::one(output.len(), if self.log { dispatch.with("LOG", 1) } else { dispatch })
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (y, g) = (cx.output, cx.grad);
        Ok(vec![Some(if self.log {
            g - y.exp() * g.sum_keep(&[-1])
        } else {
            y * (g - (g * y).sum_keep(&[-1]))
        })])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        Some(match self.log {
            false => cx.over_inputs("Softmax", "softmax", vec![]),
            true => cx.over_inputs("LogSoftmax", "logsoftmax", vec![]),
        })
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        5 * inputs[0].len() as u64
    }

    fn tiling(&self, inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let n = inputs[0].shape.last().copied().unwrap_or(1);
        Some(Tiling { rows: output.len() / n, cols: n, tile_rows: (8192 / n).max(1), tile_cols: n })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let x = &inputs[0].f32()[tile.row * tile.cols..(tile.row + tile.rows) * tile.cols];
        vectorized(
            #[inline(always)]
            || {
                let rows = x.chunks_exact(tile.cols).zip(out.chunks_exact_mut(tile.cols));
                rows.for_each(|(x, y)| row(x, y, self.log));
            },
        );
    }
}

impl Tensor {
    fn softmax_op(self, log: bool) -> Tensor {
        let op = Softmax { log };
        op_node(op, &[self])
    }

    /// Softmax along the last axis.
    pub fn softmax(self) -> Tensor {
        self.softmax_op(false)
    }

    /// Returns what softmax was taken of, where this tensor is the result of it, along any axis.
    pub(crate) fn softmax_input(self) -> Option<Tensor> {
        let Some((moved, back)) = self.transpose_input() else { return self.softmax_op_input() };
        // One along another axis is moved there and back by its own layer. Any other order is somebody's who moved probabilities, which
        // Keras then takes as they are.
        let (x, there) = moved.softmax_op_input()?.transpose_input()?;
        let returns = back.iter().enumerate().all(|(axis, from)| there.get(*from) == Some(&axis));
        (returns && self.scope() == moved.scope()).then_some(x)
    }

    fn scope(self) -> Option<usize> {
        let edge = self.edge()?;
        with_open(|g| g.nodes[edge.node].scope)
    }

    /// Returns what softmax was taken of, where this tensor is what the op gives.
    fn softmax_op_input(self) -> Option<Tensor> {
        let edge = self.edge()?;
        let input = with_open(|g| match &g.nodes[edge.node].kind {
            Kind::Op(op) if op.as_any().downcast_ref::<Softmax>().is_some_and(|s| !s.log) => {
                g.nodes[edge.node].inputs.first().copied()
            }
            _ => None,
        });
        input.flatten().map(tensor_of)
    }

    /// Logarithm of softmax along the last axis.
    pub fn log_softmax(self) -> Tensor {
        self.softmax_op(true)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |log, shape: &[usize]| {
        Case::new(Softmax { log }, &[shape], 3e-6, "exp and log of f32, sums of up to 300")
    };
    vec![
        case(false, &[5, 10]),
        case(true, &[5, 10]),
        case(false, &[2, 3, 300]),
        case(true, &[3, 300]),
        case(false, &[4, 1]),
    ]
}
