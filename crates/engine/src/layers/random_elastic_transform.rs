//! Images as if drawn on rubber that is pulled here and there.

use rhyton_kernels::pointwise as table;

use super::augment::{Augment, Pair, Span, batch, chosen, normal, uniform};
use super::flatten::DataFormat;
use super::images::size_of;
use super::warp::{FillMode, Warp, check_interpolation, floor, within};
use crate::Error;
use crate::graph::{CallContext, Expr, Tensor};
use crate::initializers::Seed;
use crate::ops::{Interpolation, Windows, count_up, pointwise};
use crate::words::Word;

config! {
    /// Shifts the pixels of images in training, by smooth noise, with a probability that is drawn for each image.
    RandomElasticTransform() {
        /// Sets the probability: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(1.0);
        /// Sets how much, for each batch: between two numbers, or between 0 and one.
        scale <- Span<0> = Span::from(1.0);
        /// Sets how pixels between others are made: `"nearest"` or `"bilinear"`, or an [`Interpolation`].
        interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
        /// Sets what is beyond the edges: `"reflect"`, `"wrap"`, `"constant"` or `"nearest"`, or a [`FillMode`].
        fill_mode <- Word<FillMode> = Word::default();
        /// Sets the number beyond the edges, where `fill_mode` is `"constant"`.
        fill_value: f64 = 0.0;
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = Pair([0.0, 255.0]);
        /// Is kept in the config. The draws themselves follow the seed of the model.
        seed # Seed = Seed::default();
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

augments!(RandomElasticTransform);

/// Returns noise `[n, height, width]` blurred by a bell of this standard deviation (one number, at most `most`), of which three of its whole part are
/// taken to either side.
fn blurred(noise: Tensor, sigma: Tensor, most: f64) -> Tensor {
    let shape = noise.shape();
    let &[n, height, width] = shape.as_slice() else { return noise };
    let reach = 3 * most.floor() as usize;
    let length = 2 * reach + 1;
    let distance = Expr::In(0) - reach as f64;
    let inside = Expr::call(&table::ABS, vec![distance.clone()]).le(floor(Expr::In(1)) * 3.0);
    let part = distance / Expr::In(1).max(1e-6);
    let bell = (part.clone() * part * -0.5).exp();
    let weights = pointwise(inside.select(bell, 0.0), &[count_up(length), sigma], Some(&[length]));
    let weights = weights / weights.sum_keep(&[0]);
    // Along one axis, then along the other.
    let along = |x: Tensor, kernel: [usize; 2]| {
        let padding = kernel.map(|n| [n / 2; 2]);
        let windows = Windows { strides: [1, 1], dilation: [1, 1], padding };
        x.conv(weights.reshape([kernel[0], kernel[1], 1, 1]), windows, 1)
    };
    let image = noise.reshape([n, height, width, 1]);
    along(along(image, [length, 1]), [1, length]).reshape(shape)
}

impl RandomElasticTransform {
    /// Returns the place inside that one along an axis of this length means. Keras mirrors at the first pixel, and behind the last.
    fn inside(&self, place: Expr, length: f64) -> Expr {
        match *self.fill_mode {
            FillMode::Reflect => {
                let both = 2.0 * length;
                let place = Expr::call(&table::ABS, vec![place]);
                let place = place.clone() - floor(place / both) * both;
                within(Expr::call(&table::MIN, vec![place.clone(), both - 1.0 - place]), length - 1.0)
            }
            FillMode::Nearest => within(place, length - 1.0),
            FillMode::Wrap | FillMode::Constant | FillMode::Mirror => place,
        }
    }
}

impl Augment for RandomElasticTransform {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")?;
        self.scale.checked("scale")?;
        check_interpolation(*self.interpolation)
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let [low, high] = self.scale.bounds();
        if high == 0.0 || self.factor.bounds()[1] == 0.0 {
            return x;
        }
        let warp = Warp { how: *self.interpolation, fill_mode: *self.fill_mode, fill_value: self.fill_value };
        if let Err(error) = warp.checked() {
            // Keras, too, refuses it only here.
            crate::graph::fail(error);
            return x;
        }
        let apply = chosen(x, self.factor.bounds());
        let size = size_of(x, DataFormat::ChannelsLast);
        let (n, [height, width]) = (batch(x), size);
        let scale = uniform(&[1], [low, high]);
        let (longer, shorter) = (height.max(width) as f64, height.min(width) as f64);
        let sigma = scale * (0.05 * shorter);
        // Keras draws both directions with one seed: all goes along the diagonal.
        let noise = blurred(normal(&[n, height, width]) * sigma, sigma, 0.05 * shorter * high);
        let shift = noise * (scale * (0.1 * longer));
        let nearest = *self.interpolation == Interpolation::Nearest;
        let place = |length: usize, shape: [usize; 3]| {
            let place = Expr::In(0) + Expr::In(1);
            let place = if nearest { Expr::call(&table::ROUND, vec![place]) } else { place };
            let grid = count_up(length).reshape(shape);
            pointwise(self.inside(place, length as f64), &[grid, shift], Some(&[n, height, width]))
        };
        let places = [place(height, [1, height, 1]), place(width, [1, 1, width])];
        let moved = x.sampled(places, warp.sample(*self.fill_mode == FillMode::Wrap));
        let [least, most] = self.value_range.0;
        apply.select(moved, x).clip(least, most)
    }
}
