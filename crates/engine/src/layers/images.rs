//! What layers that prepare images share: where height and width are, cutting and resizing, what stands in their configs.

use serde_json::{Map, Value};

use super::config::{Field, led_by};
use super::cropping::first_axis;
use super::flatten::DataFormat;
use super::windows::channels;
use crate::Error;
use crate::graph::{CallContext, Integers, Shape, Tensor};
use crate::ops::Interpolation;
use crate::words::{Word, Words};

impl Words for Interpolation {
    const OPTION: &'static str = "interpolation";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("nearest", Interpolation::Nearest),
        ("bilinear", Interpolation::Bilinear),
        ("bicubic", Interpolation::Bicubic),
        ("area", Interpolation::Area),
        ("lanczos3", Interpolation::Lanczos3),
        ("lanczos5", Interpolation::Lanczos5),
        ("gaussian", Interpolation::Gaussian),
        ("mitchellcubic", Interpolation::MitchellCubic),
    ];
}

impl Field for Word<Interpolation> {}

/// Checks that a layer gets images.
///
/// # Errors
/// The input has not four axes.
pub(super) fn check_image(class: &str, format: DataFormat, input: &Shape) -> Result<(), Error> {
    if input.rank() == 4 { Ok(()) } else { channels::<2>(class, format, input).map(drop) }
}

/// Checks that a size of images is one.
///
/// # Errors
/// It is zero.
pub(super) fn check_size(height: usize, width: usize) -> Result<(), Error> {
    match [("height", height), ("width", width)].into_iter().find(|(_, length)| *length == 0) {
        Some((name, _)) => Err(Error::Argument { what: format!("{name} is 0, but must be positive") }),
        None => Ok(()),
    }
}

/// Returns what an interpolation does with integers: Keras 3 rounds weighed means of them.
pub(super) fn of_resizing(how: Interpolation, cx: &CallContext) -> Integers {
    match how {
        Interpolation::Nearest => Integers::Keeps,
        _ if cx.layer_is_keras2() => Integers::Floats,
        _ => Integers::Rounds,
    }
}

/// Returns height and width of images.
pub(super) fn size_of(x: Tensor, format: DataFormat) -> [usize; 2] {
    let (shape, first) = (x.shape(), first_axis(format));
    [first, first + 1].map(|axis| shape.get(axis).copied().unwrap_or(1))
}

/// Returns a window of images: where it begins, and its size.
pub(super) fn window(x: Tensor, format: DataFormat, begin: [usize; 2], size: [usize; 2]) -> Tensor {
    let axes = first_axis(format)..;
    let cut = |x: Tensor, (axis, (begin, length)): (usize, (usize, usize))| {
        if x.shape().get(axis) == Some(&length) { x } else { x.slice(axis, begin, length) }
    };
    axes.zip(begin.into_iter().zip(size)).fold(x, cut)
}

/// Returns images of another size, in f32 where pixels are weighed.
pub(super) fn resized(
    x: Tensor,
    format: DataFormat,
    size: [usize; 2],
    how: Interpolation,
    antialias: bool,
) -> Tensor {
    let x = if how == Interpolation::Nearest { x } else { x.to_f32() };
    // The width first, as TensorFlow's kernels do.
    let axes = (first_axis(format)..).zip(size).collect::<Vec<_>>().into_iter().rev();
    axes.fold(x, |x, (axis, length)| x.resized(axis, length, how, antialias))
}

/// Rounds quotients as one of Keras' functions does.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Counts {
    /// In f32, as TensorFlow.
    Single,
    /// In f64, as Python.
    Double,
}

impl Counts {
    /// Returns the whole part of `a · b / c`.
    pub fn quotient(self, a: usize, b: usize, c: usize) -> usize {
        let product = a.saturating_mul(b);
        match self {
            Counts::Single => (product as f32 / c as f32) as usize,
            Counts::Double => (product as f64 / c as f64) as usize,
        }
    }

    /// Returns height and width of the largest window of an image whose sides are as those of `size`.
    pub fn largest(self, [height, width]: [usize; 2], size: [usize; 2]) -> [usize; 2] {
        let inside = |length: usize, other: usize, [here, there]: [usize; 2]| {
            self.quotient(other, here, there).min(length).max(1)
        };
        [inside(height, width, size), inside(width, height, [size[1], size[0]])]
    }
}

/// Returns images of another size without a change of their proportions: the largest window in the middle, resized (Keras' `smart_resize`).
pub(super) fn smart_resize(
    x: Tensor,
    format: DataFormat,
    size: [usize; 2],
    counts: Counts,
    how: Interpolation,
    antialias: bool,
) -> Tensor {
    let whole = size_of(x, format);
    let part = counts.largest(whole, size);
    let begin = [0, 1].map(|i| (whole[i] - part[i].min(whole[i])) / 2);
    resized(window(x, format, begin, part), format, size, how, antialias)
}

/// Returns a config as Keras writes it: where the channels are comes first, then what bounding boxes are like, where that is said.
pub(super) fn image_config(layer: &impl serde::Serialize) -> Map<String, Value> {
    let mut config = led_by("data_format", layer);
    if let Some(format) = config.shift_remove("bounding_box_format").filter(|format| !format.is_null()) {
        config.shift_insert(1, "bounding_box_format".into(), format);
    }
    config
}
