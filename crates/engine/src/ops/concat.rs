//! Several tensors one after the other along an axis.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::Lowered;

use super::cases::Case;
use super::slice::{copy, overlay, rows_of};
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{Backward, CpuView, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::TensorType;

/// Joins tensors along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concat {
    axis: usize,
}

impl OpDef for Concat {
    const NAME: &'static str = "concat";

    fn moves(&self) -> bool {
        true
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let Some(first) = inputs.first().map(|t| &t.shape) else { return Err("nothing to join".into()) };
        let shapes = || inputs.iter().map(|t| &t.shape).collect::<Vec<_>>();
        let fits = |t: &TensorType| {
            t.shape.len() == first.len()
                && t.shape.iter().zip(first).enumerate().all(|(i, (a, b))| i == self.axis || a == b)
        };
        if self.axis >= first.len() || !inputs.iter().all(fits) {
            return Err(format!("shapes {:?} cannot be joined along axis {}", shapes(), self.axis));
        }
        let mut shape = first.clone();
        shape[self.axis] = inputs.iter().map(|t| t.shape[self.axis]).sum();
        Ok(TensorType::f32(shape))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let inner: usize = inputs[0].shape[self.axis + 1..].iter().product();
        let total: usize = inputs.iter().map(|v| v.shape[self.axis] * inner).sum();
        let mut offset = 0;
        for v in inputs {
            let len = v.shape[self.axis] * inner;
            if len > 0 {
                for (from, to) in v.data.chunks_exact(len).zip(out.chunks_exact_mut(total)) {
                    to[offset..offset + len].copy_from_slice(from);
                }
            }
            offset += len;
        }
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let outer = output.shape[..self.axis].iter().product();
        let inner: usize = output.shape[self.axis + 1..].iter().product();
        let total = output.shape[self.axis] * inner;
        let mut offset = 0;
        let mut lowered = Lowered::default();
        for (k, input) in inputs.iter().enumerate() {
            let len = input.shape[self.axis] * inner;
            if outer * len > 0 {
                let dispatch = copy(k, outer, (len, 0), (total, offset), len, false, caps);
                lowered.dispatches.push(dispatch.because("one input"));
            }
            offset += len;
        }
        lowered
    }

    fn tiling(&self, _inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        Some(rows_of(output, self.axis))
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let mut offset = 0;
        for input in inputs {
            let len = input.ty.shape[self.axis..].iter().product::<usize>();
            for (r, row) in out.chunks_exact_mut(tile.cols).enumerate() {
                let at = (tile.row + r) * len;
                overlay(row, tile.col, &input.f32()[at..at + len], offset);
            }
            offset += len;
        }
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let mut start = 0;
        let part = |x: &Tensor| {
            let len = x.shape()[self.axis];
            start += len;
            Some(cx.grad.slice(self.axis, start - len, len))
        };
        Ok(cx.inputs.iter().map(part).collect())
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let mut inputs = cx.sources();
        let count = i64::try_from(inputs.len()).ok()?;
        inputs.push(cx.nodes.int(i32::try_from(self.axis).ok()?));
        let attributes = vec![("N", Attribute::Int(count)), ("Tidx", Attribute::Type(Element::I32))];
        Some(cx.nodes.float("ConcatV2", "output", &inputs, attributes))
    }
}

impl Tensor {
    /// Joins tensors along an axis.
    pub fn concat(tensors: &[Tensor], axis: usize) -> Tensor {
        op_node(Concat { axis }, tensors)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |axis, shapes: &[&[usize]]| Case::new(Concat { axis }, shapes, 0.0, "copies");
    vec![
        case(1, &[&[3, 4], &[3, 2], &[3, 5]]),
        case(0, &[&[2, 3], &[4, 3]]),
        case(1, &[&[2, 3, 5], &[2, 1, 5]]),
        // Wider than a tile.
        case(1, &[&[2, 5000], &[2, 4000]]),
    ]
}
