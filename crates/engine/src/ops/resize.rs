//! Pixels between others, as products with a matrix that is made of the places of both.

use std::f64::consts::PI;

use rhyton_kernels::pointwise as table;

use super::{count_up, pointwise};
use crate::Error;
use crate::graph::{Expr, Tensor, fail};

/// What weighs a pixel by its distance from a place, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resize {
    /// A triangle of radius 1.
    Linear,
    /// Keys' cubic spline with a = -1/2, of radius 2.
    Cubic,
    /// Lanczos' window of this radius.
    Lanczos(u32),
}

impl Resize {
    /// Returns the weight at a distance, which is not negative.
    fn weight(self, d: &Expr) -> Expr {
        let d = || d.clone();
        let constant = Expr::Const;
        let zero = || constant(0.0);
        match self {
            Resize::Linear => Expr::call(&table::MAX, vec![constant(1.0) - d(), zero()]),
            // R. Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 4 with a = -1/2.
            Resize::Cubic => {
                let near = (d() * 1.5 - 2.5) * d() * d() + 1.0;
                let far = ((d() * -0.5 + 2.5) * d() - 4.0) * d() + 2.0;
                let inside = |radius: f64| d().le(constant(radius));
                inside(1.0).select(near, inside(2.0).select(far, zero()))
            }
            // sinc(d) · sinc(d / radius), with sinc(x) = sin(πx) / πx.
            Resize::Lanczos(radius) => {
                let radius = f64::from(radius);
                let sine = |x: Expr| Expr::call(&table::SIN, vec![x]);
                let product = sine(d() * PI) * sine(d() * (PI / radius)) * (radius / (PI * PI));
                let safe = Expr::call(&table::MAX, vec![d(), constant(1e-3)]);
                let window = product / (safe.clone() * safe);
                let inside = d().le(constant(radius)).select(window, zero());
                d().le(constant(1e-3)).select(constant(1.0), inside)
            }
        }
    }
}

/// Makes an axis `times` as long. Pixels are as wide as their distance; beyond the ends a linear weight falls on the last pixel, and others are
/// shared out among the pixels that are there, as TensorFlow's `ResizeBicubic` and `ScaleAndTranslate` do.
pub(crate) fn resize_axis(x: Tensor, axis: usize, times: usize, how: Resize) -> Tensor {
    let shape = x.shape();
    let Some(&length) = shape.get(axis).filter(|_| times > 1) else { return x };
    let output = length.saturating_mul(times);
    // Places are whole numbers as f32.
    if output > 1 << 22 {
        let what = format!("an axis of {length} pixels cannot be interpolated to {output}");
        fail(Error::Shape { layer: String::new(), what });
        return x;
    }
    let (from, to) = (count_up(length).reshape([length, 1]), count_up(output).reshape([1, output]));
    let place = (Expr::In(1) + 0.5) * (1.0 / times as f64) - 0.5;
    let place = if how == Resize::Linear {
        let below = Expr::call(&table::MAX, vec![place, Expr::Const(0.0)]);
        Expr::call(&table::MIN, vec![below, Expr::Const(length.max(1) as f64 - 1.0)])
    } else if how == Resize::Cubic {
        // TensorFlow looks the weights up in a table with this many places to a pixel.
        Expr::call(&table::FLOOR, vec![place * 1024.0 + 0.5]) * (1.0 / 1024.0)
    } else {
        place
    };
    let distance = Expr::call(&table::ABS, vec![place - Expr::In(0)]);
    let weights = pointwise(how.weight(&distance), &[from, to], Some(&[length, output]));
    let weights = if how == Resize::Linear { weights } else { weights / weights.sum_keep(&[0]) };
    // The axis is brought to the end for the product.
    let rank = shape.len();
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(axis, rank - 1);
    let turned = x.transpose(&order);
    let mut lengths = turned.shape();
    let rows = crate::types::elements(&lengths[..rank - 1]);
    let y = turned.reshape([rows, length]).matmul(weights);
    lengths[rank - 1] = output;
    y.reshape(lengths).transpose(&order)
}
