//! Operations that take elements by their numbers.

use serde_json::Value;

use super::Made;
use super::args::Args;
use super::shape::{flat, moved, moved_last, restored, widened};
use super::whole::as_integer;
use crate::Error;
use crate::graph::Tensor;
use crate::ops::count_up;
use crate::types::broadcast;

/// Elements of an axis by their numbers, which count from the end where they are negative.
pub(super) fn taken(x: Tensor, indices: Tensor, axis: usize) -> Tensor {
    let shape = x.shape();
    let front = moved(x, &[axis], &[0]);
    let (rows, places) = (shape[axis], indices.shape());
    let rest: Vec<usize> = front.shape()[1..].to_vec();
    let width = crate::types::elements(&rest);
    let count = indices.ty().len();
    let table = front.reshape([rows, width]);
    let made = table.rows_at(indices.reshape([count])).reshape([places.as_slice(), &rest].concat());
    let (from, to): (Vec<usize>, Vec<usize>) = (0..places.len()).map(|i| (i, axis + i)).unzip();
    moved(made, &from, &to)
}

pub(super) fn take(a: &Args<'_>) -> Made {
    let (x, indices) = (a.tensor("x")?, a.tensor("indices")?);
    let (x, axis) = match a.axes("axis", x.rank())? {
        None => (flat(x), 0),
        Some(axes) => (x, axes.first().copied().unwrap_or(0)),
    };
    Ok(vec![as_integer(taken(x, indices, axis), a.integer("x"))])
}

pub(super) fn take_along_axis(a: &Args<'_>) -> Made {
    let (x, indices) = (a.tensor("x")?, a.tensor("indices")?);
    let (x, axis) = match a.axes("axis", x.rank())? {
        None => (flat(x), 0),
        Some(axes) => (x, axes.first().copied().unwrap_or(0)),
    };
    Ok(vec![as_integer(along(a, x, indices, axis)?, a.integer("x"))])
}

/// Elements of each row along an axis; the other axes broadcast.
fn along(a: &Args<'_>, x: Tensor, indices: Tensor, axis: usize) -> Result<Tensor, Error> {
    let wrong =
        || a.wrong(format!("indices of shape {:?} of a tensor of shape {:?}", indices.shape(), x.shape()));
    if x.rank() != indices.rank() {
        return Err(wrong());
    }
    let (mut of_x, mut of_indices) = (x.shape(), indices.shape());
    let (length, count) = (of_x[axis], of_indices[axis]);
    (of_x[axis], of_indices[axis]) = (1, 1);
    let mut wide = broadcast(&of_x, &of_indices).ok_or_else(wrong)?;
    wide[axis] = length;
    let x = x.broadcast_to(&wide);
    wide[axis] = count;
    let indices = indices.broadcast_to(&wide);
    let indices = indices.less(0.0).select(indices + length as f64, indices);
    Ok(restored(moved_last(x, axis).take_along_last(moved_last(indices, axis)), axis))
}

/// Parts of a tensor, as Python's indexing has them: whole numbers, slices, an ellipsis, new axes, tensors of numbers.
pub(super) fn get_item(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let by = a.typed("key");
    if let [_] = by.as_slice() {
        // A tensor of numbers takes rows of the first axis.
        return Ok(vec![as_integer(taken(x, a.tensor("key")?, 0), a.integer("x"))]);
    }
    let key = a.value("key").unwrap_or_default();
    let keys = match key {
        Value::Array(list) => list,
        one => vec![one],
    };
    Ok(vec![as_integer(items(a, x, &keys)?, a.integer("x"))])
}

/// See [`get_item`].
pub(super) fn items(a: &Args<'_>, mut x: Tensor, keys: &[Value]) -> Result<Tensor, Error> {
    let class = |key: &Value, name: &str| key.get("class_name").is_some_and(|c| c == name);
    let taken = keys.iter().filter(|k| !k.is_null() && !class(k, "__ellipsis__")).count();
    let (rank, mut at) = (x.rank(), 0);
    let wrong =
        |key: &Value| a.wrong(format!("the index {}", key.to_string().chars().take(60).collect::<String>()));
    for key in keys {
        if class(key, "__ellipsis__") {
            at += rank.saturating_sub(taken);
            continue;
        }
        if key.is_null() {
            x = widened(x, at);
            at += 1;
            continue;
        }
        let mut shape = x.shape();
        let Some(&length) = shape.get(at) else { return Err(wrong(key)) };
        let place = |n: i64| if n < 0 { n + length as i64 } else { n };
        if let Some(index) = key.as_i64().map(place) {
            let index = usize::try_from(index).ok().filter(|i| *i < length).ok_or_else(|| wrong(key))?;
            shape.remove(at);
            x = x.slice(at, index, 1).reshape(shape);
            continue;
        }
        if !class(key, "__slice__") {
            return Err(wrong(key));
        }
        let part = |name: &str| key.pointer(&format!("/config/{name}")).filter(|v| !v.is_null());
        let number = |name: &str| part(name).map(|v| v.as_i64().ok_or_else(|| wrong(key))).transpose();
        let slice = [number("start")?, number("stop")?, number("step")?];
        x = sliced(x, at, slice).ok_or_else(|| wrong(key))?;
        at += 1;
    }
    Ok(x)
}

/// A slice of an axis: start, stop, step, as Python has them; `None` where the step is zero.
pub(super) fn sliced(x: Tensor, axis: usize, [start, stop, step]: [Option<i64>; 3]) -> Option<Tensor> {
    let length = *x.shape().get(axis)?;
    let step = step.unwrap_or(1);
    if step == 0 {
        return None;
    }
    if step < 0 {
        // The same elements of the axis the other way round.
        let last = length as i64 - 1;
        let turned = |n: i64| last - if n < 0 { (n + length as i64).max(-1) } else { n.min(last) };
        return sliced(
            x.reverse(axis),
            axis,
            [start.map(turned), stop.map(turned), Some(step.checked_neg()?)],
        );
    }
    let place = |n: i64| {
        let n = if n < 0 { n + length as i64 } else { n };
        usize::try_from(n.max(0)).unwrap_or(0).min(length)
    };
    let (start, stop) = (start.map_or(0, place), stop.map_or(length, place));
    let count = stop.saturating_sub(start);
    let part = if count == length { x } else { x.slice(axis, start, count) };
    let step = usize::try_from(step).ok()?;
    if step == 1 || count <= 1 {
        return Some(part);
    }
    // The first of each group of so many.
    let groups = count.div_ceil(step);
    let whole = part.pad(axis, 0, groups.checked_mul(step)? - count);
    let mut shape = whole.shape();
    shape[axis] = groups;
    shape.insert(axis + 1, step);
    let first = whole.reshape(shape.clone()).slice(axis + 1, 0, 1);
    shape.remove(axis + 1);
    Some(first.reshape(shape))
}

/// A part from a place on, of a shape.
pub(super) fn slice(a: &Args<'_>) -> Made {
    let (x, starts) = (a.tensor("inputs")?, a.numbers("start_indices")?);
    let starts = starts.ok_or_else(|| a.wrong("start_indices that a tensor says"))?;
    let sizes = a.numbers("shape")?.unwrap_or_default();
    if starts.len() != x.rank() || sizes.len() != x.rank() {
        return Err(a.wrong(format!("start_indices {starts:?} with shape {sizes:?}")));
    }
    let mut y = x;
    for (axis, (start, size)) in starts.into_iter().zip(sizes).enumerate() {
        let length = y.shape()[axis] as i64;
        // -1 is all that is left.
        let size = if size == -1 { length - start } else { size };
        let (Ok(start), Ok(size)) = (usize::try_from(start), usize::try_from(size)) else {
            return Err(a.wrong(format!("a part from {start} on of length {size}")));
        };
        if (start, size) != (0, y.shape()[axis]) {
            y = y.slice(axis, start, size);
        }
    }
    Ok(vec![y])
}

/// Puts a smaller tensor in place of a part.
pub(super) fn slice_update(a: &Args<'_>) -> Made {
    let (x, part) = (a.tensor("inputs")?, a.tensor("updates")?);
    let starts = a.numbers("start_indices")?.ok_or_else(|| a.wrong("start_indices that a tensor says"))?;
    if starts.len() != x.rank() || part.rank() != x.rank() {
        return Err(a.wrong(format!("start_indices {starts:?} with updates of shape {:?}", part.shape())));
    }
    let (mut wide, mut mask) = (part, Tensor::full(&part.shape(), 1.0));
    for (axis, start) in starts.into_iter().enumerate() {
        let (length, size) = (x.shape()[axis], part.shape()[axis]);
        // As far as the part reaches, it is moved inside.
        let most = length.checked_sub(size).ok_or_else(|| a.wrong("updates larger than the inputs"))?;
        let start = usize::try_from(start.max(0)).unwrap_or(0).min(most);
        (wide, mask) = (wide.pad(axis, start, most - start), mask.pad(axis, start, most - start));
    }
    Ok(vec![mask.select(wide, x)])
}

/// The parts of an axis, each without it.
pub(super) fn unstack(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axis = a.axis("axis", 0, x.rank())?;
    let (mut shape, of) = (x.shape(), a.integer("x"));
    let length = shape.remove(axis);
    if a.count("num")?.is_some_and(|num| num != length) || length > 4096 {
        return Err(a.wrong(format!("num = {:?} along an axis of length {length}", a.count("num")?)));
    }
    Ok((0..length).map(|i| as_integer(x.slice(axis, i, 1).reshape(shape.clone()), of)).collect())
}

/// The elements of a row as 0 and 1: where the numbers are, for each.
pub(super) fn one_hot_of(x: Tensor, classes: usize, axis: i64) -> Option<Tensor> {
    let hot = x.truncated().expand_last().equal(count_up(classes));
    let axis = crate::types::axis_index(isize::try_from(axis).ok()?, hot.rank())?;
    Some(restored(hot, axis))
}

pub(super) fn one_hot(a: &Args<'_>) -> Made {
    let (x, axis) = (a.tensor("x")?, a.number("axis", -1)?);
    hot(a, x, axis, |y| y)
}

/// The same for all numbers of an example together.
pub(super) fn multi_hot(a: &Args<'_>) -> Made {
    let (x, axis) = (a.tensor("inputs")?, a.number("axis", -1)?);
    let over = isize::from(x.rank() > 1);
    hot(a, x, axis, |y| y.max(&[over]))
}

fn hot(a: &Args<'_>, x: Tensor, axis: i64, f: impl FnOnce(Tensor) -> Tensor) -> Made {
    a.refuse("sparse", &Value::Bool(false))?;
    let classes = a.count("num_classes")?.filter(|n| *n <= 1 << 24);
    let classes = classes.ok_or_else(|| a.wrong("a call without num_classes"))?;
    let made = one_hot_of(x, classes, axis).ok_or_else(|| a.wrong(format!("axis = {axis}")))?;
    let to = a.value("dtype").unwrap_or_else(|| "float32".into());
    Ok(vec![super::core::as_type(a, f(made), &to)?])
}

/// Reductions of rows by segments, whose number is known.
pub(super) fn segments(a: &Args<'_>, of: fn(Tensor) -> Tensor, neutral: f64) -> Made {
    let (x, ids) = (a.tensor("data")?, a.tensor("segment_ids")?);
    let _ = a.flag("sorted", false);
    let count = a.count("num_segments")?.filter(|n| *n <= 1 << 16);
    let count = count
        .ok_or_else(|| a.wrong("a call without num_segments, whose result has a size that data decide,"))?;
    let (shape, rows) = (x.shape(), x.shape().first().copied().unwrap_or(1));
    if ids.shape() != [rows] {
        return Err(a.wrong(format!("segment_ids of shape {:?} of data of shape {shape:?}", ids.shape())));
    }
    let width = x.ty().len() / rows.max(1);
    let hit = count_up(count).reshape([count, 1, 1]).equal(ids.reshape([1, rows, 1]));
    let wide = hit.select(x.reshape([1, rows, width]), neutral);
    let y = of(wide).reshape([&[count], &shape[1..]].concat());
    Ok(vec![as_integer(y, a.integer("data"))])
}
