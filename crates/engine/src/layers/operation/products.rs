//! Operations that are products of tensors.

use super::Made;
use super::args::{Args, integer};
use super::elementwise::within;
use super::shape::{flat, moved_last, restored};
use super::whole::{joined, truncated};
use crate::Error;
use crate::graph::Tensor;
use crate::ops::{Lettered, Windows, contract};
use crate::types::{DType, Integer};

/// A letter for each axis from one on.
fn letters(first: u32, count: usize) -> Vec<char> {
    (first..).filter_map(char::from_u32).take(count).collect()
}

/// Letters of axes that both tensors have, of those of the first, and of those of the second.
const SHARED: u32 = 0x391;
const OF_FIRST: u32 = 'a' as u32;
const OF_SECOND: u32 = 'A' as u32;

/// A product of matrices, whose further axes broadcast; a vector is a row on the left and a column on the right.
pub(super) fn matmul_of(x: Tensor, y: Tensor) -> Tensor {
    let (of_x, of_y) = (x.rank(), y.rank());
    if of_x == 0 || of_y == 0 {
        return x * y;
    }
    let lead = |rank: usize| rank.saturating_sub(2);
    let batch = letters(SHARED, lead(of_x).max(lead(of_y)));
    let own = |rank: usize| batch[batch.len() - lead(rank)..].to_vec();
    let (mut first, mut second, mut output) = (own(of_x), own(of_y), batch.clone());
    if of_x > 1 {
        first.push('m');
        output.push('m');
    }
    first.push('k');
    second.push('k');
    if of_y > 1 {
        second.push('n');
        output.push('n');
    }
    contract(vec![Lettered::new(x, first), Lettered::new(y, second)], &output)
}

/// Where both are integers of 8 bits with a sign, Keras gives such of 32.
fn typed_product(a: &Args<'_>, y: Tensor) -> Tensor {
    match joined(a.inputs()).filter(|_| !a.has_point()) {
        Some(Integer::I8) if a.inputs().iter().all(|x| integer(*x) == Some(Integer::I8)) => {
            truncated(y, Integer::I32)
        }
        Some(to) => truncated(y, to),
        None => y,
    }
}

pub(super) fn matmul(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    Ok(vec![typed_product(a, matmul_of(x, y))])
}

/// Sums over axes of both.
pub(super) fn over_axes(x: Tensor, y: Tensor, of_x: &[usize], of_y: &[usize]) -> Tensor {
    let (mut first, mut second) = (letters(OF_FIRST, x.rank()), letters(OF_SECOND, y.rank()));
    for ((i, j), letter) in of_x.iter().zip(of_y).zip(letters(SHARED, of_x.len())) {
        (first[*i], second[*j]) = (letter, letter);
    }
    let free = |axes: &[char], of: &[usize]| -> Vec<char> {
        axes.iter().enumerate().filter(|(i, _)| !of.contains(i)).map(|(_, c)| *c).collect()
    };
    let output = [free(&first, of_x), free(&second, of_y)].concat();
    contract(vec![Lettered::new(x, first), Lettered::new(y, second)], &output)
}

pub(super) fn dot_of(x: Tensor, y: Tensor) -> Tensor {
    match (x.rank(), y.rank()) {
        (0, _) | (_, 0) => x * y,
        (n, 1) => over_axes(x, y, &[n - 1], &[0]),
        (n, m) => over_axes(x, y, &[n - 1], &[m - 2]),
    }
}

pub(super) fn inner_of(x: Tensor, y: Tensor) -> Tensor {
    match (x.rank(), y.rank()) {
        (0, _) | (_, 0) => x * y,
        (n, m) => over_axes(x, y, &[n - 1], &[m - 1]),
    }
}

pub(super) fn tensordot(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let given = a.value("axes").unwrap_or_else(|| 2.into());
    let wrong = || a.wrong(format!("axes = {given} of tensors with {} and {} axes", x.rank(), y.rank()));
    let (of_x, of_y): (Vec<usize>, Vec<usize>) = match given.as_u64().and_then(|n| usize::try_from(n).ok()) {
        Some(n) if n <= x.rank() && n <= y.rank() => ((x.rank() - n..x.rank()).collect(), (0..n).collect()),
        Some(_) => return Err(wrong()),
        None => {
            let list = given.as_array().filter(|l| l.len() == 2).ok_or_else(wrong)?;
            let axes = |value: &serde_json::Value, rank: usize| -> Result<Vec<usize>, Error> {
                let one = vec![value.clone()];
                let list = value.as_array().unwrap_or(&one);
                list.iter().map(|v| a.axis_of(v.as_i64().ok_or_else(wrong)?, rank)).collect()
            };
            (axes(&list[0], x.rank())?, axes(&list[1], y.rank())?)
        }
    };
    let twice = |axes: &[usize]| (1..axes.len()).any(|i| axes[..i].contains(&axes[i]));
    if of_x.len() != of_y.len() || twice(&of_x) || twice(&of_y) {
        return Err(wrong());
    }
    Ok(vec![over_axes(x, y, &of_x, &of_y)])
}

/// Products that an equation names: `"abc,bd->acd"`, with an ellipsis for axes that have no letters.
pub(super) fn einsum(a: &Args<'_>) -> Made {
    let operands = a.list("operands")?;
    let equation = a.word("subscripts", "")?;
    let text: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let wrong = || a.wrong(format!("subscripts = {equation:?} of {} tensors", operands.len()));
    let (inputs, output) = text.split_once("->").map_or((text.as_str(), None), |(i, o)| (i, Some(o)));
    let terms: Vec<&str> = inputs.split(',').collect();
    if terms.len() != operands.len() {
        return Err(wrong());
    }
    let bare = |term: &str| term.replace("...", "").chars().count();
    let elided = terms.iter().zip(&operands).filter(|(t, _)| t.contains("..."));
    let most = elided.map(|(t, x)| x.rank().saturating_sub(bare(t))).max().unwrap_or(0);
    let more = letters(SHARED, most);
    let spelled = |term: &str, count: usize| -> Vec<char> {
        let dots: String = more[most - count.min(most)..].iter().collect();
        term.replace("...", &dots).chars().collect()
    };
    let mut lettered = Vec::new();
    for (term, x) in terms.iter().zip(&operands) {
        let axes = spelled(term, x.rank().saturating_sub(bare(term)));
        if axes.len() != x.rank() || axes.contains(&'.') {
            return Err(wrong());
        }
        lettered.push(Lettered::new(*x, axes));
    }
    let output = output.map_or_else(
        || {
            // Without one: the ellipsis, and what occurs once, in the order of the alphabet.
            let all: Vec<char> = lettered.iter().flat_map(|l| l.axes.clone()).collect();
            let mut once: Vec<char> = all
                .iter()
                .copied()
                .filter(|c| !more.contains(c) && all.iter().filter(|d| *d == c).count() == 1)
                .collect();
            once.sort_unstable();
            [more.clone(), once].concat()
        },
        |output| spelled(output, most),
    );
    if output.iter().any(|c| !lettered.iter().any(|l| l.axes.contains(c))) {
        return Err(wrong());
    }
    Ok(vec![typed_product(a, contract(lettered, &output))])
}

pub(super) fn outer(x: Tensor, y: Tensor) -> Tensor {
    flat(x).expand_last() * flat(y)
}

/// Kronecker's product.
pub(super) fn kron(x: Tensor, y: Tensor) -> Tensor {
    let rank = x.rank().max(y.rank());
    let full = |x: Tensor| [vec![1; rank - x.rank()], x.shape()].concat();
    let (of_x, of_y) = (full(x), full(y));
    let first: Vec<usize> = of_x.iter().flat_map(|n| [*n, 1]).collect();
    let second: Vec<usize> = of_y.iter().flat_map(|n| [1, *n]).collect();
    let lengths: Vec<usize> = of_x.iter().zip(&of_y).map(|(n, m)| n * m).collect();
    (x.reshape(first) * y.reshape(second)).reshape(lengths)
}

/// Products of vectors of two or three numbers.
pub(super) fn cross(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let all = a.value("axis").is_some();
    let axis = |name: &str, rank: usize| a.axis(if all { "axis" } else { name }, -1, rank);
    let (x, y) = (moved_last(x, axis("axisa", x.rank())?), moved_last(y, axis("axisb", y.rank())?));
    let _ = (a.value("axisa"), a.value("axisb"));
    let part = |x: Tensor, i: usize| {
        let shape = x.shape();
        let last = shape.len() - 1;
        if i < shape[last] { Some(x.slice(last, i, 1).reshape(shape[..last].to_vec())) } else { None }
    };
    let size = |x: Tensor| x.shape().last().copied().unwrap_or(0);
    if ![2, 3].contains(&size(x)) || ![2, 3].contains(&size(y)) {
        return Err(a.wrong(format!("vectors of {} and {} numbers", size(x), size(y))));
    }
    let times = |i: usize, j: usize| part(x, i).zip(part(y, j)).map(|(p, q)| p * q);
    let minus = |p: Option<Tensor>, q: Option<Tensor>| match (p, q) {
        (Some(p), Some(q)) => p - q,
        (Some(p), None) => p,
        (None, Some(q)) => -q,
        (None, None) => Tensor::full(&[], 0.0),
    };
    let third = minus(times(0, 1), times(1, 0));
    if size(x) == 2 && size(y) == 2 {
        let _ = a.value("axisc");
        return Ok(vec![third]);
    }
    let (first, second) = (minus(times(1, 2), times(2, 1)), minus(times(2, 0), times(0, 2)));
    let shape = third.shape();
    let parts: Vec<Tensor> =
        [first, second, third].iter().map(|p| p.broadcast_to(&shape).expand_last()).collect();
    let made = Tensor::concat(&parts, shape.len());
    let to = axis("axisc", made.rank())?;
    let _ = a.value("axisc");
    Ok(vec![restored(made, to)])
}

/// Correlations of the rows of a matrix.
pub(super) fn corrcoef(x: Tensor) -> Tensor {
    let shape = x.shape();
    let Some(&samples) = shape.last() else { return Tensor::full(&[], f64::NAN) };
    let centered = x - x.mean_keep(&[-1]);
    if shape.len() == 1 {
        // One row, with itself.
        let variance = centered.square().sum(&[-1]);
        // That is 1, but NaN where all numbers are the same.
        let own = centered * centered;
        return (own.sum(&[-1]) / variance).clip(-1.0, 1.0);
    }
    let rows = shape.len() - 2;
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.swap(rows, rows + 1);
    let covariance = matmul_of(centered, centered.transpose(&order)) * (1.0 / (samples as f64 - 1.0));
    let deviation = super::shape::of_diagonal(covariance, 0).sqrt();
    let outer = deviation.expand_last() * super::shape::widened(deviation, deviation.rank() - 1);
    (covariance / outer).clip(-1.0, 1.0)
}

/// The sums of products of two vectors for each shift of one against the other.
pub(super) fn correlate(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let mode = a.word("mode", "valid")?;
    let (&[n], &[m]) = (x.shape().as_slice(), y.shape().as_slice()) else {
        return Err(a.wrong(format!("tensors of shapes {:?} and {:?}", x.shape(), y.shape())));
    };
    let more = if mode == "valid" { 0 } else { m.max(1) - 1 };
    let windows = Windows { strides: [1], dilation: [1], padding: [[more, more]] };
    let all = x.reshape([1, n, 1]).conv(y.reshape([m, 1, 1]), windows, 1);
    let all = all.reshape([all.ty().len()]);
    Ok(vec![match mode.as_str() {
        "valid" | "full" => all,
        "same" => {
            let length = n.max(m);
            all.slice(0, (n + m - 1 - length) / 2, length)
        }
        _ => return Err(a.wrong(format!("mode = {mode}"))),
    }])
}

/// Powers of the elements of a vector.
pub(super) fn vander(a: &Args<'_>) -> Made {
    let (x, of) = (a.tensor("x")?, a.integer("x"));
    let &[n] = x.shape().as_slice() else {
        return Err(a.wrong(format!("a tensor of shape {:?}", x.shape())));
    };
    let columns = a.count("N")?.unwrap_or(n);
    if columns > 1 << 16 {
        return Err(a.wrong(format!("{columns} columns")));
    }
    let up = crate::ops::count_up(columns);
    let powers = if a.flag("increasing", false) { up } else { up.reverse(0) };
    let made = x.expand_last().pow(powers);
    Ok(vec![of.map_or(made, |of| truncated(made.round(), of))])
}

/// Trapezoids under a curve.
pub(super) fn trapezoid(a: &Args<'_>) -> Made {
    let y = a.tensor("y")?;
    let axis = a.axis("axis", -1, y.rank())?;
    let length = y.shape()[axis];
    if length == 0 {
        return Err(a.wrong("an axis of length 0"));
    }
    let ends = |x: Tensor, axis: usize| {
        let n = x.shape()[axis];
        (x.slice(axis, 1, n - 1), x.slice(axis, 0, n - 1))
    };
    let (next, before) = ends(moved_last(y, axis), y.rank() - 1);
    let heights = (next + before) * 0.5;
    let widths = match a.optional("x")? {
        None => Tensor::full(&[], a.float("dx", 1.0)?),
        Some(x) => {
            let _ = a.value("dx");
            let along = if x.rank() == 1 { 0 } else { axis };
            let x = moved_last(x, along);
            let (next, before) = ends(x, x.rank() - 1);
            next - before
        }
    };
    Ok(vec![(heights * widths).sum(&[-1])])
}

/// Distances of the rows of two matrices.
pub(super) fn cdist(a: &Args<'_>) -> Made {
    let (x, y) = (a.tensor("x")?, a.tensor("y")?);
    if x.rank() < 2 || y.rank() < 2 {
        return Err(a.wrong(format!("tensors of shapes {:?} and {:?}", x.shape(), y.shape())));
    }
    let difference = super::shape::widened(x, x.rank() - 1) - super::shape::widened(y, y.rank() - 2);
    Ok(vec![difference.square().sum(&[-1]).sqrt()])
}

/// Attention: softmax(q·kᵀ · scale + bias) · v, over `[batch, length, heads, size]`.
pub(super) fn attention(a: &Args<'_>) -> Made {
    let (q, k, v) = (a.tensor("query")?, a.tensor("key")?, a.tensor("value")?);
    a.refuse("flash_attention", &serde_json::Value::Bool(false))?;
    a.refuse("attn_logits_soft_cap", &serde_json::Value::Null)?;
    let (of_q, of_k) = (q.shape(), k.shape());
    let (&[_, long, heads, size], &[_, short, groups, _]) = (of_q.as_slice(), of_k.as_slice()) else {
        return Err(a.wrong(format!("query and key of shapes {of_q:?} and {of_k:?}")));
    };
    let repeated = |x: Tensor| {
        let shape = x.shape();
        let &[b, s, n, h] = shape.as_slice() else { return x };
        if heads <= n || n <= 1 {
            return x;
        }
        let each = heads / n;
        super::shape::widened(x, 3).broadcast_to(&[b, s, n, each, h]).reshape([b, s, n * each, h])
    };
    let _ = groups;
    let (k, v) = (repeated(k), repeated(v));
    let scale = match a.optional("scale")? {
        Some(scale) => scale,
        None => Tensor::full(&[], 1.0 / (size as f64).sqrt()),
    };
    let axes = |text: &str| text.chars().collect::<Vec<char>>();
    let dtype = q.ty().dtype;
    let logits =
        contract(vec![Lettered::new(q, axes("BTNH")), Lettered::new(k, axes("BSNH"))], &axes("BNTS"));
    let mut logits = logits.as_type(DType::F32) * scale;
    if let Some(bias) = a.optional("bias")? {
        logits = logits + bias.as_type(DType::F32);
    }
    let mask = a.optional("mask")?.map(super::elementwise::truth);
    let causal = a.flag("is_causal", false).then(|| super::shape::band(long, short, |d| d.less_equal(0.0)));
    let mask = match (mask, causal) {
        (Some(mask), Some(causal)) => Some(mask * causal),
        (mask, causal) => mask.or(causal),
    };
    if let Some(mask) = mask {
        logits = mask.select(logits, 3.38953e38 * -0.7);
    }
    let weights = logits.softmax().float_as(dtype);
    Ok(vec![contract(
        vec![Lettered::new(weights, axes("BNTS")), Lettered::new(v, axes("BSNH"))],
        &axes("BTNH"),
    )])
}

/// x / max(norm, epsilon) along axes.
pub(super) fn normalize(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let x = if x.rank() == 0 { x.reshape([1]) } else { x };
    let (order, epsilon) = (a.number("order", 2)?, a.float("epsilon", 1e-7)?);
    let axes = a.axes("axis", x.rank())?.unwrap_or_else(|| vec![x.rank() - 1]);
    let axes: Vec<isize> = axes.into_iter().map(|axis| axis as isize).collect();
    if order < 1 {
        return Err(a.wrong(format!("order = {order}")));
    }
    if order == 2 {
        // What is too small has no gradient by its norm, as it would be NaN at zero.
        let squares = x.square().sum_keep(&axes);
        let small = squares.less_equal(epsilon * epsilon);
        let inverse = 1.0 / small.select(1.0, squares).sqrt();
        return Ok(vec![x * small.select(1.0 / epsilon, inverse)]);
    }
    let norm = super::reduce::norm_of(a, x, &axes, Some(&order.into()))?;
    Ok(vec![x / norm.maximum(epsilon)])
}

/// Ratio of the largest signal to the noise, in decibels.
pub(super) fn psnr(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    let mut largest = a.float("max_val", 1.0)?;
    let mut error = (x - y).square().mean(&[]);
    if let Some(of) = joined(a.inputs()) {
        // TensorFlow computes with integers up to the logarithm.
        let own = |x: Tensor| within(x, of);
        let sum = own(own(own(x - y).square()).sum(&[]));
        error = (sum / x.ty().len() as f64).truncated();
        largest = largest.trunc();
    }
    Ok(vec![error.log() * (-10.0 / std::f64::consts::LN_10) + 20.0 * largest.log10()])
}
