//! Operations of each element for itself.

use std::f64::consts::PI;

use super::Made;
use super::args::Args;
use super::whole::{as_integer, exact, joined, truncated};
use crate::Error;
use crate::graph::Tensor;
use crate::types::{DType, Half, Integer};

pub(super) fn not(x: Tensor) -> Tensor {
    x.equal(0.0)
}

/// 1 for what is not zero.
pub(super) fn truth(x: Tensor) -> Tensor {
    1.0 - not(x)
}

/// 1 for what is neither NaN nor infinite.
pub(super) fn finite(x: Tensor) -> Tensor {
    not(x.is_nan().maximum(x.is_inf()))
}

/// x to the power of a number, or of a tensor.
pub(super) fn power(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let number = a.value("x2").filter(|_| a.typed("x2").is_empty()).and_then(|v| v.as_f64());
    let whole = number.filter(|n| n.fract() == 0.0 && n.abs() <= 16.0 && *n != 0.0);
    let integers = a.joined().is_some();
    // By products, which are right for what is negative too; integers have no quotients.
    let Some(n) = whole.filter(|n| !integers || *n > 0.0) else { return Ok(vec![x.pow(y)]) };
    let (mut left, mut square, mut product) = (n.abs() as u32, x, None);
    while left > 0 {
        if left % 2 == 1 {
            product = Some(product.map_or(square, |p: Tensor| p * square));
        }
        left /= 2;
        square = if left > 0 { square.square() } else { square };
    }
    let product = product.unwrap_or(x);
    Ok(vec![if n < 0.0 { 1.0 / product } else { product }])
}

/// Smallest whole number not below.
pub(super) fn ceil(x: Tensor) -> Tensor {
    -(-x).floor()
}

/// 1 where the sign is set, also that of a zero.
pub(super) fn signbit(x: Tensor) -> Tensor {
    let zero = x.equal(0.0);
    zero.select((1.0 / x).less(0.0), x.less(0.0))
}

/// What is left of x when whole multiples of y were taken off, with the sign of x; as TensorFlow has it, of the sizes of both, so that the gradient at
/// zero is zero.
pub(super) fn fmod(x: Tensor, y: Tensor) -> Tensor {
    x.sign() * x.abs().fmod(y.abs())
}

/// What is left of x when whole multiples of y were taken off, with the sign of y.
pub(super) fn floor_mod(x: Tensor, y: Tensor) -> Tensor {
    let rest = x.fmod(y);
    let differs = truth(rest) * (1.0 - rest.less(0.0).equal(y.less(0.0)));
    differs.select(rest + y, rest)
}

pub(super) fn floor_divide(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let integers = a.joined().is_some();
    // A quotient of whole numbers is a whole number as it is; one of floats is as TensorFlow has it, of the rounded quotient.
    Ok(vec![if integers { ((x - floor_mod(x, y)) / y).round() } else { (x / y).floor() }])
}

/// x / y, and zero where y is.
pub(super) fn divide_no_nan(x: Tensor, y: Tensor) -> Tensor {
    let zero = y.equal(0.0);
    zero.select(0.0, x / zero.select(1.0, y))
}

/// The larger or the smaller, and of a number and NaN the number.
pub(super) fn passing_nan(x: Tensor, y: Tensor, of: fn(Tensor, Tensor) -> Tensor) -> Tensor {
    let both = of(x, y);
    y.is_nan().select(x, x.is_nan().select(y, both))
}

/// 0 below zero, 1 above, and y for zero.
pub(super) fn heaviside(x: Tensor, y: Tensor) -> Tensor {
    x.less(0.0).select(0.0, Tensor::full(&[], 0.0).less(x).select(1.0, y))
}

/// √(x² + y²), without what is too large for a number on the way.
pub(super) fn hypot(x: Tensor, y: Tensor) -> Tensor {
    let (x, y) = (x.abs(), y.abs());
    let large = x.maximum(y);
    let ratio = divide_no_nan(x.minimum(y), large);
    large * (1.0 + ratio.square()).sqrt()
}

pub(super) fn isclose(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let (rtol, atol) = (a.float("rtol", 1e-5)?, a.float("atol", 1e-8)?);
    let equal_nan = a.flag("equal_nan", false);
    if joined(a.inputs()).is_some() {
        return Ok(vec![x.equal(y)]);
    }
    let close = (x - y).abs().less_equal(y.abs() * rtol + atol);
    // The difference is NaN then, which a device may take for zero where both are one tensor.
    let unknown = x.is_nan().maximum(y.is_nan()).maximum(x.is_inf() * x.equal(y));
    let close = close * not(unknown);
    Ok(vec![if equal_nan { close.maximum(x.is_nan() * y.is_nan()) } else { close }])
}

pub(super) fn allclose(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let (rtol, atol) = (a.float("rtol", 1e-5)?, a.float("atol", 1e-8)?);
    let equal_nan = a.flag("equal_nan", false);
    if joined(a.inputs()).is_some() {
        return Ok(vec![x.equal(y).min(&[])]);
    }
    let close = (x - y).abs().less_equal(y.abs() * rtol + atol) * finite(x) * finite(y);
    let close = close.maximum(x.equal(y));
    let close = if equal_nan { close.maximum(x.is_nan() * y.is_nan()) } else { close };
    Ok(vec![close.min(&[])])
}

pub(super) fn isinf_of_sign(x: Tensor, sign: f64) -> Tensor {
    x.is_inf() * (x * sign).less(0.0).equal(0.0)
}

/// x · 2ʸ.
pub(super) fn ldexp(x: Tensor, y: Tensor) -> Tensor {
    let same = x.is_inf().maximum(x.equal(0.0));
    same.select(x, x * Tensor::full(&[], 2.0).pow(y))
}

/// The logarithm of the sum of two powers of a base whose logarithm is `scale`.
pub(super) fn logaddexp(x: Tensor, y: Tensor, scale: f64) -> Tensor {
    let delta = x - y;
    let nan = delta.is_nan();
    let more = (nan.select(0.0, delta).abs() * -scale).exp().log1p() / scale;
    nan.select(x + y, x.maximum(y) + more)
}

pub(super) fn nan_to_num(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let (lowest, largest) = match x.ty().dtype {
        DType::Half(Half::F16) => (-65504.0, 65504.0),
        DType::Half(_) => (-3.389_531_389_251_535_5e38, 3.389_531_389_251_535_5e38),
        _ => (f64::from(f32::MIN), f64::from(f32::MAX)),
    };
    let (nan, above, below) = (a.float("nan", 0.0)?, a.float("posinf", largest)?, a.float("neginf", lowest)?);
    let ends = x.less(0.0).select(Tensor::full(&[], below), above);
    Ok(vec![x.is_nan().select(nan, x.is_inf().select(ends, x))])
}

/// sin(πx) / πx.
pub(super) fn sinc(x: Tensor) -> Tensor {
    let zero = x.equal(0.0);
    let angle = zero.select(1.0, x * PI);
    zero.select(1.0, angle.sin() / angle)
}

/// The modified Bessel function of order 0, by the two polynomials of Abramowitz and Stegun (9.8.1, 9.8.2).
pub(super) fn bessel_i0(x: Tensor) -> Tensor {
    let polynomial = |t: Tensor, of: &[f64]| {
        of.iter()
            .rev()
            .fold(None, |sum: Option<Tensor>, c| Some(sum.map_or(Tensor::full(&[], *c), |s| s * t + *c)))
    };
    let size = x.abs();
    let near = (size.minimum(3.75) / 3.75).square();
    let near = polynomial(
        near,
        &[1.0, 3.515_622_9, 3.089_942_4, 1.206_749_2, 0.265_973_2, 0.036_076_8, 0.004_581_3],
    );
    let far = size.maximum(3.75);
    let series = polynomial(
        3.75 / far,
        &[
            0.398_942_28,
            0.013_285_92,
            0.002_253_19,
            -0.001_575_65,
            0.009_162_81,
            -0.020_577_06,
            0.026_355_37,
            -0.016_476_33,
            0.003_923_77,
        ],
    );
    let (near, series) = (near.unwrap_or(x), series.unwrap_or(x));
    size.less(3.75).select(near, far.exp() / far.sqrt() * series)
}

/// Rounds to so many places behind the point.
pub(super) fn round(a: &Args<'_>) -> Made {
    let (x, decimals) = (a.tensor("x")?, a.number("decimals", 0)?);
    let of = a.integer("x");
    let y = match decimals {
        0 => x.round(),
        _ if of.is_some() && decimals > 0 => x,
        _ => {
            let factor =
                10_f64.powi(i32::try_from(decimals).map_err(|_| a.wrong(format!("decimals = {decimals}")))?);
            let y = (x * factor).round() / factor;
            if of.is_some() { y.truncated() } else { y }
        }
    };
    Ok(vec![as_integer(y, of)])
}

/// A number as one of an integer type, by its bits: -1 is 255 of 8 bits without a sign.
pub(super) fn within(x: Tensor, of: Integer) -> Tensor {
    let dtype = x.ty().dtype;
    truncated(x, of).as_type(dtype)
}

/// Cut at two bounds; truth values become numbers.
pub(super) fn clip(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let of = a.integer("x").map(|i| if i == Integer::Bool { Integer::I32 } else { i });
    // TensorFlow takes the bounds as numbers of the type of x.
    let bound = |name: &str| -> Result<Tensor, Error> {
        let bound = a.tensor(name)?;
        Ok(of.map_or(bound, |of| within(bound, of)))
    };
    Ok(vec![as_integer(x.minimum(bound("x_max")?).maximum(bound("x_min")?), of)])
}

/// Chooses by a condition.
pub(super) fn choose(a: &Args<'_>) -> Made {
    let condition = a.tensor("condition")?;
    if a.optional("x1")?.is_none() {
        return Err(a.wrong("a call without x1 and x2, whose result has a size that data decide,"));
    }
    let (x, y) = a.pair()?;
    let of = a.joined_of(&[a.typed("x1"), a.typed("x2")].concat());
    let own = |x: Tensor| of.map_or(x, |of| within(x, of));
    Ok(vec![as_integer(condition.select(own(x), own(y)), of)])
}

/// The first of several choices whose condition holds.
pub(super) fn select(a: &Args<'_>) -> Made {
    let (conditions, choices) = (a.list("condlist")?, a.list("choicelist")?);
    if conditions.len() != choices.len() {
        return Err(a.wrong(format!("{} conditions for {} choices", conditions.len(), choices.len())));
    }
    let default = a.optional("default")?.unwrap_or_else(|| Tensor::full(&[], 0.0));
    let pairs = conditions.into_iter().zip(choices).rev();
    let y = pairs.fold(default, |rest, (condition, choice)| condition.select(choice, rest));
    let of = joined(&[a.typed("choicelist"), a.typed("default")].concat()).filter(|_| !a.has_point());
    Ok(vec![as_integer(y, of)])
}

/// Differences of neighbours along an axis, `n` times.
pub(super) fn diff(a: &Args<'_>) -> Made {
    let (mut x, n, of) = (a.tensor("a")?, a.number("n", 1)?, a.integer("a"));
    let axis = a.axis("axis", -1, x.rank())?;
    for _ in 0..n {
        let length = x.shape()[axis];
        if length == 0 {
            break;
        }
        let (first, second) = (x.slice(axis, 0, length - 1), x.slice(axis, 1, length - 1));
        x = if of == Some(Integer::Bool) { not(first.equal(second)) } else { second - first };
    }
    Ok(vec![of.map_or(x, |of| exact(x, of))])
}

/// Numbers of the buckets between bounds.
pub(super) fn digitize(a: &Args<'_>) -> Made {
    let (x, bins) = (a.tensor("x")?, a.tensor("bins")?);
    Ok(vec![bins.reshape([bins.ty().len()]).less_equal(x.expand_last()).sum(&[-1])])
}

/// Places in a sorted sequence at which values would be put in.
pub(super) fn searchsorted(a: &Args<'_>) -> Made {
    let (sequence, values, side) =
        (a.tensor("sorted_sequence")?, a.tensor("values")?, a.word("side", "left")?);
    if sequence.rank() != 1 {
        return Err(a.wrong(format!("a sequence of shape {:?}", sequence.shape())));
    }
    let wide = values.expand_last();
    let before = match side.as_str() {
        "left" => sequence.less(wide),
        "right" => sequence.less_equal(wide),
        _ => return Err(a.wrong(format!("side = {side}"))),
    };
    Ok(vec![before.sum(&[-1])])
}

/// Returns whether each element is among those of another tensor.
pub(super) fn isin(a: &Args<'_>) -> Made {
    let (x, among) = a.pair()?;
    // It changes how fast it is, not what is found.
    let _ = a.flag("assume_unique", false);
    let invert = a.flag("invert", false);
    let found = x.expand_last().equal(among.reshape([among.ty().len()])).max(&[-1]);
    Ok(vec![if invert { not(found) } else { found }])
}

/// What is of no use for numbers that are real: the angle, the imaginary part.
pub(super) fn angle(x: Tensor) -> Tensor {
    x.less(0.0).select(Tensor::full(&[], PI), 0.0).float_as(x.ty().dtype)
}
