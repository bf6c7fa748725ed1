//! Layers that leave one number of each channel, of sequences, images and volumes.

use super::flatten::DataFormat;
use super::windows::channels;
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, MAKE_FLOATS, Resolver, Shape, Tensor, fail};
use crate::words::Word;

/// Keras 2 cuts the means of integers to whole numbers.
fn of_means(cx: &CallContext) -> Integers {
    if cx.layer_is_keras2() {
        return Integers::Refuses(format!(
            "the mean of integers, which Keras 2 cuts, is not supported; {MAKE_FLOATS}"
        ));
    }
    Integers::Floats
}

fn of_largest(_cx: &CallContext) -> Integers {
    Integers::Keeps
}

/// Returns the mean of each channel; of a sequence with a mask over the steps that count.
fn mean(x: Tensor, over: &[isize], mask: Option<Tensor>, keras2: bool) -> Tensor {
    let Some(mask) = mask else { return x.mean_keep(over) };
    let mut wide = mask.shape();
    wide.insert(if over == [1] { 2 } else { 1 }, 1);
    let mask = mask.reshape(wide);
    let counted = if keras2 { x * mask } else { mask.select(x, 0.0) };
    counted.sum_keep(over) / mask.sum_keep(over)
}

fn largest(x: Tensor, over: &[isize], _mask: Option<Tensor>, _keras2: bool) -> Tensor {
    x.max_keep(over)
}

macro_rules! global_pooling {
    ($(#[$doc:meta])* $name:ident [$($class:literal),+] $a:ident $b:ident $c:ident $take:ident $integers:ident $parameters:expr) => {
        config! {
            $(#[$doc])*
            $name<N>() {
                /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
                data_format <- Word<DataFormat> = Word::default();
                /// Sets whether the axes between stay, with length 1.
                keepdims: bool = false;
            }
            unset {}
            then {}
            read {}
            skip {}
        }

        #[doc = concat!("[`", stringify!($name), "`] of sequences, `[n, t, c]` to `[n, c]`.")]
        pub type $a = $name<1>;
        #[doc = concat!("[`", stringify!($name), "`] of images, `[n, h, w, c]` to `[n, c]`.")]
        pub type $b = $name<2>;
        #[doc = concat!("[`", stringify!($name), "`] of volumes, `[n, d, h, w, c]` to `[n, c]`.")]
        pub type $c = $name<3>;

        impl<const N: usize> Layer for $name<N> {
            const CLASS: &'static str = ["", $($class),+][N];
            const REQUIRED: &'static [&'static str] = Self::KEYS;

            fn parameters(&self) -> &'static [&'static str] {
                if N == 1 { $parameters } else { &["inputs"] }
            }

            fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
                self.bind_fields(resolver)
            }

            fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
                channels::<N>(Self::CLASS, *self.data_format, input).map(|_| ())
            }

            fn integers(&self, cx: &CallContext) -> Integers {
                $integers(cx)
            }

            fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
                if x.rank() != N + 2 {
                    let what = format!("{} takes inputs of rank {}, but the shape is {:?}", Self::CLASS, N + 2, x.shape());
                    fail(Error::Shape { layer: String::new(), what });
                    return x;
                }
                let first = if *self.data_format == DataFormat::ChannelsFirst { 2 } else { 1 };
                let over: Vec<isize> = (first..first + N as isize).collect();
                let mask = cx.input_mask(0).filter(|mask| N == 1 && mask.rank() == 2);
                let y = $take(x, &over, mask, cx.layer_is_keras2());
                if self.keepdims {
                    return y;
                }
                let mut shape = y.shape();
                shape.drain(first as usize..first as usize + N);
                y.reshape(shape)
            }
        }
    };
}

global_pooling! {
    /// The mean of each channel over `N` axes; of sequences with a mask over the steps that count.
    GlobalAveragePooling ["GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"]
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D mean of_means &["inputs", "mask"]
}
global_pooling! {
    /// The largest pixel of each channel over `N` axes.
    GlobalMaxPooling ["GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"]
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D largest of_largest &["inputs", "mask"]
}
