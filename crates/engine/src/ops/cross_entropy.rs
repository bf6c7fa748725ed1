//! Cross-entropy of logits with class numbers, and its gradient.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::LabelParams;
use rhyton_kernels::table::{CROSS_ENTROPY_EACH, CROSS_ENTROPY_GROUP};

use super::cases::Case;
use super::softmax::LONG_ROW;
use crate::Error;
use crate::graph::{Backward, CpuView, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::{DType, TensorType};

/// log(sum(exp(logits))) - logits[label], per row. A label out of range gives NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseCrossEntropy;

/// softmax(logits) minus the one-hot row of the label: the gradient of the loss by the logits. A label out of range
/// gives a row of NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparseCrossEntropyGrad;

/// (rows, classes) of logits that fit the labels.
fn check(inputs: &[TensorType]) -> Result<(usize, usize), String> {
    let (logits, labels) = (&inputs[0], &inputs[1]);
    match logits.shape.split_last() {
        Some((&classes, lead)) if classes > 0 && lead.iter().product::<usize>() == labels.len() => {
            Ok((labels.len(), classes))
        }
        _ => Err(format!("labels of shape {:?} do not fit logits of shape {:?}", labels.shape, logits.shape)),
    }
}

/// The losses of the rows, or their gradients by the logits. Nothing is read at a label that is no class.
fn lower(inputs: &[TensorType], rows: usize, gradient: bool, caps: &Caps) -> Lowered {
    let classes = inputs[0].len() / rows.max(1);
    let params = LabelParams { rows, classes };
    let mut dispatch = if !caps.software && classes >= LONG_ROW {
        let dispatch = Dispatch::new(&CROSS_ENTROPY_GROUP, caps, rows, params, &[0, 1]);
        dispatch.because("many classes: a workgroup a row")
    } else {
        let dispatch = Dispatch::linear(&CROSS_ENTROPY_EACH, caps, rows, 1, params, &[0, 1]);
        dispatch.because("an invocation a row")
    };
    if gradient {
        dispatch = dispatch.with("GRADIENT", 1);
    }
    if inputs[1].dtype == DType::F32 {
        dispatch = dispatch.with("FLOAT_LABELS", 1);
    }
    Lowered::one(rows * classes, dispatch)
}

/// Largest logit and the sum of exponentials relative to it.
fn max_and_sum<F: Real>(row: &[F]) -> (F, F) {
    let max = row.iter().copied().fold(F::neg_infinity(), F::max);
    (max, row.iter().fold(F::zero(), |s, x| s + (*x - max).exp()))
}

fn class<F: Real>(label: F, classes: usize) -> Option<usize> {
    label.to_usize().filter(|c| *c < classes && label >= F::zero())
}

impl OpDef for SparseCrossEntropy {
    const NAME: &'static str = "sparse_cross_entropy";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        check(inputs)?;
        Ok(TensorType::f32(inputs[1].shape.clone()))
    }

    // Class numbers.
    fn takes_integers(&self, i: usize) -> bool {
        i == 1
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let classes = inputs[0].shape.last().copied().unwrap_or(1);
        for ((row, label), o) in inputs[0].data.chunks_exact(classes).zip(inputs[1].data).zip(out) {
            let (max, sum) = max_and_sum(row);
            *o = class(*label, classes).map_or(F::nan(), |c| sum.ln() + max - row[c]);
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        lower(inputs, output.len(), false, caps)
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (logits, labels) = (cx.inputs[0], cx.inputs[1]);
        Ok(vec![Some(logits.sparse_cross_entropy_grad(labels) * cx.grad.expand_last()), None])
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        4 * inputs[0].len() as u64
    }

    fn tiling(&self, inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let (rows, classes) = (output.len(), inputs[0].len() / output.len().max(1));
        Some(Tiling { rows, cols: 1, tile_rows: (8192 / classes.max(1)).max(1), tile_cols: 1 })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let classes = inputs[0].ty.shape.last().copied().unwrap_or(1);
        let logits = &inputs[0].f32()[tile.row * classes..(tile.row + tile.rows) * classes];
        let labels: Vec<f32> = labels(inputs[1], tile.row, tile.rows);
        let (shape, rows) = ([tile.rows, classes], [tile.rows]);
        self.host(&[View { shape: &shape, data: logits }, View { shape: &rows, data: &labels }], out);
    }
}

impl OpDef for SparseCrossEntropyGrad {
    const NAME: &'static str = "sparse_cross_entropy_grad";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        check(inputs)?;
        Ok(TensorType::f32(inputs[0].shape.clone()))
    }

    // Class numbers.
    fn takes_integers(&self, i: usize) -> bool {
        i == 1
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let classes = inputs[0].shape.last().copied().unwrap_or(1);
        let rows = inputs[0].data.chunks_exact(classes).zip(inputs[1].data);
        for ((row, label), out) in rows.zip(out.chunks_exact_mut(classes)) {
            let (max, sum) = max_and_sum(row);
            let Some(c) = class(*label, classes) else {
                out.fill(F::nan());
                continue;
            };
            out.iter_mut().zip(row).for_each(|(o, x)| *o = (*x - max).exp() / sum);
            out[c] -= F::one();
        }
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        lower(inputs, inputs[1].len(), true, caps)
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        5 * inputs[0].len() as u64
    }

    fn tiling(&self, inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        let rows = inputs[1].len();
        let cols = inputs[0].len() / rows.max(1);
        Some(Tiling { rows, cols, tile_rows: (8192 / cols.max(1)).max(1), tile_cols: cols.max(1) })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let logits = &inputs[0].f32()[tile.row * tile.cols..(tile.row + tile.rows) * tile.cols];
        let labels: Vec<f32> = labels(inputs[1], tile.row, tile.rows);
        let (shape, rows) = ([tile.rows, tile.cols], [tile.rows]);
        self.host(&[View { shape: &shape, data: logits }, View { shape: &rows, data: &labels }], out);
    }
}

/// Labels of some rows as f32: class numbers are exact up to 2^24.
fn labels(view: CpuView, first: usize, rows: usize) -> Vec<f32> {
    match view.ty.dtype {
        crate::types::DType::F32 => view.f32()[first..first + rows].to_vec(),
        _ => view.i32()[first..first + rows].iter().map(|l| *l as f32).collect(),
    }
}

impl Tensor {
    /// Cross-entropy of logits (classes along the last axis) with class numbers, per example.
    pub fn sparse_cross_entropy(self, labels: Tensor) -> Tensor {
        op_node(SparseCrossEntropy, &[self, labels])
    }

    /// softmax(logits) minus the one-hot row of the label. It has no gradient.
    pub fn sparse_cross_entropy_grad(self, labels: Tensor) -> Tensor {
        op_node(SparseCrossEntropyGrad, &[self, labels])
    }
}

const REASON: &str = "exp and log of f32, sums of up to 300";

/// The same labels as f32, as computed ones are.
fn float_labels(mut case: Case) -> Case {
    case.inputs[1].dtype = crate::types::DType::F32;
    case
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(SparseCrossEntropy, &[&[5, 10], &[5]], 3e-6, REASON).integers(1, &[0, 9, 3, 3, 7]),
        Case::new(SparseCrossEntropy, &[&[3, 300], &[3]], 3e-6, REASON).integers(1, &[299, 0, 17]),
        Case::new(SparseCrossEntropy, &[&[2, 3, 4], &[2, 3]], 3e-6, REASON).integers(1, &[0, 1, 2, 3, 0, 1]),
        float_labels(
            Case::new(SparseCrossEntropy, &[&[4, 10], &[4]], 3e-6, REASON).integers(1, &[0, 9, 3, 7]),
        ),
        float_labels(Case::new(SparseCrossEntropy, &[&[2, 70], &[2]], 3e-6, REASON).integers(1, &[0, 69])),
    ]
}

pub(super) fn grad_cases() -> Vec<Case> {
    vec![
        Case::new(SparseCrossEntropyGrad, &[&[5, 10], &[5]], 3e-6, REASON)
            .integers(1, &[0, 9, 3, 3, 7])
            .without_gradient(),
        Case::new(SparseCrossEntropyGrad, &[&[3, 300], &[3]], 3e-6, REASON)
            .integers(1, &[299, 0, 17])
            .without_gradient(),
        Case::new(SparseCrossEntropyGrad, &[&[4, 10], &[4]], 3e-6, REASON)
            .integers(1, &[i32::MIN, -1, 10, 3])
            .without_gradient(),
    ]
}
