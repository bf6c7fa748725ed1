//! Pixels between others: which pixels of an axis each pixel of a longer or shorter one is a weighed mean of, as TensorFlow's kernels for CPUs have it.

use std::f32::consts::PI;

use super::resample::Taps;
use crate::Error;
use crate::graph::{Tensor, fail};

/// How pixels between others are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The pixel there.
    #[default]
    Nearest,
    /// A weighed mean of the two nearest along each axis.
    Bilinear,
    /// Keys' cubic spline with a = -1/2, over four.
    Bicubic,
    /// The mean of the pixels that are covered.
    Area,
    /// Lanczos' window over six.
    Lanczos3,
    /// Lanczos' window over ten.
    Lanczos5,
    /// A bell over three.
    Gaussian,
    /// The cubic spline of Mitchell and Netravali, over four.
    MitchellCubic,
}

/// The most pixels that an axis gets.
const MOST: usize = 1 << 20;
/// Weights with a smaller sum are left as they are.
const LEAST: f32 = 1000.0 * f32::MIN_POSITIVE;

/// Returns the place between pixels of the input that a pixel of the output lies at, counted in pixels from the middle of the first.
fn place(output: usize, scale: f32) -> f32 {
    (output as f32 + 0.5) * scale - 0.5
}

/// Returns weights whose sum is 1.
fn shared_out(weights: Vec<(usize, f32)>) -> Vec<(usize, f32)> {
    let sum: f32 = weights.iter().map(|(_, w)| w).sum();
    if sum.abs() < LEAST {
        return weights;
    }
    weights.into_iter().map(|(i, w)| (i, w * (1.0 / sum))).collect()
}

/// Returns the pixel at a whole number of steps, within the axis.
fn within(place: f32, length: usize) -> usize {
    (place.max(0.0) as usize).min(length.saturating_sub(1))
}

/// TensorFlow's `ResizeBicubic` looks weights up in a table with this many places to a pixel.
const PLACES: f32 = 1024.0;

impl Interpolation {
    /// Returns the weight at a distance and the radius beyond which it is zero: of the interpolations that TensorFlow's `ScaleAndTranslate` has.
    fn window(self) -> (fn(f32) -> f32, f32) {
        fn lanczos(radius: f32, d: f32) -> f32 {
            if d > radius {
                0.0
            } else if d <= 1e-3 {
                1.0
            } else {
                radius * (PI * d).sin() * (PI * d / radius).sin() / (PI * PI * d * d)
            }
        }
        match self {
            Interpolation::Lanczos3 => (|d| lanczos(3.0, d), 3.0),
            Interpolation::Lanczos5 => (|d| lanczos(5.0, d), 5.0),
            // A standard deviation of a third of the radius.
            Interpolation::Gaussian => (|d| if d >= 1.5 { 0.0 } else { (-d * d / 0.5).exp() }, 1.5),
            // R. Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 4 with a = -1/2.
            Interpolation::Bicubic => {
                fn keys(d: f32) -> f32 {
                    if d >= 2.0 {
                        0.0
                    } else if d >= 1.0 {
                        ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0
                    } else {
                        (1.5 * d - 2.5) * d * d + 1.0
                    }
                }
                (keys, 2.0)
            }
            // D. Mitchell and A. Netravali, "Reconstruction filters in computer graphics", 1988, with B = C = 1/3.
            Interpolation::MitchellCubic => {
                fn mitchell(d: f32) -> f32 {
                    if d >= 2.0 {
                        0.0
                    } else if d >= 1.0 {
                        (((-7.0 / 18.0) * d + 2.0) * d - 10.0 / 3.0) * d + 16.0 / 9.0
                    } else {
                        ((7.0 / 6.0) * d - 2.0) * d * d + 8.0 / 9.0
                    }
                }
                (mitchell, 2.0)
            }
            _ => (|d| (1.0 - d).max(0.0), 1.0),
        }
    }

    /// Returns which pixels of an axis of `input` each of `output` is made of; `antialias` widens what they are weighed by where there are fewer.
    fn taps(self, input: usize, output: usize, antialias: bool) -> Taps {
        let scale = input as f32 / output as f32;
        let mut taps = Taps::new(input);
        let spline = antialias && matches!(self, Interpolation::Bilinear | Interpolation::Bicubic);
        for o in 0..output {
            match self {
                Interpolation::Nearest => {
                    taps.push([(within(((o as f32 + 0.5) * scale).floor(), input), 1.0)]);
                }
                Interpolation::Bilinear if !spline => {
                    let at = place(o, scale);
                    let part = at - at.floor();
                    let (lower, upper) = (within(at.floor(), input), within(at.ceil(), input));
                    taps.push_between([lower, upper], part);
                }
                Interpolation::Bicubic if !spline => {
                    let at = place(o, scale);
                    let part = ((at - at.floor()) * PLACES).round_ties_even() / PLACES;
                    let weight = self.window().0;
                    let distances = [1.0 + part, part, 1.0 - part, 2.0 - part];
                    let places = [-1.0, 0.0, 1.0, 2.0].map(|k| at.floor() + k);
                    let inside =
                        places.into_iter().zip(distances).filter(|(p, _)| *p >= 0.0 && *p < input as f32);
                    taps.push(shared_out(inside.map(|(p, d)| (p as usize, weight(d))).collect()));
                }
                Interpolation::Area => {
                    let (from, to) = (o as f32 * scale, (o as f32 + 1.0) * scale);
                    let covered = |i: usize| {
                        let i = i as f32;
                        let end = if i + 1.0 > to { to } else { i + 1.0 };
                        if i < from { if i + 1.0 > to { scale } else { i + 1.0 - from } } else { end - i }
                    };
                    let pixels = from.floor() as usize..to.ceil() as usize;
                    taps.push(pixels.map(|i| (i.min(input.saturating_sub(1)), covered(i) * (1.0 / scale))));
                }
                _ => taps.push(self.spread(o, [input, output], antialias)),
            }
        }
        taps
    }

    /// Returns the pixels under a window around a place, as TensorFlow's `ScaleAndTranslate` weighs them.
    fn spread(self, o: usize, [input, output]: [usize; 2], antialias: bool) -> Vec<(usize, f32)> {
        let (weight, radius) = self.window();
        let inverse = 1.0 / (output as f32 / input as f32);
        let wide = if antialias { inverse.max(1.0) } else { 1.0 };
        let at = (o as f32 + 0.5) * inverse;
        if at < 0.0 || at > input as f32 {
            return vec![];
        }
        let first = within((at - radius * wide - 0.5).ceil(), input);
        let last = within((at + radius * wide - 0.5).floor(), input);
        let narrow = 1.0 / wide;
        shared_out((first..=last).map(|i| (i, weight(((i as f32 + 0.5 - at) * narrow).abs()))).collect())
    }
}

impl Tensor {
    /// Makes an axis this long by interpolation.
    pub(crate) fn resized(self, axis: usize, output: usize, how: Interpolation, antialias: bool) -> Tensor {
        let Some(&input) = self.shape().get(axis) else { return self };
        if input > MOST || output > MOST || input == 0 {
            let what = format!(
                "an axis of {input} pixels cannot be interpolated to {output}: from 1 to {MOST} are possible"
            );
            fail(Error::Shape { layer: String::new(), what });
            return self;
        }
        self.resampled(axis, how.taps(input, output, antialias))
    }
}
