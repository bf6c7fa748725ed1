//! Operations that make tensors of numbers.

use super::Made;
use super::args::Args;
use super::core::as_type;
use super::elementwise::within;
use super::whole::as_integer;
use crate::Error;
use crate::graph::Tensor;
use crate::ops::count_up;
use crate::types::DType;

/// One number in the shape of a tensor, and of its type where the config names no other.
pub(super) fn like(a: &Args<'_>, number: f64) -> Made {
    let x = a.tensor("x")?;
    let made = Tensor::full(&x.shape(), number).float_as(x.ty().dtype);
    typed(a, made)
}

/// Of the type that the config names, else of that of x.
fn typed(a: &Args<'_>, made: Tensor) -> Made {
    match (a.value("dtype"), a.integer("x")) {
        (Some(to), _) => Ok(vec![as_type(a, made, &to)?]),
        (None, Some(of)) => Ok(vec![as_integer(within(made, of), Some(of))]),
        (None, None) => Ok(vec![made.float_as(a.tensor("x")?.ty().dtype)]),
    }
}

pub(super) fn full_like(a: &Args<'_>) -> Made {
    let (x, value) = (a.tensor("x")?, a.tensor("fill_value")?);
    typed(a, value.broadcast_to(&x.shape()))
}

pub(super) fn full(a: &Args<'_>) -> Made {
    let (value, shape) = (a.tensor("fill_value")?, a.numbers("shape")?.unwrap_or_default());
    let sizes: Option<Vec<usize>> = shape.iter().map(|n| usize::try_from(*n).ok()).collect();
    let sizes = sizes.ok_or_else(|| a.wrong(format!("shape = {shape:?}")))?;
    let to = a.value("dtype").unwrap_or_else(|| "float32".into());
    Ok(vec![as_type(a, value.broadcast_to(&sizes), &to)?])
}

/// Numbers from one to another at equal steps, along a new first axis.
pub(super) fn between(start: Tensor, stop: Tensor, count: usize, endpoint: bool) -> Tensor {
    let steps = if endpoint { count.max(2) - 1 } else { count.max(1) };
    let shape = crate::types::broadcast(&start.shape(), &stop.shape()).unwrap_or_default();
    let along = [vec![count], vec![1; shape.len()]].concat();
    start + (stop - start) * (1.0 / steps as f64) * count_up(count).reshape(along)
}

/// Numbers between two tensors, as they are or as powers.
pub(super) fn spaced(a: &Args<'_>, power: fn(&Args<'_>, Tensor) -> Result<Tensor, Error>) -> Made {
    let (start, stop) = (a.tensor("start")?, a.tensor("stop")?);
    line(a, start, stop, power)
}

fn line(
    a: &Args<'_>,
    start: Tensor,
    stop: Tensor,
    power: fn(&Args<'_>, Tensor) -> Result<Tensor, Error>,
) -> Made {
    let (num, endpoint) = (a.number("num", 50)?, a.flag("endpoint", true));
    let count = usize::try_from(num).ok().filter(|n| *n <= 1 << 16);
    let count = count.ok_or_else(|| a.wrong(format!("num = {num}")))?;
    let to = a.value("dtype");
    let made = between(start, stop, count, endpoint);
    let made = super::shape::moved(made, &[0], &[a.axis("axis", 0, made.rank())?]);
    let made = power(a, made)?;
    let made = match to {
        Some(to) if to.as_str().is_some_and(|t| t.contains("int")) => as_type(a, made.floor(), &to)?,
        Some(to) => as_type(a, made, &to)?,
        None => made,
    };
    if !a.flag("retstep", false) {
        return Ok(vec![made]);
    }
    let steps = if endpoint { count as f64 - 1.0 } else { count as f64 };
    let step =
        if steps > 0.0 { (stop - start) / Tensor::full(&[], steps) } else { Tensor::full(&[], f64::NAN) };
    Ok(vec![made, step])
}

pub(super) fn logspace(a: &Args<'_>) -> Made {
    spaced(a, |a, y| {
        let base = a.float("base", 10.0)?;
        Ok(Tensor::full(&[], base).pow(y))
    })
}

pub(super) fn geomspace(a: &Args<'_>) -> Made {
    // In Keras' own float type, whatever the tensors have.
    let (start, stop) = (a.tensor("start")?.as_type(DType::F32), a.tensor("stop")?.as_type(DType::F32));
    let log = |x: Tensor| x.abs().log() * std::f64::consts::LOG10_E;
    let made = line(a, log(start), log(stop), |_, y| Ok(Tensor::full(&[], 10.0).pow(y)))?;
    Ok(made.into_iter().map(|y| y * start.sign()).collect())
}
