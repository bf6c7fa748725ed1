//! Layers that make sequences, images and volumes larger by whole numbers.

use serde_json::{Map, Value};

use super::cropping::{first_axis, without_format};
use super::flatten::DataFormat;
use super::images::of_resizing;
use super::windows::{Size, channels};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Resolver, Shape, Tensor};
use crate::ops::Interpolation;
use crate::words::Word;

config! {
    /// Makes each of `N` axes several times as long.
    UpSampling<N>() {
        /// How many times: one number, or one for each axis. Default 2.
        size <- Size<N> = Size([2; N]);
        /// Sets where the channels are, of images and volumes: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets how pixels of images between others are made: `"nearest"` or another [`Interpolation`].
        interpolation <- Word<Interpolation> = Word::default();
    }
    unset {}
    then {}
    read {}
    skip {}
}

/// [`UpSampling`] of sequences: each step several times.
pub type UpSampling1D = UpSampling<1>;
/// [`UpSampling`] of images.
pub type UpSampling2D = UpSampling<2>;
/// [`UpSampling`] of volumes: each pixel several times.
pub type UpSampling3D = UpSampling<3>;

/// Returns each element of an axis this many times.
fn repeat(x: Tensor, axis: usize, times: usize) -> Tensor {
    let mut shape = x.shape();
    if times == 1 || axis >= shape.len() {
        return x;
    }
    shape.insert(axis + 1, 1);
    let one = x.reshape(shape.clone());
    shape[axis + 1] = times;
    let all = one.broadcast_to(&shape);
    let length = shape.remove(axis + 1);
    shape[axis] = shape[axis].saturating_mul(length);
    all.reshape(shape)
}

impl<const N: usize> Layer for UpSampling<N> {
    const CLASS: &'static str = ["", "UpSampling1D", "UpSampling2D", "UpSampling3D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.size.positive("size")?;
        if input.rank() == N + 2 {
            Ok(())
        } else {
            channels::<N>(Self::CLASS, *self.data_format, input).map(|_| ())
        }
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_resizing(*self.interpolation, cx)
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let first = first_axis(*self.data_format);
        let longer = |x: Tensor, (axis, times): (usize, &usize)| {
            let axis = first + axis;
            match (*self.interpolation, x.shape().get(axis)) {
                (Interpolation::Nearest, _) | (_, None) => repeat(x, axis, *times),
                (how, Some(length)) => x.resized(axis, length.saturating_mul(*times), how, false),
            }
        };
        self.size.0.iter().enumerate().fold(x, longer)
    }

    fn config(&self) -> Map<String, Value> {
        let mut config = without_format::<N>(self);
        if N != 2 {
            config.shift_remove("interpolation");
        }
        if N == 1 {
            config.insert("size".into(), self.size.0[0].into());
        }
        config
    }
}
