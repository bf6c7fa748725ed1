//! Images whose values are spread over the whole range in each of many tiles.

use serde_json::{Map, Value};

use super::augment::{Pair, batch};
use super::colours::{BYTES, rescaled};
use super::flatten::DataFormat;
use super::images::{check_image, image_config, size_of};
use super::steps::{MOST, Steps, counted};
use super::tones::INNER;
use super::windows::{Size2D, channels_last};
use crate::Error;
use crate::graph::{Builder, CallContext, DType, Integer, Integers, Layer, Resolver, Shape, Tensor, fail};
use crate::ops::count_up;
use crate::words::Word;

config! {
    /// Makes all values as frequent in each tile of an image, though none by more than a limit, and blends what neighbouring tiles make of a pixel; in training
    /// and elsewhere.
    ContrastLimitedAdaptiveHistogramEqualization() {
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
        /// Sets how often a value counts at most, as a multiple of its share if all were as frequent; without a limit if it is not positive.
        clip_limit: f64 = 4.0;
        /// Sets how many tiles there are, one below the other and side by side.
        tile_grid_size <- Size2D = Size2D::from(8);
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

/// Values that are told apart.
const VALUES: usize = 256;

/// Tiles along an axis.
struct Tiles {
    count: usize,
    length: usize,
}

impl Tiles {
    /// Returns the tile before the middle of each pixel and the one behind it, and the share of that.
    fn around(&self) -> [Vec<f32>; 3] {
        let length = self.length as f32;
        let tile = |at: f32| (at - 1.0).clamp(0.0, self.count as f32 - 1.0);
        let places = (0..self.count * self.length).map(|i| (i as f32 - length / 2.0) / length + 1.0);
        let found: Vec<[f32; 3]> =
            places.map(|p| [tile(p.floor()), tile(p.floor() + 1.0), p - p.floor()]).collect();
        [0, 1, 2].map(|k| found.iter().map(|f| f[k]).collect())
    }
}

/// Returns images with so many pixels more at the end of an axis, as in a mirror behind the last one.
fn mirrored(x: Tensor, axis: usize, more: usize) -> Tensor {
    let length = x.shape().get(axis).copied().unwrap_or(1);
    if more == 0 {
        return x;
    }
    if more > length {
        // Keras' padding, too, refuses it.
        let what = format!("tile_grid_size: {length} pixels of an image are too few to fill its tiles");
        fail(Error::Shape { layer: String::new(), what });
        return x;
    }
    Tensor::concat(&[x, x.reverse(axis).slice(axis, 0, more)], axis)
}

impl ContrastLimitedAdaptiveHistogramEqualization {
    /// Returns the new images of those with the channels on the last axis.
    fn equalized(&self, x: Tensor) -> Tensor {
        let (n, size) = (batch(x), size_of(x, DataFormat::ChannelsLast));
        let channels = x.shape().last().copied().unwrap_or(1);
        let tiles = [0, 1].map(|i| {
            let count = self.tile_grid_size.0[i].max(1);
            Tiles { count, length: size[i].div_ceil(count) }
        });
        let whole = [0, 1].map(|i| tiles[i].count * tiles[i].length);
        let padded = mirrored(mirrored(x, 1, whole[0] - size[0]), 2, whole[1] - size[1]);
        if padded.shape() != [n, whole[0], whole[1], channels] {
            return x;
        }
        let bytes = Steps::new(VALUES, |v| inner(v, self.value_range.0) as usize).index(padded);
        // The number of a value of a channel of a tile of an image.
        let [rows, columns] = [tiles[0].count, tiles[1].count];
        let table = n * rows * columns * channels * VALUES;
        if table > MOST && n > 1 {
            // More could not be told apart: each image stands for itself.
            let part = |first: usize, count: usize| self.equalized(x.slice(0, first, count));
            return Tensor::concat(&[part(0, n / 2), part(n / 2, n - n / 2)], 0);
        }
        if table > MOST {
            let what = format!(
                "tile_grid_size {rows} x {columns} makes more histograms of an image than can be told apart"
            );
            fail(Error::Shape { layer: String::new(), what });
            return x;
        }
        let place = |row: Tensor, column: Tensor| {
            let image = count_up(n).reshape([n, 1, 1, 1]) * rows as f64;
            let channel = count_up(channels).reshape([1, 1, 1, channels]);
            let tile = (image + row) * columns as f64 + column;
            ((tile * channels as f64 + channel) * VALUES as f64 + bytes).reshape([padded.ty().len()])
        };
        let down = |values: Vec<f32>| Tensor::constant([1, whole[0], 1, 1], values);
        let across = |values: Vec<f32>| Tensor::constant([1, 1, whole[1], 1], values);
        let own = |t: &Tiles| (0..t.count * t.length).map(|i| (i / t.length) as f32).collect();
        let places = place(down(own(&tiles[0])), across(own(&tiles[1])));
        let new = self.levels(
            counted(places, table).reshape([table / VALUES, VALUES]),
            tiles[0].length * tiles[1].length,
        );
        let new = new.reshape([table, 1]);
        let ([above, below, lower], [left, right, later]) = (tiles[0].around(), tiles[1].around());
        let found = |row: &[f32], column: &[f32]| {
            new.rows_at(place(down(row.to_vec()), across(column.to_vec()))).reshape(padded.shape())
        };
        let (lower, later) = (down(lower), across(later));
        let blend = |a: Tensor, b: Tensor, share: Tensor| a * (1.0 - share) + b * share;
        let top = blend(found(&above, &left), found(&above, &right), later);
        let bottom = blend(found(&below, &left), found(&below, &right), later);
        let made = blend(top, bottom, lower).slice(1, 0, size[0]).slice(2, 0, size[1]);
        rescaled(made, INNER, self.value_range.0)
    }

    /// Returns the new values of each value, by how often each of `pixels` has it.
    fn levels(&self, counts: Tensor, pixels: usize) -> Tensor {
        let counts = if self.clip_limit > 0.0 {
            let limit = self.clip_limit * pixels as f64 / 256.0;
            let clipped = counts.clip(0.0, limit);
            clipped + (counts - clipped).sum_keep(&[1]) * (1.0 / 256.0)
        } else {
            counts
        };
        let sums = counts.cumsum(1);
        let least = sums.slice(1, 0, 1);
        let length = pixels as f64 - least;
        ((sums - least) * 255.0 / length.select(length, 1.0)).clip(0.0, 255.0)
    }
}

/// Returns a value of a range as one from 0 to 255, with Keras' roundings.
fn inner(v: f32, [low, high]: [f64; 2]) -> f32 {
    if [low, high] == INNER {
        return v;
    }
    (v - low as f32) / (high as f32 - low as f32) * 255.0
}

impl Layer for ContrastLimitedAdaptiveHistogramEqualization {
    const CLASS: &'static str = "ContrastLimitedAdaptiveHistogramEqualization";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        self.tile_grid_size.positive("tile_grid_size").map(drop)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.check()?;
        check_image(Self::CLASS, *self.data_format, input)
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Sees
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let y = if cx.is_symbolic() {
            x.to_f32()
        } else {
            channels_last(*self.data_format, x.to_f32(), |x| self.equalized(x))
        };
        // Integers stay integers, and lose what is behind the point.
        match x.ty().dtype {
            DType::Whole(Integer::Bool) => y.abs().sign().as_type(x.ty().dtype),
            DType::Whole(_) => y.truncated().as_type(x.ty().dtype),
            _ => y.float_as(cx.layer_type()),
        }
    }

    fn config(&self) -> Map<String, Value> {
        image_config(self)
    }
}
