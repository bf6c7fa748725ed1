//! Reductions over axes.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::ReduceParams;
use rhyton_kernels::table::{REDUCE_EACH, REDUCE_GROUP};

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Exporter, Source};
use crate::graph::{Backward, CpuView, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::{TensorType, axis_index};

/// What a reduction does with two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Adds them.
    Sum,
    /// Takes the larger.
    Max,
    /// Takes the smaller.
    Min,
    /// Multiplies them.
    Product,
}

/// Reduces neighbouring axes `first..first + count`; they stay with length 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reduce {
    kind: Reduction,
    first: usize,
    count: usize,
}

impl Reduce {
    /// (outer, reduced, inner) lengths.
    fn split(self, shape: &[usize]) -> (usize, usize, usize) {
        let product = |s: &[usize]| s.iter().product();
        let end = self.first + self.count;
        (product(&shape[..self.first]), product(&shape[self.first..end]), product(&shape[end..]))
    }

    fn start<F: Real>(self) -> F {
        match self.kind {
            Reduction::Sum => F::zero(),
            Reduction::Product => F::one(),
            Reduction::Max => F::neg_infinity(),
            Reduction::Min => F::infinity(),
        }
    }

    fn join<F: Real>(self, a: F, b: F) -> F {
        match self.kind {
            Reduction::Sum => a + b,
            Reduction::Product => a * b,
            Reduction::Max => {
                if b > a || b.is_nan() {
                    b
                } else {
                    a
                }
            }
            Reduction::Min => {
                if b < a || b.is_nan() {
                    b
                } else {
                    a
                }
            }
        }
    }
}

impl OpDef for Reduce {
    const NAME: &'static str = "reduce";

    fn moves(&self) -> bool {
        matches!(self.kind, Reduction::Max | Reduction::Min)
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let mut shape = inputs[0].shape.clone();
        let rank = shape.len();
        let axes = shape.get_mut(self.first..self.first + self.count);
        axes.ok_or_else(|| {
            format!("axes {} to {} of a tensor with {rank} axes", self.first, self.first + self.count)
        })?
        .fill(1);
        Ok(TensorType::f32(shape))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (_, len, inner) = self.split(inputs[0].shape);
        for (i, o) in out.iter_mut().enumerate() {
            let base = i / inner * len * inner + i % inner;
            *o = (0..len).fold(self.start(), |sum, l| self.join(sum, inputs[0].data[base + l * inner]));
        }
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        let (outer, len, inner) = self.split(&inputs[0].shape);
        lower(self.kind, outer, len, inner, caps)
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (x, y, g) = (cx.inputs[0], cx.output, cx.grad);
        Ok(vec![Some(match self.kind {
            Reduction::Sum => g,
            // By the products of the elements before and behind, so that zeros are right.
            Reduction::Product => {
                let shape = x.shape();
                let (outer, len, inner) = self.split(&shape);
                let rows = x.reshape([outer, len, inner]);
                let others = |x: Tensor| x.cumprod(1).shifted(1, 1.0);
                let others = others(rows) * others(rows.reverse(1)).reverse(1);
                others.reshape(shape) * g
            }
            // As TensorFlow: elements that tie share the gradient.
            Reduction::Max | Reduction::Min => {
                let hit = x.equal(y);
                let ties = reduce(Reduction::Sum, hit, self.first, self.count);
                hit * (g / ties)
            }
        })])
    }

    fn takes_narrow_gradient(&self) -> bool {
        true
    }

    fn sums_first_axis(&self) -> bool {
        self.kind == Reduction::Sum && self.first == 0 && self.count > 0
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let op = match self.kind {
            Reduction::Sum => "Sum",
            Reduction::Product => "Prod",
            Reduction::Max => "Max",
            Reduction::Min => "Min",
        };
        let axes: Vec<usize> = (self.first..self.first + self.count).collect();
        cx.with_ints(op, "output", &axes, "Tidx", vec![("keep_dims", Attribute::Bool(true))])
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        inputs[0].len() as u64
    }

    fn tiling(&self, inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let (outer, _, inner) = self.split(&inputs[0].shape);
        debug_assert_eq!(outer * inner, output.len());
        // Whole lines of the cache, and where they are few, several tiles of them.
        let tile_cols = if outer < 4 { inner.div_ceil(4).next_multiple_of(16).clamp(16, 256) } else { 256 };
        Some(Tiling {
            rows: outer.max(1),
            cols: inner.max(1),
            tile_rows: if inner == 1 { 64 } else { 1 },
            tile_cols,
        })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let (_, len, inner) = self.split(&inputs[0].ty.shape);
        let data = inputs[0].f32();
        for r in 0..tile.rows {
            let out = &mut out[r * tile.cols..(r + 1) * tile.cols];
            out.fill(self.start());
            let base = (tile.row + r) * len * inner + tile.col;
            if inner == 1 {
                out[0] = self.row(&data[base..base + len]);
                continue;
            }
            let mut part = vec![0.0; tile.cols];
            for first in (0..len).step_by(BLOCK) {
                part.fill(self.start());
                for l in first..len.min(first + BLOCK) {
                    let row = &data[base + l * inner..base + l * inner + tile.cols];
                    match self.kind {
                        Reduction::Sum => part.iter_mut().zip(row).for_each(|(o, x)| *o += *x),
                        _ => part.iter_mut().zip(row).for_each(|(o, x)| *o = self.join(*o, *x)),
                    }
                }
                out.iter_mut().zip(&part).for_each(|(o, p)| *o = self.join(*o, *p));
            }
        }
    }
}

/// Elements that are joined before they join the others: a long sum's rounding error grows with the number of blocks, not of elements.
const BLOCK: usize = 32;

impl Reduce {
    /// One result: by blocks of eight times [`BLOCK`] elements, whose lanes are joined in a fixed order.
    fn row(self, row: &[f32]) -> f32 {
        row.chunks(8 * BLOCK).fold(self.start(), |sum, block| {
            let mut lanes = [self.start::<f32>(); 8];
            let mut chunks = block.chunks_exact(8);
            for chunk in &mut chunks {
                lanes.iter_mut().zip(chunk).for_each(|(l, x)| *l = self.join(*l, *x));
            }
            let whole = lanes.into_iter().reduce(|a, b| self.join(a, b)).unwrap_or(self.start());
            self.join(sum, chunks.remainder().iter().fold(whole, |a, x| self.join(a, *x)))
        })
    }
}

/// `In(0)`: `[outer, len, inner]`, to `[outer, inner]`, in a fixed order.
pub(super) fn lower(kind: Reduction, outer: usize, len: usize, inner: usize, caps: &Caps) -> Lowered {
    let outputs = outer * inner;
    let params = ReduceParams { outputs, length: len, inner };
    // Neighbouring invocations read neighbours only where the rows are columns (inner > 1).
    let tree = match (caps.software, inner) {
        (true, _) => outputs < 4 && len >= 16_384,
        (false, 1) => len >= 64,
        (false, _) => outputs < 1024 && len >= 256,
    };
    let dispatch = if tree {
        Dispatch::new(&REDUCE_GROUP, caps, outputs, params, &[0]).because("long: a workgroup a result")
    } else {
        Dispatch::linear(&REDUCE_EACH, caps, outputs, 1, params, &[0]).because("an invocation a result")
    };
    let dispatch = match kind {
        Reduction::Sum => dispatch,
        Reduction::Max => dispatch.with("KIND", 1),
        Reduction::Min => dispatch.with("KIND", 2),
        Reduction::Product => dispatch.with("KIND", 3),
    };
    Lowered::one(outputs, dispatch)
}

fn reduce(kind: Reduction, x: Tensor, first: usize, count: usize) -> Tensor {
    let op = Reduce { kind, first, count };
    op_node(op, &[x])
}

/// Axes as Keras takes them (negative from the end; none given means all), sorted, as runs of neighbours.
fn runs(axes: &[isize], rank: usize) -> Result<Vec<(usize, usize)>, String> {
    let mut list: Vec<usize> = if axes.is_empty() {
        (0..rank).collect()
    } else {
        axes.iter()
            .map(|&a| axis_index(a, rank).ok_or_else(|| format!("axis {a} of a tensor with {rank} axes")))
            .collect::<Result<_, _>>()?
    };
    list.sort_unstable();
    list.dedup();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for axis in list {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == axis => *count += 1,
            _ => runs.push((axis, 1)),
        }
    }
    Ok(runs)
}

impl Tensor {
    fn reduced(self, kind: Reduction, axes: &[isize], keepdims: bool) -> Tensor {
        let shape = self.shape();
        let runs = match runs(axes, shape.len()) {
            Ok(runs) => runs,
            Err(what) => {
                crate::graph::fail(Error::Shape { layer: String::new(), what });
                return self;
            }
        };
        let wide = runs.iter().rev().fold(self, |x, &(first, count)| reduce(kind, x, first, count));
        if keepdims {
            return wide;
        }
        let kept = |i: &usize| !runs.iter().any(|(first, count)| (*first..first + count).contains(i));
        wide.reshape((0..shape.len()).filter(kept).map(|i| shape[i]).collect::<Vec<_>>())
    }

    /// Sum over axes (none given: all). Reduced axes are gone.
    pub fn sum(self, axes: &[isize]) -> Tensor {
        self.reduced(Reduction::Sum, axes, false)
    }

    /// Sum over axes, which stay with length 1.
    pub fn sum_keep(self, axes: &[isize]) -> Tensor {
        self.reduced(Reduction::Sum, axes, true)
    }

    /// Mean over axes (none given: all). Reduced axes are gone.
    pub fn mean(self, axes: &[isize]) -> Tensor {
        let sum = self.sum(axes);
        let n = self.ty().len().max(1) / sum.ty().len().max(1);
        sum * (1.0 / n as f64)
    }

    /// Mean over axes, which stay with length 1.
    pub fn mean_keep(self, axes: &[isize]) -> Tensor {
        let sum = self.sum_keep(axes);
        let n = self.ty().len().max(1) / sum.ty().len().max(1);
        sum * (1.0 / n as f64)
    }

    /// Largest element over axes. Reduced axes are gone.
    pub fn max(self, axes: &[isize]) -> Tensor {
        self.reduced(Reduction::Max, axes, false)
    }

    /// Largest element over axes, which stay with length 1.
    pub fn max_keep(self, axes: &[isize]) -> Tensor {
        self.reduced(Reduction::Max, axes, true)
    }

    /// Smallest element over axes. Reduced axes are gone.
    pub fn min(self, axes: &[isize]) -> Tensor {
        self.reduced(Reduction::Min, axes, false)
    }

    /// Smallest element over axes. Reduced axes stay with length 1.
    pub fn min_keep(self, axes: &[isize]) -> Tensor {
        self.reduced(Reduction::Min, axes, true)
    }

    /// Product over axes. Reduced axes are gone.
    pub fn product(self, axes: &[isize]) -> Tensor {
        self.reduced(Reduction::Product, axes, false)
    }

    /// Sums a broadcast gradient back to the shape it came from.
    pub(crate) fn sum_to(self, shape: &[usize]) -> Tensor {
        let wide = self.shape();
        if wide == shape {
            return self;
        }
        let lead = wide.len() - shape.len();
        let axes: Vec<isize> = (0..wide.len())
            .filter(|&i| i < lead || (shape[i - lead] == 1 && wide[i] != 1))
            .map(|i| i as isize)
            .collect();
        let summed = if axes.is_empty() { self } else { self.sum_keep(&axes) };
        summed.reshape(shape.to_vec())
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in [Reduction::Sum, Reduction::Max, Reduction::Min] {
        for (shape, first, count) in [
            (&[5usize, 7][..], 0, 1),
            (&[5, 7], 1, 1),
            (&[4, 3, 5], 1, 1),
            (&[3, 600], 1, 1),
            (&[700, 3], 0, 1),
            (&[2, 3, 4], 0, 3),
        ] {
            cases.push(Case::new(
                Reduce { kind, first, count },
                &[shape],
                1e-5,
                "f32 sums of up to 700 normal numbers",
            ));
        }
    }
    for (shape, first, count) in
        [(&[5usize, 7][..], 0, 1), (&[4, 3, 5], 1, 1), (&[2, 3, 4], 0, 3), (&[2, 70], 1, 1)]
    {
        let mut case = Case::new(
            Reduce { kind: Reduction::Product, first, count },
            &[shape],
            1e-5,
            "f32 products of up to 70 numbers",
        );
        // Near 1 and -1.
        case.values[0].iter_mut().for_each(|v| *v = f64::from((1.0 + 0.2 * *v) as f32).copysign(*v));
        cases.push(case);
    }
    cases
}
