//! Operations that put values at places of a tensor.

use super::Made;
use super::args::Args;
use super::whole::as_integer;
use crate::Error;
use crate::graph::Tensor;
use crate::ops::count_up;

/// Where values go: the number of the row of each, how many rows there are, and the values as rows.
struct Places {
    at: Tensor,
    rows: usize,
    values: Tensor,
}

/// Reads indices `[.., depth]` into a shape, and values for them.
fn places(a: &Args<'_>, shape: &[usize], values: &str) -> Result<Places, Error> {
    let (indices, values) = (a.tensor("indices")?, a.tensor(values)?);
    let of = indices.shape();
    let wrong =
        || a.wrong(format!("indices of shape {of:?} with values of {:?} for {shape:?}", values.shape()));
    let (&depth, lead) = of.split_last().ok_or_else(wrong)?;
    if depth == 0 || depth > shape.len() || values.shape() != [lead, &shape[depth..]].concat() {
        return Err(wrong());
    }
    let whole = shape.iter().try_fold(1_usize, |all, n| all.checked_mul(*n)).ok_or_else(wrong)?;
    let rows = if whole == 0 { 0 } else { shape[..depth].iter().product() };
    let count = lead.iter().product::<usize>();
    let strides: Vec<f64> =
        (0..depth).map(|i| shape[i + 1..depth].iter().product::<usize>() as f64).collect();
    let at = indices.reshape([count, depth]);
    let part = |i: usize| at.slice(1, i, 1) * strides[i];
    let at = (1..depth).fold(part(0), |sum, i| sum + part(i)).reshape([count]);
    let width = shape[depth..].iter().product();
    Ok(Places { at, rows, values: values.reshape([count, width]) })
}

/// A tensor of zeros with values added where they belong.
pub(super) fn scatter(a: &Args<'_>) -> Made {
    a.indices_in_range()?;
    let shape = a.numbers("shape")?.unwrap_or_default();
    let sizes: Option<Vec<usize>> = shape.iter().map(|n| usize::try_from(*n).ok()).collect();
    let sizes = sizes.ok_or_else(|| a.wrong(format!("shape = {shape:?}")))?;
    let places = places(a, &sizes, "values")?;
    let made = places.values.rows_added(places.at, places.rows).reshape(sizes);
    Ok(vec![as_integer(made, a.integer("values"))])
}

/// A tensor with values in place of its own, or joined with them.
pub(super) fn scatter_update(a: &Args<'_>) -> Made {
    a.indices_in_range()?;
    let x = a.tensor("inputs")?;
    let shape = x.shape();
    let Places { at, rows, values } = places(a, &shape, "updates")?;
    let count = values.shape()[0];
    let hit = count_up(rows).expand_last().equal(at);
    let table = x.reshape([rows, values.shape()[1]]);
    let of_rows = |neutral: f64| hit.expand_last().select(super::shape::widened(values, 0), neutral);
    let made = match a.word("reduction", "none")?.as_str() {
        "none" => {
            // The last of several holds.
            let last = hit.select(count_up(count), -1.0).max(&[-1]);
            let found = values.rows_at(last.maximum(0.0));
            last.expand_last().less(0.0).select(table, found)
        }
        "add" => table + values.rows_added(at, rows),
        "max" => table.maximum(of_rows(f64::NEG_INFINITY).max(&[1])),
        "min" => table.minimum(of_rows(f64::INFINITY).min(&[1])),
        "mul" => table * of_rows(1.0).product(&[1]),
        other => return Err(a.wrong(format!("reduction = {other}"))),
    };
    Ok(vec![as_integer(made.reshape(shape), a.integer("inputs"))])
}
