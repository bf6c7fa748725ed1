//! One dispatch of a kernel, as plain data: which kernel, which numbers, which operands by role. No buffers, no device.
//!
//! Binding model, the same for every kernel:
//! * group 0: the kernel's own storage bindings, in the order of its row;
//! * group 1: the fused program's storage bindings: its operands in order, then its outputs that are not in place
//!   (an output in place shares its operand's read-write binding);
//! * group 2: binding 0 the uniform words of this dispatch (the kernel's `Params`, then the program's words), binding 1 the row of the step table
//!   (`array<vec4<u32>, 16>`, dynamic offset).
//!
//! Every kernel ends in `store(i, value)`: the fusion point. The fused [`Program`](crate::program::Program) takes `value` as its `Root`; the
//! identity program stores it.

use crate::caps::Caps;
use crate::params::PointwiseParams;
pub use crate::params::{word, words};
use crate::table::{Kernel, POINTWISE};

/// Words of a row of the step table: 256 bytes, the largest offset alignment that a device may ask for.
pub const STEP_WORDS: usize = 64;
/// First word of a step row that holds an f32 column; before it: word 0 the step, words 1 and 2 the seed, word 3 the trip through
/// the loop around.
pub const STEP_COLUMNS: usize = 4;
/// Word of a step row that holds the trip.
pub const STEP_TRIP: usize = 3;

/// An operand of a dispatch by its role in the op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The op's input.
    In(usize),
    /// Memory between the dispatches of one op.
    Scratch(usize),
}

/// One dispatch of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// Name of the kernel's row.
    pub kernel: &'static str,
    /// Values of the kernel's overridable constants: these pick the variant.
    pub overrides: Vec<(&'static str, u32)>,
    /// The kernel's uniform words. The fused program's words follow them in the uniform, from the next multiple of four.
    pub words: Vec<u32>,
    /// Workgroups in each dimension.
    pub workgroups: [u32; 3],
    /// Group 0 in the order of the row.
    pub bindings: Vec<Slot>,
    /// Whether `store` is the op's fusion point (else a scratch write, named by the slot).
    pub stores: Store,
    /// Why this variant, for the plan report.
    pub why: &'static str,
}

/// Where a dispatch's results go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// Through the fused program, to the op's outputs.
    Program,
    /// As they are, to this scratch.
    Scratch(usize),
}

/// The dispatches of one op, and the words of scratch that they need.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Lowered {
    /// In order.
    pub dispatches: Vec<Dispatch>,
    /// Words of each scratch.
    pub scratch: Vec<usize>,
}

impl Dispatch {
    /// `groups` workgroups along one dimension, as many as the caps allow; the kernel walks the rest. `words` are a struct of [`params`](crate::params), or its
    /// words. `inputs` are bound in the order of the kernel's row.
    pub fn new(
        kernel: &Kernel,
        caps: &Caps,
        groups: usize,
        words: impl Into<Vec<u32>>,
        inputs: &[usize],
    ) -> Self {
        Dispatch {
            kernel: kernel.name,
            overrides: Vec::new(),
            words: words.into(),
            workgroups: [word(groups).clamp(1, caps.workgroups), 1, 1],
            bindings: inputs.iter().map(|k| Slot::In(*k)).collect(),
            stores: Store::Program,
            why: "",
        }
    }

    /// For a kernel that walks `count` items in steps of the grid: each invocation at least `per_invocation` items on a software adapter,
    /// where an invocation costs more than an item.
    pub fn linear(
        kernel: &Kernel,
        caps: &Caps,
        count: usize,
        per_invocation: usize,
        words: impl Into<Vec<u32>>,
        inputs: &[usize],
    ) -> Self {
        let default =
            kernel.overrides.iter().find(|(n, _)| *n == "WORKGROUP").map_or(1, |(_, w)| *w as usize);
        if !caps.software {
            return Dispatch::new(kernel, caps, count.div_ceil(default), words, inputs);
        }
        // Eight invocations are what such an adapter runs at once, in one vector.
        let workgroup = if count >= 8192 { default.min(64) } else { 8 };
        let groups = count.div_ceil(workgroup * per_invocation);
        let dispatch = Dispatch::new(kernel, caps, groups, words, inputs);
        if workgroup == default { dispatch } else { dispatch.with("WORKGROUP", word(workgroup)) }
    }

    /// With this value of an overridable constant.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: u32) -> Self {
        self.overrides.push((name, value));
        self
    }

    /// Says why this variant.
    #[must_use]
    pub fn because(self, why: &'static str) -> Self {
        Dispatch { why, ..self }
    }
}

impl Lowered {
    /// One dispatch, without scratch, for `count` results; none where there is nothing to compute.
    pub fn one(count: usize, dispatch: Dispatch) -> Self {
        Lowered { dispatches: if count == 0 { vec![] } else { vec![dispatch] }, scratch: vec![] }
    }

    /// A program over `count` elements, without a root.
    pub fn pointwise(count: usize, caps: &Caps) -> Self {
        let dispatch = Dispatch::linear(&POINTWISE, caps, count, 16, PointwiseParams { count }, &[]);
        Lowered::one(count, dispatch.because(if caps.software { "16 elements an invocation" } else { "" }))
    }
}
