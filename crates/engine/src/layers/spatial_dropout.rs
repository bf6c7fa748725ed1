//! Dropout of whole channels, of sequences, images and volumes.

use serde_json::{Map, Value};

use super::cropping::without_format;
use super::dropout::{check_rate, drop, of_random};
use super::flatten::DataFormat;
use super::windows::channels;
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Resolver, Shape, Tensor};
use crate::initializers::Seed;
use crate::words::Word;

config! {
    /// In training sets a share of the channels of each example to zero over all `N` axes, and scales the others so that the sum is kept.
    SpatialDropout<N>(rate: f64) {
        /// Kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
        /// Sets where the channels are, of images and volumes: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
    }
    unset {}
    then {}
    read {}
    skip {}
}

/// [`SpatialDropout`] of sequences.
pub type SpatialDropout1D = SpatialDropout<1>;
/// [`SpatialDropout`] of images.
pub type SpatialDropout2D = SpatialDropout<2>;
/// [`SpatialDropout`] of volumes.
pub type SpatialDropout3D = SpatialDropout<3>;

impl<const N: usize> Layer for SpatialDropout<N> {
    const CLASS: &'static str = ["", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        if input.rank() != N + 2 {
            return channels::<N>(Self::CLASS, *self.data_format, input).map(|_| ());
        }
        check_rate(self.rate)
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_random(Self::CLASS, self.rate, cx)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let mut noise = vec![Some(1); N + 2];
        noise[0] = None;
        noise[if *self.data_format == DataFormat::ChannelsFirst { 1 } else { N + 1 }] = None;
        drop(x, self.rate, Some(&noise), cx)
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn config(&self) -> Map<String, Value> {
        without_format::<N>(self)
    }
}
