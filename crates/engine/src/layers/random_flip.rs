//! Images the other way round, at random.

use super::augment::{Augment, for_each_image};
use super::config::Field;
use super::flatten::DataFormat;
use crate::graph::{CallContext, Tensor};
use crate::initializers::Seed;
use crate::words::{Word, Words};

/// Which way images are flipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlipMode {
    /// The left side becomes the right one.
    Horizontal,
    /// The upper side becomes the lower one.
    Vertical,
    /// Both: in Keras 3 together, in Keras 2 each for itself.
    #[default]
    HorizontalAndVertical,
}

impl Words for FlipMode {
    const OPTION: &'static str = "mode";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("horizontal", FlipMode::Horizontal),
        ("vertical", FlipMode::Vertical),
        ("horizontal_and_vertical", FlipMode::HorizontalAndVertical),
    ];
}

impl Field for Word<FlipMode> {}

config! {
    /// Flips images in training, each with probability 1/2.
    RandomFlip() {
        /// Is kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
        /// Sets which way: `"horizontal"`, `"vertical"` or `"horizontal_and_vertical"`, or a [`FlipMode`].
        mode <- Word<FlipMode> = Word::default();
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
        bounding_box_format <- Option<String> = None;
    }
    unset {}
    then {}
    read { rng_type: Option<String> }
    skip {}
}

augments!(RandomFlip);

impl Augment for RandomFlip {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let coin = || for_each_image(x, [0.0, 1.0]).less_equal(0.5);
        let (across, down) = match *self.mode {
            FlipMode::Horizontal => (Some(coin()), None),
            FlipMode::Vertical => (None, Some(coin())),
            FlipMode::HorizontalAndVertical if cx.layer_is_keras2() => (Some(coin()), Some(coin())),
            FlipMode::HorizontalAndVertical => {
                let both = coin();
                (Some(both), Some(both))
            }
        };
        let flipped = |x: Tensor, (axis, coin): (usize, Option<Tensor>)| match coin {
            Some(coin) => coin.select(x.reverse(axis), x),
            None => x,
        };
        [(2, across), (1, down)].into_iter().fold(x, flipped)
    }
}
