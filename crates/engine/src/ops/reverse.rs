//! An axis the other way round.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::ReverseParams;
use rhyton_kernels::table::REVERSE;

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{Backward, OpDef, Real, Tensor, View, op_node};
use crate::types::TensorType;

/// The last element of an axis first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reverse {
    axis: usize,
}

impl Reverse {
    /// Length of the axis, and of what is behind it.
    fn split(self, shape: &[usize]) -> (usize, usize) {
        (shape[self.axis], shape[self.axis + 1..].iter().product())
    }
}

impl OpDef for Reverse {
    const NAME: &'static str = "reverse";

    fn moves(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let shape = &inputs[0].shape;
        if self.axis >= shape.len() {
            return Err(format!("axis {} of shape {shape:?}", self.axis));
        }
        Ok(TensorType::f32(shape.clone()))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (length, inner) = self.split(inputs[0].shape);
        if length * inner == 0 {
            return;
        }
        for (from, to) in
            inputs[0].data.chunks_exact(length * inner).zip(out.chunks_exact_mut(length * inner))
        {
            for (from, to) in from.chunks_exact(inner).rev().zip(to.chunks_exact_mut(inner)) {
                to.copy_from_slice(from);
            }
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let ((length, inner), count) = (self.split(&inputs[0].shape), output.len());
        Lowered::one(
            count,
            Dispatch::linear(&REVERSE, caps, count, 16, ReverseParams { count, length, inner }, &[0]),
        )
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        Ok(vec![Some(cx.grad.reverse(self.axis))])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let x = cx.inputs.first()?.source;
        let axis = cx.nodes.ints(&[i32::try_from(self.axis).ok()?]);
        Some(cx.nodes.float("ReverseV2", "output", &[x, axis], vec![("Tidx", Attribute::Type(Element::I32))]))
    }
}

impl Tensor {
    /// An axis the other way round.
    pub fn reverse(self, axis: usize) -> Tensor {
        op_node(Reverse { axis }, &[self])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |axis, shape: &[usize]| Case::new(Reverse { axis }, &[shape], 0.0, "copies");
    vec![case(0, &[5]), case(1, &[2, 3, 4]), case(2, &[2, 3, 4])]
}
