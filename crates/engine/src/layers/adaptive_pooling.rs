//! Pooling to an output of a size that is given, of sequences, images and volumes.

use super::cropping::first_axis;
use super::flatten::DataFormat;
use super::windows::{Size, channels};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Resolver, Shape, Tensor, fail};
use crate::ops::Windows;
use crate::types::{axis_index, elements};
use crate::words::Word;

/// Makes an axis of `output` windows that lie as evenly as they can: window i is from ⌊i · length / output⌋ to ⌈(i + 1) · length / output⌉.
pub(super) fn along(x: Tensor, axis: usize, output: usize, take: fn(Tensor, &[isize]) -> Tensor) -> Tensor {
    let length = x.shape()[axis];
    let window = |i: usize| {
        let (start, end) = (i * length / output, ((i + 1) * length).div_ceil(output));
        take(x.slice(axis, start, end - start), &[axis as isize])
    };
    Tensor::concat(&(0..output).map(window).collect::<Vec<_>>(), axis)
}

/// The largest of an axis, which stays with length 1; of several that are equal the first has the gradient, as in TensorFlow's pooling.
pub(super) fn largest(x: Tensor, axes: &[isize]) -> Tensor {
    let Some(axis) = axes.first().and_then(|axis| axis_index(*axis, x.rank())) else { return x };
    let mut shape = x.shape();
    let (before, length) = (elements(&shape[..axis]), shape[axis]);
    let flat = x.reshape([before, length, elements(&shape[axis + 1..])]);
    shape[axis] = 1;
    let whole = Windows { strides: [length], dilation: [1], padding: [[0, 0]] };
    flat.max_pool([length], whole).reshape(shape)
}

/// Windows of an axis, each of which is a node of the graph.
pub(super) const MOST: usize = 4096;

macro_rules! adaptive_pooling {
    ($(#[$doc:meta])* $name:ident [$($class:literal),+] $a:ident $b:ident $c:ident $take:path, $integers:ident) => {
        config! {
            $(#[$doc])*
            $name<N>(output_size <- Size<N>) {
                /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
                data_format <- Word<DataFormat> = Word::default();
            }
            unset {}
            then {}
            read {}
            skip {}
        }

        #[doc = concat!("[`", stringify!($name), "`] of sequences.")]
        pub type $a = $name<1>;
        #[doc = concat!("[`", stringify!($name), "`] of images.")]
        pub type $b = $name<2>;
        #[doc = concat!("[`", stringify!($name), "`] of volumes.")]
        pub type $c = $name<3>;

        impl<const N: usize> Layer for $name<N> {
            const CLASS: &'static str = ["", $($class),+][N];
            const REQUIRED: &'static [&'static str] = Self::KEYS;

            fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
                self.bind_fields(resolver)
            }

            fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
                let size = self.output_size.positive("output_size")?;
                if size.iter().any(|n| *n > MOST) {
                    let what = format!("output_size is {size:?}, but may be {MOST} along an axis");
                    return Err(Error::Argument { what });
                }
                channels::<N>(Self::CLASS, *self.data_format, input).map(|_| ())
            }

            fn integers(&self, _cx: &CallContext) -> Integers {
                Integers::$integers
            }

            fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
                if x.rank() != N + 2 || x.ty().is_empty() {
                    let what = format!("{} cannot have an input of shape {:?}", Self::CLASS, x.shape());
                    fail(Error::Shape { layer: String::new(), what });
                    return x;
                }
                let first = first_axis(*self.data_format);
                let sizes = self.output_size.0.iter().enumerate();
                sizes.fold(x, |x, (axis, size)| along(x, first + axis, *size, $take))
            }
        }
    };
}

adaptive_pooling! {
    /// The means of `output_size` windows, each channel for itself, over `N` axes.
    AdaptiveAveragePooling ["AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"]
    AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D Tensor::mean_keep, Floats
}
adaptive_pooling! {
    /// The largest pixels of `output_size` windows, each channel for itself, over `N` axes.
    AdaptiveMaxPooling ["AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"]
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D largest, KeepsNumbers
}
