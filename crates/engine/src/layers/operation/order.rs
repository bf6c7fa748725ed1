//! Operations that put elements in order.

use serde_json::Value;

use super::Made;
use super::args::Args;
use super::shape::{flat, moved_last, restored};
use super::whole::as_integer;
use crate::Error;
use crate::graph::Tensor;
use crate::types::{DType, Integer};

/// The elements of the last axis in order.
pub(super) fn sorted(x: Tensor) -> Tensor {
    x.take_along_last(x.argsort(false))
}

/// Runs `f` along the axis that is given: the last one by default, the flat tensor where it is null.
fn along(a: &Args<'_>, x: Tensor, f: impl FnOnce(Tensor) -> Tensor) -> Result<Tensor, Error> {
    if x.rank() == 0 {
        return Ok(f(x.reshape([1])));
    }
    match a.axes("axis", x.rank())?.as_deref() {
        // Keras writes null for the flat tensor; tf.keras' default is the last axis.
        None if !a.tensorflow => Ok(f(flat(x))),
        None => Ok(f(x)),
        Some(&[axis]) => Ok(restored(f(moved_last(x, axis)), axis)),
        Some(axes) => Err(a.wrong(format!("axis = {axes:?}"))),
    }
}

/// Returns whether the largest come first.
fn descending(a: &Args<'_>) -> Result<bool, Error> {
    let _ = a.flag("stable", false);
    match a.word("direction", "ASCENDING")?.as_str() {
        "ASCENDING" => Ok(false),
        "DESCENDING" => Ok(true),
        other => Err(a.wrong(format!("direction = {other}"))),
    }
}

pub(super) fn sort(a: &Args<'_>) -> Made {
    let (x, down) = (a.tensor("x")?, descending(a)?);
    let y = along(a, x, |x| x.take_along_last(x.argsort(down)))?;
    Ok(vec![as_integer(if x.rank() == 0 { y.reshape([]) } else { y }, a.integer("x"))])
}

pub(super) fn argsort(a: &Args<'_>) -> Made {
    let down = descending(a)?;
    Ok(vec![along(a, a.tensor("x")?, |x| x.argsort(down))?])
}

/// Numbers of the `kth` smallest elements and of the others.
pub(super) fn argpartition(a: &Args<'_>) -> Made {
    let (x, kth) = (a.tensor("x")?, a.number("kth", 0)?);
    if x.rank() > 1 && a.value("axis").is_some() {
        // Keras' own does not know which row it is in.
        return Err(a.wrong("a tensor with several axes"));
    }
    // Keras compares whole numbers.
    let x = flat(x.truncated());
    let n = x.ty().len();
    let kth = usize::try_from(kth.max(0)).unwrap_or(0).min(n.max(1) - 1);
    let smallest = x.argsort(false).slice(0, 0, kth + 1);
    let chosen = crate::ops::count_up(n).equal(smallest.expand_last()).max(&[0]);
    let rest = chosen.select(0.0, x).argsort(true).slice(0, 0, n - kth - 1);
    Ok(vec![Tensor::concat(&[smallest, rest], 0)])
}

/// The largest elements of each row, and their numbers.
pub(super) fn top_k(a: &Args<'_>) -> Made {
    let (x, k) = (a.tensor("x")?, a.count("k")?.unwrap_or(1));
    // Those that are not asked to be in order are in order all the same.
    let _ = a.flag("sorted", true);
    let shape = x.shape();
    let Some(&length) = shape.last() else { return Err(a.wrong("a tensor without axes")) };
    if k > length {
        return Err(a.wrong(format!("k = {k} of {length} elements")));
    }
    let order = x.argsort(true).slice(shape.len() - 1, 0, k);
    let values = x.take_along_last(order);
    Ok(vec![as_integer(values, a.integer("x")), order.as_type(DType::Whole(Integer::I32))])
}

/// Returns whether the target is among the classes with the largest predictions, as TensorFlow counts: fewer than `k` are larger.
pub(super) fn in_top_k(a: &Args<'_>) -> Made {
    let (targets, predictions) = (a.tensor("targets")?, a.tensor("predictions")?);
    let k = a.number("k", 1)?;
    let own = predictions.take_along_last(targets.expand_last());
    let finite = super::elementwise::finite(predictions).min(&[-1]);
    let larger = own.less(predictions).sum(&[-1]);
    let known = own.is_nan().equal(0.0).reshape(targets.shape());
    Ok(vec![larger.less(k as f64) * finite * known])
}

/// How a quantile lies between two elements.
#[derive(Clone, Copy, PartialEq)]
enum Between {
    Linear,
    Lower,
    Higher,
    Nearest,
    Midpoint,
}

/// Quantiles: of a fraction, or of each of a list, which then is the first axis.
pub(super) fn quantile(a: &Args<'_>, scale: f64, fraction: Option<f64>, skips_nan: bool) -> Made {
    quantile_by(a, scale, fraction, skips_nan, &a.word("method", "linear")?)
}

/// The same by a method.
pub(super) fn quantile_by(
    a: &Args<'_>,
    scale: f64,
    fraction: Option<f64>,
    skips_nan: bool,
    method: &str,
) -> Made {
    let (x, q) = (a.tensor("x")?, a.value("q"));
    let (list, fractions) = match (fraction, q) {
        (Some(fraction), _) => (false, vec![fraction]),
        (None, Some(Value::Number(n))) => (false, n.as_f64().into_iter().collect()),
        (None, Some(_)) => {
            let tensor: crate::ops::Numbers = serde_json::from_value(a.value("q").unwrap_or_default())
                .map_err(|_| a.wrong("a q that is no number, nor a list of them,"))?;
            let (shape, values) = tensor.parts();
            if shape.len() > 1 {
                return Err(a.wrong(format!("q of shape {shape:?}")));
            }
            (!shape.is_empty(), values)
        }
        (None, None) => return Err(a.wrong("a q that a tensor says")),
    };
    let fractions: Vec<f64> = fractions.into_iter().map(|q| f64::from(q as f32) / scale).collect();
    let method = match method {
        "linear" => Between::Linear,
        "lower" => Between::Lower,
        "higher" => Between::Higher,
        "nearest" => Between::Nearest,
        "midpoint" => Between::Midpoint,
        other => return Err(a.wrong(format!("method = {other}"))),
    };
    let rank = x.rank();
    let axes = a.axes("axis", rank)?.unwrap_or_else(|| (0..rank).collect());
    let others: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
    let order: Vec<usize> = others.iter().chain(&axes).copied().collect();
    let shape = x.shape();
    let lead: Vec<usize> = others.iter().map(|axis| shape[*axis]).collect();
    let length: usize = axes.iter().map(|axis| shape[*axis]).product();
    let row = x.transpose(&order).reshape([lead.as_slice(), &[length]].concat());
    let made = if skips_nan {
        fractions.iter().map(|q| of_valid(row, *q, method)).collect::<Vec<_>>()
    } else {
        let nan = row.is_nan().max(&[-1]);
        let row = sorted(row);
        fractions.iter().map(|q| nan.select(f64::NAN, of_sorted(row, length, *q, method))).collect()
    };
    // The axes that are gone may stay with length 1.
    let keep = a.flag("keepdims", false);
    let kept: Vec<usize> = (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] }).collect();
    let end = |y: Tensor| if keep { y.reshape(kept.clone()) } else { y };
    if list {
        let parts: Vec<Tensor> = made.into_iter().map(|y| super::shape::widened(end(y), 0)).collect();
        return Ok(vec![Tensor::concat(&parts, 0)]);
    }
    Ok(vec![end(made[0])])
}

/// A quantile of rows that are in order and of this length.
fn of_sorted(row: Tensor, length: usize, q: f64, method: Between) -> Tensor {
    let last = length.max(1) - 1;
    let axis = row.rank() - 1;
    let at = |place: f64| {
        let place = (place.max(0.0) as usize).min(last);
        let part = row.slice(axis, place, 1);
        part.reshape(part.shape()[..axis].to_vec())
    };
    let exact = last as f64 * q;
    match method {
        Between::Lower => at(exact.floor()),
        Between::Higher => at(exact.ceil()),
        Between::Nearest => at(exact.round_ties_even()),
        Between::Midpoint => (at(exact.floor()) + at(exact.ceil())) * 0.5,
        Between::Linear => {
            let smaller = (exact.ceil().min(last as f64) - 1.0).max(0.0);
            let larger = (smaller + 1.0).min(last as f64);
            let fraction = larger - exact;
            at(larger) * (1.0 - fraction) + at(smaller) * fraction
        }
    }
}

/// A quantile of what is no NaN in each row, whose number the data decide.
fn of_valid(row: Tensor, q: f64, method: Between) -> Tensor {
    let row = sorted(row);
    let last = (row.is_nan().equal(0.0)).sum_keep(&[-1]) - 1.0;
    let exact = last * q;
    let at = |place: Tensor| row.take_along_last(place.minimum(last).maximum(0.0));
    let (low, high) = (exact.floor(), -(-exact).floor());
    let y = match method {
        Between::Lower => at(low),
        Between::Higher => at(high),
        Between::Nearest => at(exact.round()),
        Between::Midpoint => (at(low) + at(high)) * 0.5,
        Between::Linear => {
            let smaller = (high - 1.0).maximum(0.0);
            let larger = (smaller + 1.0).minimum(last);
            let fraction = larger - exact;
            at(larger) * (1.0 - fraction) + at(smaller) * fraction
        }
    };
    let y = last.less(0.0).select(f64::NAN, y);
    y.reshape(y.shape()[..y.rank() - 1].to_vec())
}

/// Frames of a length along the last axis, one step from the next.
pub(super) fn sequences(x: Tensor, length: usize, step: usize) -> Option<Tensor> {
    let axis = x.rank().checked_sub(1)?;
    let count = x.shape()[axis].checked_sub(length)? / step + 1;
    // Each place of the frames for itself: a slice of the axis with steps.
    let part = |i: usize| {
        let stop = i64::try_from(i + (count - 1) * step + 1).ok()?;
        let slice = [i64::try_from(i).ok(), Some(stop), i64::try_from(step).ok()];
        super::index::sliced(x, axis, slice).map(|y| y.expand_last())
    };
    let parts: Option<Vec<Tensor>> = (0..length).map(part).collect();
    Some(Tensor::concat(&parts?, axis + 1))
}

pub(super) fn extract_sequences(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let size = |name: &str| Ok::<usize, Error>(a.count(name)?.unwrap_or(0));
    let (length, step) = (size("sequence_length")?, size("sequence_stride")?);
    let wrong =
        || a.wrong(format!("frames of {length} with steps of {step} of a tensor of shape {:?}", x.shape()));
    if step == 0 || length == 0 || length > 4096 {
        return Err(wrong());
    }
    Ok(vec![as_integer(sequences(x, length, step).ok_or_else(wrong)?, a.integer("x"))])
}
