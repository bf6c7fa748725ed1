//! Long short-term memory over pictures (Shi et al., 2015): the products of [`LSTM`](super::LSTM) are convolutions.

use super::super::dense::{glorot, zeros};
use super::super::flatten::DataFormat;
use super::super::windows::{Padding, Size, channels, channels_last, lengths, windows};
use super::lstm::ForgetBias;
use super::{Recurring, orthogonal};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Cell, Constraint, Drawn, Initializer, IntoTensor, Layer, Named,
    Regularizer, Resolver, Shape, Tensor, Variable,
};
use crate::initializers::Seed;
use crate::layers::conv::check_windows;
use crate::words::Word;

cell! {
    /// One step of [`ConvLSTM`]. Its gates, in the order of the kernels: input, forget, cell, output.
    ConvLSTMCell<N>(filters: usize, kernel_size <- Size<N>) {
        /// Pixels from one window to the next, of the inputs alone. Default 1.
        strides <- Size<N> = Size::default();
        /// Sets what is done at the edges of the inputs: `"valid"` or `"same"`; of the states it is always `"same"`.
        padding <- Word<Padding> = Word::default();
        /// Sets where the channels of a step are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Pixels from one tap of a window to the next, of the inputs alone. Default 1; more only with strides of 1.
        dilation_rate <- Size<N> = Size::default();
        /// Sets what is done with the cell's candidate and, for the output, with the cell.
        activation <- Named<dyn Activation> = crate::activations::named("tanh");
        /// Sets what the three gates are made by.
        recurrent_activation <- Named<dyn Activation> = crate::activations::named("sigmoid");
        /// Sets whether there is a bias.
        use_bias: bool = true;
        /// First value of the kernel.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the recurrent kernel.
        recurrent_initializer <- Named<dyn Initializer> = orthogonal();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Sets whether the forget gate's bias begins as 1.
        unit_forget_bias: bool = true;
        /// Penalty on the kernel.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the recurrent kernel.
        recurrent_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
        /// What the kernel is made to be after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// What the recurrent kernel is made to be after each step of training.
        recurrent_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
    }
    unset {}
    then {
        /// Share of the inputs that training sets to zero, the same ones in all steps.
        dropout: f64 = 0.0;
        /// Share of the states that training sets to zero, the same ones in all steps.
        recurrent_dropout: f64 = 0.0;
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
    }
    read {}
    skip { kernel: Variable, recurrent_kernel: Variable, bias: Variable, state: Vec<usize> }
}

/// Long short-term memory over `[batch, steps, .., channels]`, a picture of `N` axes for each step; its states are the output and the cell.
pub type ConvLSTM<const N: usize> = Recurring<ConvLSTMCell<N>>;
/// [`ConvLSTM`] over sequences of rows: `ConvLSTM1D::new(32, 3)`.
pub type ConvLSTM1D = ConvLSTM<1>;
/// [`ConvLSTM`] over sequences of images: `ConvLSTM2D::new(32, [3, 3])`.
pub type ConvLSTM2D = ConvLSTM<2>;
/// [`ConvLSTM`] over sequences of volumes: `ConvLSTM3D::new(32, 3)`.
pub type ConvLSTM3D = ConvLSTM<3>;

const GATES: usize = 4;

impl<const N: usize> ConvLSTMCell<N> {
    /// Returns the axis of the channels of a tensor of so many axes, of which the last ones are a step's.
    fn channel_axis(&self, rank: usize) -> usize {
        if *self.data_format == DataFormat::ChannelsFirst { rank - N - 1 } else { rank - 1 }
    }

    /// Returns the part of a gate.
    fn gate(&self, t: Tensor, gate: usize) -> Tensor {
        t.slice(self.channel_axis(t.rank()), gate * self.filters, self.filters)
    }

    /// Convolves `[batch, ..]` with the kernels of all gates; each has factors of its own for x, or none has.
    fn convolved(&self, x: Tensor, kernel: &Variable, factors: &[Tensor], of_state: bool) -> Tensor {
        let one = |x: Tensor, kernel: Tensor| {
            channels_last(*self.data_format, x, |x| {
                let (padding, strides, dilation) = if of_state {
                    (Padding::Same, [1; N], [1; N])
                } else {
                    (*self.padding, self.strides.0, self.dilation_rate.0)
                };
                x.conv(kernel, windows(padding, lengths(x), self.kernel_size.0, strides, dilation), 1)
            })
        };
        let kernel = kernel.into_tensor();
        if factors.is_empty() {
            return one(x, kernel);
        }
        let gates: Vec<Tensor> = factors
            .iter()
            .enumerate()
            .map(|(i, factor)| one(x * *factor, kernel.slice(N + 1, i * self.filters, self.filters)))
            .collect();
        Tensor::concat(&gates, self.channel_axis(x.rank()))
    }
}

impl<const N: usize> Layer for ConvLSTMCell<N> {
    const CLASS: &'static str = "ConvLSTMCell";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let class = ["", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"][N];
        check_windows(self.kernel_size, self.strides, self.dilation_rate)?;
        self.padding.not_causal(class)?;
        let large = |what: &str| Error::Argument { what: format!("{what} is too large") };
        self.filters.checked_mul(GATES).ok_or_else(|| large("filters"))?;
        if self.filters == 0 {
            return Err(Error::Argument { what: "filters is 0, but must be positive".into() });
        }
        let inputs = channels::<N>(class, *self.data_format, input)?;
        let first = *self.data_format == DataFormat::ChannelsFirst;
        let mut sizes = [0; N];
        for (axis, size) in sizes.iter_mut().enumerate() {
            // The state has a shape, which nothing in a batch may decide.
            *size = input.known(isize::try_from(axis + 1 + usize::from(first)).unwrap_or(isize::MAX))?;
        }
        let (size, strides, dilation) = (self.kernel_size.0, self.strides.0, self.dilation_rate.0);
        let around = windows(*self.padding, sizes, size, strides, dilation).padding;
        let mut state = Vec::with_capacity(N + 1);
        for axis in 0..N {
            let reach = (size[axis] - 1).checked_mul(dilation[axis]).and_then(|n| n.checked_add(1));
            let reach = reach.ok_or_else(|| large("kernel_size by dilation_rate"))?;
            let padded =
                sizes[axis].checked_add(around[axis][0]).and_then(|n| n.checked_add(around[axis][1]));
            let padded = padded.ok_or_else(|| large("kernel_size by dilation_rate"))?;
            let Some(left) = padded.checked_sub(reach) else {
                let what = format!("a window of {reach} does not fit into {} of {input}", sizes[axis]);
                return Err(Error::Shape { layer: String::new(), what });
            };
            state.push(left / strides[axis] + 1);
        }
        state.insert(if first { 0 } else { N }, self.filters);
        self.state = state;
        let of = |channels: usize| [size.as_slice(), &[channels, GATES * self.filters]].concat();
        self.kernel = builder.add_weight("kernel", of(inputs), self.kernel_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        let recurrent = self.recurrent_initializer.clone();
        self.recurrent_kernel = builder.add_weight("recurrent_kernel", of(self.filters), recurrent, true)?;
        builder.regularize_and_constrain(
            &self.recurrent_kernel,
            &self.recurrent_regularizer,
            &self.recurrent_constraint,
        )?;
        if self.use_bias {
            let forgets = self.unit_forget_bias;
            let initializer = ForgetBias::around(&self.bias_initializer, forgets, self.filters);
            self.bias = builder.add_weight("bias", [GATES * self.filters], initializer, true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        super::build_cell(self, builder, inputs)
    }

    called_as_cell!();
}

impl<const N: usize> Cell for ConvLSTMCell<N> {
    fn state_shapes(&self) -> Vec<Vec<usize>> {
        vec![self.state.clone(); 2]
    }

    fn gives_state(&self) -> bool {
        true
    }

    fn draw(&self, step: &[usize], cx: &CallContext) -> Drawn {
        super::drawn([self.dropout, self.recurrent_dropout], GATES, step, &self.state, cx)
    }

    fn project(&self, x: Tensor, drawn: &Drawn, _cx: &CallContext) -> Vec<Tensor> {
        // The pictures of all steps are one batch.
        let shape = x.shape();
        let before = shape.len() - N - 1;
        let flat = |t: Tensor, rest: &[usize]| {
            let pictures: usize = shape[..before].iter().product();
            t.reshape([&[pictures], rest].concat())
        };
        let whole = |factor: &Tensor| flat(factor.broadcast_to(&shape), &shape[before..]);
        let factors: Vec<Tensor> = drawn.inputs.iter().map(whole).collect();
        let mut y = self.convolved(flat(x, &shape[before..]), &self.kernel, &factors, false);
        if self.use_bias {
            let mut along = vec![1; y.rank()];
            along[self.channel_axis(y.rank())] = GATES * self.filters;
            y = y + self.bias.into_tensor().reshape(along);
        }
        vec![y.reshape([&shape[..before], &y.shape()[1..]].concat())]
    }

    fn step(
        &self,
        x: &[Tensor],
        states: &[Tensor],
        drawn: &Drawn,
        _cx: &CallContext,
    ) -> (Tensor, Vec<Tensor>) {
        let z = self.convolved(states[0], &self.recurrent_kernel, &drawn.states, true) + x[0];
        let gate = |k| self.recurrent_activation.apply(self.gate(z, k));
        let c = gate(1) * states[1] + gate(0) * self.activation.apply(self.gate(z, 2));
        let h = gate(3) * self.activation.apply(c);
        (h, vec![h, c])
    }
}
