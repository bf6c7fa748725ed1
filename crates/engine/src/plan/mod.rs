//! A plan: what one training step (or prediction) does, as steps over named buffers. Plain data: it can be printed and
//! compared; the CPU device runs the steps, a GPU replays their dispatches.

mod arenas;
mod build;
mod ends;
mod fuse;
mod index;
mod looped;
mod report;

use std::sync::Arc;

pub use arenas::Arenas;
pub use build::{ALIGN, aligned, plan};
pub use report::Totals;
pub use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::Dispatch;
use rhyton_kernels::program::Program;

use crate::graph::{Constant, DynOp, TensorType};

/// Number of a buffer in its plan.
pub type BufferId = usize;

/// What a buffer of a plan is, and so who provides its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// An arena of variables or slots; the memory is the caller's and outlives the plan.
    Arena,
    /// An input of the step. The memory is a window of several slots, one per step of a submit.
    Input(usize),
    /// Numbers that are written once, when the plan is made ready.
    Constant(Constant),
    /// An output of the step, a window likewise.
    Output(usize),
    /// Intermediate values; its memory belongs to the plan and holds anything before a step.
    Pool,
    /// Gradients; its memory belongs to the plan. Gaps between the regions are zero.
    Gradients,
}

/// A named buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Name in reports: `parameters`, `adam/momentum`, `pool 2`.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Words (4 bytes each); of one slot where it is a window.
    pub words: usize,
}

/// A part of a buffer, in words. Offsets are multiples of 64 (256 bytes), but for slices in a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Which buffer.
    pub buffer: BufferId,
    /// First word (in one slot, where the buffer is a window), in a loop's first trip.
    pub offset: usize,
    /// Number of words.
    pub words: usize,
    /// Words from one trip of the loop around to the next.
    pub stride: isize,
}

impl Region {
    /// Returns a part that is the same in all trips.
    pub fn new(buffer: BufferId, offset: usize, words: usize) -> Self {
        Region { buffer, offset, words, stride: 0 }
    }

    /// Returns the part that slices of this one take in a loop of so many trips, from the first or, `reversed`, from the last on.
    fn slices(self, trips: usize, reversed: bool) -> Self {
        let words = self.words / trips;
        let stride = words.cast_signed();
        match reversed {
            false => Region { words, stride, ..self },
            true => Region { words, stride: -stride, offset: self.offset + words * (trips - 1), ..self },
        }
    }

    /// Returns the first word in a trip.
    pub fn at(&self, trip: usize) -> usize {
        self.offset.wrapping_add_signed(self.stride * trip.cast_signed())
    }

    /// Returns all that is used in a loop of so many trips, and the place of the first trip in it.
    pub fn whole(&self, trips: usize) -> (Self, usize) {
        let last = trips.saturating_sub(1);
        let first = self.at(if self.stride < 0 { last } else { 0 });
        let words = self.words + self.stride.unsigned_abs() * last;
        (Region { offset: first, words, stride: 0, ..*self }, self.offset - first)
    }
}

/// The op at the root of a step.
#[derive(Clone, Debug)]
pub struct Root {
    /// The op.
    pub op: Arc<dyn DynOp>,
    /// Types of its inputs.
    pub inputs: Vec<TensorType>,
    /// Type of its output.
    pub output: TensorType,
    /// Where the inputs lie.
    pub regions: Vec<Region>,
}

/// One step: a root op with a fused program behind it, or a program alone.
#[derive(Clone, Debug)]
pub struct Step {
    /// Layer and ops, for reports: `dense: matmul + add + relu`.
    pub label: String,
    /// The op whose result the program takes as `Root`; `None` for pointwise steps.
    pub root: Option<Root>,
    /// What is computed for each element.
    pub program: Program,
    /// Elements of the program's index space.
    pub count: usize,
    /// Where the program's operands lie.
    pub operands: Vec<Region>,
    /// Uniform words of the operands' index maps, in order.
    pub words: Vec<u32>,
    /// Where the program's outputs go (an output in place has its operand's region).
    pub outputs: Vec<Region>,
    /// The GPU's work for this step.
    pub dispatches: Vec<Dispatch>,
    /// Scratch of the dispatches.
    pub scratch: Vec<Region>,
    /// The loop that it belongs to: number in [`Plan::loops`].
    pub repeat: Option<usize>,
}

/// What one replay does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For which device it was made.
    pub caps: Caps,
    /// Buffers by number.
    pub buffers: Vec<Buffer>,
    /// Steps in order. Those of one loop are neighbours, and run one after the other in each trip.
    pub steps: Vec<Step>,
    /// Trips of each loop.
    pub loops: Vec<usize>,
}

impl Plan {
    /// Returns how many times a step runs.
    pub fn trips(&self, step: &Step) -> usize {
        step.repeat.and_then(|k| self.loops.get(k)).copied().unwrap_or(1)
    }

    /// Returns the steps that run once, or that one loop runs, as ranges in order, each with its trips.
    pub fn runs(&self) -> Vec<(std::ops::Range<usize>, usize)> {
        let mut runs: Vec<(std::ops::Range<usize>, usize)> = Vec::new();
        for (i, step) in self.steps.iter().enumerate() {
            match runs.last_mut() {
                Some((range, _)) if i > 0 && self.steps[i - 1].repeat == step.repeat => range.end = i + 1,
                _ => runs.push((i..i + 1, self.trips(step))),
            }
        }
        runs
    }
}
