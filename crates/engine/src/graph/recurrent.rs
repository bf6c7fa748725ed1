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
    /// Returns the shapes of its states without the batch axis, once it is built.
    fn state_shapes(&self) -> Vec<Vec<usize>>;

    /// Returns the shape of its output without the batch axis.
    fn output_shape(&self) -> Vec<usize> {
        self.state_shapes().swap_remove(0)
    }

    /// Returns whether the output is the first state.
    fn gives_state(&self) -> bool {
        false
    }

    /// Draws what all steps share, for a step's inputs of this shape, the batch axis included.
    fn draw(&self, _step: &[usize], _cx: &CallContext) -> Drawn {
        Drawn::default()
    }

    /// Computes what does not depend on the state, of inputs `[steps, batch, ..]` of all steps at once, or of one step `[batch, ..]`.
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
    /// The output: the last one `[batch, ..]`, or that of each step `[batch, steps, ..]`, in the order of the input.
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

    /// Returns the variables of its states, where it is stateful and built.
    fn states(&self) -> &[Variable] {
        &[]
    }

    /// Runs over `[batch, steps, ..]`, as `running` says, which may be another way than its own.
    fn run(
        &self,
        x: Tensor,
        initial: &[Tensor],
        mask: Option<Tensor>,
        running: Running,
        cx: &CallContext,
    ) -> Ran;
}
