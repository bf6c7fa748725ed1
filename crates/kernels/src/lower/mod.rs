//! What each op dispatches for given shapes and caps: plain data. One file per family.
//!
//! Variants are chosen by rule, never by a timing: the same caps and shapes always give the same kernels and bits.

mod conv;
mod copy;
mod cross_entropy;
mod matmul;
mod packed_sums;
mod pointwise;
mod reduce;
mod softmax;

pub use conv::{ConvForm, ConvSizes, conv2d};
pub use copy::{concat, copy_axis, slice, transpose};
pub use cross_entropy::{sparse_cross_entropy, sparse_cross_entropy_grad};
pub use matmul::matmul;
pub use packed_sums::{PackedEntry, packed_sums};
pub use pointwise::pointwise;
pub use reduce::{Reduction, reduce};
pub use softmax::{argmax, softmax};

use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered, Slot, Store};
use crate::table::Kernel;

/// A number as a uniform word. Counts beyond u32 cannot occur: no binding is that large.
fn word(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// A dispatch of workgroups along one dimension, as many as the caps allow; the kernel walks the rest.
fn dispatch(kernel: &Kernel, caps: &Caps, groups: usize, words: Vec<u32>, inputs: &[usize]) -> Dispatch {
    Dispatch {
        kernel: kernel.name,
        overrides: Vec::new(),
        words,
        workgroups: [word(groups).clamp(1, caps.workgroups), 1, 1],
        bindings: inputs.iter().map(|k| Slot::In(*k)).collect(),
        stores: Store::Program,
        why: "",
    }
}

/// A dispatch of a kernel that walks `count` items in steps of the grid, each invocation at least `per_invocation`
/// items on a software adapter, where an invocation costs more than an item.
fn linear(
    kernel: &Kernel,
    caps: &Caps,
    count: usize,
    per_invocation: usize,
    words: Vec<u32>,
    inputs: &[usize],
) -> Dispatch {
    let default = kernel.overrides.iter().find(|(n, _)| *n == "WORKGROUP").map_or(1, |(_, w)| *w as usize);
    if !caps.software {
        return dispatch(kernel, caps, count.div_ceil(default), words, inputs);
    }
    // Eight invocations are what such an adapter runs at once, in one vector.
    let workgroup = if count >= 8192 { default.min(64) } else { 8 };
    let groups = count.div_ceil(workgroup * per_invocation);
    let overrides = if workgroup == default { vec![] } else { vec![("WORKGROUP", word(workgroup))] };
    Dispatch { overrides, ..dispatch(kernel, caps, groups, words, inputs) }
}

/// One dispatch, without scratch; none where there is nothing to compute.
fn single(count: usize, dispatch: Dispatch) -> Lowered {
    Lowered { dispatches: if count == 0 { vec![] } else { vec![dispatch] }, scratch: vec![] }
}

#[cfg(test)]
mod tests;
