//! Layers that take one pixel of each window, over sequences, images and volumes.

use serde::{Deserialize, Serialize};

use super::flatten::DataFormat;
use super::windows::{Padding, Size, channels, channels_last, lengths, windows};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Shape, Tensor};
use crate::ops::Windows;
use crate::words::Word;

/// What all of them are configured by.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pooling<const N: usize> {
    #[serde(default = "two")]
    pool_size: Size<N>,
    #[serde(default)]
    padding: Word<Padding>,
    /// By default the size of a window.
    #[serde(default)]
    strides: Option<Size<N>>,
    #[serde(default)]
    data_format: Word<DataFormat>,
}

fn two<const N: usize>() -> Size<N> {
    Size([2; N])
}

impl<const N: usize> Pooling<N> {
    fn new(size: Size<N>) -> Self {
        let (padding, data_format) = (Word::default(), Word::default());
        Pooling { pool_size: size, padding, strides: Some(size), data_format }
    }

    fn check(&self, class: &str, input: &Shape) -> Result<(), Error> {
        self.padding.not_causal(class)?;
        self.pool_size.positive("pool_size")?;
        self.strides.unwrap_or(self.pool_size).positive("strides")?;
        channels::<N>(class, *self.data_format, input).map(|_| ())
    }

    fn call(&self, x: Tensor, take: impl FnOnce(Tensor, [usize; N], Windows<N>) -> Tensor) -> Tensor {
        channels_last(*self.data_format, x, |x| {
            let (size, strides) = (self.pool_size, self.strides.unwrap_or(self.pool_size));
            take(x, size.0, windows(*self.padding, lengths(x), size.0, strides.0, [1; N]))
        })
    }
}

macro_rules! pooling {
    ($(#[$doc:meta])* $name:ident [$($class:literal $alias:ident $over:literal),+] $method:ident $integers:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct $name<const N: usize> {
            #[serde(flatten)]
            pooling: Pooling<N>,
        }

        pooling! { @aliases $name 1 [$($alias $over),+] }

        impl<const N: usize> $name<N> {
            /// With windows of this size, side by side: `2`, or a number for each axis.
            pub fn new(pool_size: impl Into<Size<N>>) -> Self {
                $name { pooling: Pooling::new(pool_size.into()) }
            }
        }

        builders! { impl<const N: usize> $name<N> {
            /// Pixels from one window to the next. Default: the size of a window.
            #[must_use]
            pub fn strides(mut self, strides: impl Into<Size<N>>) -> Self {
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

        impl<const N: usize> Layer for $name<N> {
            const CLASS: &'static str = ["", $($class),+][N];

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
    (@aliases $name:ident 1 [$a:ident $over_a:literal, $b:ident $over_b:literal, $c:ident $over_c:literal]) => {
        #[doc = concat!("[`", stringify!($name), "`] over ", $over_a, ".")]
        pub type $a = $name<1>;
        #[doc = concat!("[`", stringify!($name), "`] over ", $over_b, ".")]
        pub type $b = $name<2>;
        #[doc = concat!("[`", stringify!($name), "`] over ", $over_c, ".")]
        pub type $c = $name<3>;
    };
}

pooling! {
    /// The largest pixel of each window, each channel for itself, over `N` axes.
    MaxPooling ["MaxPooling1D" MaxPooling1D "the steps of a sequence", "MaxPooling2D" MaxPooling2D "an image",
        "MaxPooling3D" MaxPooling3D "a volume"] max_pool KeepsNumbers
}
pooling! {
    /// The mean of the pixels of each window that lie inside, each channel for itself, over `N` axes.
    AveragePooling ["AveragePooling1D" AveragePooling1D "the steps of a sequence", "AveragePooling2D" AveragePooling2D "an image",
        "AveragePooling3D" AveragePooling3D "a volume"] average_pool Floats
}
