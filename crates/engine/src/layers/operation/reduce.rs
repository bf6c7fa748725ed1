//! Operations that reduce over axes.

use super::Made;
use super::args::{Args, integer};
use super::elementwise::{finite, not, signbit, truth, within};
use super::shape::moved_last;
use super::whole::{as_integer, exact, wide};
use crate::Error;
use crate::graph::Tensor;
use crate::types::{DType, EXACT, Integer};

/// A sum; of integers whose sizes add up to more than is exact it is NaN.
pub(super) fn sum_of(x: Tensor, axes: &[isize], of: Option<Integer>) -> Tensor {
    let y = x.sum_keep(axes);
    let terms = x.ty().len() / y.ty().len().max(1);
    let bits = of.map_or(0, |i| i.bits().saturating_add(terms.max(1).next_power_of_two().trailing_zeros()));
    if bits <= 24 { y } else { x.abs().sum_keep(axes).less_equal(EXACT as f64).select(y, f64::NAN) }
}

pub(super) fn sum(a: &Args<'_>) -> Made {
    let of = a.integer("x");
    let y = a.reduced(|x, axes| sum_of(x, axes, of))?;
    // tf.keras' function keeps the type.
    Ok(y.into_iter().map(|y| of.map_or(y, |of| exact(y, if a.tensorflow { of } else { wide(of) }))).collect())
}

/// The product over axes, of the type that the config names.
pub(super) fn product(a: &Args<'_>) -> Made {
    let of = a.integer("x");
    // Keras casts only where no type is named: else TensorFlow multiplies in the type of x, whatever is named.
    let y = a.reduced(|x, axes| kept(x, axes, Tensor::product))?;
    let to = if a.value("dtype").is_some() || a.tensorflow { of } else { of.map(wide) };
    Ok(y.into_iter().map(|y| to.map_or(y, |to| exact(y, to))).collect())
}

/// Reduces with axes that stay, by a function that takes them away.
fn kept(x: Tensor, axes: &[isize], f: impl FnOnce(Tensor, &[isize]) -> Tensor) -> Tensor {
    let mut shape = x.shape();
    axes.iter().for_each(|axis| shape[axis.unsigned_abs()] = 1);
    f(x, axes).reshape(shape)
}

/// The mean of squared distances from the mean.
pub(super) fn variance_of(x: Tensor, axes: &[isize]) -> Tensor {
    (x - x.mean_keep(axes)).square().mean_keep(axes)
}

/// Computes in f32, and gives the type of x.
pub(super) fn in_f32(x: Tensor, f: impl FnOnce(Tensor) -> Tensor) -> Tensor {
    f(x.as_type(DType::F32)).float_as(x.ty().dtype)
}

pub(super) fn extreme(
    a: &Args<'_>,
    f: fn(Tensor, &[isize]) -> Tensor,
    of: fn(Tensor, Tensor) -> Tensor,
) -> Made {
    let y = a.reduced(f)?;
    let Some(value) = a.value("initial") else { return Ok(y) };
    let initial = value.as_f64().ok_or_else(|| a.wrong(format!("initial = {value}")))?;
    let initial = Tensor::full(&[], initial);
    Ok(match a.integer("x") {
        Some(Integer::Bool) => y.into_iter().map(|y| truth(of(y, initial))).collect(),
        Some(whole) => y.into_iter().map(|y| of(y, within(initial, whole))).collect(),
        None => y.into_iter().map(|y| of(y, initial)).collect(),
    })
}

pub(super) fn count_nonzero(a: &Args<'_>) -> Made {
    let x = truth(a.tensor("x")?);
    let axes = a.over(x.rank())?;
    let y = if axes.is_empty() { x } else { x.sum_keep(&axes) };
    Ok(vec![a.squeezed(y, &axes)?])
}

/// A mean that weights may weigh.
pub(super) fn average(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axes = a.over(x.rank())?;
    let Some(weights) = a.optional("weights")? else { return Ok(vec![x.mean(&axes)]) };
    if a.value("axis").is_none() || weights.rank() == x.rank() {
        return Ok(vec![(x * weights).sum(&axes) / weights.sum(&axes)]);
    }
    let (&[axis], 1) = (axes.as_slice(), weights.rank()) else {
        return Err(a.wrong(format!("weights of shape {:?} over axes {axes:?}", weights.shape())));
    };
    let mut along = vec![1; x.rank()];
    along[axis.unsigned_abs()] = weights.ty().len();
    Ok(vec![(x * weights.reshape(along)).sum(&[axis]) / weights.sum(&[])])
}

/// The numbers of the largest or the smallest elements; a negative zero is smaller than zero.
pub(super) fn extreme_at(a: &Args<'_>, smallest: bool) -> Made {
    let x = a.tensor("x")?;
    let y = if integer(x).is_some() || a.integer("x").is_some() || a.tensorflow {
        x
    } else {
        let tiny = f64::from(f32::MIN_POSITIVE);
        (x.equal(0.0) * signbit(x)).select(-tiny, x)
    };
    at(a, if smallest { -y } else { y })
}

fn at(a: &Args<'_>, x: Tensor) -> Made {
    let rank = x.rank();
    // TensorFlow's own function takes the first axis where none is named.
    let axis =
        if a.tensorflow { Some(a.axis("axis", 0, rank)?) } else { a.axes("axis", rank)?.map(|axes| axes[0]) };
    let (row, shape) = match axis {
        None => (x.reshape([x.ty().len()]), vec![1; rank]),
        Some(axis) => {
            let mut shape = x.shape();
            shape[axis] = 1;
            (moved_last(x, axis), shape)
        }
    };
    let found = row.argmax();
    if a.flag("keepdims", false) {
        return Ok(vec![found.reshape(shape)]);
    }
    Ok(vec![found])
}

/// Numbers of the extremes among what is no NaN; -1 where all are.
pub(super) fn nan_extreme_at(a: &Args<'_>, smallest: bool) -> Made {
    let x = a.tensor("x")?;
    let nan = x.is_nan();
    let y = if smallest { -x } else { x };
    let found = at(a, nan.select(f64::NEG_INFINITY, y))?;
    let all = a.reduce(nan, |nan, axes| kept(nan, axes, Tensor::min))?;
    Ok(vec![all.select(-1.0, found[0])])
}

/// The largest or smallest elements among what is no NaN; NaN where all are.
pub(super) fn nan_extreme(a: &Args<'_>, smallest: bool) -> Made {
    a.reduced(|x, axes| {
        let nan = x.is_nan();
        let all = kept(nan, axes, Tensor::min);
        let found = if smallest {
            nan.select(f64::INFINITY, x).min_keep(axes)
        } else {
            nan.select(f64::NEG_INFINITY, x).max_keep(axes)
        };
        all.select(f64::NAN, found)
    })
}

/// x with zeros for NaN, and 1 where it is none.
fn without_nan(x: Tensor) -> (Tensor, Tensor) {
    let nan = x.is_nan();
    (nan.select(0.0, x), not(nan))
}

pub(super) fn nan_sum(a: &Args<'_>) -> Made {
    let of = a.integer("x");
    let y = a.reduced(|x, axes| sum_of(without_nan(x).0, axes, of))?;
    Ok(y.into_iter().map(|y| of.map_or(y, |of| exact(y, wide(of)))).collect())
}

pub(super) fn nan_product(a: &Args<'_>) -> Made {
    let of = a.integer("x");
    let y = a.reduced(|x, axes| kept(x.is_nan().select(1.0, x), axes, Tensor::product))?;
    Ok(y.into_iter().map(|y| of.map_or(y, |of| exact(y, wide(of)))).collect())
}

fn nan_mean_of(x: Tensor, axes: &[isize]) -> Tensor {
    let (x, counts) = without_nan(x);
    let count = counts.sum_keep(axes);
    let none = count.equal(0.0);
    none.select(f64::NAN, x.sum_keep(axes) / none.select(1.0, count))
}

pub(super) fn nan_mean(a: &Args<'_>) -> Made {
    a.reduced(nan_mean_of)
}

/// The variance of what is no NaN, as `then` makes it; NaN where all are, without a gradient.
pub(super) fn nan_variance(x: Tensor, axes: &[isize], then: fn(Tensor) -> Tensor) -> Tensor {
    let (known, counts) = without_nan(x);
    let count = counts.sum_keep(axes);
    let none = count.equal(0.0);
    let count = none.select(1.0, count);
    let centered = counts.select(known - known.sum_keep(axes) / count, 0.0);
    let variance = centered.square().sum_keep(axes) / count;
    // What is chosen away must have a finite gradient all the same.
    none.select(f64::NAN, then(none.select(1.0, variance)))
}

/// log(Σ eˣ), with the largest taken off first.
pub(super) fn logsumexp_of(x: Tensor, axes: &[isize]) -> Tensor {
    let largest = x.max_keep(axes).stop_gradient();
    // What is infinite is not taken off.
    let largest = finite(largest).select(largest, 0.0);
    (x - largest).exp().sum_keep(axes).log() + largest
}

/// Sums or products up to each element. `neutral` takes the place of NaN.
pub(super) fn cumulative(a: &Args<'_>, product: bool, neutral: Option<f64>) -> Made {
    let (x, of) = super::core::cast_first(a, "x")?;
    let x = neutral.map_or(x, |neutral| x.is_nan().select(neutral, x));
    // tf.keras' functions take the first axis where none is named.
    let (x, axis) = match a.axes("axis", x.rank())?.as_deref() {
        Some(&[axis]) => (x, axis),
        None if a.tensorflow => (x, 0),
        None => (x.reshape([x.ty().len()]), 0),
        Some(axes) => return Err(a.wrong(format!("axis = {axes:?}"))),
    };
    let (exclusive, back) = (a.flag("exclusive", false), a.flag("reverse", false));
    let turned = |x: Tensor| if back { x.reverse(axis) } else { x };
    let over = |x: Tensor| {
        let x = turned(x);
        let first = if product { 1.0 } else { 0.0 };
        let x = if exclusive { x.shifted(axis, first) } else { x };
        turned(if product { x.cumprod(axis) } else { x.cumsum(axis) })
    };
    let of = of.map(|i| if i == Integer::Bool { Integer::I32 } else { i });
    let y = over(x);
    // Integers are exact only if all before were.
    let y = if of.is_some_and(|i| !i.is_exact()) {
        over(x.abs()).less_equal(EXACT as f64).select(y, f64::NAN)
    } else {
        y
    };
    Ok(vec![of.map_or(y, |of| exact(y, of))])
}

/// The sums over a diagonal.
pub(super) fn trace(a: &Args<'_>) -> Made {
    let (diagonal, of) = (super::shape::diagonal_of(a)?, a.integer("x"));
    let last = diagonal.rank() as isize - 1;
    let y = sum_of(diagonal, &[last], of);
    let y = y.reshape(y.shape()[..y.rank() - 1].to_vec());
    Ok(vec![of.map_or(y, |of| exact(y, wide(of)))])
}

/// Norms over all axes, one, or two.
pub(super) fn norm(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axes = a.over(x.rank())?;
    let of = a.value("ord");
    let y = norm_of(a, x, &axes, of.as_ref())?;
    Ok(vec![a.squeezed(y, &axes)?])
}

/// See [`norm`]; the axes stay with length 1.
pub(super) fn norm_of(
    a: &Args<'_>,
    x: Tensor,
    axes: &[isize],
    ord: Option<&serde_json::Value>,
) -> Result<Tensor, Error> {
    let number = ord.and_then(serde_json::Value::as_f64).or(match ord.and_then(serde_json::Value::as_str) {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => None,
    });
    let euclidean = || x.square().sum_keep(axes).sqrt();
    Ok(match (axes.len(), ord, number) {
        (_, None, _) => euclidean(),
        (1, _, Some(2.0)) => euclidean(),
        (2, Some(word), _) if word == "fro" => euclidean(),
        (1, _, Some(n)) if n == f64::INFINITY => x.abs().max_keep(axes),
        (1, _, Some(n)) if n == f64::NEG_INFINITY => x.abs().min_keep(axes),
        (1, _, Some(0.0)) => truth(x).sum_keep(axes).float_as(x.ty().dtype),
        (1, _, Some(1.0)) => x.abs().sum_keep(axes),
        (1, _, Some(n)) => x.abs().pow(Tensor::full(&[], n)).sum_keep(axes).pow(Tensor::full(&[], 1.0 / n)),
        // Of matrices: sums of columns (1, -1) and of rows.
        (2, _, Some(n)) if n.abs() == 1.0 || n.is_infinite() => {
            let (summed, other) = if n.is_infinite() { (axes[1], axes[0]) } else { (axes[0], axes[1]) };
            let sums = x.abs().sum_keep(&[summed]);
            if n > 0.0 { sums.max_keep(&[other]) } else { sums.min_keep(&[other]) }
        }
        _ => {
            let ord = ord.cloned().unwrap_or_default();
            return Err(a.wrong(format!("ord = {ord} over {} axes", axes.len())));
        }
    })
}

/// Mean and variance.
pub(super) fn moments(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    // On one device synchronized or not is the same.
    let _ = a.flag("synchronized", false);
    let axes = a.axes("axes", x.rank())?.unwrap_or_default();
    let axes: Vec<isize> = axes.into_iter().map(|axis| axis as isize).collect();
    if let Some(of) = a.integer("x") {
        // TensorFlow divides sums of integers as such, and has none of the other types.
        if !matches!(of, Integer::I32 | Integer::I64) {
            return Err(a.wrong(format!("its call with {of}")));
        }
        let mean_of = |x: Tensor| {
            let sum = sum_of(x, &axes, Some(of));
            let count = x.ty().len() / sum.ty().len().max(1);
            (sum / count.max(1) as f64).truncated()
        };
        let mean = mean_of(x);
        let variance = mean_of((x - mean).square());
        return Ok(vec![exact(a.squeezed(mean, &axes)?, of), exact(a.squeezed(variance, &axes)?, of)]);
    }
    let (mean, variance) = (in_f32(x, |x| x.mean_keep(&axes)), in_f32(x, |x| variance_of(x, &axes)));
    Ok(vec![a.squeezed(mean, &axes)?, a.squeezed(variance, &axes)?])
}

/// Counts of the elements in buckets of one width, and the bounds of these.
pub(super) fn histogram(a: &Args<'_>) -> Made {
    let (x, bins) = (a.tensor("x")?, a.number("bins", 10)?);
    let bins = usize::try_from(bins).ok().filter(|n| (1..=4096).contains(n));
    let Some(bins) = bins else { return Err(a.wrong(format!("bins = {}", a.number("bins", 10)?))) };
    let x = x.reshape([x.ty().len()]);
    let (low, high) = match a.value("range") {
        None => (x.min(&[]), x.max(&[])),
        Some(range) => {
            let ends: Option<Vec<f64>> =
                range.as_array().map(|l| l.iter().filter_map(|v| v.as_f64()).collect());
            match ends.as_deref() {
                Some(&[low, high]) => (Tensor::full(&[], low), Tensor::full(&[], high)),
                _ => return Err(a.wrong(format!("range = {range}"))),
            }
        }
    };
    let of = a.integer("x");
    let edges = super::creation::between(low, high, bins + 1, true).float_as(x.ty().dtype);
    // TensorFlow casts the bounds to the type of x.
    let edges = if of.is_some() { edges.truncated() } else { edges };
    let inside = low.less_equal(x) * x.less_equal(high);
    let inner = edges.slice(0, 1, bins - 1);
    let bucket = if bins == 1 { x * 0.0 } else { inner.less_equal(x.expand_last()).sum(&[-1]) };
    let hits = crate::ops::count_up(bins).equal(bucket.expand_last()) * inside.expand_last();
    let hits = hits.float_as(x.ty().dtype);
    Ok(vec![as_integer(hits.sum(&[0]), of), as_integer(edges, of)])
}
