//! Rows of a table by their numbers, and the gradient of the table.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, Slot, Store};
use rhyton_kernels::params::{GatherGradParams, GatherParams};
use rhyton_kernels::pointwise::DIV;
use rhyton_kernels::table::{GATHER, GATHER_GRAD};

use super::argsort::merges;
use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{
    Backward, CpuView, Expr, Kind, OpDef, Real, Tensor, Tile, Tiling, View, op_node, tensor_of, with_open,
};
use crate::ops::pointwise;
use crate::types::{DType, EXACT, Half, Integer, TensorType};

/// Largest tile of the CPU, in elements.
const TILE: usize = 65_536;

/// A number of a row, from 0 on; `None` where there is no such row.
fn row<F: Real>(index: F, rows: usize) -> Option<usize> {
    index.to_f64().filter(|i| *i >= 0.0 && *i < rows as f64).map(|i| i as usize)
}

/// Checks that numbers up to this one are exact as f32.
fn check(count: usize, what: &str) -> Result<(), String> {
    if i64::try_from(count).is_ok_and(|n| n <= EXACT) {
        return Ok(());
    }
    Err(format!("{count} {what}, of which {EXACT} at most can be told apart"))
}

/// Row `indices[i]` of a table `[rows, width]`, for each i. Where there is no such row, NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gather;

impl OpDef for Gather {
    const NAME: &'static str = "gather";

    fn moves(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let &[rows, width] = inputs[0].shape.as_slice() else {
            return Err(format!("rows of a tensor of shape {:?}, which is no table", inputs[0].shape));
        };
        check(rows, "rows")?;
        Ok(TensorType::f32([inputs[1].shape.as_slice(), &[width]].concat()))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (rows, width) = (inputs[0].shape[0], inputs[0].shape[1]);
        if width == 0 {
            return;
        }
        for (index, out) in inputs[1].data.iter().zip(out.chunks_exact_mut(width)) {
            match row(*index, rows) {
                Some(row) => out.copy_from_slice(&inputs[0].data[row * width..(row + 1) * width]),
                None => out.fill(F::nan()),
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let (count, rows, width) = (output.len(), inputs[0].shape[0], inputs[0].shape[1]);
        Lowered::one(
            count,
            Dispatch::linear(&GATHER, caps, count, 16, GatherParams { count, width, rows }, &[0, 1]),
        )
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (table, indices) = (cx.inputs[0], cx.inputs[1]);
        let rows = table.shape().first().copied().unwrap_or(0);
        Ok(vec![cx.needs[0].then(|| sum_rows(indices, cx.grad, rows)), None])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let (table, indices) = (cx.inputs.first()?.source, cx.inputs.get(1)?.source);
        let numbers = cx.nodes.cast(indices, Element::F32, Element::I32);
        let axis = cx.nodes.int(0);
        let types = vec![
            ("Tparams", Attribute::Type(Element::F32)),
            ("Tindices", Attribute::Type(Element::I32)),
            ("Taxis", Attribute::Type(Element::I32)),
            ("batch_dims", Attribute::Int(0)),
        ];
        Some(cx.nodes.add("GatherV2", "output", &[table, numbers, axis], types))
    }

    fn tiling(&self, _inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let cols = output.shape.last().copied().unwrap_or(1).max(1);
        let rows = output.len() / cols;
        Some(Tiling { rows, cols, tile_rows: (TILE / cols).clamp(1, rows.max(1)), tile_cols: cols })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let rows = inputs[0].ty.shape[0];
        let (table, indices) = (inputs[0].f32(), inputs[1].f32());
        let width = tile.cols;
        for (index, out) in indices[tile.row..tile.row + tile.rows].iter().zip(out.chunks_exact_mut(width)) {
            match row(*index, rows) {
                Some(row) => out.copy_from_slice(&table[row * width..(row + 1) * width]),
                None => out.fill(f32::NAN),
            }
        }
    }
}

/// For each row of a table the sum of the gradients of where it went, in the order of the indices: `indices`, and gradients with an axis more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GatherGrad {
    rows: usize,
}

impl OpDef for GatherGrad {
    const NAME: &'static str = "gather_grad";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        check(inputs[0].len(), "indices")?;
        match inputs[1].shape.split_last() {
            Some((width, lead)) if lead == inputs[0].shape => Ok(TensorType::f32([self.rows, *width])),
            _ => {
                Err(format!("indices of shape {:?} with gradients of {:?}", inputs[0].shape, inputs[1].shape))
            }
        }
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        out.fill(F::zero());
        let width = inputs[1].shape.last().copied().unwrap_or(0);
        if width == 0 {
            return;
        }
        for (index, gradient) in inputs[0].data.iter().zip(inputs[1].data.chunks_exact(width)) {
            let Some(row) = row(*index, self.rows) else { continue };
            out[row * width..(row + 1) * width].iter_mut().zip(gradient).for_each(|(o, g)| *o += *g);
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        // Positions sorted by their indices, which keeps the order of equal ones; then each row finds its own.
        let (n, count) = (inputs[0].len(), output.len());
        if n == 0 || count == 0 {
            let params = GatherGradParams { count, width: 1, indices: 0 };
            let sums = Dispatch::linear(&GATHER_GRAD, caps, count, 4, params, &[0, 1, 0]);
            return Lowered::one(count, sums);
        }
        let mut lowered = merges(caps, n, n, false);
        let last = lowered.dispatches.last().map_or(Store::Program, |d| d.stores);
        let width = inputs[1].shape.last().copied().unwrap_or(1);
        let params = GatherGradParams { count, width, indices: n };
        let mut sums = Dispatch::linear(&GATHER_GRAD, caps, count, 4, params, &[0, 1, 0]);
        if let Store::Scratch(order) = last {
            sums.bindings[2] = Slot::Scratch(order);
        }
        lowered.dispatches.push(sums.because("each element looks for its row"));
        lowered
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (indices, last) = (cx.inputs[0], self.rows.max(1) as f64 - 1.0);
        // What has no row was added nowhere.
        let known = Tensor::full(&[], 0.0).less_equal(indices) * indices.less_equal(last);
        let back = || known.expand_last().select(cx.grad.rows_at(known.select(indices, 0.0)), 0.0);
        Ok(vec![None, cx.needs[1].then(back)])
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        inputs[1].len() as u64
    }

    fn tiling(&self, _inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let cols = output.shape.last().copied().unwrap_or(1).max(1);
        // Each tile looks at all indices, so there are not many.
        let tiles = (output.len() / TILE).clamp(1, 32);
        Some(Tiling { rows: self.rows, cols, tile_rows: self.rows.div_ceil(tiles).max(1), tile_cols: cols })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        out.fill(0.0);
        let width = tile.cols;
        for (index, gradient) in inputs[0].f32().iter().zip(inputs[1].f32().chunks_exact(width)) {
            let found = row(*index, self.rows).and_then(|row| row.checked_sub(tile.row));
            let Some(row) = found.filter(|row| *row < tile.rows) else { continue };
            out[row * width..(row + 1) * width].iter_mut().zip(gradient).for_each(|(o, g)| *o += *g);
        }
    }
}

/// Returns the sum of the rows that have each number, for `rows` of them: `values` have an axis more than their numbers, which are no row's where there is none.
pub(super) fn sum_rows(numbers: Tensor, values: Tensor, rows: usize) -> Tensor {
    op_node(GatherGrad { rows }, &[numbers, values])
}

/// Returns whether a function of a sum over rows is taken of its rows by Keras: a rounding to 16 bits, a quotient by a number.
fn is_of_rows(expr: &Expr) -> bool {
    let rounds = Half::ALL.iter().any(|half| *expr == half.round(Expr::In(0)));
    let divides = matches!(expr, Expr::Call(func, args) if func.name == DIV.name
        && matches!(args.as_slice(), [Expr::In(0), Expr::Step(_) | Expr::Const(_)]));
    rounds || divides
}

/// The same sum over rows with a function of each of them, where a tensor is the gradient of a table, or a sum of such gradients.
pub(crate) fn over_rows(gradient: Tensor, f: &dyn Fn(Tensor) -> Tensor) -> Option<Tensor> {
    let mut edge = gradient.edge()?;
    // Each row as the sum is: of f32, where a sum of 16 bits was cast.
    let dtype = gradient.ty().dtype;
    let f = |rows: Tensor| f(rows.float_as(dtype));
    let (kind, inputs) = with_open(|g| {
        while matches!(g.nodes[edge.node].kind, Kind::Reshape) {
            edge = g.nodes[edge.node].inputs[0];
        }
        (g.nodes[edge.node].kind.clone(), g.nodes[edge.node].inputs.clone())
    })?;
    match (kind, inputs.as_slice()) {
        (Kind::Op(op), &[indices, values]) => {
            let op = *op.as_any().downcast_ref::<GatherGrad>()?;
            Some(op_node(op, &[tensor_of(indices), f(tensor_of(values))]))
        }
        // A cast, or a scaled loss taken back: of the sum as of each row.
        (Kind::Pointwise(exprs), &[a]) if exprs.len() == 1 && is_of_rows(&exprs[0]) => {
            over_rows(tensor_of(a), &|rows| f(pointwise(exprs[0].clone(), &[rows], None)))
        }
        (Kind::Pointwise(exprs), &[a, b]) if exprs == [Expr::In(0) + Expr::In(1)] => {
            Some(over_rows(tensor_of(a), &f)? + over_rows(tensor_of(b), &f)?)
        }
        _ => None,
    }
}

impl Tensor {
    /// A table of so many rows, to which each of these is added where its number says.
    pub(crate) fn rows_added(self, indices: Tensor, rows: usize) -> Tensor {
        op_node(GatherGrad { rows }, &[indices, self])
    }

    /// Row `indices[i]` of this table, for each i, from the end where that is negative; NaN where there is no such row.
    pub fn rows_at(self, indices: Tensor) -> Tensor {
        let rows = self.shape().first().copied().unwrap_or(0) as f64;
        let indices = indices.less(0.0).select(indices + rows, indices);
        // The table alone says of which float type the rows are.
        let half = self.ty().dtype.half().is_some();
        let indices = if half { indices.as_type(DType::Whole(Integer::I32)) } else { indices };
        op_node(Gather, &[self, indices])
    }
}

/// Indices of all kinds: several times the same, the last, and outside.
fn indices(count: usize, rows: usize) -> Vec<f64> {
    (0..count).map(|i| if i == 1 { rows as f64 } else { (i * i % (rows + 1) % rows) as f64 }).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let case = |rows: usize, width, lead: &[usize]| {
        let count = lead.iter().product();
        let mut case = Case::new(Gather, &[&[rows, width], lead], 0.0, "copies");
        case.values[1] = indices(count, rows).iter().map(|i| i.min(rows as f64 - 1.0)).collect();
        case.differentiable[1] = false;
        case
    };
    vec![case(5, 3, &[4]), case(7, 4, &[3, 6]), case(1, 1, &[2]), case(300, 40, &[9, 70])]
}

pub(super) fn grad_cases() -> Vec<Case> {
    let case = |rows: usize, width: usize, lead: &[usize]| {
        let count = lead.iter().product();
        let gradient = [lead, &[width]].concat();
        let mut case = Case::new(GatherGrad { rows }, &[lead, &gradient], 1e-5, "sums of f32");
        case.differentiable[0] = false;
        case.values[0] = indices(count, rows);
        case
    };
    vec![case(5, 3, &[4]), case(7, 4, &[3, 6]), case(3, 2, &[1]), case(300, 40, &[9, 70]), case(9, 1, &[64])]
}
