//! Layers that cut pixels off at the edges, of sequences, images and volumes.

use serde_json::{Map, Value};

use super::flatten::DataFormat;
use super::windows::{Edges, channels};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Resolver, Shape, Tensor, fail};
use crate::words::Word;

config! {
    /// Cuts pixels off at both ends of each of `N` axes.
    Cropping<N>() {
        /// Sets how many: one number for all ends, or two for each axis. By default 1 step of sequences and volumes, and none of images.
        cropping <- Edges<N> = Edges::from(usize::from(N != 2));
        /// Sets where the channels are, of images and volumes: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
    }
    unset {}
    then {}
    read {}
    skip {}
}

/// [`Cropping`] of sequences.
pub type Cropping1D = Cropping<1>;
/// [`Cropping`] of images.
pub type Cropping2D = Cropping<2>;
/// [`Cropping`] of volumes.
pub type Cropping3D = Cropping<3>;

impl<const N: usize> Cropping<N> {
    fn check_lengths(&self, lengths: impl Iterator<Item = Option<usize>>) -> Result<(), Error> {
        let whole = |(length, [before, after]): (Option<usize>, &[usize; 2])| {
            length.is_some_and(|length| before.saturating_add(*after) >= length)
        };
        if lengths.zip(&self.cropping.0).any(whole) {
            let what = format!("cropping {:?} leaves nothing of the input", self.cropping.0);
            return Err(Error::Shape { layer: String::new(), what });
        }
        Ok(())
    }
}

/// Returns the first of the axes that are not channels.
pub(super) fn first_axis(format: DataFormat) -> usize {
    if format == DataFormat::ChannelsFirst { 2 } else { 1 }
}

/// Returns a config without the key `data_format`, where Keras' layer over steps has none.
pub(super) fn without_format<const N: usize>(layer: &impl serde::Serialize) -> Map<String, Value> {
    let Ok(Value::Object(mut config)) = serde_json::to_value(layer) else { return Map::new() };
    if N == 1 {
        config.shift_remove("data_format");
    }
    config
}

impl<const N: usize> Layer for Cropping<N> {
    const CLASS: &'static str = ["", "Cropping1D", "Cropping2D", "Cropping3D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        if input.rank() != N + 2 {
            return channels::<N>(Self::CLASS, *self.data_format, input).map(|_| ());
        }
        let first = first_axis(*self.data_format);
        self.check_lengths(input.0[first..first + N].iter().copied())
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let first = first_axis(*self.data_format);
        let shape = x.shape();
        let inside = shape.get(first..first + N).unwrap_or(&[]);
        if let Err(error) = self.check_lengths(inside.iter().copied().map(Some)) {
            fail(error);
            return x;
        }
        let cut = |x: Tensor, (axis, [before, after]): (usize, &[usize; 2])| match before + after {
            0 => x,
            cut => x.slice(first + axis, *before, x.shape()[first + axis] - cut),
        };
        self.cropping.0.iter().enumerate().fold(x, cut)
    }

    fn config(&self) -> Map<String, Value> {
        without_format::<N>(self)
    }
}
