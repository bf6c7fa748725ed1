//! Layers that leave one number of each channel of an image.

use serde::{Deserialize, Serialize};

use super::flatten::DataFormat;
use super::windows::channels;
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, MAKE_FLOATS, Shape, Tensor};
use crate::words::Word;

/// Keras 2 cuts the means of integers to whole numbers.
pub(super) fn of_means(cx: &CallContext) -> Integers {
    if cx.layer_is_keras2() {
        return Integers::Refuses(format!(
            "the mean of integers, which Keras 2 cuts, is not supported; {MAKE_FLOATS}"
        ));
    }
    Integers::Floats
}

pub(super) fn of_largest(_cx: &CallContext) -> Integers {
    Integers::Keeps
}

macro_rules! global_pooling {
    ($(#[$doc:meta])* $name:ident $class:literal $gone:ident $kept:ident $integers:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        pub struct $name {
            #[serde(default)]
            data_format: Word<DataFormat>,
            #[serde(default)]
            keepdims: bool,
        }

        impl $name {
            /// With Keras' defaults.
            pub fn new() -> Self {
                Self::default()
            }
        }

        builders! { impl $name {
            /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
            #[must_use]
            pub fn data_format(mut self, format: impl Into<Word<DataFormat>>) -> Self {
                self.data_format = format.into();
                self
            }

            /// Whether height and width stay, with length 1.
            #[must_use]
            pub fn keepdims(mut self, keepdims: bool) -> Self {
                self.keepdims = keepdims;
                self
            }
        } }

        impl Layer for $name {
            const CLASS: &'static str = $class;

            fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
                channels(Self::CLASS, *self.data_format, input).map(|_| ())
            }

            fn integers(&self, cx: &CallContext) -> Integers {
                $integers(cx)
            }

            fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
                let axes = if *self.data_format == DataFormat::ChannelsFirst { [2, 3] } else { [1, 2] };
                if self.keepdims { x.$kept(&axes) } else { x.$gone(&axes) }
            }
        }
    };
}

global_pooling! {
    /// The mean of each channel, `[n, h, w, c]` to `[n, c]`.
    GlobalAveragePooling2D "GlobalAveragePooling2D" mean mean_keep of_means
}
global_pooling! {
    /// The largest pixel of each channel, `[n, h, w, c]` to `[n, c]`.
    GlobalMaxPooling2D "GlobalMaxPooling2D" max max_keep of_largest
}
