//! Recurrent layers: cells, the layers that run them over sequences, and what is around those.
//!
//! A layer multiplies the inputs of all steps by the kernel at once; the loop has the rest, time-major, so that each step is one stretch of
//! memory.

/// Writes the methods of `impl Layer` by which a cell is called as a layer, and found as a cell.
macro_rules! called_as_cell {
    () => {
        fn call_all(
            &self,
            xs: &[$crate::graph::Tensor],
            cx: &$crate::graph::CallContext,
        ) -> Vec<$crate::graph::Tensor> {
            $crate::layers::recurrent::call_cell(self, xs, cx)
        }

        fn parameters(&self) -> &'static [&'static str] {
            &["inputs", "states", "training"]
        }

        fn arguments(&self, count: usize) -> $crate::graph::Arguments {
            $crate::graph::Arguments::with_list(count, "states")
        }

        fn as_cell(&self) -> Option<&dyn $crate::graph::Cell> {
            Some(self)
        }
    };
}

mod bidirectional;
mod conv_lstm;
mod gru;
mod layer;
mod lstm;
mod simple;
mod stacked;

pub use bidirectional::Bidirectional;
pub use conv_lstm::{ConvLSTM, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D, ConvLSTMCell};
pub use gru::{GRU, GRUCell};
pub use layer::{RNN, Recurring};
pub use lstm::{LSTM, LSTMCell};
pub use simple::{SimpleRNN, SimpleRNNCell};
pub use stacked::StackedRNNCells;

use crate::Error;
use crate::graph::{
    Builder, CallContext, Cell, Drawn, Expr, Initializer, Layer, Named, Ran, Running, Shape, Tensor, fail,
    scan,
};
use crate::initializers::Orthogonal;
use crate::ops::{pointwise, random_uniform};

fn orthogonal() -> Named<dyn Initializer> {
    Orthogonal::new().into()
}

/// Factors of dropout at this rate: so many, of this shape each; none outside of training. A rate of 1 drops nothing, as in Keras.
fn draw(rate: f64, count: usize, shape: &[usize], cx: &CallContext) -> Vec<Tensor> {
    if !cx.training || cx.no_dropout || rate <= 0.0 || rate >= 1.0 {
        return Vec::new();
    }
    let factor = Expr::Const(rate).le(Expr::In(0)).select(1.0 / (1.0 - rate), 0.0);
    (0..count).map(|_| pointwise(factor.clone(), &[random_uniform(shape)], None)).collect()
}

/// A share that Keras cuts to what a share can be.
fn share(rate: f64) -> f64 {
    rate.clamp(0.0, 1.0)
}

/// Draws the factors of a cell's dropouts, of a step's inputs (of a shape with the batch axis) and of its states (without): `count` of each.
fn drawn(rates: [f64; 2], count: usize, step: &[usize], state: &[usize], cx: &CallContext) -> Drawn {
    let state = [step.get(..1).unwrap_or_default(), state].concat();
    let of = |i: usize, shape: &[usize]| draw(share(rates[i]), count, shape, cx);
    Drawn { inputs: of(0, step), states: of(1, &state), inner: vec![] }
}

/// x · kernel + bias, where the gates have `factors` of their own for x, or share one.
fn gates(x: Tensor, kernel: Tensor, bias: Option<Tensor>, factors: &[Tensor], units: usize) -> Tensor {
    let last = |t: Tensor| t.rank() - 1;
    let product = match factors {
        [] => x.matmul(kernel),
        [one] => (x * *one).matmul(kernel),
        several => {
            let parts: Vec<Tensor> = several
                .iter()
                .enumerate()
                .map(|(i, factor)| (x * *factor).matmul(kernel.slice(1, i * units, units)))
                .collect();
            Tensor::concat(&parts, last(x))
        }
    };
    bias.map_or(product, |bias| product + bias)
}

/// Part i of a tensor along its last axis.
fn part(t: Tensor, i: usize, units: usize) -> Tensor {
    t.slice(t.rank() - 1, i * units, units)
}

/// Holds what a cell is built for, and its features.
fn features(input: &Shape, class: &str) -> Result<usize, Error> {
    if input.rank() != 2 {
        let what =
            format!("{class} takes a step's inputs, of shape (batch, features), but the shape is {input}");
        return Err(Error::Shape { layer: String::new(), what });
    }
    input.known(-1)
}

fn positive(units: usize) -> Result<(), Error> {
    if units > 0 {
        return Ok(());
    }
    Err(Error::Argument { what: "units is 0, but must be positive".into() })
}

/// Axes 0 and 1 changed.
fn swapped(t: Tensor) -> Tensor {
    let mut order: Vec<usize> = (0..t.rank()).collect();
    order.swap(0, 1);
    t.transpose(&order)
}

/// Runs a cell over `[batch, steps, ..]`. Where `mask` is 0, the states stay as they are, and the output is the one before, or zero.
pub(super) fn run(
    cell: &dyn Cell,
    x: Tensor,
    initial: &[Tensor],
    mask: Option<Tensor>,
    running: Running,
    cx: &CallContext,
) -> Ran {
    let shape = x.shape();
    let &[batch, steps, _, ..] = shape.as_slice() else {
        let what = format!("a sequence of shape {shape:?}, but (batch, steps, features) is wanted");
        fail(Error::Shape { layer: String::new(), what });
        return Ran { output: x, states: initial.to_vec() };
    };
    let of_batch = |shape: &[usize]| [&[batch], shape].concat();
    let wanted: Vec<Vec<usize>> = cell.state_shapes().iter().map(|shape| of_batch(shape)).collect();
    let mut states: Vec<Tensor> = match initial.is_empty() {
        true => wanted.iter().map(|shape| Tensor::full(shape, 0.0)).collect(),
        false => initial.to_vec(),
    };
    let given: Vec<Vec<usize>> = states.iter().map(|s| s.shape()).collect();
    if given != wanted {
        let what = format!("initial states of shapes {given:?}, but the cell has states of {wanted:?}");
        fail(Error::Shape { layer: String::new(), what });
        return Ran { output: x, states };
    }
    if let Some(mask) = mask.filter(|mask| mask.shape() != [batch, steps]) {
        let what = format!("a mask of shape {:?} for {steps} steps of {batch} examples", mask.shape());
        fail(Error::Shape { layer: String::new(), what });
        return Ran { output: x, states };
    }
    let drawn = cell.draw(&[&[batch], &shape[2..]].concat(), cx);
    let mut scanned = cell.project(swapped(x), &drawn, cx);
    let projected = scanned.len();
    let output = cell.output_shape();
    let mask = mask.map(|m| output.iter().fold(swapped(m), |m, _| m.expand_last()));
    scanned.extend(mask);
    // The output is carried where it is not a state: under a mask, and where only the last one is wanted.
    let carries = mask.is_some() || !running.return_sequences && !cell.gives_state();
    let first = Tensor::full(&of_batch(&output), 0.0);
    let carried = [if carries { vec![first] } else { vec![] }, states].concat();
    let (mut last, stacked) = scan(steps, running.go_backwards, &carried, &scanned, |carried, x| {
        let (before, states) = carried.split_at(usize::from(carries));
        let (mut output, mut next) = cell.step(&x[..projected], states, &drawn, cx);
        if let Some(mask) = x.get(projected) {
            let kept = |new: Tensor, old: Tensor| mask.select(new, old);
            output = match before {
                [before] if !running.zero_output_for_mask => kept(output, *before),
                _ => mask.select(output, 0.0),
            };
            next = next.into_iter().zip(states).map(|(new, old)| kept(new, *old)).collect();
        }
        let all = if running.return_sequences { vec![output] } else { vec![] };
        if carries {
            next.insert(0, output);
        }
        (next, all)
    });
    states = last.split_off(usize::from(carries));
    let output = match (stacked.first(), last.first()) {
        (Some(all), _) => swapped(*all),
        (None, Some(last)) => *last,
        (None, None) => states[0],
    };
    Ran { output, states }
}

/// Builds a cell that is called as a layer, on a step's inputs and states.
fn build_cell(cell: &mut (impl Layer + Cell), builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
    let Some(first) = inputs.first() else {
        return Err(Error::Shape {
            layer: String::new(),
            what: "a cell takes a step's inputs and states".into(),
        });
    };
    cell.build(builder, first)
}

/// Calls a cell as a layer: gives its output and its next states.
fn call_cell(cell: &impl Cell, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
    let (x, states) = (xs[0], &xs[1..]);
    let shape = x.shape();
    let batch = shape.get(..1).unwrap_or_default();
    let wanted: Vec<Vec<usize>> = cell.state_shapes().iter().map(|state| [batch, state].concat()).collect();
    let given: Vec<Vec<usize>> = states.iter().map(|state| state.shape()).collect();
    // A step has as many axes as its output.
    if given != wanted || shape.len() != cell.output_shape().len() + 1 {
        let what = format!(
            "a cell takes a step's inputs and states of shapes {wanted:?}, but was given {shape:?} and {given:?}"
        );
        fail(Error::Shape { layer: String::new(), what });
        return xs.to_vec();
    }
    let drawn = cell.draw(&shape, cx);
    let (output, next) = cell.step(&cell.project(x, &drawn, cx), states, &drawn, cx);
    [vec![output], next].concat()
}
