//! Windows of images at random places.

use super::augment::{Augment, batch, uniform};
use super::center_crop::around;
use super::flatten::DataFormat;
use super::images::{Counts, check_size, resized, size_of, window};
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};
use crate::initializers::Seed;
use crate::ops::{Interpolation, Sample, count_up};
use crate::words::Word;

config! {
    /// Cuts a window out of images in training, at a place that is drawn for each batch. Elsewhere Keras 3 gives images back as they are (the layers behind
    /// are built for windows nevertheless), and Keras 2 the largest window of the middle with these proportions, resized.
    RandomCrop(height: usize, width: usize) {
        /// Is kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
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

augments!(RandomCrop);

const LAST: DataFormat = DataFormat::ChannelsLast;

impl RandomCrop {
    /// Returns the window at a place of the middle, as far as it lies inside, resized where it does not: what Keras 3 makes of images that are not
    /// larger both ways.
    fn middle(&self, x: Tensor) -> Tensor {
        let (whole, size) = (size_of(x, LAST), [self.height, self.width]);
        let part = Counts::Double.largest(whole, size);
        let begin = [0, 1].map(|i| (whole[i] - part[i].min(whole[i])) / 2);
        let inside = [0, 1].map(|i| size[i].min(whole[i] - begin[i]));
        let cut = window(x, LAST, begin, inside);
        if inside == size { cut } else { resized(cut, LAST, size, Interpolation::Bilinear, false) }
    }
}

impl Augment for RandomCrop {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        check_size(self.height, self.width)
    }

    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let ([height, width], size) = (size_of(x, LAST), [self.height, self.width]);
        let fits = if cx.layer_is_keras2() {
            height >= size[0] && width >= size[1]
        } else {
            height > size[0] && width > size[1]
        };
        if !fits && cx.layer_is_keras2() {
            return around(x, LAST, size, cx);
        }
        if !fits {
            return self.middle(x);
        }
        let places = [batch(x), size[0], size[1]];
        let place = |length: usize, part: usize, shape: [usize; 3]| {
            let most = (length - part) as f64;
            let first = (uniform(&[1, 1, 1], [0.0, 1.0]) * (most + 1.0)).floor().clip(0.0, most);
            (count_up(part).reshape(shape) + first).broadcast_to(&places)
        };
        let (down, across) =
            (place(height, size[0], [1, size[0], 1]), place(width, size[1], [1, 1, size[1]]));
        x.sampled([down, across], Sample { linear: false, wraps: false, fill: 0.0 })
    }

    fn passed(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let (size, format) = ([self.height, self.width], *self.data_format);
        if cx.is_symbolic() {
            return resized(x, format, size, Interpolation::Nearest, false);
        }
        if !cx.layer_is_keras2() {
            return x;
        }
        around(x, format, size, cx).float_as(cx.layer_type())
    }

    fn keeps_type(&self) -> bool {
        true
    }

    fn of_integers(&self, cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, if cx.layer_is_keras2() { Integers::Floats } else { Integers::Keeps }]
    }
}
