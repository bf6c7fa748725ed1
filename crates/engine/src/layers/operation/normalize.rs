//! Operations that normalize by means and variances.

use super::Made;
use super::args::Args;
use super::elementwise::truth;
use super::reduce::variance_of;
use super::whole::truncated;
use crate::Error;
use crate::graph::Tensor;
use crate::types::{DType, Integer};

/// The axes, in order.
fn axes(a: &Args<'_>, rank: usize) -> Result<Vec<isize>, Error> {
    let last = rank.checked_sub(1).ok_or_else(|| a.wrong("a tensor without axes"))?;
    let mut axes = a.axes("axis", rank)?.unwrap_or_else(|| vec![last]);
    axes.sort_unstable();
    Ok(axes.into_iter().map(|axis| axis as isize).collect())
}

/// Normalizes by statistics that are given.
pub(super) fn batch(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let (axis, epsilon) = (a.axis("axis", -1, x.rank())?, a.float("epsilon", 1e-3)?);
    let mut along = vec![1; x.rank()];
    along[axis] = x.shape()[axis];
    let of = |name: &str| -> Result<Option<Tensor>, Error> {
        Ok(a.optional(name)?.map(|t| if t.rank() == 1 { t.reshape(along.clone()) } else { t }))
    };
    let (Some(mean), Some(variance)) = (of("mean")?, of("variance")?) else {
        return Err(a.wrong("a call without mean and variance"));
    };
    let inverse = 1.0 / (variance + epsilon).sqrt();
    let inverse = of("scale")?.map_or(inverse, |scale| inverse * scale);
    let shift = of("offset")?.map_or(-mean * inverse, |offset| offset - mean * inverse);
    Ok(vec![x * inverse + shift])
}

/// Normalizes by the root of the mean of squares.
pub(super) fn rms(a: &Args<'_>) -> Made {
    let (x, whole) = (a.tensor("x")?, a.integer("x"));
    let (dtype, x) = (x.ty().dtype, x.as_type(DType::F32));
    let (axes, epsilon) = (axes(a, x.rank())?, a.float("epsilon", 1e-7)?);
    let y = x * (1.0 / (x.square().mean_keep(&axes) + epsilon).sqrt());
    let y = a.optional("scale")?.map_or(y, |scale| y * scale.as_type(DType::F32));
    Ok(vec![cast_back(y, dtype, whole)])
}

/// Casts to the type that the operation got: that of floats, or of integers, which Keras casts towards zero.
fn cast_back(y: Tensor, dtype: DType, whole: Option<Integer>) -> Tensor {
    match whole {
        Some(Integer::Bool) => truth(y).as_type(DType::Whole(Integer::Bool)),
        Some(whole) => truncated(y, whole),
        None => y.float_as(dtype),
    }
}

/// Normalizes by mean and variance.
pub(super) fn layer(a: &Args<'_>) -> Made {
    let (x, whole) = (a.tensor("x")?, a.integer("x"));
    let (dtype, x) = (x.ty().dtype, x.as_type(DType::F32));
    let (axes, epsilon) = (axes(a, x.rank())?, a.float("epsilon", 1e-7)?);
    let last = axes == [x.rank() as isize - 1];
    let shape = x.shape();
    let wide: Vec<usize> =
        (0..x.rank()).map(|axis| if axes.contains(&(axis as isize)) { shape[axis] } else { 1 }).collect();
    let of = |name: &str| -> Result<Option<Tensor>, Error> {
        let of_axes = |t: Tensor| if t.rank() != x.rank() && !last { t.reshape(wide.clone()) } else { t };
        Ok(a.optional(name)?.map(|t| of_axes(t.as_type(DType::F32))))
    };
    let (gamma, beta) = (of("gamma")?, of("beta")?);
    let inverse = 1.0 / (variance_of(x, &axes) + epsilon).sqrt();
    if a.flag("rms_scaling", false) {
        let y = x * inverse;
        return Ok(vec![cast_back(gamma.map_or(y, |gamma| y * gamma), dtype, whole)]);
    }
    let inverse = gamma.map_or(inverse, |gamma| inverse * gamma);
    let shift = -x.mean_keep(&axes) * inverse;
    let shift = beta.map_or(shift, |beta| shift + beta);
    Ok(vec![cast_back(x * inverse + shift, dtype, whole)])
}
