//! The order of the elements along the last axis.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, Slot, Store};
use rhyton_kernels::params::MergeRunsParams;
use rhyton_kernels::table::MERGE_RUNS;

use super::cases::Case;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{CpuView, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::{EXACT, TensorType};

/// Numbers of the elements of the last axis, from 0 on, in the order of their sizes: of equal ones the first comes first, and NaN last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArgSort {
    descending: bool,
}

/// Dispatches that sort rows of `row` keys, each by itself: runs that are sorted become twice as long with each. The last one stores as the caller says; the
/// scratch that the others need is `scratch`, from its first place on.
pub(super) fn merges(caps: &Caps, count: usize, row: usize, descending: bool) -> Lowered {
    let (mut dispatches, mut run, mut from) = (Vec::new(), 1, None);
    loop {
        let params = MergeRunsParams { count, run, row };
        let mut pass = Dispatch::linear(&MERGE_RUNS, caps, count, 4, params, &[0, 0]);
        let to = from.map_or(0, |k: usize| 1 - k);
        match from {
            Some(k) => pass.bindings[1] = Slot::Scratch(k),
            None => pass = pass.with("FIRST", 1),
        }
        pass = if descending { pass.with("DESCENDING", 1) } else { pass };
        pass.stores = Store::Scratch(to);
        dispatches.push(pass.because("sorted runs, twice as long in each pass"));
        (from, run) = (Some(to), run * 2);
        if run >= row {
            break;
        }
    }
    let scratch = if dispatches.len() > 1 { vec![count, count] } else { vec![count] };
    Lowered { dispatches, scratch }
}

impl ArgSort {
    fn row<F: Real>(self, row: &[F], out: &mut [F]) {
        let key = |i: &usize| {
            let key = if self.descending { -row[*i] } else { row[*i] };
            if key.is_nan() { F::infinity() } else { key }
        };
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal));
        out.iter_mut().zip(order).for_each(|(o, i)| *o = F::of(i as f64));
    }
}

impl OpDef for ArgSort {
    const NAME: &'static str = "argsort";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let shape = &inputs[0].shape;
        match shape.last() {
            Some(n) if i64::try_from(*n).is_ok_and(|n| n <= EXACT) => Ok(TensorType::f32(shape.clone())),
            Some(n) => Err(format!("{n} numbers in a row, of which {EXACT} at most can be sorted")),
            None => Err("sorting needs an axis, but this is one number".into()),
        }
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let n = inputs[0].shape.last().copied().unwrap_or(1).max(1);
        inputs[0].data.chunks_exact(n).zip(out.chunks_exact_mut(n)).for_each(|(x, o)| self.row(x, o));
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let count = output.len();
        if count == 0 {
            return Lowered::default();
        }
        let row = inputs[0].shape.last().copied().unwrap_or(1);
        let mut lowered = merges(caps, count, row, self.descending);
        if let Some(last) = lowered.dispatches.last_mut() {
            last.stores = Store::Program;
        }
        // What the last one stores is the result.
        lowered.scratch.truncate(lowered.dispatches.len() - 1);
        lowered
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let x = cx.inputs.first()?;
        let (source, length) = (x.source, i32::try_from((*x.shape.last()?)?).ok()?);
        let key = if self.descending { source } else { cx.nodes.float("Neg", "y", &[source], vec![]) };
        let length = cx.nodes.int(length);
        let order =
            cx.nodes.float("TopKV2", "indices", &[key, length], vec![("sorted", Attribute::Bool(true))]);
        Some(cx.nodes.cast(order, Element::I32, Element::F32))
    }

    fn tiling(&self, inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let cols = inputs[0].shape.last().copied().unwrap_or(1).max(1);
        Some(Tiling { rows: output.len() / cols, cols, tile_rows: (8192 / cols).max(1), tile_cols: cols })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let x = &inputs[0].f32()[tile.row * tile.cols..(tile.row + tile.rows) * tile.cols];
        x.chunks_exact(tile.cols).zip(out.chunks_exact_mut(tile.cols)).for_each(|(x, o)| self.row(x, o));
    }
}

impl Tensor {
    /// The numbers of the elements along the last axis, in the order of their sizes: of equal ones the first comes first.
    pub fn argsort(self, descending: bool) -> Tensor {
        op_node(ArgSort { descending }, &[self])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |descending, shape: &[usize]| {
        let mut case =
            Case::new(ArgSort { descending }, &[shape], 0.0, "indices are exact").without_gradient();
        // Some are equal.
        case.values[0].iter_mut().for_each(|v| *v = (*v * 4.0).round() / 4.0);
        case
    };
    vec![
        case(false, &[5]),
        case(true, &[3, 7]),
        case(false, &[2, 3, 64]),
        case(true, &[4, 300]),
        case(false, &[3, 1]),
    ]
}
