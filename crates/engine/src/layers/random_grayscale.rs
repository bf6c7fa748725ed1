//! Images without colours, at random.

use super::augment::{Augment, Factor, chosen, floats_in_training};
use super::colours::{grey, has_channels};
use super::flatten::DataFormat;
use crate::Error;
use crate::graph::{CallContext, Integers, Tensor};
use crate::words::Word;

config! {
    /// Takes the colours from images in training, from each with this probability; the channels are three as before.
    RandomGrayscale() {
        /// Sets the probability.
        factor: f64 = 0.5;
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
        bounding_box_format <- Option<String> = None;
    }
    unset {}
    then {}
    read { seed: Option<u64> }
    skip {}
}

builders! {
impl RandomGrayscale {
    /// Is heeded by none, and Keras does not write it: the draws follow the seed of the model.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
}

augments!(RandomGrayscale);

impl Augment for RandomGrayscale {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn checked(&self) -> Result<(), Error> {
        Factor::One(self.factor).within("factor", 0.0, 1.0)
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        if !has_channels("RandomGrayscale", x, &[1, 3]) {
            return x;
        }
        chosen(x, [self.factor; 2]).select(grey(x), x)
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        floats_in_training("RandomGrayscale")
    }
}
