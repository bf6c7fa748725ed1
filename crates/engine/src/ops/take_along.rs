//! Elements of each row by their numbers, and the gradient of the rows.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::TakeAlongParams;
use rhyton_kernels::table::{SPREAD_ALONG, TAKE_ALONG};

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{Backward, OpDef, Real, Tensor, View, op_node};
use crate::types::{EXACT, TensorType};

/// Element `indices[.., j]` of each row of the first input, for each j; NaN where there is no such element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TakeAlong;

/// Lengths of the rows of two tensors that have the same axes before.
fn rows(a: &TensorType, b: &TensorType) -> Result<(usize, usize), String> {
    match (a.shape.split_last(), b.shape.split_last()) {
        (Some((n, lead)), Some((m, same)))
            if lead == same && i64::try_from(*n.max(m)).is_ok_and(|n| n <= EXACT) =>
        {
            Ok((*n, *m))
        }
        _ => Err(format!("elements of rows of shape {:?} by numbers of shape {:?}", a.shape, b.shape)),
    }
}

/// A number of an element, from 0 on; `None` where there is none.
fn place<F: Real>(index: F, length: usize) -> Option<usize> {
    index.to_f64().filter(|i| *i >= 0.0 && *i < length as f64).map(|i| i as usize)
}

impl OpDef for TakeAlong {
    const NAME: &'static str = "take_along";

    fn moves(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        rows(&inputs[0], &inputs[1]).map(|_| TensorType::f32(inputs[1].shape.clone()))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let last = |i: usize| inputs[i].shape.last().copied().unwrap_or(1);
        let (n, m) = (last(0), last(1));
        for (i, (o, index)) in out.iter_mut().zip(inputs[1].data).enumerate() {
            *o = place(*index, n).map_or(F::nan(), |at| inputs[0].data[i / m * n + at]);
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let (count, (length, row)) = (output.len(), rows(&inputs[0], &inputs[1]).unwrap_or_default());
        let params = TakeAlongParams { count, row, length };
        Lowered::one(count, Dispatch::linear(&TAKE_ALONG, caps, count, 16, params, &[0, 1]))
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let length = cx.inputs[0].shape().last().copied().unwrap_or(1);
        let spread = || op_node(SpreadAlong { length }, &[cx.inputs[1], cx.grad]);
        Ok(vec![cx.needs[0].then(spread), None])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let (x, indices) = (cx.inputs.first()?.source, cx.inputs.get(1)?);
        let last = i32::try_from(indices.shape.len()).ok()? - 1;
        let indices = cx.nodes.cast(indices.source, Element::F32, Element::I32);
        let axis = cx.nodes.int(last);
        let types = vec![
            ("Tparams", Attribute::Type(Element::F32)),
            ("Tindices", Attribute::Type(Element::I32)),
            ("Taxis", Attribute::Type(Element::I32)),
            ("batch_dims", Attribute::Int(last.into())),
        ];
        Some(cx.nodes.add("GatherV2", "output", &[x, indices, axis], types))
    }
}

/// For each element of each row the sum of the gradients of where it went: numbers, and gradients of the same shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpreadAlong {
    length: usize,
}

impl OpDef for SpreadAlong {
    const NAME: &'static str = "spread_along";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let mut shape = inputs[0].shape.clone();
        match shape.last_mut() {
            Some(last) if inputs[0].shape == inputs[1].shape => *last = self.length,
            _ => {
                return Err(format!(
                    "numbers of {:?} with gradients of {:?}",
                    inputs[0].shape, inputs[1].shape
                ));
            }
        }
        Ok(TensorType::f32(shape))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        out.fill(F::zero());
        let row = inputs[0].shape.last().copied().unwrap_or(1);
        for (i, (index, gradient)) in inputs[0].data.iter().zip(inputs[1].data).enumerate() {
            if let Some(at) = place(*index, self.length) {
                out[i / row * self.length + at] += *gradient;
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let (count, row) = (output.len(), inputs[0].shape.last().copied().unwrap_or(1));
        let params = TakeAlongParams { count, row, length: self.length };
        let dispatch = Dispatch::linear(&SPREAD_ALONG, caps, count, 4, params, &[0, 1]);
        Lowered::one(count, dispatch.because("each element looks at all numbers of its row"))
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        inputs[1].len() as u64
    }
}

impl Tensor {
    /// Elements of each row by their numbers: both have the same axes but for the last.
    pub fn take_along_last(self, indices: Tensor) -> Tensor {
        let half = self.ty().dtype.half().is_some();
        // The rows alone say of which float type the result is.
        let indices = if half {
            indices.as_type(crate::types::DType::Whole(crate::types::Integer::I32))
        } else {
            indices
        };
        op_node(TakeAlong, &[self, indices])
    }
}

fn indices(count: usize, length: usize) -> Vec<f64> {
    (0..count).map(|i| (i * 7 % 13 * 5 % length) as f64).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let case = |x: &[usize], row: usize| {
        let (lead, last) = (&x[..x.len() - 1], x.last().copied().unwrap_or(1));
        let mut case = Case::new(TakeAlong, &[x, &[lead, &[row]].concat()], 0.0, "copies");
        case.values[1] = indices(case.inputs[1].len(), last);
        case.differentiable[1] = false;
        case
    };
    vec![case(&[5], 3), case(&[3, 4], 6), case(&[2, 3, 40], 70), case(&[4, 1], 1)]
}

pub(super) fn grad_cases() -> Vec<Case> {
    let case = |length: usize, shape: &[usize]| {
        let op = SpreadAlong { length };
        let mut case = Case::new(op, &[shape, shape], 1e-5, "sums of f32").without_gradient();
        case.values[0] = indices(case.inputs[0].len(), length);
        case
    };
    vec![case(5, &[4]), case(7, &[3, 6]), case(3, &[2, 3, 70]), case(1, &[4, 1])]
}
