//! Images with fewer values, some of them turned round, or spread over the whole range.

use serde::{Deserialize, Deserializer, Serialize};

use super::augment::{Augment, Pair, Span, batch, for_each_image, uniform};
use super::colours::{BYTES, Change, rescaled};
use super::config::Field;
use super::flatten::DataFormat;
use super::windows::channels_last;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};
use crate::words::Word;

/// From how many bits on, and how many at most; Keras takes whole numbers only, and writes both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Bits(pub [usize; 2]);

impl From<usize> for Bits {
    fn from(most: usize) -> Self {
        Bits([1, most])
    }
}
impl From<[usize; 2]> for Bits {
    fn from(both: [usize; 2]) -> Self {
        Bits(both)
    }
}
impl From<(usize, usize)> for Bits {
    fn from((least, most): (usize, usize)) -> Self {
        Bits([least, most])
    }
}

/// A whole number, or two.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of two")]
enum OneOrTwo {
    One(usize),
    Two([usize; 2]),
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match OneOrTwo::deserialize(deserializer)? {
            OneOrTwo::One(most) => most.into(),
            OneOrTwo::Two(both) => both.into(),
        })
    }
}

impl Field for Bits {}

/// The range of values that these layers compute in.
pub(super) const INNER: [f64; 2] = [0.0, 255.0];

colours! {
    /// Shows what is as bright as a threshold in training as in its negative, of each image with a threshold and something added that are drawn.
    Solarization() {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
        /// Sets what is added: between the first of two numbers and the second times 255, or between 0 and one times 255.
        addition_factor <- Span<0> = Span::from(0.0);
        /// Sets the threshold in the same way.
        threshold_factor <- Span<0> = Span::from(0.0);
    }
}

colours! {
    /// Leaves so many bits of the 8 of each pixel in training: of each image a number that is drawn from the first on, but below the second. One number is
    /// the second, and 1 the first.
    RandomPosterization(factor <- Bits) {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
}

config! {
    /// Spreads the values of each channel of an image over the whole range, in training and elsewhere.
    AutoContrast() {
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

augments!(Solarization, RandomPosterization, AutoContrast);

impl Change for Solarization {
    fn draws(&self, x: Tensor, _cx: &CallContext) -> Vec<Tensor> {
        let drawn = |factor: Span<0>| {
            let [low, high] = factor.bounds();
            for_each_image(x, [low, high * 255.0])
        };
        vec![drawn(self.addition_factor), drawn(self.threshold_factor)]
    }

    fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor {
        let &[addition, threshold] = drawn else { return x };
        let range = self.value_range.sorted();
        let bright = (rescaled(x, range, INNER) + addition).clip(0.0, 255.0);
        rescaled(bright.less(threshold).select(bright, 255.0 - bright), INNER, range)
    }
}

impl Augment for Solarization {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.addition_factor.0.within("addition_factor", 0.0, 1.0)?;
        self.threshold_factor.0.within("threshold_factor", 0.0, 1.0)
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.drawn_and_changed(x, cx)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}

impl Change for RandomPosterization {
    fn draws(&self, x: Tensor, _cx: &CallContext) -> Vec<Tensor> {
        let Bits([one, other]) = self.factor;
        let [low, high] = [one.min(other), one.max(other)].map(|n| n as f64);
        let shape = [batch(x)];
        // The highest is never drawn, but where it is the only one.
        let bits = if low == high {
            Tensor::full(&shape, low)
        } else {
            (uniform(&shape, [0.0, 1.0]) * (high - low) + low).floor().minimum(high - 1.0)
        };
        // Of powers of two none is off by a rounding.
        let steps = Tensor::constant([9, 1], (0..=8).map(|bits| f32::from(1u16 << (8 - bits))).collect());
        vec![steps.rows_at(bits).reshape([batch(x), 1, 1, 1])]
    }

    fn changed(&self, x: Tensor, drawn: &[Tensor]) -> Tensor {
        let range = self.value_range.sorted();
        let whole = rescaled(x, range, INNER).floor().clip(0.0, 255.0);
        let coarse = |x: Tensor, step: &Tensor| (x * (1.0 / *step)).floor() * *step;
        rescaled(drawn.iter().fold(whole, coarse), INNER, range)
    }
}

impl Augment for RandomPosterization {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        let Bits(both) = self.factor;
        if both.iter().all(|bits| (1..=8).contains(bits)) {
            return Ok(());
        }
        Err(Error::Argument { what: format!("factor is {both:?}, but must lie between 1 and 8") })
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.drawn_and_changed(x, cx)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Keeps]
    }
}

impl Change for AutoContrast {
    fn changed(&self, x: Tensor, _drawn: &[Tensor]) -> Tensor {
        let range = self.value_range.sorted();
        let inner = rescaled(x, range, INNER);
        // Keras looks along the second and the third axis, wherever the channels are.
        let axes = match *self.data_format {
            DataFormat::ChannelsLast => [1, 2],
            DataFormat::ChannelsFirst => [1, 3],
        };
        let (low, high) = (inner.min_keep(&axes), inner.max_keep(&axes));
        // What is of one value stays as it is.
        let length = high - low;
        let scale = 255.0 / length.select(length, 1.0);
        let spread = (inner * scale - low * scale).clip(0.0, 255.0);
        length.select(rescaled(spread, INNER, range), x)
    }
}

impl Augment for AutoContrast {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.drawn_and_changed(x, cx)
    }

    fn passed(&self, x: Tensor, cx: &CallContext) -> Tensor {
        channels_last(*self.data_format, x.to_f32(), |x| self.changed(x, &[])).float_as(cx.layer_type())
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}
