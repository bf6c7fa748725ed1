//! Layers that take one pixel of each window.

use serde::{Deserialize, Serialize};

use super::flatten::DataFormat;
use super::windows::{Padding, Size2D, channels, channels_last, windows};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Shape, Tensor};
use crate::ops::Windows;
use crate::words::Word;

/// What all of them are configured by.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pooling {
    #[serde(default = "Size2D::two")]
    pool_size: Size2D,
    #[serde(default)]
    padding: Word<Padding>,
    /// By default the size of a window.
    #[serde(default)]
    strides: Option<Size2D>,
    #[serde(default)]
    data_format: Word<DataFormat>,
}

impl Pooling {
    fn new(size: Size2D) -> Self {
        let (padding, data_format) = (Word::default(), Word::default());
        Pooling { pool_size: size, padding, strides: Some(size), data_format }
    }

    fn check(&self, class: &str, input: &Shape) -> Result<(), Error> {
        self.pool_size.positive("pool_size")?;
        self.strides.unwrap_or(self.pool_size).positive("strides")?;
        channels(class, *self.data_format, input).map(|_| ())
    }

    fn call(&self, x: Tensor, take: impl FnOnce(Tensor, [usize; 2], Windows) -> Tensor) -> Tensor {
        channels_last(*self.data_format, x, |x| {
            let shape = x.shape();
            let input = [shape.get(1), shape.get(2)].map(|n| n.copied().unwrap_or(1));
            let (size, strides) = (self.pool_size, self.strides.unwrap_or(self.pool_size));
            take(x, size.0, windows(*self.padding, input, size.0, strides.0, [1, 1]))
        })
    }
}

macro_rules! pooling {
    ($(#[$doc:meta])* $name:ident $class:literal $method:ident $integers:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $name {
            #[serde(flatten)]
            pooling: Pooling,
        }

        impl $name {
            /// With windows of this size, side by side: `2` or `[2, 3]`.
            pub fn new(pool_size: impl Into<Size2D>) -> Self {
                $name { pooling: Pooling::new(pool_size.into()) }
            }
        }

        builders! { impl $name {
            /// Pixels from one window to the next. Default: the size of a window.
            #[must_use]
            pub fn strides(mut self, strides: impl Into<Size2D>) -> Self {
                self.pooling.strides = Some(strides.into());
                self
            }

            /// Sets what is done at the edges: `"valid"` or `"same"`, or `Padding::Valid` or `Padding::Same`.
            #[must_use]
            pub fn padding(mut self, padding: impl Into<Word<Padding>>) -> Self {
                self.pooling.padding = padding.into();
                self
            }

            /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
            #[must_use]
            pub fn data_format(mut self, format: impl Into<Word<DataFormat>>) -> Self {
                self.pooling.data_format = format.into();
                self
            }
        } }

        impl Layer for $name {
            const CLASS: &'static str = $class;

            fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
                self.pooling.check(Self::CLASS, input)
            }

            fn integers(&self, _cx: &CallContext) -> Integers {
                Integers::$integers
            }

            fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
                self.pooling.call(x, Tensor::$method)
            }
        }
    };
}

pooling! {
    /// The largest pixel of each window, each channel for itself.
    MaxPooling2D "MaxPooling2D" max_pool2d KeepsNumbers
}
pooling! {
    /// The mean of the pixels of each window that lie inside the image, each channel for itself.
    AveragePooling2D "AveragePooling2D" average_pool2d Floats
}
