//! Layers that put zeros around sequences, images and volumes.

use super::cropping::first_axis;
use super::flatten::DataFormat;
use super::windows::{Edges, channels};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Resolver, Shape, Tensor};
use crate::words::Word;

config! {
    /// Puts zeros before and after the pixels of each of `N` axes.
    ZeroPadding<N>() {
        /// Sets how many: one number for all ends, or two for each axis. Default 1.
        padding <- Edges<N> = Edges::from(1);
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
    }
    unset {}
    then {}
    read {}
    skip {}
}

/// [`ZeroPadding`] of sequences.
pub type ZeroPadding1D = ZeroPadding<1>;
/// [`ZeroPadding`] of images.
pub type ZeroPadding2D = ZeroPadding<2>;
/// [`ZeroPadding`] of volumes.
pub type ZeroPadding3D = ZeroPadding<3>;

impl<const N: usize> Layer for ZeroPadding<N> {
    const CLASS: &'static str = ["", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"][N];
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        if input.rank() == N + 2 {
            Ok(())
        } else {
            channels::<N>(Self::CLASS, *self.data_format, input).map(|_| ())
        }
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let first = first_axis(*self.data_format);
        let pad = |x: Tensor, (axis, [before, after]): (usize, &[usize; 2])| match (before, after) {
            (0, 0) => x,
            _ => x.pad(first + axis, *before, *after),
        };
        self.padding.0.iter().enumerate().fold(x, pad)
    }
}
