//! What recurrent layers are made of: [`Cell`], one step; [`Recurrent`], a layer that runs one over a sequence.

use super::{CallContext, Tensor, Variable};

/// Holds what a cell draws once for all steps: factors of its dropout.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// For what comes in: none without dropout, one, or one for each gate.
    pub inputs: Vec<Tensor>,
    /// The same for the state.
    pub states: Vec<Tensor>,
    /// Holds what the cells inside draw.
    pub inner: Vec<Drawn>,
}

/// One step of a recurrent layer. A layer is one through [`Layer::as_cell`](super::Layer::as_cell).
pub trait Cell: Send + Sync {
    /// Returns the lengths of its states.
    fn state_sizes(&self) -> Vec<usize>;

    /// Returns the length of its output.
    fn output_size(&self) -> usize {
        self.state_sizes().first().copied().unwrap_or(0)
    }

    /// Returns whether the output is the first state.
    fn gives_state(&self) -> bool {
        false
    }

    /// Draws what all steps share, for inputs `[batch, features]`.
    fn draw(&self, _batch: usize, _features: usize, _cx: &CallContext) -> Drawn {
        Drawn::default()
    }

    /// Computes what does not depend on the state, of inputs `[.., batch, features]` of all steps at once.
    fn project(&self, x: Tensor, _drawn: &Drawn, _cx: &CallContext) -> Vec<Tensor> {
        vec![x]
    }

    /// Takes one step: gives the output and the next states. `x` is the step's part of what [`Cell::project`] gave.
    fn step(&self, x: &[Tensor], states: &[Tensor], drawn: &Drawn, cx: &CallContext)
    -> (Tensor, Vec<Tensor>);
}

/// Holds what a recurrent layer makes of a sequence.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The output: the last one `[batch, units]`, or that of each step `[batch, steps, units]`, in the order of the input.
    pub output: Tensor,
    /// The last states.
    pub states: Vec<Tensor>,
}

/// Says how a recurrent layer runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Running {
    pub return_sequences: bool,
    pub return_state: bool,
    pub go_backwards: bool,
    pub stateful: bool,
    pub zero_output_for_mask: bool,
}

/// A layer that runs a cell over a sequence.
pub trait Recurrent: Send + Sync {
    /// Returns how it runs.
    fn running(&self) -> Running;

    /// Returns the variables of its states, where it is stateful and built: `[batch, length]` each.
    fn states(&self) -> &[Variable] {
        &[]
    }

    /// Runs over `[batch, steps, features]`, as `running` says, which may be another way than its own.
    fn run(
        &self,
        x: Tensor,
        initial: &[Tensor],
        mask: Option<Tensor>,
        running: Running,
        cx: &CallContext,
    ) -> Ran;
}
