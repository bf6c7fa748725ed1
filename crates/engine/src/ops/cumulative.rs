//! Sums and products of all elements up to each, along an axis.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::CumulativeParams;
use rhyton_kernels::table::CUMULATIVE;

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{Backward, OpDef, Real, Tensor, View, op_node};
use crate::types::TensorType;

/// Each element with all before it along an axis, added up or multiplied, in their order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cumulative {
    axis: usize,
    product: bool,
}

impl Cumulative {
    /// Length of the axis, and of what is behind it.
    fn split(self, shape: &[usize]) -> (usize, usize) {
        (shape[self.axis], shape[self.axis + 1..].iter().product())
    }
}

impl OpDef for Cumulative {
    const NAME: &'static str = "cumulative";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let shape = &inputs[0].shape;
        if self.axis >= shape.len() {
            return Err(format!("axis {} of shape {shape:?}", self.axis));
        }
        Ok(TensorType::f32(shape.clone()))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (length, inner) = self.split(inputs[0].shape);
        for (i, x) in inputs[0].data.iter().enumerate() {
            out[i] = match i / inner % length {
                0 => *x,
                _ if self.product => out[i - inner] * *x,
                _ => out[i - inner] + *x,
            };
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let (length, inner) = self.split(&inputs[0].shape);
        let rows = output.len() / length.max(1);
        let params = CumulativeParams { rows, length, inner };
        let dispatch = Dispatch::linear(&CUMULATIVE, caps, rows, 1, params, &[0]);
        let dispatch = if self.product { dispatch.with("PRODUCT", 1) } else { dispatch };
        Lowered::one(output.len(), dispatch.because("an invocation a row"))
    }

    /// As TensorFlow's: the gradient of a product by an element that is zero is zero.
    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let back = |g: Tensor| g.reverse(self.axis).cumulative(self.axis, false).reverse(self.axis);
        if !self.product {
            return Ok(vec![Some(back(cx.grad))]);
        }
        let (x, all) = (cx.inputs[0], back(cx.output * cx.grad));
        let zero = x.equal(0.0);
        Ok(vec![Some(zero.select(0.0, all / zero.select(1.0, x)))])
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let x = cx.inputs.first()?.source;
        let axis = cx.nodes.int(i32::try_from(self.axis).ok()?);
        let op = if self.product { "Cumprod" } else { "Cumsum" };
        Some(cx.nodes.float(op, "out", &[x, axis], vec![("Tidx", Attribute::Type(Element::I32))]))
    }
}

impl Tensor {
    fn cumulative(self, axis: usize, product: bool) -> Tensor {
        op_node(Cumulative { axis, product }, &[self])
    }

    /// The sums of all elements up to each along an axis.
    pub fn cumsum(self, axis: usize) -> Tensor {
        self.cumulative(axis, false)
    }

    /// The products of all elements up to each along an axis.
    pub fn cumprod(self, axis: usize) -> Tensor {
        self.cumulative(axis, true)
    }

    /// The elements of an axis moved to the next place: the first is `first`, the last is gone.
    pub(crate) fn shifted(self, axis: usize, first: f64) -> Tensor {
        let length = self.shape().get(axis).copied().unwrap_or(0);
        if length == 0 {
            return self;
        }
        let mut head = self.shape();
        head[axis] = 1;
        Tensor::concat(&[Tensor::full(&head, first), self.slice(axis, 0, length - 1)], axis)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |axis, product, shape: &[usize]| {
        Case::new(Cumulative { axis, product }, &[shape], 1e-5, "f32 sums of up to 300 normal numbers")
    };
    vec![
        case(0, false, &[7]),
        case(1, false, &[3, 300]),
        case(1, false, &[2, 5, 4]),
        case(0, true, &[5, 3]),
        case(2, true, &[2, 3, 6]),
    ]
}
