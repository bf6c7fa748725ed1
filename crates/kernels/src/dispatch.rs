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

/// Words of a row of the step table: 256 bytes, the largest offset alignment that a device may ask for.
pub const STEP_WORDS: usize = 64;
/// First word of a step row that holds an f32 column; before it: word 0 the step, words 1 and 2 the seed.
pub const STEP_COLUMNS: usize = 4;

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
