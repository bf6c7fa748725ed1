//! Images whose pixels come from elsewhere in them: places by a matrix, and what is beyond the edges.

use rhyton_kernels::pointwise as table;

use super::config::Field;
use crate::Error;
use crate::graph::{Expr, IntoTensor, Tensor};
use crate::ops::{Interpolation, Sample, count_up, pointwise};
use crate::words::{Word, Words};

/// What is beyond the edges of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FillMode {
    /// Its mirror image, which begins with the last pixel: `d c b a | a b c d | d c b a`.
    #[default]
    Reflect,
    /// The image again: `a b c d | a b c d | a b c d`.
    Wrap,
    /// One number.
    Constant,
    /// The last pixel: `a a a a | a b c d | d d d d`.
    Nearest,
    /// Its mirror image, which begins with the last pixel but one.
    Mirror,
}

impl Words for FillMode {
    const OPTION: &'static str = "fill_mode";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("reflect", FillMode::Reflect),
        ("wrap", FillMode::Wrap),
        ("constant", FillMode::Constant),
        ("nearest", FillMode::Nearest),
        ("mirror", FillMode::Mirror),
    ];
}

impl Field for Word<FillMode> {}

/// How pixels between others are made, and those beyond the edges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warp {
    pub how: Interpolation,
    pub fill_mode: FillMode,
    pub fill_value: f64,
}

impl Warp {
    /// Checks the words that Keras' layers take.
    ///
    /// # Errors
    /// Names the setting.
    pub fn checked(self) -> Result<(), Error> {
        check_interpolation(self.how)?;
        if self.fill_mode == FillMode::Mirror {
            let what =
                "fill_mode is \"mirror\", but must be \"reflect\", \"wrap\", \"constant\" or \"nearest\"";
            return Err(Error::Argument { what: what.into() });
        }
        Ok(())
    }

    /// Returns the image `[n, height, width, c]` whose pixel at x, y is at a place of this one: that of a row of a matrix times (x, y, 1), as
    /// TensorFlow's `ImageProjectiveTransformV3` has it.
    pub fn affine(self, x: Tensor, matrix: [[Tensor; 3]; 2]) -> Tensor {
        self.projective(x, matrix, None)
    }

    /// The same, divided by the product of a third row (of which the last number is 1) with (x, y, 1).
    pub fn projective(self, x: Tensor, rows: [[Tensor; 3]; 2], third: Option<[Tensor; 2]>) -> Tensor {
        let shape = x.shape();
        let &[n, height, width, _] = shape.as_slice() else { return x };
        let places = [n, height, width];
        let each = |t: Tensor| if t.ty().len() == n { t.reshape([n, 1, 1]) } else { t };
        let grid = [count_up(width).reshape([1, 1, width]), count_up(height).reshape([1, height, 1])];
        let sum = |a: usize| Expr::In(a) * Expr::In(0) + Expr::In(a + 1) * Expr::In(1);
        let place = |row: [Tensor; 3], length: usize| {
            let mut inputs = grid.to_vec();
            inputs.extend(row.map(each));
            let mut expr = sum(2) + Expr::In(4);
            if let Some(third) = third {
                inputs.extend(third.map(each));
                expr = expr / (sum(5) + 1.0);
            }
            let expr = self.rounded(self.inside(expr, length as f64));
            pointwise(expr, &inputs, Some(&places))
        };
        let [across, down] = rows;
        x.sampled([place(down, height), place(across, width)], self.sample(false))
    }

    /// Returns how the pixels at places inside are made.
    pub fn sample(self, wraps: bool) -> Sample {
        Sample { linear: self.how != Interpolation::Nearest, wraps, fill: self.fill_value }
    }

    /// Returns the place whose whole part is the pixel: the nearest, of two the one that is farther from zero.
    fn rounded(self, place: Expr) -> Expr {
        if self.how != Interpolation::Nearest {
            return place;
        }
        let sign = Expr::call(&table::SIGN, vec![place.clone()]);
        sign * floor(place.abs() + 0.5)
    }

    /// Returns the place along an axis of this length that is meant by one beyond it.
    fn inside(self, place: Expr, length: f64) -> Expr {
        let last = (length - 1.0).max(0.0);
        match self.fill_mode {
            FillMode::Constant | FillMode::Mirror => place,
            FillMode::Nearest => within(place, last),
            FillMode::Reflect => {
                let both = 2.0 * length;
                let place = place.clone() - floor(place / both) * both;
                within(Expr::call(&table::MIN, vec![place.clone(), both - 1.0 - place]), last)
            }
            // TensorFlow counts the steps by one pixel less than there are.
            FillMode::Wrap if last == 0.0 => place * 0.0,
            FillMode::Wrap => {
                let before = place.clone() + (floor(-place.clone() / last) + 1.0) * length;
                let behind = place.clone() - floor(place.clone() / last) * length;
                let place = Expr::Const(last).lt(place.clone()).select(behind, place.clone());
                within(place_before(before, place), last)
            }
        }
    }
}

/// Returns `before` where a place is negative.
fn place_before(before: Expr, place: Expr) -> Expr {
    place.clone().lt(Expr::Const(0.0)).select(before, place)
}

/// Returns the nearest place between the first pixel and the last.
pub(super) fn within(place: Expr, last: f64) -> Expr {
    let place = Expr::call(&table::MAX, vec![place, Expr::Const(0.0)]);
    Expr::call(&table::MIN, vec![place, Expr::Const(last)])
}

/// Returns the largest whole number not above.
pub(super) fn floor(x: Expr) -> Expr {
    Expr::call(&table::FLOOR, vec![x])
}

/// Checks that an interpolation is one that places between pixels have.
///
/// # Errors
/// It is not.
pub(super) fn check_interpolation(how: Interpolation) -> Result<(), Error> {
    if matches!(how, Interpolation::Nearest | Interpolation::Bilinear) {
        return Ok(());
    }
    let word = Word::from(how);
    let what = format!("interpolation is {:?}, but must be \"nearest\" or \"bilinear\"", word.word());
    Err(Error::Argument { what })
}

/// Returns a row of a matrix, of numbers and of tensors with one number for each image.
pub(super) fn row(a: impl IntoTensor, b: impl IntoTensor, c: impl IntoTensor) -> [Tensor; 3] {
    [a.into_tensor(), b.into_tensor(), c.into_tensor()]
}
