//! The middle of images.

use serde_json::{Map, Value};

use super::flatten::DataFormat;
use super::images::{Counts, check_image, check_size, image_config, size_of, smart_resize, window};
use crate::Error;
use crate::graph::{Builder, CallContext, Layer, Resolver, Shape, Tensor};
use crate::ops::Interpolation;
use crate::words::Word;

config! {
    /// Cuts a window out of the middle of images; those that are smaller are resized, and what then is too much is cut off.
    CenterCrop(height: usize, width: usize) {
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

/// Returns a window of the middle where there is one, else what [`smart_resize`] gives.
pub(super) fn center(x: Tensor, format: DataFormat, size: [usize; 2], cx: &CallContext) -> Tensor {
    let whole = size_of(x, format);
    if whole[0] >= size[0] && whole[1] >= size[1] {
        return window(x, format, [0, 1].map(|i| (whole[i] - size[i]) / 2), size);
    }
    around(x, format, size, cx)
}

/// Returns the largest window of the middle with these proportions, resized. In Keras 3 the result is of f32 in any case.
pub(super) fn around(x: Tensor, format: DataFormat, size: [usize; 2], cx: &CallContext) -> Tensor {
    let (counts, dtype) = match cx.layer_is_keras2() {
        true => (Counts::Single, x.ty().dtype),
        false => (Counts::Double, crate::graph::DType::F32),
    };
    smart_resize(x, format, size, counts, Interpolation::Bilinear, false).float_as(dtype)
}

impl Layer for CenterCrop {
    const CLASS: &'static str = "CenterCrop";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        check_size(self.height, self.width)
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.check()?;
        check_image(Self::CLASS, *self.data_format, input)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        center(x, *self.data_format, [self.height, self.width], cx)
    }

    fn config(&self) -> Map<String, Value> {
        image_config(self)
    }
}
