//! Convolution over images.

use serde::{Deserialize, Serialize};

use super::Unset;
use super::dense::{glorot, yes, zeros};
use super::flatten::DataFormat;
use super::windows::{Padding, Size2D, channels, channels_last, windows};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Initializer, Layer, Named, Regularizer, Resolver, Shape, Tensor,
    Variable,
};
use crate::words::Word;

/// activation(x ∗ kernel + bias) over images `(batch, height, width, channels)`: as Keras', a cross-correlation.
///
/// With the channels first, and an output as wide as there are filters, the bias goes to the columns, as Keras 3 has it on TensorFlow; in a
/// model that was loaded from a file of Keras 2 it goes to the channels there too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conv2D {
    filters: usize,
    kernel_size: Size2D,
    #[serde(default = "Size2D::one")]
    strides: Size2D,
    #[serde(default)]
    padding: Word<Padding>,
    #[serde(default)]
    data_format: Word<DataFormat>,
    #[serde(default = "Size2D::one")]
    dilation_rate: Size2D,
    #[serde(default = "one")]
    groups: usize,
    #[serde(default = "crate::activations::none")]
    activation: Named<dyn Activation>,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default = "glorot")]
    kernel_initializer: Named<dyn Initializer>,
    #[serde(default = "zeros")]
    bias_initializer: Named<dyn Initializer>,
    #[serde(default)]
    kernel_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    bias_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    activity_regularizer: Unset,
    #[serde(default)]
    kernel_constraint: Unset,
    #[serde(default)]
    bias_constraint: Unset,
    #[serde(skip)]
    kernel: Variable,
    #[serde(skip)]
    bias: Variable,
}

fn one() -> usize {
    1
}

impl Conv2D {
    /// With this many filters of this size: `Conv2D::new(32, 3)`, `Conv2D::new(32, [3, 5])`.
    pub fn new(filters: usize, kernel_size: impl Into<Size2D>) -> Self {
        Conv2D {
            filters,
            kernel_size: kernel_size.into(),
            strides: Size2D::one(),
            padding: Word::default(),
            data_format: Word::default(),
            dilation_rate: Size2D::one(),
            groups: 1,
            activation: crate::activations::none(),
            use_bias: true,
            kernel_initializer: glorot(),
            bias_initializer: zeros(),
            kernel_regularizer: Named::default(),
            bias_regularizer: Named::default(),
            activity_regularizer: Unset,
            kernel_constraint: Unset,
            bias_constraint: Unset,
            kernel: Variable::default(),
            bias: Variable::default(),
        }
    }
}

builders! {
impl Conv2D {
    /// Pixels from one window to the next. Default 1.
    #[must_use]
    pub fn strides(mut self, strides: impl Into<Size2D>) -> Self {
        self.strides = strides.into();
        self
    }

    /// Sets what is done at the edges: `"valid"` or `"same"`, or `Padding::Valid` or `Padding::Same`.
    #[must_use]
    pub fn padding(mut self, padding: impl Into<Word<Padding>>) -> Self {
        self.padding = padding.into();
        self
    }

    /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
    #[must_use]
    pub fn data_format(mut self, format: impl Into<Word<DataFormat>>) -> Self {
        self.data_format = format.into();
        self
    }

    /// Pixels from one tap of a window to the next. Default 1; more only with strides of 1.
    #[must_use]
    pub fn dilation_rate(mut self, rate: impl Into<Size2D>) -> Self {
        self.dilation_rate = rate.into();
        self
    }

    /// Groups of channels and filters that do not see each other.
    #[must_use]
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// What is done with the result; none is `"linear"`.
    #[must_use]
    pub fn activation(mut self, activation: impl Into<Named<dyn Activation>>) -> Self {
        self.activation = activation.into();
        self
    }

    /// Whether there is a bias.
    #[must_use]
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// First value of the kernel.
    #[must_use]
    pub fn kernel_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
        self.kernel_initializer = initializer.into();
        self
    }

    /// First value of the bias.
    #[must_use]
    pub fn bias_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
        self.bias_initializer = initializer.into();
        self
    }

    /// Penalty on the kernel.
    #[must_use]
    pub fn kernel_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
        self.kernel_regularizer = regularizer.into();
        self
    }

    /// Penalty on the bias.
    #[must_use]
    pub fn bias_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
        self.bias_regularizer = regularizer.into();
        self
    }
}
}

impl Conv2D {
    /// The numbers of the config, checked as Keras checks them.
    fn check(&self, channels: usize) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        let [strides, dilation] =
            [self.strides.positive("strides")?, self.dilation_rate.positive("dilation_rate")?];
        self.kernel_size.positive("kernel_size")?;
        if self.filters == 0 || self.groups == 0 {
            return wrong(format!("filters {} and groups {} must be positive", self.filters, self.groups));
        }
        if !channels.is_multiple_of(self.groups) || !self.filters.is_multiple_of(self.groups) {
            let (c, f) = (channels, self.filters);
            return wrong(format!(
                "{c} channels and {f} filters must be divisible by {} groups",
                self.groups
            ));
        }
        if strides != [1, 1] && dilation != [1, 1] {
            return wrong(format!(
                "strides {strides:?} and dilation_rate {dilation:?} cannot both be above 1"
            ));
        }
        Ok(())
    }
}

impl Layer for Conv2D {
    const CLASS: &'static str = "Conv2D";

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.activation.bind(resolver)?;
        self.kernel_initializer.bind(resolver)?;
        self.bias_initializer.bind(resolver)?;
        self.kernel_regularizer.bind(resolver)?;
        self.bias_regularizer.bind(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let channels = channels(Self::CLASS, *self.data_format, input)?;
        self.check(channels)?;
        let [height, width] = self.kernel_size.0;
        let shape = [height, width, channels / self.groups, self.filters];
        self.kernel = builder.add_weight("kernel", shape, self.kernel_initializer.clone(), true)?;
        builder.regularize(&self.kernel, &self.kernel_regularizer)?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [self.filters], self.bias_initializer.clone(), true)?;
            builder.regularize(&self.bias, &self.bias_regularizer)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let mut along_width = false;
        let y = channels_last(*self.data_format, x, |x| {
            let shape = x.shape();
            let input = [shape.get(1), shape.get(2)].map(|n| n.copied().unwrap_or(1));
            let (size, strides) = (self.kernel_size.0, self.strides.0);
            let windows = windows(*self.padding, input, size, strides, self.dilation_rate.0);
            let y = x.conv2d(&self.kernel, windows, self.groups);
            // Keras 3 on TensorFlow looks for the bias' axis by its length, the last one first: with the channels first and as many filters
            // as pixels in a row, it adds a bias to each column. Keras 2 does not.
            along_width = *self.data_format == DataFormat::ChannelsFirst
                && !cx.layer_is_keras2()
                && y.shape().get(2) == Some(&self.filters);
            if self.use_bias && !along_width { y + &self.bias } else { y }
        });
        self.activation.apply(if self.use_bias && along_width { y + &self.bias } else { y })
    }
}
