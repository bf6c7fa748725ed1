//! Images of another size.

use serde_json::{Map, Value};

use super::cropping::first_axis;
use super::flatten::DataFormat;
use super::images::{
    Counts, check_image, check_size, image_config, of_resizing, resized, size_of, smart_resize,
};
use super::warp::FillMode;
use crate::Error;
use crate::graph::{Builder, CallContext, DType, Half, Integers, Layer, Resolver, Shape, Tensor};
use crate::ops::Interpolation;
use crate::words::Word;

config! {
    /// Makes images of one size. In Keras 3 integers stay integers.
    Resizing(height: usize, width: usize) {
        /// Sets how pixels between others are made: `"bilinear"` or another [`Interpolation`].
        interpolation <- Word<Interpolation> = Interpolation::Bilinear.into();
        /// Cuts off at both ends what an image is too wide or too high for the new proportions.
        crop_to_aspect_ratio: bool = false;
        /// Puts `fill_value` at both ends of what an image is too narrow or too low for the new proportions.
        pad_to_aspect_ratio: bool = false;
        /// Sets what is put there: `"constant"`.
        fill_mode <- Word<FillMode> = FillMode::Constant.into();
        /// Sets the number that is put there.
        fill_value: f64 = 0.0;
        /// Widens what pixels are weighed by where there are to be fewer of them.
        antialias: bool = false;
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

impl Resizing {
    /// Returns images with `fill_value` beside them, in f32 quotients as TensorFlow has them.
    fn padded(&self, x: Tensor) -> Tensor {
        let ([height, width], [h, w]) = (size_of(x, *self.data_format), [self.height, self.width]);
        let around = [
            Counts::Single.quotient(width, h, w).saturating_sub(height) / 2,
            Counts::Single.quotient(height, w, h).saturating_sub(width) / 2,
        ];
        (first_axis(*self.data_format)..).zip(around).fold(x, |x, (axis, count)| {
            let mut shape = x.shape();
            if count == 0 || axis >= shape.len() {
                return x;
            }
            shape[axis] = count;
            let edge = Tensor::full(&shape, self.fill_value).float_as(x.ty().dtype);
            Tensor::concat(&[edge, x, edge], axis)
        })
    }
}

impl Layer for Resizing {
    const CLASS: &'static str = "Resizing";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        check_size(self.height, self.width)?;
        if *self.fill_mode != FillMode::Constant {
            let what = format!("fill_mode is {:?}, but must be \"constant\"", self.fill_mode.word());
            return Err(Error::Argument { what });
        }
        if self.crop_to_aspect_ratio && self.pad_to_aspect_ratio {
            let what = "crop_to_aspect_ratio and pad_to_aspect_ratio are both true, but only one can be";
            return Err(Error::Argument { what: what.into() });
        }
        Ok(())
    }

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.check()?;
        check_image(Self::CLASS, *self.data_format, input)
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        // tf_keras makes floats of them first.
        if cx.layer_is_keras2() { Integers::Floats } else { of_resizing(*self.interpolation, cx) }
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let (format, size, how) = (*self.data_format, [self.height, self.width], *self.interpolation);
        let dtype = x.ty().dtype;
        let y = if self.crop_to_aspect_ratio {
            smart_resize(x, format, size, Counts::Single, how, self.antialias)
        } else if self.pad_to_aspect_ratio {
            resized(self.padded(x), format, size, how, self.antialias)
        } else {
            resized(x, format, size, how, self.antialias)
        };
        match dtype {
            // Keras keeps within the numbers of the type.
            DType::Half(Half::F16) if how != Interpolation::Nearest => {
                y.clip(-65504.0, 65504.0).float_as(dtype)
            }
            _ => y.float_as(dtype),
        }
    }

    fn config(&self) -> Map<String, Value> {
        image_config(self)
    }
}
