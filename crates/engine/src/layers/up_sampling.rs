//! Layers that make sequences, images and volumes larger by whole numbers.

use serde_json::{Map, Value};

use super::cropping::{first_axis, without_format};
use super::flatten::DataFormat;
use super::windows::{Size, channels};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Resolver, Shape, Tensor};
use crate::ops::{Resize, resize_axis};
use crate::words::{Word, Words};

/// How pixels between others are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// Each pixel several times.
    #[default]
    Nearest,
    /// A weighed mean of the two nearest along each axis.
    Bilinear,
    /// Cubic splines over four.
    Bicubic,
    /// Lanczos' window over six.
    Lanczos3,
    /// Lanczos' window over ten.
    Lanczos5,
}

impl Words for Interpolation {
    const OPTION: &'static str = "interpolation";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("nearest", Interpolation::Nearest),
        ("bilinear", Interpolation::Bilinear),
        ("bicubic", Interpolation::Bicubic),
        ("lanczos3", Interpolation::Lanczos3),
        ("lanczos5", Interpolation::Lanczos5),
    ];
}

impl super::config::Field for Word<Interpolation> {}

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

    fn integers(&self, _cx: &CallContext) -> Integers {
        if *self.interpolation == Interpolation::Nearest { Integers::Keeps } else { Integers::Floats }
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let first = first_axis(*self.data_format);
        let how = match *self.interpolation {
            Interpolation::Nearest => None,
            Interpolation::Bilinear => Some(Resize::Linear),
            Interpolation::Bicubic => Some(Resize::Cubic),
            Interpolation::Lanczos3 => Some(Resize::Lanczos(3)),
            Interpolation::Lanczos5 => Some(Resize::Lanczos(5)),
        };
        let longer = |x: Tensor, (axis, times): (usize, &usize)| match how {
            None => repeat(x, first + axis, *times),
            Some(how) => resize_axis(x, first + axis, *times, how),
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
