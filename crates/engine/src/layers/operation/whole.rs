//! What operations do with integers: their inputs are computed as floats, and what comes out has the type that Keras gives it.
//!
//! Integers are exact as f32 up to 2^24. What is computed of wider types beyond that becomes NaN, which no integer is, rather than a number that is nearly right.

use super::args::{Args, integer};
use crate::Error;
use crate::graph::{Expr, MAKE_FLOATS, Tensor};
use crate::types::{DType, EXACT, Integer};

/// Says what an operation does with integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// Makes floats of them.
    Floats,
    /// Gives truth values.
    Truth,
    /// Gives numbers of elements, whatever the inputs are.
    Index,
    /// Moves or chooses them.
    Keeps,
    /// Computes with them, within the bits of the type that the inputs join to; truth values stay such.
    Cuts,
    /// The same, but truth values become numbers.
    Computes,
    /// The same, but truth values become numbers only beside one.
    Multiplies,
    /// Computes with floats in Keras too, and casts back.
    ViaFloats,
    /// Gives each result its type itself.
    Own,
    /// Computes with them as integers, which is not supported.
    Refuses,
}

/// Returns the type that sums of a type have.
pub(super) fn wide(integer: Integer) -> Integer {
    match integer {
        Integer::Bool | Integer::I8 | Integer::I16 => Integer::I32,
        Integer::U8 | Integer::U16 => Integer::U32,
        other => other,
    }
}

/// Returns a number that was computed with as an integer of this type.
pub(super) fn exact(y: Tensor, to: Integer) -> Tensor {
    match to {
        Integer::Bool => y.whole(to, Expr::In(0)),
        _ => {
            let within = y.abs().less_equal(EXACT as f64);
            within.select(y.whole(to, Expr::In(0)), f64::NAN).as_type(DType::Whole(to))
        }
    }
}

/// Returns floats as this integer type, without what is behind the point.
pub(super) fn truncated(y: Tensor, to: Integer) -> Tensor {
    y.as_type(DType::F32).cast_to(DType::Whole(to))
}

/// Returns floats as an integer type, or as they are.
pub(super) fn as_integer(y: Tensor, to: Option<Integer>) -> Tensor {
    to.map_or(y, |to| y.as_type(DType::Whole(to)))
}

/// Returns the type that inputs join to; `None` where that is a float.
pub(super) fn joined(inputs: &[Tensor]) -> Option<Integer> {
    let all: Option<Vec<Integer>> = inputs.iter().map(|x| integer(*x)).collect();
    let mut all = all?.into_iter();
    let first = all.next()?;
    all.try_fold(first, Integer::join)
}

impl Whole {
    /// Gives results their types.
    pub(super) fn typed(self, args: &Args<'_>, out: Vec<Tensor>) -> Result<Vec<Tensor>, Error> {
        let each = |f: &dyn Fn(Tensor) -> Tensor| Ok(out.iter().map(|y| f(*y)).collect());
        match self {
            // Of both there is no gradient.
            Whole::Truth => return each(&|y| y.stop_gradient().as_type(DType::Whole(Integer::Bool))),
            Whole::Index => return each(&|y| y.stop_gradient().as_type(DType::Whole(Integer::I32))),
            Whole::Floats | Whole::Own => return Ok(out),
            _ => {}
        }
        // A number with a point makes floats of integers.
        let Some(to) = args.joined() else { return Ok(out) };
        match self {
            Whole::Keeps => each(&|y| y.as_type(DType::Whole(to))),
            Whole::Cuts | Whole::Multiplies => each(&|y| exact(y, to)),
            Whole::Computes => each(&|y| exact(y, if to == Integer::Bool { Integer::I32 } else { to })),
            Whole::ViaFloats => each(&|y| truncated(y, to)),
            _ => Err(args.wrong(format!("its call with integers ({to}; {MAKE_FLOATS})"))),
        }
    }
}
