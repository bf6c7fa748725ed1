//! Sums of several tensors, scaled, side by side in one small vector: what metrics add up, in one dispatch.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, word};
use rhyton_kernels::table::{CONSTANTS, PACKED_SUMS};

use super::cases::Case;
use crate::graph::{OpDef, Real, Tensor, View, op_node};
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
        let mut lowered = Lowered::default();
        let mut first = 0;
        while first < self.entries.len() {
            let (mut bound, mut end) = (Vec::new(), first);
            while end < self.entries.len() && end - first < ENTRIES {
                match self.entries[end].0 {
                    Some(k) if !bound.contains(&k) && bound.len() == INPUTS => break,
                    Some(k) if !bound.contains(&k) => bound.push(k),
                    _ => {}
                }
                end += 1;
            }
            lowered.dispatches.push(chunk(&self.entries[first..end], first, bound, inputs, caps));
            first = end;
        }
        lowered
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        inputs.iter().map(|t| t.len() as u64).sum()
    }
}

/// Entries that one dispatch can hold.
const ENTRIES: usize = 8;
/// Inputs that one dispatch can bind: two bindings are left for the fused program.
const INPUTS: usize = 6;

/// Entries from number `first` on, which read these of the inputs.
fn chunk(
    entries: &[(Option<usize>, f64)],
    first: usize,
    mut bound: Vec<usize>,
    inputs: &[TensorType],
    caps: &Caps,
) -> Dispatch {
    let scale = |scale: &f64| (*scale as f32).to_bits();
    let mut words = vec![word(entries.len()), word(first), 0, 0];
    let Some(&filler) = bound.first() else {
        words.extend(entries.iter().map(|(_, s)| scale(s)));
        words.resize(4 + ENTRIES, 0);
        return Dispatch::new(&CONSTANTS, caps, entries.len(), words, &[]).because("numbers only");
    };
    for (input, s) in entries {
        let binding = input.and_then(|k| bound.iter().position(|i| *i == k));
        let len = input.map_or(0, |k| inputs[k].len());
        words.extend([binding.map_or(0, |n| word(n + 1)), word(len), scale(s), 0]);
    }
    words.resize(4 + 4 * ENTRIES, 0);
    bound.resize(INPUTS, filler);
    let dispatch =
        Dispatch::new(&PACKED_SUMS, caps, entries.len(), words, &bound).because("a workgroup a sum");
    if caps.software { dispatch.with("WORKGROUP", 8) } else { dispatch }
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
    op_node(op, &inputs)
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
