//! Layers with windows over steps, `[batch, steps, channels]`: images of height 1.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::config::Field;
use super::dense::{glorot, zeros};
use super::flatten::DataFormat;
use super::windows::{Padding, windows};
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Initializer, Integers, IntoTensor, Layer, Named, Regularizer, Resolver,
    Shape, Tensor, Variable,
};
use crate::ops::Windows;
use crate::words::{Word, Words};

/// A size along the steps; configs have a number, or a list of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size1D(pub usize);

impl From<usize> for Size1D {
    fn from(size: usize) -> Self {
        Size1D(size)
    }
}
impl From<i32> for Size1D {
    /// Takes what is negative as 0, which no layer takes.
    fn from(size: i32) -> Self {
        Size1D(usize::try_from(size).unwrap_or(0))
    }
}

impl Serialize for Size1D {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.0].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Size1D {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number that is not negative, or a list of one")]
        enum Given {
            One(usize),
            List([usize; 1]),
        }
        Ok(match Given::deserialize(deserializer)? {
            Given::One(size) | Given::List([size]) => Size1D(size),
        })
    }
}

impl Field for Size1D {}
impl Field for Word<Padding1D> {}
impl Field for Word<DataFormat> {}

impl Size1D {
    fn positive(self, name: &str) -> Result<usize, Error> {
        if self.0 == 0 {
            return Err(Error::Argument { what: format!("{name} is 0, but must be positive") });
        }
        Ok(self.0)
    }
}

/// Names what is done at the ends of a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding1D {
    /// Windows lie inside.
    #[default]
    Valid,
    /// As many windows as strides that begin inside.
    Same,
    /// Zeros before the beginning alone, so that no step sees a later one.
    Causal,
}

impl Words for Padding1D {
    const OPTION: &'static str = "padding";
    const WORDS: &'static [(&'static str, Self)] =
        &[("valid", Padding1D::Valid), ("same", Padding1D::Same), ("causal", Padding1D::Causal)];
}

/// Number of channels of a sequence.
fn channels(class: &str, format: DataFormat, input: &Shape) -> Result<usize, Error> {
    if input.rank() != 3 {
        let what = format!("{class} takes inputs of rank 3, but the shape is {input}");
        return Err(Error::Shape { layer: String::new(), what });
    }
    input.known(if format == DataFormat::ChannelsFirst { 1 } else { 2 })
}

/// Calls `f` with the sequence as an image of height 1, channels last.
fn as_image(format: DataFormat, x: Tensor, f: impl FnOnce(Tensor, usize) -> Tensor) -> Tensor {
    let turned = |x: Tensor| if format == DataFormat::ChannelsFirst { x.transpose(&[0, 2, 1]) } else { x };
    let x = turned(x);
    let shape = x.shape();
    let &[batch, steps, channels] = shape.as_slice() else { return x };
    let y = f(x.reshape([batch, 1, steps, channels]), steps);
    let shape = y.shape();
    turned(y.reshape([shape[0], shape[2], shape[3]]))
}

/// The windows over so many steps.
fn over(padding: Padding, steps: usize, size: usize, stride: usize, dilation: usize) -> Windows {
    windows(padding, [1, steps], [1, size], [1, stride], [1, dilation])
}

config! {
    /// A convolution over steps.
    Conv1D(filters: usize, kernel_size <- Size1D) {
        /// Steps from one window to the next.
        strides <- Size1D = Size1D(1);
        /// Sets what is done at the ends: `"valid"`, `"same"` or `"causal"`.
        padding <- Word<Padding1D> = Word::default();
        /// Sets where the channels are.
        data_format <- Word<DataFormat> = Word::default();
        /// Steps between the steps of a window.
        dilation_rate <- Size1D = Size1D(1);
        /// Groups of channels that are convolved apart.
        groups: usize = 1;
        /// Sets what is done with the result.
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
    unset { activity_regularizer, kernel_constraint, bias_constraint }
    then {}
    read {}
    skip { kernel: Variable, bias: Variable }
}

impl Layer for Conv1D {
    const CLASS: &'static str = "Conv1D";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let channels = channels(Self::CLASS, *self.data_format, input)?;
        let size = self.kernel_size.positive("kernel_size")?;
        let (stride, dilation) =
            (self.strides.positive("strides")?, self.dilation_rate.positive("dilation_rate")?);
        let (filters, groups) = (self.filters, self.groups);
        let wrong = |what: String| Err(Error::Argument { what });
        if filters == 0 || groups == 0 {
            return wrong(format!("filters {filters} and groups {groups} must be positive"));
        }
        if !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            return wrong(format!(
                "{channels} channels and {filters} filters must be divisible by {groups} groups"
            ));
        }
        if stride > 1 && dilation > 1 {
            return wrong(format!("strides {stride} and dilation_rate {dilation} cannot both be above 1"));
        }
        let shape = [size, channels / groups, filters];
        self.kernel = builder.add_weight("kernel", shape, self.kernel_initializer.clone(), true)?;
        builder.regularize(&self.kernel, &self.kernel_regularizer)?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [filters], self.bias_initializer.clone(), true)?;
            builder.regularize(&self.bias, &self.bias_regularizer)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let mut along_steps = false;
        let format = *self.data_format;
        let y = as_image(format, x, |x, steps| {
            let (size, dilation) = (self.kernel_size.0, self.dilation_rate.0);
            let padding = if *self.padding == Padding1D::Same { Padding::Same } else { Padding::Valid };
            let mut windows = over(padding, steps, size, self.strides.0, dilation);
            if *self.padding == Padding1D::Causal {
                windows.padding[1] = [(size - 1) * dilation, 0];
            }
            let kernel = self.kernel.into_tensor();
            let kernel = kernel.reshape([&[1], kernel.shape().as_slice()].concat());
            let y = x.conv2d(kernel, windows, self.groups);
            // As for images: Keras 3 on TensorFlow looks for the bias' axis by its length, the last one first.
            along_steps = format == DataFormat::ChannelsFirst
                && !cx.layer_is_keras2()
                && y.shape().get(2) == Some(&self.filters);
            if self.use_bias && !along_steps { y + &self.bias } else { y }
        });
        self.activation.apply(if self.use_bias && along_steps { y + &self.bias } else { y })
    }
}

fn two() -> Size1D {
    Size1D(2)
}

macro_rules! pooling {
    ($(#[$doc:meta])* $class:ident $method:ident $integers:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $class {
            #[serde(default = "two")]
            pool_size: Size1D,
            #[serde(default)]
            padding: Word<Padding>,
            /// By default the size of a window.
            #[serde(default)]
            strides: Option<Size1D>,
            #[serde(default)]
            data_format: Word<DataFormat>,
        }

        impl $class {
            /// With windows of this size, side by side.
            pub fn new(pool_size: impl Into<Size1D>) -> Self {
                let (size, padding, data_format) = (pool_size.into(), Word::default(), Word::default());
                $class { pool_size: size, padding, strides: Some(size), data_format }
            }
        }

        builders! { impl $class {
            /// Steps from one window to the next. Default: the size of a window.
            #[must_use]
            pub fn strides(mut self, strides: impl Into<Size1D>) -> Self {
                self.strides = Some(strides.into());
                self
            }

            /// Sets what is done at the ends: `"valid"` or `"same"`, or `Padding::Valid` or `Padding::Same`.
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
        } }

        impl Layer for $class {
            const CLASS: &'static str = stringify!($class);
            fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
                self.pool_size.positive("pool_size")?;
                self.strides.unwrap_or(self.pool_size).positive("strides")?;
                channels(Self::CLASS, *self.data_format, input).map(|_| ())
            }

            fn integers(&self, _cx: &CallContext) -> Integers {
                Integers::$integers
            }

            fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
                as_image(*self.data_format, x, |x, steps| {
                    let (size, strides) = (self.pool_size.0, self.strides.unwrap_or(self.pool_size).0);
                    x.$method([1, size], over(*self.padding, steps, size, strides, 1))
                })
            }
        }
    };
}

pooling! {
    /// The largest step of each window, each channel for itself.
    MaxPooling1D max_pool2d KeepsNumbers
}
pooling! {
    /// The mean of the steps of each window that lie inside the sequence, each channel for itself.
    AveragePooling1D average_pool2d Floats
}

macro_rules! global {
    ($(#[$doc:meta])* $class:ident $integers:expr, |$x:ident, $axis:ident, $mask:ident, $keras2:ident| $value:expr) => {
        config! {
            $(#[$doc])*
            $class() {
                /// Sets where the channels are.
                data_format <- Word<DataFormat> = Word::default();
                /// Sets whether the steps stay, with length 1.
                keepdims: bool = false;
            }
            unset {}
            then {}
            read {}
            skip {}
        }

        impl Layer for $class {
            const CLASS: &'static str = stringify!($class);
            const REQUIRED: &'static [&'static str] = Self::KEYS;

            fn parameters(&self) -> &'static [&'static str] {
                &["inputs", "mask"]
            }

            fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
                self.bind_fields(resolver)
            }

            fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
                channels(Self::CLASS, *self.data_format, input).map(|_| ())
            }

            fn integers(&self, cx: &CallContext) -> Integers {
                $integers(cx)
            }

            fn call(&self, $x: Tensor, cx: &CallContext) -> Tensor {
                let $axis = if *self.data_format == DataFormat::ChannelsFirst { 2 } else { 1 };
                let $mask = cx.input_mask(0).filter(|mask| mask.rank() == 2);
                let $keras2 = cx.layer_is_keras2();
                if $x.rank() != 3 {
                    let what = format!("{} takes inputs of rank 3, but the shape is {:?}", Self::CLASS, $x.shape());
                    crate::graph::fail(Error::Shape { layer: String::new(), what });
                    return $x;
                }
                let y: Tensor = $value;
                if self.keepdims {
                    return y;
                }
                let mut shape = y.shape();
                shape.remove($axis);
                y.reshape(shape)
            }
        }
    };
}

global! {
    /// The mean of each channel over the steps that count, `[n, t, c]` to `[n, c]`.
    GlobalAveragePooling1D super::global_pooling::of_means, |x, axis, mask, keras2| {
        let over = [axis as isize];
        match mask {
            None => x.mean_keep(&over),
            Some(mask) => {
                let shape = mask.shape();
                let mut wide = shape.clone();
                wide.insert(3 - axis, 1);
                let mask = mask.reshape(wide);
                let counted = if keras2 { x * mask } else { mask.select(x, 0.0) };
                counted.sum_keep(&over) / mask.sum_keep(&over)
            }
        }
    }
}
global! {
    /// The largest step of each channel, `[n, t, c]` to `[n, c]`.
    GlobalMaxPooling1D super::global_pooling::of_largest, |x, axis, _mask, _keras2| x.max_keep(&[axis as isize])
}
