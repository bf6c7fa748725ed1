//! Transposed convolution over sequences, images and volumes.

use super::conv::check_windows;
use super::dense::{glorot, zeros};
use super::flatten::DataFormat;
use super::windows::{Padding, Size, channels, lengths, windows, with_bias};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Constraint, Initializer, Layer, Named, Regularizer, Resolver, Shape,
    Tensor, Variable,
};
use crate::words::Word;

config! {
    /// activation(xᵀ ∗ kernel + bias) over `N` axes: the gradient, by its input, of a convolution whose output is x.
    ConvTranspose<N>(filters: usize, kernel_size <- Size<N>) {
        /// Pixels of the output from one window to the next. Default 1.
        strides <- Size<N> = Size::default();
        /// Sets what is done at the edges: `"valid"`, or `"same"` for an output that is as many times as large as `strides` says.
        padding <- Word<Padding> = Word::default();
        /// Pixels that the output has more than the fewest that would give x, along each axis; less than the strides.
        output_padding <- Option<Size<N>> = None;
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Pixels from one tap of a window to the next. Default 1; more only with strides of 1.
        dilation_rate <- Size<N> = Size::default();
        /// Sets what is done with the result; none is `"linear"`.
        activation <- Named<dyn Activation> = crate::activations::none();
        /// Sets whether there is a bias.
        use_bias: bool = true;
        /// First value of the kernel.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernel.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// What the kernel is made to be after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
    }
    read { groups: OneGroup }
    skip { kernel: Variable, bias: Variable }
}

/// [`ConvTranspose`] over the steps of a sequence.
pub type Conv1DTranspose = ConvTranspose<1>;
/// [`ConvTranspose`] over an image.
pub type Conv2DTranspose = ConvTranspose<2>;
/// [`ConvTranspose`] over a volume.
pub type Conv3DTranspose = ConvTranspose<3>;

/// The key `groups` that Keras 2 writes for layers that have none: 1.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OneGroup;

impl<'de> serde::Deserialize<'de> for OneGroup {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match usize::deserialize(deserializer)? {
            1 => Ok(OneGroup),
            n => Err(serde::de::Error::custom(format!("groups is {n}, but such a layer has one group"))),
        }
    }
}

impl<const N: usize> ConvTranspose<N> {
    /// The lengths of the output for those of the input; `None` where they would be negative.
    fn output(&self, input: [usize; N]) -> Option<[usize; N]> {
        let mut output = [0; N];
        for (axis, length) in output.iter_mut().enumerate() {
            let (input, stride) = (input[axis], self.strides.0[axis]);
            let span = (self.kernel_size.0[axis] - 1).checked_mul(self.dilation_rate.0[axis])? + 1;
            let more = self.output_padding.map(|more| more.0[axis]);
            let smallest = input.checked_sub(1)?.checked_mul(stride)?;
            *length = match (*self.padding, more) {
                (Padding::Same, None) => input.checked_mul(stride)?,
                (Padding::Same, Some(more)) => smallest.checked_add(span % 2)?.checked_add(more)?,
                (_, None) => smallest.checked_add(span.max(stride))?,
                (_, Some(more)) => smallest.checked_add(span)?.checked_add(more)?,
            };
        }
        Some(output)
    }
}

impl<const N: usize> Layer for ConvTranspose<N> {
    const CLASS: &'static str = ["", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let channels = channels::<N>(Self::CLASS, *self.data_format, input)?;
        check_windows(self.kernel_size, self.strides, self.dilation_rate)?;
        self.padding.not_causal(Self::CLASS)?;
        if self.filters == 0 {
            return Err(Error::Argument { what: "filters is 0, but must be positive".into() });
        }
        if let Some(more) = self.output_padding
            && more.0.iter().zip(self.strides.0).any(|(more, stride)| *more >= stride)
        {
            let (more, strides) = (more.0, self.strides.0);
            let what = format!("output_padding {more:?} must be less than strides {strides:?}");
            return Err(Error::Argument { what });
        }
        let shape = [self.kernel_size.0.as_slice(), &[self.filters, channels]].concat();
        self.kernel = builder.add_weight("kernel", shape, self.kernel_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [self.filters], self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let bias = self.use_bias.then_some(&self.bias);
        let y = with_bias(*self.data_format, x, bias, cx, |x| {
            let Some(output) = self.output(lengths(x)) else { return x };
            let (size, strides) = (self.kernel_size.0, self.strides.0);
            let windows = windows(*self.padding, output, size, strides, self.dilation_rate.0);
            x.conv_transpose(&self.kernel, windows, output)
        });
        self.activation.apply(y)
    }
}
