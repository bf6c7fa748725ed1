//! Convolution over sequences, images and volumes.

use serde_json::{Map, Value};

use super::dense::{glorot, zeros};
use super::flatten::DataFormat;
use super::lora::{self, Asked, Lora};
use super::windows::{ConvPadding, Size, channels, lengths, windows, with_bias};
use crate::Error;
use crate::graph::{
    Activation, Adapted, Builder, CallContext, Constraint, Initializer, Layer, Named, Regularizer, Resolver,
    Shape, Tensor, Variable,
};
use crate::words::Word;

config! {
    /// activation(x ∗ kernel + bias) over `N` axes, `(batch, .., channels)`: as Keras', a cross-correlation.
    ///
    /// With the channels first, and an output whose last axis is as long as there are filters, the bias goes along that axis, as Keras 3 has it on TensorFlow;
    /// in a model that was loaded from a file of Keras 2 it goes to the channels there too.
    Conv<N>(filters: usize, kernel_size <- Size<N>) {
        /// Pixels from one window to the next. Default 1.
        strides <- Size<N> = Size::default();
        /// Sets what is done at the edges: `"valid"` or `"same"`; over steps `"causal"` too.
        padding <- Word<ConvPadding<N>> = Word::default();
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Pixels from one tap of a window to the next. Default 1; more only with strides of 1.
        dilation_rate <- Size<N> = Size::default();
        /// Groups of channels and filters that do not see each other.
        groups: usize = 1;
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
        /// Sets the rank of a product of two small matrices that is added to the kernel, which is frozen (LoRA).
        lora_rank <- Option<usize> = None;
        /// Sets what that product is multiplied by, times 1 / rank; none is the rank.
        lora_alpha <- Option<f64> = None;
    }
    read {}
    skip { kernel: Variable, bias: Variable, lora: Lora }
}

/// [`Conv`] over the steps of a sequence: `Conv1D::new(32, 3)`.
pub type Conv1D = Conv<1>;
/// [`Conv`] over an image: `Conv2D::new(32, 3)`, `Conv2D::new(32, [3, 5])`.
pub type Conv2D = Conv<2>;
/// [`Conv`] over a volume: `Conv3D::new(32, 3)`.
pub type Conv3D = Conv<3>;

/// Checks what all convolutions are configured by.
///
/// # Errors
/// A size is 0, or windows move by more than one pixel and have gaps, which Keras refuses too.
pub(super) fn check_windows<const N: usize>(
    size: Size<N>,
    strides: Size<N>,
    dilation: Size<N>,
) -> Result<(), Error> {
    let [strides, dilation] = [strides.positive("strides")?, dilation.positive("dilation_rate")?];
    size.positive("kernel_size")?;
    if strides != [1; N] && dilation != [1; N] {
        let what = format!("strides {strides:?} and dilation_rate {dilation:?} cannot both be above 1");
        return Err(Error::Argument { what });
    }
    Ok(())
}

impl<const N: usize> Conv<N> {
    /// Checks the numbers of the config as Keras checks them.
    fn check_numbers(&self, channels: usize) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        check_windows(self.kernel_size, self.strides, self.dilation_rate)?;
        if N != 1 {
            self.padding.0.not_causal(Self::CLASS)?;
        }
        let (filters, groups) = (self.filters, self.groups);
        if filters == 0 || groups == 0 {
            return wrong(format!("filters {filters} and groups {groups} must be positive"));
        }
        if !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            return wrong(format!(
                "{channels} channels and {filters} filters must be divisible by {groups} groups"
            ));
        }
        Ok(())
    }
}

impl<const N: usize> Layer for Conv<N> {
    const CLASS: &'static str = ["", "Conv1D", "Conv2D", "Conv3D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let channels = channels::<N>(Self::CLASS, *self.data_format, input)?;
        self.check_numbers(channels)?;
        let shape = [self.kernel_size.0.as_slice(), &[channels / self.groups, self.filters]].concat();
        self.kernel = builder.add_weight("kernel", shape, self.kernel_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [self.filters], self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        match self.lora_rank {
            None | Some(0) => Ok(()),
            Some(rank) => self.enable_lora(builder, rank, self.lora_alpha),
        }
    }

    fn enable_lora(&mut self, builder: &mut Builder, rank: usize, alpha: Option<f64>) -> Result<(), Error> {
        let alpha = alpha.unwrap_or(rank as f64);
        let asked = Asked {
            what: "kernel",
            constraint: ("kernel_constraint", &self.kernel_constraint),
            regularizer: &self.kernel_regularizer,
            rank,
            alpha,
        };
        self.lora.build(builder, &self.kernel, &asked)?;
        (self.lora_rank, self.lora_alpha) = (Some(rank), Some(alpha));
        Ok(())
    }

    fn adapted(&self) -> Option<Adapted> {
        self.lora.adapted(&self.kernel)
    }

    fn config(&self) -> Map<String, Value> {
        lora::config(self)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let bias = self.use_bias.then_some(&self.bias);
        let y = with_bias(*self.data_format, x, bias, cx, |x| {
            let (size, strides) = (self.kernel_size.0, self.strides.0);
            let windows = windows(self.padding.0, lengths(x), size, strides, self.dilation_rate.0);
            x.conv(self.lora.added(&self.kernel), windows, self.groups)
        });
        self.activation.apply(y)
    }
}
