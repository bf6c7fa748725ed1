//! So many bounding boxes for each image.

use super::augment::Augment;
use super::flatten::DataFormat;
use crate::graph::{CallContext, Integers, Tensor};
use crate::words::Word;

config! {
    /// Gives images back as they are. In Keras it pads or cuts lists of bounding boxes that come with images in a dictionary; here a layer's input is a tensor, so
    /// that there are none.
    MaxNumBoundingBoxes(max_number: usize) {
        /// Sets where the channels are: `"channels_last"` or `"channels_first"`, or a [`DataFormat`].
        data_format <- Word<DataFormat> = Word::default();
        /// Sets how bounding boxes are written, which are no tensors here; it is kept for files.
        bounding_box_format <- Option<String> = None;
    }
    unset {}
    then {}
    read { fill_value: Option<f64> }
    skip {}
}

augments!(MaxNumBoundingBoxes);

impl Augment for MaxNumBoundingBoxes {
    fn format(&self) -> DataFormat {
        *self.data_format
    }

    fn augment(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x
    }

    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Keeps, Integers::Keeps]
    }
}
