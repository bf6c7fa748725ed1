//! Operations of `keras.ops.core`.

use serde_json::Value;

use super::args::{Args, integer};
use super::whole::truncated;
use super::{Made, elementwise, index, scatter};
use crate::Error;
use crate::graph::Tensor;
use crate::types::{DType, Half, Integer};

operations! {
    /// Keras' module `core`.
    CORE "keras.src.ops.core" {
        Cast("x") Own, cast;
        ConvertToTensor("x") Own, converted;
        Scatter("indices", "values") Own, scatter::scatter;
        ScatterUpdate("inputs", "indices", "updates") Own, scatter::scatter_update;
        SaturateCast("x") Own, saturate_cast;
        Slice("inputs", "start_indices", "shape") Keeps, index::slice;
        SliceUpdate("inputs", "start_indices", "updates") Keeps, index::slice_update;
        StopGradient("variable") Keeps, |a| Ok(vec![a.tensor("variable")?.stop_gradient()]);
        Unstack("x") Own, index::unstack;
    }
}

/// Returns the type of this name: an integer's, or a float's that is computed as such.
fn named(a: &Args<'_>, to: &Value) -> Result<DType, Error> {
    let name = to.as_str().or_else(|| to.pointer("/config/name").and_then(Value::as_str)).unwrap_or_default();
    match name {
        // As everywhere, float64 is computed as float32.
        "float32" | "float64" | "float" => Ok(DType::F32),
        "float16" => Ok(DType::Half(Half::F16)),
        "bfloat16" => Ok(DType::Half(Half::BF16)),
        "int" => Ok(DType::Whole(Integer::I32)),
        name => Integer::named(name).map(DType::Whole).ok_or_else(|| a.wrong(format!("a cast to {to}"))),
    }
}

/// Casts as Keras does: floats to integers towards zero, integers to others by their bits.
pub(super) fn as_type(a: &Args<'_>, x: Tensor, to: &Value) -> Result<Tensor, Error> {
    Ok(match named(a, to)? {
        DType::Whole(Integer::Bool) => elementwise::truth(x).as_type(DType::Whole(Integer::Bool)),
        DType::Whole(to) => match integer(x) {
            Some(_) => x.cast_to(DType::Whole(to)),
            None => truncated(x, to),
        },
        float => x.as_type(float),
    })
}

fn cast(a: &Args<'_>) -> Made {
    let x = a.typed("x").first().copied().map_or_else(|| a.tensor("x"), Ok)?;
    Ok(vec![as_type(a, x, &a.value("dtype").unwrap_or_default())?])
}

/// As it is, or cast where a type is named.
pub(super) fn converted(a: &Args<'_>) -> Made {
    for name in ["sparse", "ragged"] {
        a.refuse(name, &Value::Bool(false))?;
    }
    let x = a.typed("x").first().copied().map_or_else(|| a.tensor("x"), Ok)?;
    Ok(vec![a.value("dtype").map_or(Ok(x), |to| as_type(a, x, &to))?])
}

/// An argument as a float, cast first where the config names a type; and its integer type.
pub(super) fn cast_first(a: &Args<'_>, name: &str) -> Result<(Tensor, Option<Integer>), Error> {
    let Some(to) = a.value("dtype") else { return Ok((a.tensor(name)?, a.integer(name))) };
    let x = a.typed(name).first().copied().map_or_else(|| a.tensor(name), Ok)?;
    let x = as_type(a, x, &to)?;
    let of = integer(x);
    Ok((if of.is_some() { x.as_type(DType::F32) } else { x }, of))
}

/// Casts with numbers beyond the type's range cut at its ends.
fn saturate_cast(a: &Args<'_>) -> Made {
    let x = a.typed("x").first().copied().map_or_else(|| a.tensor("x"), Ok)?;
    let to = a.value("dtype").unwrap_or_default();
    let cut = match named(a, &to)? {
        DType::Whole(Integer::Bool) => a.tensor("x")?.clip(0.0, 1.0),
        DType::Whole(to) if to.bits() <= 32 => {
            let range = 2_f64.powi(to.bits().cast_signed());
            let (low, high) =
                if to.is_signed() { (-range / 2.0, range / 2.0 - 1.0) } else { (0.0, range - 1.0) };
            a.tensor("x")?.clip(low, high)
        }
        DType::Half(Half::F16) => a.tensor("x")?.clip(-65504.0, 65504.0),
        _ => return Ok(vec![as_type(a, x, &to)?]),
    };
    Ok(vec![as_type(a, cut, &to)?])
}
