//! Convolution of each channel for itself, and then of all channels of each pixel, over sequences and images.

use serde_json::{Map, Value};

use super::config::led_by;
use super::conv_transpose::OneGroup;
use super::dense::{glorot, zeros};
use super::depthwise_conv::check;
use super::flatten::DataFormat;
use super::windows::{ConvPadding, Size, channels, lengths, windows, with_bias};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Constraint, Initializer, Layer, Named, Regularizer, Resolver, Shape,
    Tensor, Variable,
};
use crate::ops::Windows;
use crate::words::Word;

config! {
    /// Convolves each channel for itself, then multiplies what that gives for each pixel by a matrix, and adds a bias, over `N` axes.
    SeparableConv<N>(filters: usize, kernel_size <- Size<N>) {
        /// Pixels from one window to the next. Default 1.
        strides <- Size<N> = Size::default();
        /// Sets what is done at the edges: `"valid"` or `"same"`; over steps `"causal"` too, which Keras 2 has and Keras 3 has not.
        padding <- Word<ConvPadding<N>> = Word::default();
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Pixels from one tap of a window to the next. Default 1.
        dilation_rate <- Size<N> = Size::default();
        /// Filters of each channel for itself. Default 1.
        depth_multiplier: usize = 1;
        /// Sets what is done with the result; none is `"linear"`.
        activation <- Named<dyn Activation> = crate::activations::none();
        /// Sets whether there is a bias.
        use_bias: bool = true;
        /// First value of the kernel of each channel.
        depthwise_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the matrix.
        pointwise_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernel of each channel.
        depthwise_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the matrix.
        pointwise_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// What the depthwise kernel is made to be after each step of training.
        depthwise_constraint <- Named<dyn Constraint> = Named::default();
        /// What the pointwise kernel is made to be after each step of training.
        pointwise_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
    }
    read { groups: OneGroup, kernel_initializer: serde::de::IgnoredAny, kernel_regularizer: serde::de::IgnoredAny, kernel_constraint: serde::de::IgnoredAny }
    skip { depthwise_kernel: Variable, pointwise_kernel: Variable, bias: Variable }
}

/// [`SeparableConv`] over the steps of a sequence.
pub type SeparableConv1D = SeparableConv<1>;
/// [`SeparableConv`] over an image.
pub type SeparableConv2D = SeparableConv<2>;

impl<const N: usize> Layer for SeparableConv<N> {
    const CLASS: &'static str = ["", "SeparableConv1D", "SeparableConv2D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let channels = channels::<N>(Self::CLASS, *self.data_format, input)?;
        check(Self::CLASS, self.depth_multiplier, self.kernel_size, self.strides, self.dilation_rate)?;
        // Over steps Keras 2 has causal padding too.
        if N != 1 {
            self.padding.0.not_causal(Self::CLASS)?;
        }
        if self.filters == 0 {
            return Err(Error::Argument { what: "filters is 0, but must be positive".into() });
        }
        let shape = [self.kernel_size.0.as_slice(), &[channels, self.depth_multiplier]].concat();
        self.depthwise_kernel =
            builder.add_weight("depthwise_kernel", shape, self.depthwise_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.depthwise_kernel,
            &self.depthwise_regularizer,
            &self.depthwise_constraint,
        )?;
        let between = channels.saturating_mul(self.depth_multiplier);
        let shape = [[1; N].as_slice(), &[between, self.filters]].concat();
        self.pointwise_kernel =
            builder.add_weight("pointwise_kernel", shape, self.pointwise_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.pointwise_kernel,
            &self.pointwise_regularizer,
            &self.pointwise_constraint,
        )?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [self.filters], self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let bias = self.use_bias.then_some(&self.bias);
        let y = with_bias(*self.data_format, x, bias, cx, |x| {
            let (size, strides) = (self.kernel_size.0, self.strides.0);
            let windows = windows(self.padding.0, lengths(x), size, strides, self.dilation_rate.0);
            let each = Windows { strides: [1; N], dilation: [1; N], padding: [[0; 2]; N] };
            x.depthwise_conv(&self.depthwise_kernel, windows).conv(&self.pointwise_kernel, each, 1)
        });
        self.activation.apply(y)
    }

    fn config(&self) -> Map<String, Value> {
        led_by("depth_multiplier", self)
    }
}
