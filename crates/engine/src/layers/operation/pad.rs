//! Operations that put something around a tensor.

use serde_json::Value;

use super::Made;
use super::args::Args;
use crate::Error;
use crate::graph::Tensor;

/// Numbers before and after along each axis: one for all, two for all, or two for each.
fn widths(a: &Args<'_>, rank: usize) -> Result<Vec<[usize; 2]>, Error> {
    let value = a.value("pad_width").unwrap_or_default();
    let wrong = || a.wrong(format!("pad_width = {value} of a tensor with {rank} axes"));
    let number = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= 1 << 24);
    let pair = |v: &Value| {
        let list = v.as_array()?;
        match list.as_slice() {
            [both] => number(both).map(|n| [n; 2]),
            [before, after] => Some([number(before)?, number(after)?]),
            _ => None,
        }
    };
    if let Some(all) = number(&value) {
        return Ok(vec![[all; 2]; rank]);
    }
    let list = value.as_array().ok_or_else(wrong)?;
    if let Some(all) = pair(&value) {
        return Ok(vec![all; rank]);
    }
    let each: Vec<[usize; 2]> = list.iter().map(pair).collect::<Option<_>>().ok_or_else(wrong)?;
    match each.as_slice() {
        [all] => Ok(vec![*all; rank]),
        each if each.len() == rank => Ok(each.to_vec()),
        _ => Err(wrong()),
    }
}

/// Numbers, or what lies beside the edge the other way round: without the edge itself, or with it.
pub(super) fn pad(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let widths = widths(a, x.rank())?;
    let mode = a.word("mode", "constant")?.to_lowercase();
    // To the others it says nothing.
    let value = a.optional("constant_values")?.filter(|_| mode == "constant");
    let mut y = x;
    for (axis, [before, after]) in widths.into_iter().enumerate() {
        y = match (mode.as_str(), value) {
            _ if before + after == 0 => y,
            ("constant", None) => y.pad(axis, before, after),
            ("constant", Some(value)) => {
                let side = |n: usize| {
                    let mut shape = y.shape();
                    shape[axis] = n;
                    (n > 0).then(|| value.broadcast_to(&shape))
                };
                let parts: Vec<Tensor> = [side(before), Some(y), side(after)].into_iter().flatten().collect();
                Tensor::concat(&parts, axis)
            }
            ("reflect" | "symmetric", None) => {
                let edge = usize::from(mode == "reflect");
                let length = y.shape()[axis];
                if before.max(after) + edge > length {
                    return Err(
                        a.wrong(format!("{mode} padding of {before} and {after} of a length of {length}"))
                    );
                }
                let side = |start: usize, n: usize| (n > 0).then(|| y.slice(axis, start, n).reverse(axis));
                let parts = [side(edge, before), Some(y), side(length - after - edge, after)];
                let parts: Vec<Tensor> = parts.into_iter().flatten().collect();
                Tensor::concat(&parts, axis)
            }
            _ => return Err(a.wrong(format!("mode = {mode}"))),
        };
    }
    Ok(vec![y])
}
