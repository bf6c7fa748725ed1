//! Matrix product.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::{MatmulParams, MatmulStridedParams};
use rhyton_kernels::table::{MATMUL_DIRECT, MATMUL_SMALL, MATMUL_TILED};

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Exporter, Source};
use crate::graph::{Backward, CpuView, IntoTensor, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::TensorType;

/// From this many 64 x 64 tiles on a GPU is filled by them.
pub(super) const MANY_TILES: usize = 64;

/// a · b, either of them transposed as stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatMul {
    transpose_a: bool,
    transpose_b: bool,
}

impl MatMul {
    /// (m, k, n).
    fn sizes(self, a: &[usize], b: &[usize]) -> Option<(usize, usize, usize)> {
        let (&[a0, a1], &[b0, b1]) = (a, b) else { return None };
        let (m, k) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (k2, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        (k == k2).then_some((m, k, n))
    }
}

impl OpDef for MatMul {
    const NAME: &'static str = "matmul";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (a, b) = (&inputs[0].shape, &inputs[1].shape);
        let (m, _, n) =
            self.sizes(a, b).ok_or_else(|| format!("matmul: {a:?} and {b:?} do not fit together"))?;
        Ok(TensorType::f32([m, n]))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (a, b) = (inputs[0], inputs[1]);
        let Some((m, k, n)) = self.sizes(a.shape, b.shape) else { return };
        let at = |i: usize, l: usize| a.data[if self.transpose_a { l * m + i } else { i * k + l }];
        let bt = |l: usize, j: usize| b.data[if self.transpose_b { j * k + l } else { l * n + j }];
        for i in 0..m {
            for j in 0..n {
                out[i * n + j] = (0..k).fold(F::zero(), |sum, l| sum + at(i, l) * bt(l, j));
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        let (m, k, n) = self.sizes(&inputs[0].shape, &inputs[1].shape).unwrap_or((0, 0, 0));
        if caps.software {
            let (a_row, a_k) = if self.transpose_a { (1, m) } else { (k, 1) };
            let (b_k, b_column) = if self.transpose_b { (1, k) } else { (n, 1) };
            let params = MatmulStridedParams { m, n, k, a_row, a_k, b_k, b_column };
            let groups = (m.div_ceil(8) * n.div_ceil(8)).div_ceil(8);
            let dispatch = Dispatch::new(&MATMUL_DIRECT, caps, groups, params, &[0, 1]);
            return Lowered::one(m * n, dispatch.because("software adapter: registers only, no barriers"));
        }
        let large = m.div_ceil(64) * n.div_ceil(64);
        let (kernel, groups, why) = if large >= MANY_TILES {
            (&MATMUL_TILED, large, "enough 64 x 64 tiles to fill a GPU")
        } else {
            (&MATMUL_SMALL, m.div_ceil(16) * n.div_ceil(16), "few elements: 16 x 16 tiles")
        };
        let mut dispatch =
            Dispatch::new(kernel, caps, groups, MatmulParams { m, n, k }, &[0, 1]).because(why);
        for (name, on) in [("TRANSPOSE_A", self.transpose_a), ("TRANSPOSE_B", self.transpose_b)] {
            dispatch = if on { dispatch.with(name, 1) } else { dispatch };
        }
        Lowered::one(m * n, dispatch)
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (a, b, g) = (cx.inputs[0], cx.inputs[1], cx.grad);
        let da = cx.needs[0].then(|| match (self.transpose_a, self.transpose_b) {
            (false, tb) => g.matmul_with(b, false, !tb),
            (true, tb) => b.matmul_with(g, tb, true),
        });
        let db = cx.needs[1].then(|| match (self.transpose_a, self.transpose_b) {
            (ta, false) => a.matmul_with(g, !ta, false),
            (ta, true) => g.matmul_with(a, true, ta),
        });
        Ok(vec![da, db])
    }

    fn sums_first_axis(&self) -> bool {
        self.transpose_a && !self.transpose_b
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let transposed = |name, yes: bool| yes.then_some((name, Attribute::Bool(true)));
        let attributes =
            [transposed("transpose_a", self.transpose_a), transposed("transpose_b", self.transpose_b)];
        Some(cx.over_inputs("MatMul", "product", attributes.into_iter().flatten().collect()))
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        let (m, k, n) = self.sizes(&inputs[0].shape, &inputs[1].shape).unwrap_or((0, 0, 0));
        2 * m as u64 * k as u64 * n as u64
    }

    fn tiling(&self, _inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let (rows, cols) = (output.shape[0], output.shape[1]);
        // Tiles of about 64 Ki elements at most, at least four where there is work for them; wide ones, so that gemm packs little.
        let tile_cols = if rows <= 64 { cols.div_ceil(4).next_multiple_of(16).min(cols) } else { cols };
        let tile_rows = (65_536 / tile_cols.max(1)).clamp(8, 128).min(rows);
        Some(Tiling { rows, cols, tile_rows: tile_rows.max(1), tile_cols: tile_cols.max(1) })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let (a, b) = (inputs[0], inputs[1]);
        let Some((m, k, n)) = self.sizes(&a.ty.shape, &b.ty.shape) else { return };
        let (a_row, a_col) = if self.transpose_a { (1, m) } else { (k, 1) };
        let (b_row, b_col) = if self.transpose_b { (1, k) } else { (n, 1) };
        let a = Strided { data: a.f32(), offset: tile.row * a_row, row: a_row, col: a_col };
        let b = Strided { data: b.f32(), offset: tile.col * b_col, row: b_row, col: b_col };
        gemm(tile.rows, k, tile.cols, &a, &b, out, false);
    }
}

/// A matrix inside a slice.
pub(super) struct Strided<'a> {
    pub data: &'a [f32],
    /// Of the first element.
    pub offset: usize,
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub col: usize,
}

impl Strided<'_> {
    /// The part from the first element on, after checking that the last one is inside too.
    fn part(&self, rows: usize, cols: usize) -> &[f32] {
        let last = self.offset + (rows - 1) * self.row + (cols - 1) * self.col;
        &self.data[self.offset..=last]
    }
}

/// out = a · b, or out += a · b, on one thread; the only place that calls the library. Shapes are checked here, so it is safe.
pub(super) fn gemm(
    m: usize,
    k: usize,
    n: usize,
    a: &Strided,
    b: &Strided,
    out: &mut [f32],
    accumulate: bool,
) {
    if m == 0 || n == 0 {
        return;
    }
    let out = &mut out[..m * n];
    if k == 0 {
        if !accumulate {
            out.fill(0.0);
        }
        return;
    }
    let (a_part, b_part) = (a.part(m, k), b.part(k, n));
    let step = |s: usize| isize::try_from(s).unwrap_or(isize::MAX);
    // SAFETY: `part` has checked that every element named by these sizes and strides lies inside the slices, and `out` is tight.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            step(n),
            accumulate,
            a_part.as_ptr(),
            step(a.col),
            step(a.row),
            b_part.as_ptr(),
            step(b.col),
            step(b.row),
            if accumulate { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

impl Tensor {
    /// Matrix product. A tensor of more than two axes is multiplied along its last axis by a matrix.
    pub fn matmul(self, other: impl IntoTensor) -> Tensor {
        let (a, b) = (self, other.into_tensor());
        let shape = a.shape();
        match (shape.split_last(), b.shape().as_slice()) {
            (Some((&k, lead)), &[_, n]) if lead.len() > 1 => {
                let rows = lead.iter().product();
                let mut out = lead.to_vec();
                out.push(n);
                a.reshape([rows, k]).matmul_with(b, false, false).reshape(out)
            }
            _ => a.matmul_with(b, false, false),
        }
    }

    /// Product of two matrices, either transposed as stored.
    pub fn matmul_with(self, other: Tensor, transpose_a: bool, transpose_b: bool) -> Tensor {
        let op = MatMul { transpose_a, transpose_b };
        op_node(op, &[self, other])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (m, k, n) in [(1, 1, 1), (3, 5, 4), (32, 37, 17), (65, 9, 130), (7, 200, 33)] {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = if ta { [k, m] } else { [m, k] };
            let b = if tb { [n, k] } else { [k, n] };
            let op = MatMul { transpose_a: ta, transpose_b: tb };
            cases.push(Case::new(
                op,
                &[&a, &b],
                3e-6 * (k as f64).sqrt(),
                "f32 rounding grows with the square root of k",
            ));
        }
    }
    cases
}
