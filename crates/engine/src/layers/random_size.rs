//! Images of another height or width, at random: layers that Keras 2 alone has.

use super::augment::{Augment, Factor};
use super::flatten::DataFormat;
use super::images::{resized, size_of};
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor, fail};
use crate::initializers::Seed;
use crate::ops::Interpolation;
use crate::words::Word;

/// Writes a layer that changes one side of images.
macro_rules! sizes {
    ($($class:ident $axis:literal $side:literal;)+) => { $(
        config! {
            #[doc = concat!("Changes the ", $side, " of images in training, by a share of it that is drawn between two numbers.")]
            ///
            /// A model whose batches had other shapes in each step cannot be trained here: both numbers must be the same for that. Predictions and
            /// evaluations pass images through.
            $class(factor <- Factor) {
                /// Sets how pixels between others are made: `"bilinear"` or another [`Interpolation`].
                interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
                /// Is kept in the config.
                seed # Seed = Seed::default();
            }
            unset {}
            then {}
            read { rng_type: Option<String> }
            skip {}
        }

        impl Augment for $class {
            fn format(&self) -> DataFormat {
                DataFormat::ChannelsLast
            }

            fn checked(&self) -> Result<(), Error> {
                self.factor.within("factor", -1.0, f64::INFINITY)
            }

            fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
                other_size(stringify!($class), x, $axis, self.factor, *self.interpolation)
            }

            fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
                [Integers::Floats, Integers::Keeps]
            }
        }
    )+ };
}

sizes! {
    RandomHeight 0 "height";
    RandomWidth 1 "width";
}

augments!(RandomHeight, RandomWidth);

fn other_size(class: &str, x: Tensor, axis: usize, factor: Factor, how: Interpolation) -> Tensor {
    let [low, high] = factor.bounds(f64::NEG_INFINITY);
    if low != high {
        let what = format!(
            "factor: {class} gives each batch another size in training, for which there are no plans; set both numbers to the same, or leave the \
             layer out and resize the data"
        );
        fail(Error::Argument { what });
        return x;
    }
    let mut size = size_of(x, DataFormat::ChannelsLast);
    size[axis] = ((1.0 + low as f32) * size[axis] as f32) as usize;
    resized(x, DataFormat::ChannelsLast, size, how, false)
}
