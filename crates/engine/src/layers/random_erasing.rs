//! Boxes of images that are erased, at random.

use serde::{Deserialize, Serialize};

use super::augment::{Augment, Pair, Span, chosen, for_each_image, normal};
use super::colours::{BYTES, has_channels};
use super::config::Field;
use super::flatten::DataFormat;
use super::random_box::random_box;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};

/// What is put where something was: a number, one for each of three channels, or noise where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fill(Option<Colour>);

/// A number for all channels, or one for each of three.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or a list of three")]
enum Colour {
    One(f64),
    Three([f64; 3]),
}

impl From<f64> for Fill {
    fn from(all: f64) -> Self {
        Fill(Some(Colour::One(all)))
    }
}
impl From<[f64; 3]> for Fill {
    fn from(each: [f64; 3]) -> Self {
        Fill(Some(Colour::Three(each)))
    }
}

impl Field for Fill {}

colours! {
    /// Erases a box of images in training, with a probability that is drawn for each.
    RandomErasing() {
        /// Sets the probability: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(1.0);
        /// Sets the square of which share of each side the box has at most: between two numbers, or between 0 and one.
        scale <- Span<0> = Span::from((0.02, 0.33));
        /// Sets what is put there: a number, three of them for as many channels, or else normal noise times the highest value.
        fill_value <- Fill = Fill::default();
        /// Sets the lowest and the highest value of a pixel.
        value_range <- Pair = BYTES;
    }
}

augments!(RandomErasing);

impl Augment for RandomErasing {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")?;
        self.scale.checked("scale")?;
        if let (Some(Colour::Three(_)), DataFormat::ChannelsFirst) = (self.fill_value.0, *self.data_format) {
            // Keras spreads the three numbers over the last axis, which is no channel then.
            let what = "fill_value: three numbers are not supported with the channels first; one is".into();
            return Err(Error::Argument { what });
        }
        Ok(())
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let share = || for_each_image(x, self.scale.bounds()).sqrt();
        let erased = random_box(x, [share(), share()]);
        let apply = chosen(x, self.factor.bounds());
        let [low, high] = self.value_range.0;
        let fill = match self.fill_value.0 {
            None => normal(&x.shape()) * high,
            Some(Colour::One(all)) => Tensor::full(&[1, 1, 1, 1], all),
            Some(Colour::Three(each)) => {
                if !has_channels("RandomErasing with a fill_value of three numbers", x, &[3]) {
                    return x;
                }
                Tensor::constant([1, 1, 1, 3], each.map(|v| v as f32).to_vec())
            }
        };
        (apply * erased).select(fill.clip(low, high), x)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}
