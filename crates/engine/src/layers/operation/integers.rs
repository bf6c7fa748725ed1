//! Operations on the bits of integers, and on their divisors.

use super::Made;
use super::args::Args;
use super::elementwise::{divide_no_nan, floor_mod, truth};
use super::whole::{as_integer, exact, joined};
use crate::Error;
use crate::graph::Tensor;
use crate::types::Integer;

/// Bits of a number that is exact as f32, besides its sign.
const BITS: i32 = 24;

/// The type of the result, which only integers have.
fn of_integers(a: &Args<'_>) -> Result<Integer, Error> {
    a.joined().ok_or_else(|| a.wrong("its call with floats"))
}

/// Joins the bits of two numbers, each of which is 0 or 1.
pub(super) fn bitwise(a: &Args<'_>, of: fn(Tensor, Tensor) -> Tensor) -> Made {
    let (x, y, to) = (a.tensor("x")?, a.tensor("y")?, of_integers(a)?);
    if to == Integer::Bool {
        return Ok(vec![as_integer(of(truth(x), truth(y)), Some(to))]);
    }
    // Of a negative number too: its bits are those of two's complement.
    let bit = |x: Tensor, k: i32| {
        let above = |k: i32| (x * 2_f64.powi(-k)).floor();
        above(k) - above(k + 1) * 2.0
    };
    let low = (0..BITS).map(|k| of(bit(x, k), bit(y, k)) * 2_f64.powi(k)).reduce(|a, b| a + b);
    let sign = of(x.less(0.0), y.less(0.0)) * 2_f64.powi(BITS);
    // Of larger numbers not all bits are known.
    let known = x.abs().maximum(y.abs()).less(2_f64.powi(BITS));
    let made = low.map_or(x, |low| low - sign);
    Ok(vec![exact(known.select(made, f64::NAN), to)])
}

/// All bits the other way round.
pub(super) fn invert(a: &Args<'_>) -> Made {
    let (x, to) = (a.tensor("x")?, of_integers(a)?);
    let y = match to {
        Integer::Bool => 1.0 - x,
        to if to.is_signed() => -x - 1.0,
        to => Tensor::full(&[], 2_f64.powi(to.bits().cast_signed()) - 1.0) - x,
    };
    Ok(vec![exact(y, to)])
}

/// Bits moved to the left, or to the right.
pub(super) fn shift(a: &Args<'_>, left: bool) -> Made {
    let (x, y) = (a.tensor("x")?, a.tensor("y")?);
    // A number that is no tensor has no type of its own.
    let to = joined(a.inputs()).or(a.integer("x")).ok_or_else(|| a.wrong("its call with floats"))?;
    let power = power_of_two(if left { y } else { -y });
    Ok(vec![exact(if left { x * power } else { (x * power).floor() }, to)])
}

/// The greatest common divisor, by Euclid's algorithm: numbers below 2^24 need no more than 35 steps.
fn gcd_of(x: Tensor, y: Tensor) -> Tensor {
    let (mut x, mut y) = (x.abs(), y.abs());
    for _ in 0..36 {
        let done = y.equal(0.0);
        let rest = done.select(0.0, x.fmod(done.select(1.0, y)));
        (x, y) = (done.select(x, y), rest);
    }
    x
}

pub(super) fn gcd(a: &Args<'_>) -> Made {
    let ((x, y), to) = (a.pair()?, of_integers(a)?);
    Ok(vec![exact(gcd_of(x, y), to)])
}

pub(super) fn lcm(a: &Args<'_>) -> Made {
    let ((x, y), to) = (a.pair()?, of_integers(a)?);
    let (x, y) = (x.abs(), y.abs());
    let divisor = gcd_of(x, y);
    let rest = y - floor_mod(y, divisor.equal(0.0).select(1.0, divisor));
    Ok(vec![exact(x * divide_no_nan(rest, divisor).round(), to)])
}

/// A power of two that was computed as such: what a power is off by in its last bits is rounded away.
fn power_of_two(y: Tensor) -> Tensor {
    let power = Tensor::full(&[], 2.0).pow(y);
    power.less(1.0).select(1.0 / (1.0 / power).round(), power.round())
}
