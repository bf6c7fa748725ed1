//! Images mixed with others of their batch.

use super::augment::{Augment, Span, batch, uniform};
use super::draws::{beta, log_gamma, shuffled};
use super::flatten::DataFormat;
use super::random_box::random_box;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};

colours! {
    /// Blends each image in training with another of its batch, by a weight of a beta distribution. Keras mixes labels too, where they come with the images;
    /// here images come alone.
    MixUp() {
        /// Sets both parameters of the distribution.
        alpha: f64 = 0.2;
    }
}

colours! {
    /// Puts a box of another image of its batch into each image in training. Keras mixes labels too, where they come with the images; here images come alone.
    CutMix() {
        /// Sets both parameters of the beta distribution that the size of a box follows, drawn for each batch: between two numbers, or between 0 and one.
        factor <- Span<0> = Span::from(1.0);
    }
}

augments!(MixUp, CutMix);

impl Augment for MixUp {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        if self.alpha > 0.0 {
            return Ok(());
        }
        Err(Error::Argument { what: format!("alpha is {}, but must be positive", self.alpha) })
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let weight = beta(&[batch(x), 1, 1, 1], Tensor::full(&[1, 1, 1, 1], self.alpha));
        weight * x + (1.0 - weight) * shuffled(x)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Keeps]
    }
}

/// Below this logarithm Keras' numbers of a gamma distribution are 0.
const NOTHING: f64 = -103.0;

impl Augment for CutMix {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        self.factor.checked("factor")
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let alpha = uniform(&[1, 1, 1, 1], self.factor.bounds()) + 1e-6;
        let [kept, cut] = [(), ()].map(|()| log_gamma(&[batch(x), 1, 1, 1], alpha));
        let share = (cut - kept).sigmoid().sqrt();
        let inside = random_box(x, [share, share]);
        // Where both are nothing their quotient is no number, and Keras leaves the image as it is.
        let any = 1.0 - kept.less(NOTHING) * cut.less(NOTHING);
        (inside * any).select(shuffled(x), x)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}
