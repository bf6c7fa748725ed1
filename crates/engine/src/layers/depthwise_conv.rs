//! Convolution of each channel for itself, over sequences and images.

use serde_json::{Map, Value};

use super::config::led_by;
use super::conv_transpose::OneGroup;
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
    /// Convolves each channel for itself with `depth_multiplier` filters, and adds a bias, over `N` axes.
    DepthwiseConv<N>(kernel_size <- Size<N>) {
        /// Pixels from one window to the next. Default 1.
        strides <- Size<N> = Size::default();
        /// Sets what is done at the edges: `"valid"` or `"same"`.
        padding <- Word<Padding> = Word::default();
        /// Filters of each channel. Default 1.
        depth_multiplier: usize = 1;
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Pixels from one tap of a window to the next. Default 1.
        dilation_rate <- Size<N> = Size::default();
        /// Sets what is done with the result; none is `"linear"`.
        activation <- Named<dyn Activation> = crate::activations::none();
        /// Sets whether there is a bias.
        use_bias: bool = true;
        /// First value of the kernel.
        depthwise_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernel.
        depthwise_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
    }
    unset { activity_regularizer }
    then {
        /// What the depthwise kernel is made to be after each step of training.
        depthwise_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
    }
    read { groups: OneGroup }
    skip { kernel: Variable, bias: Variable }
}

/// [`DepthwiseConv`] over the steps of a sequence.
pub type DepthwiseConv1D = DepthwiseConv<1>;
/// [`DepthwiseConv`] over an image.
pub type DepthwiseConv2D = DepthwiseConv<2>;

impl<const N: usize> Layer for DepthwiseConv<N> {
    const CLASS: &'static str = ["", "DepthwiseConv1D", "DepthwiseConv2D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let channels = channels::<N>(Self::CLASS, *self.data_format, input)?;
        check(Self::CLASS, self.depth_multiplier, self.kernel_size, self.strides, self.dilation_rate)?;
        self.padding.not_causal(Self::CLASS)?;
        let shape = [self.kernel_size.0.as_slice(), &[channels, self.depth_multiplier]].concat();
        self.kernel = builder.add_weight("kernel", shape, self.depthwise_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.kernel,
            &self.depthwise_regularizer,
            &self.depthwise_constraint,
        )?;
        if self.use_bias {
            let filters = channels.saturating_mul(self.depth_multiplier);
            self.bias = builder.add_weight("bias", [filters], self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let bias = self.use_bias.then_some(&self.bias);
        let y = with_bias(*self.data_format, x, bias, cx, |x| {
            let (size, strides) = (self.kernel_size.0, self.strides.0);
            let windows = windows(*self.padding, lengths(x), size, strides, self.dilation_rate.0);
            x.depthwise_conv(&self.kernel, windows)
        });
        self.activation.apply(y)
    }

    fn config(&self) -> Map<String, Value> {
        led_by("depth_multiplier", self)
    }
}

/// Checks the numbers of a config. Strides may go together with gaps here, as in Keras.
///
/// # Errors
/// One is 0.
pub(super) fn check<const N: usize>(
    class: &str,
    multiplier: usize,
    size: Size<N>,
    strides: Size<N>,
    dilation: Size<N>,
) -> Result<(), Error> {
    size.positive("kernel_size")?;
    strides.positive("strides")?;
    dilation.positive("dilation_rate")?;
    if multiplier > 0 {
        return Ok(());
    }
    Err(Error::Argument { what: format!("depth_multiplier of {class} is 0, but must be positive") })
}
