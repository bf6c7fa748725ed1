//! Operations that move elements: other shapes, axes in other orders, parts put together.

use serde_json::Value;

use super::Made;
use super::args::Args;
use super::whole::{as_integer, joined};
use crate::Error;
use crate::graph::Tensor;
use crate::ops::count_up;

/// Moves an axis to the end.
pub(super) fn moved_last(x: Tensor, axis: usize) -> Tensor {
    moved(x, &[axis], &[x.rank().max(1) - 1])
}

/// Moves the last axis to a place.
pub(super) fn restored(x: Tensor, axis: usize) -> Tensor {
    moved(x, &[x.rank().max(1) - 1], &[axis])
}

/// Moves axes to places, and keeps the others in their order.
pub(super) fn moved(x: Tensor, from: &[usize], to: &[usize]) -> Tensor {
    let mut order: Vec<usize> = (0..x.rank()).filter(|axis| !from.contains(axis)).collect();
    let mut places: Vec<(usize, usize)> = to.iter().copied().zip(from.iter().copied()).collect();
    places.sort_unstable();
    places.into_iter().for_each(|(to, from)| order.insert(to.min(order.len()), from));
    if order.iter().copied().eq(0..order.len()) { x } else { x.transpose(&order) }
}

/// Adds an axis of length 1.
pub(super) fn widened(x: Tensor, axis: usize) -> Tensor {
    let mut shape = x.shape();
    shape.insert(axis.min(shape.len()), 1);
    x.reshape(shape)
}

/// Puts tensors of one shape side by side, along a new axis.
pub(super) fn stacked(a: &Args<'_>, xs: &[Tensor], axis: usize) -> Result<Tensor, Error> {
    let shape = xs.first().map(|x| x.shape()).unwrap_or_default();
    if xs.is_empty() || xs.iter().any(|x| x.shape() != shape) {
        let shapes: Vec<_> = xs.iter().map(|x| x.shape()).collect();
        return Err(a.wrong(format!("a stack of tensors of shapes {shapes:?}")));
    }
    let wide: Vec<Tensor> = xs.iter().map(|x| widened(*x, axis)).collect();
    Ok(Tensor::concat(&wide, axis))
}

pub(super) fn moveaxis(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let from = a.axes("source", x.rank())?.unwrap_or_default();
    let to = a.axes("destination", x.rank())?.unwrap_or_default();
    if from.len() != to.len() {
        return Err(a.wrong(format!("source {from:?} with destination {to:?}")));
    }
    Ok(vec![moved(x, &from, &to)])
}

pub(super) fn swapaxes(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let mut order: Vec<usize> = (0..x.rank()).collect();
    order.swap(a.axis("axis1", 0, x.rank())?, a.axis("axis2", 0, x.rank())?);
    Ok(vec![x.transpose(&order)])
}

pub(super) fn transpose(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let order = a.axes("axes", x.rank())?.unwrap_or_else(|| (0..x.rank()).rev().collect());
    Ok(vec![x.transpose(&order)])
}

pub(super) fn flip(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axes = a.axes("axis", x.rank())?.unwrap_or_else(|| (0..x.rank()).collect());
    Ok(vec![axes.into_iter().fold(x, Tensor::reverse)])
}

pub(super) fn flip_axis(a: &Args<'_>, axis: usize) -> Made {
    let x = a.tensor("x")?;
    a.axis_of(axis as i64, x.rank())?;
    Ok(vec![x.reverse(axis)])
}

/// Quarters of a turn in the plane of two axes.
pub(super) fn rot90(a: &Args<'_>) -> Made {
    let (x, turns) = (a.tensor("array")?, a.number("k", 1)?.rem_euclid(4));
    let axes = a.axes("axes", x.rank())?.unwrap_or_else(|| vec![0, 1]);
    let &[first, second] = axes.as_slice() else { return Err(a.wrong(format!("axes = {axes:?}"))) };
    if x.rank() < 2 || first == second {
        return Err(a.wrong(format!("axes = {axes:?} of a tensor of shape {:?}", x.shape())));
    }
    let mut order: Vec<usize> = (0..x.rank()).collect();
    order.swap(first, second);
    if turns == 2 {
        // Between both turns Keras takes the plane for one of the shape that it had before, which only changes what is no square.
        let (last, next) = (x.rank() - 1, x.rank() - 2);
        let front = moved(x, &[first, second], &[next, last]);
        let shape = front.shape();
        let mut order: Vec<usize> = (0..x.rank()).collect();
        order.swap(next, last);
        let turned = |x: Tensor| x.reverse(last).transpose(&order);
        let back = turned(turned(front).reshape(shape.clone())).reshape(shape);
        return Ok(vec![moved(back, &[next, last], &[first, second])]);
    }
    Ok(vec![(0..turns).fold(x, |x, _| x.reverse(second).transpose(&order))])
}

pub(super) fn broadcast_to(a: &Args<'_>) -> Made {
    let (x, shape) = (a.tensor("x")?, a.numbers("shape")?.unwrap_or_default());
    let sizes: Option<Vec<usize>> = shape.iter().map(|n| usize::try_from(*n).ok()).collect();
    // The number of examples is any, so that a shape that fixes it cannot be had.
    let fits = |to: &Vec<usize>| crate::types::broadcast(&x.shape(), to).as_ref() == Some(to);
    match sizes.filter(fits) {
        Some(sizes) => Ok(vec![x.broadcast_to(&sizes)]),
        None => Err(a.wrong(format!("shape = {shape:?} of a tensor of shape {:?}", x.shape()))),
    }
}

pub(super) fn concatenate(a: &Args<'_>, name: &str) -> Made {
    let xs = a.list(name)?;
    let axis = a.axis("axis", 0, xs.first().map_or(0, |x| x.rank()))?;
    Ok(vec![Tensor::concat(&xs, axis)])
}

pub(super) fn stack(a: &Args<'_>) -> Made {
    let xs = a.list("x")?;
    let axis = a.axis("axis", 0, xs.first().map_or(0, |x| x.rank() + 1))?;
    Ok(vec![stacked(a, &xs, axis)?])
}

/// Joins along the first axis, the second, or the third, which those of fewer get first.
pub(super) fn joined_along(a: &Args<'_>, along: usize) -> Made {
    let xs = a.list("xs")?;
    let rank = xs.first().map_or(0, |x| x.rank());
    let (xs, axis) = match along {
        2 => {
            let deep = |x: &Tensor| match x.shape().as_slice() {
                [] => x.reshape([1, 1, 1]),
                &[n] => x.reshape([1, n, 1]),
                &[n, m] => x.reshape([n, m, 1]),
                _ => *x,
            };
            (xs.iter().map(deep).collect(), 2)
        }
        1 if rank == 1 => (xs, 0),
        along => (xs, along),
    };
    a.axis_of(axis as i64, xs.first().map_or(0, |x| x.rank()))?;
    Ok(vec![Tensor::concat(&xs, axis)])
}

pub(super) fn append(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    match a.axes("axis", x.rank())? {
        None => Ok(vec![Tensor::concat(&[flat(x), flat(y)], 0)]),
        Some(axes) => Ok(vec![Tensor::concat(&[x, y], axes.first().copied().unwrap_or(0))]),
    }
}

pub(super) fn flat(x: Tensor) -> Tensor {
    x.reshape([x.ty().len()])
}

pub(super) fn expand_dims(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let given = a.numbers("axis")?.unwrap_or_default();
    let mut axes = Vec::new();
    for axis in &given {
        axes.push(a.axis_of(*axis, x.rank() + given.len())?);
    }
    axes.sort_unstable();
    Ok(vec![axes.into_iter().fold(x, widened)])
}

pub(super) fn squeeze(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let shape = x.shape();
    let axes = a.axes("axis", shape.len())?.unwrap_or_default();
    let all = axes.is_empty();
    if let Some(axis) = axes.iter().find(|axis| shape[**axis] != 1) {
        return Err(a.wrong(format!("axis {axis} of a tensor of shape {shape:?}, which is not of length 1,")));
    }
    let gone = |i: usize, n: usize| n == 1 && (all && i > 0 || axes.contains(&i));
    let kept: Vec<usize> =
        shape.iter().enumerate().filter(|(i, n)| !gone(*i, **n)).map(|(_, n)| *n).collect();
    Ok(vec![x.reshape(kept)])
}

/// Another shape, in which -1 or null is what is left; the first axis may be the batch's.
pub(super) fn reshape(a: &Args<'_>) -> Made {
    let (x, shape) = (a.tensor("x")?, a.value("newshape"));
    let shape = match shape {
        Some(Value::Array(shape)) => shape,
        Some(one @ Value::Number(_)) => vec![one],
        other => return Err(a.wrong(format!("newshape = {}", other.unwrap_or_default()))),
    };
    let sizes: Vec<Option<usize>> =
        shape.iter().map(|n| n.as_i64().and_then(|n| usize::try_from(n).ok())).collect();
    let unknown = sizes.iter().filter(|n| n.is_none()).count();
    let known = sizes.iter().flatten().fold(1_usize, |n, size| n.saturating_mul(*size));
    let rest = x.ty().len() / known.max(1);
    if unknown > 1 || known == usize::MAX {
        return Err(a.wrong(format!("newshape = {}", Value::Array(shape))));
    }
    Ok(vec![x.reshape(sizes.into_iter().map(|n| n.unwrap_or(rest)).collect::<Vec<_>>())])
}

/// Each element several times along an axis, or of the flat tensor.
pub(super) fn repeat(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let (x, axis) = match a.axes("axis", x.rank())? {
        None => (flat(x), 0),
        Some(axes) => (x, axes.first().copied().unwrap_or(0)),
    };
    let repeats = a.numbers("repeats")?.unwrap_or_default();
    let counts: Option<Vec<usize>> = repeats.iter().map(|n| usize::try_from(*n).ok()).collect();
    let Some(counts) = counts.filter(|c| c.iter().all(|n| *n <= 1 << 24)) else {
        return Err(a.wrong(format!("repeats = {repeats:?}")));
    };
    let shape = x.shape();
    let Some(&length) = shape.get(axis) else { return Err(a.wrong("a tensor without axes")) };
    let each = |x: Tensor, n: usize| {
        let mut wide = x.shape();
        wide.insert(axis + 1, n);
        let mut long = x.shape();
        long[axis] = long[axis].saturating_mul(n);
        widened(x, axis + 1).broadcast_to(&wide).reshape(long)
    };
    Ok(vec![match counts.as_slice() {
        [one] => each(x, *one),
        many if many.len() == length => {
            let parts = many.iter().enumerate().filter(|(_, n)| **n > 0);
            let parts: Vec<Tensor> = parts.map(|(i, n)| each(x.slice(axis, i, 1), *n)).collect();
            if parts.is_empty() { each(x, 0) } else { Tensor::concat(&parts, axis) }
        }
        many => return Err(a.wrong(format!("{} repeats of {length} elements", many.len()))),
    }])
}

/// The whole several times along each axis.
pub(super) fn tile(a: &Args<'_>) -> Made {
    let (mut x, repeats) = (a.tensor("x")?, a.numbers("repeats")?.unwrap_or_default());
    let counts: Option<Vec<usize>> = repeats.iter().map(|n| usize::try_from(*n).ok()).collect();
    let Some(mut counts) = counts.filter(|c| c.iter().all(|n| *n <= 1 << 24)) else {
        return Err(a.wrong(format!("repeats = {repeats:?}")));
    };
    while counts.len() < x.rank() {
        counts.insert(0, 1);
    }
    while x.rank() < counts.len() {
        x = widened(x, 0);
    }
    let y = counts.into_iter().enumerate().fold(x, |x, (axis, n)| {
        let mut wide = x.shape();
        wide.insert(axis, n);
        let mut long = x.shape();
        long[axis] = long[axis].saturating_mul(n);
        widened(x, axis).broadcast_to(&wide).reshape(long)
    });
    Ok(vec![y])
}

/// Moves elements along axes, and those beyond the end to the beginning.
pub(super) fn roll(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let shifts = a.numbers("shift")?.unwrap_or_default();
    let rolled = |x: Tensor, shift: i64, axis: usize| {
        let length = x.shape()[axis];
        let shift = usize::try_from(shift.rem_euclid(length.max(1) as i64)).unwrap_or(0);
        if shift == 0 {
            return x;
        }
        Tensor::concat(&[x.slice(axis, length - shift, shift), x.slice(axis, 0, length - shift)], axis)
    };
    let Some(axes) = a.axes("axis", x.rank())? else {
        let shift = shifts.first().copied().unwrap_or(0);
        return Ok(vec![rolled(flat(x), shift, 0).reshape(x.shape())]);
    };
    if axes.len() != shifts.len() {
        return Err(a.wrong(format!("shift {shifts:?} along axes {axes:?}")));
    }
    Ok(vec![shifts.into_iter().zip(axes).fold(x, |x, (shift, axis)| rolled(x, shift, axis))])
}

/// The parts of an axis: so many of one length, or those between places; `even`: lengths that differ by one.
pub(super) fn split_along(a: &Args<'_>, x: Tensor, axis: usize, even: bool) -> Made {
    let length = x.shape().get(axis).copied().unwrap_or(0);
    let value = a.value("indices_or_sections").unwrap_or_default();
    let wrong = || a.wrong(format!("indices_or_sections = {value} of an axis of length {length}"));
    let ends: Vec<usize> = match value.as_u64().and_then(|n| usize::try_from(n).ok()) {
        Some(parts) if parts > 0 && parts <= length && (even || length % parts == 0) => {
            let (size, more) = (length / parts, length % parts);
            (1..=parts).map(|i| i * size + i.min(more)).collect()
        }
        Some(_) => return Err(wrong()),
        None => {
            let places = a.numbers("indices_or_sections")?.unwrap_or_default();
            let places = places.into_iter().map(|n| usize::try_from(n).ok().filter(|n| *n <= length));
            let mut ends: Vec<usize> = places.collect::<Option<_>>().ok_or_else(wrong)?;
            ends.push(length);
            ends
        }
    };
    let mut start = 0;
    let mut parts = Vec::new();
    for end in ends {
        parts.push(x.slice(axis, start, end.checked_sub(start).ok_or_else(wrong)?));
        start = end;
    }
    Ok(parts)
}

pub(super) fn split(a: &Args<'_>, even: bool) -> Made {
    let x = a.tensor("x")?;
    let axis = a.axis("axis", 0, x.rank())?;
    split_along(a, x, axis, even)
}

pub(super) fn split_at(a: &Args<'_>, axis: usize) -> Made {
    let x = a.tensor("x")?;
    let axis = if axis == 1 && x.rank() == 1 { 0 } else { axis };
    a.axis_of(axis as i64, x.rank())?;
    split_along(a, x, axis, false)
}

/// Tensors that count along the axes of all.
pub(super) fn meshgrid(a: &Args<'_>) -> Made {
    let xs = a.list("x")?;
    let indexing = a.word("indexing", "xy")?;
    let (count, types) = (xs.len(), a.typed_list("x"));
    let mut places: Vec<usize> = (0..count).collect();
    match indexing.as_str() {
        "xy" if count > 1 => places.swap(0, 1),
        "xy" | "ij" => {}
        _ => return Err(a.wrong(format!("indexing = {indexing}"))),
    }
    let mut shape = vec![1; count];
    xs.iter().zip(&places).for_each(|(x, place)| shape[*place] = x.ty().len());
    let along = |(i, x): (usize, &Tensor)| {
        let mut own = vec![1; count];
        own[places[i]] = x.ty().len();
        as_integer(x.reshape(own).broadcast_to(&shape), types.get(i).and_then(|t| super::args::integer(*t)))
    };
    Ok(xs.iter().enumerate().map(along).collect())
}

/// 1 where row and column differ by what a test says: a matrix.
pub(super) fn band(rows: usize, columns: usize, of: impl Fn(Tensor) -> Tensor) -> Tensor {
    let difference = count_up(columns).reshape([1, columns]) - count_up(rows).reshape([rows, 1]);
    of(difference)
}

/// A triangle of the last two axes: the others are zero.
pub(super) fn triangle(a: &Args<'_>, lower: bool) -> Made {
    let (x, k) = (a.tensor("x")?, a.number("k", 0)? as f64);
    let shape = x.shape();
    let &[.., rows, columns] = shape.as_slice() else {
        return Err(a.wrong(format!("a tensor of shape {shape:?}")));
    };
    let mask =
        band(rows, columns, |d| if lower { d.less_equal(k) } else { Tensor::full(&[], k).less_equal(d) });
    Ok(vec![mask.select(x, 0.0)])
}

/// A diagonal of two axes, as the last one.
pub(super) fn diagonal_of(a: &Args<'_>) -> Result<Tensor, Error> {
    let x = a.tensor("x")?;
    let (first, second) = (a.axis("axis1", 0, x.rank())?, a.axis("axis2", 1, x.rank())?);
    if first == second {
        return Err(a.wrong(format!("axis1 = axis2 = {first}")));
    }
    Ok(of_diagonal(moved(x, &[first, second], &[x.rank() - 2, x.rank() - 1]), a.number("offset", 0)?))
}

/// A diagonal of the last two axes.
pub(super) fn of_diagonal(x: Tensor, offset: i64) -> Tensor {
    let shape = x.shape();
    let (lead, rows, columns) = (&shape[..shape.len() - 2], shape[shape.len() - 2], shape[shape.len() - 1]);
    let size = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
    let (down, right) = if offset < 0 { (size, 0) } else { (0, size) };
    let length = rows.saturating_sub(down).min(columns.saturating_sub(right));
    let axis = lead.len();
    if length == 0 {
        return x.reshape([lead, &[rows * columns]].concat()).slice(axis, 0, 0);
    }
    // Its elements lie a row and one apart.
    let (start, step) = (down * columns + right, columns + 1);
    let rest = rows * columns - start;
    let flat = x.reshape([lead, &[rows * columns]].concat()).slice(axis, start, rest.min(length * step));
    let flat = flat.pad(axis, 0, (length * step).saturating_sub(rest));
    let table = flat.reshape([lead, &[length, step]].concat()).slice(axis + 1, 0, 1);
    table.reshape([lead, &[length]].concat())
}

/// A matrix with these numbers on a diagonal, or the diagonal of a matrix.
pub(super) fn diag(a: &Args<'_>, flatten: bool) -> Made {
    let (x, k) = (a.tensor("x")?, a.number("k", 0)?);
    let x = if flatten { flat(x) } else { x };
    match x.rank() {
        1 => {
            let n = x.shape()[0];
            let square = band(n, n, |d| d.equal(0.0)).select(x, 0.0);
            let more = usize::try_from(k.unsigned_abs()).ok().filter(|n| *n <= 1 << 24);
            let more = more.ok_or_else(|| a.wrong(format!("k = {k}")))?;
            let (down, right) = if k < 0 { (more, 0) } else { (0, more) };
            Ok(vec![square.pad(0, down, right).pad(1, right, down)])
        }
        2 => Ok(vec![of_diagonal(x, k)]),
        rank => Err(a.wrong(format!("a tensor with {rank} axes"))),
    }
}

/// The places in a shape that numbers of elements are.
pub(super) fn unravel_index(a: &Args<'_>) -> Made {
    let (mut x, shape) = (a.tensor("indices")?, a.numbers("shape")?.unwrap_or_default());
    let of = joined(a.inputs());
    // Keras goes from the last axis for a list of numbers, and from the first for others.
    let backwards = x.rank() == 1;
    let order: Vec<i64> = if backwards { shape.into_iter().rev().collect() } else { shape };
    let mut places = Vec::new();
    for length in order {
        let length = Tensor::full(&[], length as f64);
        let place = super::elementwise::floor_mod(x, length);
        x = ((x - place) / length).round();
        places.push(as_integer(place, of));
    }
    places.reverse();
    Ok(places)
}
