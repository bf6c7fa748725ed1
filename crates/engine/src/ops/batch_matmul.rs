//! Matrix products of many pairs of matrices.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::MatmulBatchedParams;
use rhyton_kernels::table::MATMUL_BATCHED;

use super::cases::Case;
use super::matmul::{Strided, gemm};
use crate::Error;
use crate::export::{Attribute, Exporter, Source};
use crate::graph::{Backward, CpuView, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::TensorType;

/// a · b for each pair of matrices along the first axis, either of them transposed as stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchMatMul {
    transpose_a: bool,
    transpose_b: bool,
}

/// Elements of a tile on the CPU, about.
const TILE: usize = 16_384;

/// Sizes: matrices, rows, terms, columns.
struct Sizes {
    batch: usize,
    m: usize,
    k: usize,
    n: usize,
}

impl BatchMatMul {
    fn sizes(self, a: &[usize], b: &[usize]) -> Option<Sizes> {
        let (&[batch, a0, a1], &[batch2, b0, b1]) = (a, b) else { return None };
        let (m, k) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (k2, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        (k == k2 && batch == batch2).then_some(Sizes { batch, m, k, n })
    }

    /// Steps from one row and from one column to the next, of both matrices.
    fn steps(self, s: &Sizes) -> [usize; 4] {
        let (a_row, a_k) = if self.transpose_a { (1, s.m) } else { (s.k, 1) };
        let (b_k, b_column) = if self.transpose_b { (1, s.k) } else { (s.n, 1) };
        [a_row, a_k, b_k, b_column]
    }

    fn of(self, inputs: &[TensorType]) -> Sizes {
        let none = Sizes { batch: 0, m: 0, k: 0, n: 0 };
        self.sizes(&inputs[0].shape, &inputs[1].shape).unwrap_or(none)
    }
}

impl OpDef for BatchMatMul {
    const NAME: &'static str = "batch_matmul";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (a, b) = (&inputs[0].shape, &inputs[1].shape);
        let s =
            self.sizes(a, b).ok_or_else(|| format!("batch_matmul: {a:?} and {b:?} do not fit together"))?;
        Ok(TensorType::f32([s.batch, s.m, s.n]))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let Some(s) = self.sizes(inputs[0].shape, inputs[1].shape) else { return };
        let [a_row, a_k, b_k, b_column] = self.steps(&s);
        for (i, o) in out.iter_mut().enumerate() {
            let (column, row, item) = (i % s.n, i / s.n % s.m, i / s.n / s.m);
            let (a, b) = (&inputs[0].data[item * s.m * s.k..], &inputs[1].data[item * s.k * s.n..]);
            *o = (0..s.k)
                .fold(F::zero(), |sum, l| sum + a[row * a_row + l * a_k] * b[l * b_k + column * b_column]);
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let s = self.of(inputs);
        let [a_row, a_k, b_k, b_column] = self.steps(&s);
        let strips = s.batch * s.m * s.n.div_ceil(4);
        let params = MatmulBatchedParams { strips, m: s.m, n: s.n, k: s.k, a_row, a_k, b_k, b_column };
        let dispatch = Dispatch::linear(&MATMUL_BATCHED, caps, strips, 1, params, &[0, 1]);
        Lowered::one(output.len(), dispatch.because("four columns an invocation"))
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (a, b, g) = (cx.inputs[0], cx.inputs[1], cx.grad);
        let da = cx.needs[0].then(|| match (self.transpose_a, self.transpose_b) {
            (false, tb) => g.batch_matmul(b, false, !tb),
            (true, tb) => b.batch_matmul(g, tb, true),
        });
        let db = cx.needs[1].then(|| match (self.transpose_a, self.transpose_b) {
            (ta, false) => a.batch_matmul(g, !ta, false),
            (ta, true) => g.batch_matmul(a, true, ta),
        });
        Ok(vec![da, db])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let transposed = |name, yes: bool| yes.then_some((name, Attribute::Bool(true)));
        let attributes = [transposed("adj_x", self.transpose_a), transposed("adj_y", self.transpose_b)];
        Some(cx.over_inputs("BatchMatMulV2", "output", attributes.into_iter().flatten().collect()))
    }

    fn flops(&self, inputs: &[TensorType], output: &TensorType) -> u64 {
        2 * output.len() as u64 * self.of(inputs).k as u64
    }

    fn tiling(&self, inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        let s = self.of(inputs);
        let (rows, cols) = (s.batch * s.m, s.n.max(1));
        let matrices = (TILE / (s.m * s.n).max(1)).max(1);
        Some(Tiling { rows, cols, tile_rows: (matrices * s.m).max(1), tile_cols: cols })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let (a, b) = (inputs[0], inputs[1]);
        let Some(s) = self.sizes(&a.ty.shape, &b.ty.shape).filter(|s| s.m * s.n > 0) else { return };
        let [a_row, a_k, b_k, b_column] = self.steps(&s);
        for (i, out) in out.chunks_exact_mut(s.m * s.n).enumerate() {
            let item = tile.row / s.m + i;
            let a = Strided { data: a.f32(), offset: item * s.m * s.k, row: a_row, col: a_k };
            let b = Strided { data: b.f32(), offset: item * s.k * s.n, row: b_k, col: b_column };
            gemm(s.m, s.k, s.n, &a, &b, out, false);
        }
    }
}

impl Tensor {
    /// Products of the pairs of matrices along the first axis, either transposed as stored.
    pub fn batch_matmul(self, other: Tensor, transpose_a: bool, transpose_b: bool) -> Tensor {
        op_node(BatchMatMul { transpose_a, transpose_b }, &[self, other])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (batch, m, k, n) in [(1, 1, 1, 1), (3, 4, 5, 6), (7, 9, 3, 2), (2, 33, 40, 130)] {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = if ta { [batch, k, m] } else { [batch, m, k] };
            let b = if tb { [batch, n, k] } else { [batch, k, n] };
            let op = BatchMatMul { transpose_a: ta, transpose_b: tb };
            let tolerance = 3e-6 * (k as f64).sqrt();
            cases.push(Case::new(op, &[&a, &b], tolerance, "f32 rounding grows with the square root of k"));
        }
    }
    cases
}
