//! Index of the largest element along the last axis.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::RowParams;
use rhyton_kernels::table::ARGMAX;

use super::cases::Case;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{OpDef, Real, Tensor, View, op_node};
use crate::types::TensorType;

/// Index of the first largest element along the last axis, as f32 (exact up to 2^24). As in TensorFlow, a NaN is never the largest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArgMax;

impl OpDef for ArgMax {
    const NAME: &'static str = "argmax";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        match inputs[0].shape.split_last() {
            Some((n, lead)) if *n > 0 => Ok(TensorType::f32(lead)),
            _ => Err(format!("argmax needs a last axis, but the shape is {:?}", inputs[0].shape)),
        }
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let n = inputs[0].shape.last().copied().unwrap_or(1);
        for (row, o) in inputs[0].data.chunks_exact(n).zip(out) {
            let above =
                |i: usize, best: usize| row[i] > row[best] || (row[best].is_nan() && !row[i].is_nan());
            let best = (1..n).fold(0, |best, i| if above(i, best) { i } else { best });
            *o = F::of(best as f64);
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let rows = output.len();
        let params = RowParams { rows, length: inputs[0].len() / rows.max(1) };
        let dispatch = Dispatch::linear(&ARGMAX, caps, rows, 1, params, &[0]);
        Lowered::one(rows, dispatch.because("an invocation a row"))
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let axis = cx.nodes.int(-1);
        let types =
            vec![("Tidx", Attribute::Type(Element::I32)), ("output_type", Attribute::Type(Element::I32))];
        let index = cx.nodes.float("ArgMax", "output", &[cx.inputs.first()?.source, axis], types);
        Some(cx.nodes.cast(index, Element::I32, Element::F32))
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        inputs[0].len() as u64
    }
}

impl Tensor {
    /// Index of the first largest element along the last axis, as f32. It has no gradient.
    pub fn argmax(self) -> Tensor {
        op_node(ArgMax, &[self])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |shape: &[usize]| Case::new(ArgMax, &[shape], 0.0, "indices are exact").without_gradient();
    vec![case(&[5, 10]), case(&[2, 3, 300]), case(&[4, 1])]
}
