//! Sums of several tensors, scaled, side by side in one small vector: what metrics add up, in one dispatch.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::Lowered;
use rhyton_kernels::lower::PackedEntry;

use super::cases::Case;
use crate::graph::{Kind, OpDef, Real, Tensor, View, node};
use crate::types::TensorType;

/// One entry of the result: scale times the sum of a tensor, or the scale alone.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is summed; `None` for the constant 1.
    pub tensor: Option<Tensor>,
    /// Factor.
    pub scale: f64,
}

/// out[e] = scale[e] · sum(input of e).
#[derive(Clone, Debug, PartialEq)]
pub struct PackedSums {
    entries: Vec<(Option<usize>, f64)>,
}

impl OpDef for PackedSums {
    const NAME: &'static str = "packed_sums";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        match self.entries.iter().filter_map(|e| e.0).all(|i| i < inputs.len()) {
            true => Ok(TensorType::f32([self.entries.len()])),
            false => Err("an entry names an input that is not there".into()),
        }
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        for ((input, scale), o) in self.entries.iter().zip(out) {
            let sum = input.map_or(F::one(), |i| inputs[i].data.iter().fold(F::zero(), |s, x| s + *x));
            *o = F::of(*scale) * sum;
        }
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        let entry = |(input, scale): &(Option<usize>, f64)| PackedEntry {
            input: *input,
            len: input.map_or(0, |i| inputs[i].len()),
            scale: *scale as f32,
        };
        let entries: Vec<PackedEntry> = self.entries.iter().map(entry).collect();
        rhyton_kernels::lower::packed_sums(&entries, caps)
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        inputs.iter().map(|t| t.len() as u64).sum()
    }
}

/// The sums of these entries, in order.
pub fn packed_sums(entries: &[Entry]) -> Tensor {
    let mut inputs: Vec<Tensor> = Vec::new();
    let mut rows = Vec::new();
    for entry in entries {
        let input = entry.tensor.map(|t| {
            inputs.iter().position(|i| i.edge() == t.edge()).unwrap_or_else(|| {
                inputs.push(t);
                inputs.len() - 1
            })
        });
        rows.push((input, entry.scale));
    }
    let op = PackedSums { entries: rows };
    node(Kind::Op(std::sync::Arc::new(op.clone())), &inputs, |t| op.infer(t).map(|t| vec![t]))
}

pub(super) fn cases() -> Vec<Case> {
    let op = |entries: &[(Option<usize>, f64)]| PackedSums { entries: entries.to_vec() };
    let reason = "f32 sums of up to 300 normal numbers";
    vec![
        Case::new(
            op(&[(Some(0), 32.0), (None, 32.0), (Some(1), 1.0), (None, 5.0)]),
            &[&[], &[32]],
            2e-5,
            reason,
        )
        .without_gradient(),
        Case::new(
            op(&[(Some(0), 0.5), (Some(1), 2.0), (Some(2), 1.0)]),
            &[&[300], &[7], &[2, 3]],
            2e-5,
            reason,
        )
        .without_gradient(),
    ]
}
