//! Images all of whose values are as frequent.

use super::augment::{Augment, Pair};
use super::colours::{BYTES, Change};
use super::flatten::DataFormat;
use super::steps::{Steps, counted};
use super::tones::INNER;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};
use crate::ops::count_up;
use crate::words::Word;

config! {
    /// Makes all values of each channel as frequent, over all images of a batch, in training.
    Equalization() {
        /// Sets how many values are told apart.
        bins: usize = 256;
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
        bounding_box_format <- Option<String> = None;
    }
    unset {}
    then {}
    read {}
    skip {}
}

augments!(Equalization);

/// A scale and an offset from one range to another, as Keras computes them.
fn linear(from: [f64; 2], to: [f64; 2]) -> [f64; 2] {
    let scale = (to[1] - to[0]) / (from[1] - from[0]);
    [scale, to[0] - from[0] * scale]
}

impl Change for Equalization {
    fn changed(&self, x: Tensor, _drawn: &[Tensor]) -> Tensor {
        let shape = x.shape();
        let (channels, range) = (shape.last().copied().unwrap_or(1), self.value_range.sorted());
        let last = self.bins.max(1) as f32 - 1.0;
        let [scale, offset] = linear(range, INNER);
        let inner = |v: f32| v * scale as f32 + offset as f32;
        // The bin of a value is found in one way for counting, and in another for looking up.
        let binned = Steps::new(self.bins, |v| (inner(v) * last / 255.0) as usize);
        let looked_up = Steps::new(self.bins, |v| (inner(v) / 255.0 * last) as usize);
        // Bins of all channels one after the other.
        let first = count_up(channels) * self.bins as f64;
        let bins = (binned.index(x) + first).reshape([x.ty().len()]);
        let counts = counted(bins, self.bins * channels).reshape([channels, self.bins]);
        let sums = counts.cumsum(1);
        let total = sums.slice(1, self.bins - 1, 1);
        let nothing = Tensor::full(&[], 0.0);
        let least = nothing.less(sums).select(sums, total).min_keep(&[1]);
        let length = total - least;
        let new = ((sums - least) * 255.0 / length.select(length, 1.0)).round().clip(0.0, 255.0);
        let places = (looked_up.index(x) + first).reshape([x.ty().len()]);
        let found = new.reshape([channels * self.bins, 1]).rows_at(places).reshape(shape);
        // Of one value alone nothing is made.
        let one = nothing.less(counts).sum(&[1]).less_equal(1.0);
        let inner = x * scale + offset;
        let [scale, offset] = linear(INNER, range);
        one.select(inner, found) * scale + offset
    }
}

impl Augment for Equalization {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        if (1..=1 << 16).contains(&self.bins) {
            return Ok(());
        }
        Err(Error::Argument { what: format!("bins is {}, but must be between 1 and 65536", self.bins) })
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.drawn_and_changed(x, cx)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Keeps]
    }
}
