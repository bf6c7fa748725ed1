//! What happens to integers at the door of a layer: Keras casts floats to the layer's type and leaves integers as they are, so that each
//! layer does with them what its ops do. Here they become floats, stay what they are, or are refused.

use rhyton_kernels::expr::Expr;
use rhyton_kernels::pointwise::{EQ, FLOOR, SIGN};

use super::{DType, Kind, Tensor, fail, node};
use crate::Error;
use crate::types::{Integer, TensorType};

/// Describes what a layer does with integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integers {
    /// Computes with floats: integers come as floats.
    Floats,
    /// Moves or chooses numbers: its result is of the type that its inputs join to.
    Keeps,
    /// The same, but for truth values, which have no order in Keras.
    KeepsNumbers,
    /// The same as [`Integers::KeepsNumbers`], by these numbers, which the type must have.
    KeepsWithin([i64; 2]),
    /// Computes with floats, and rounds to the nearest number of the type, of two the even one.
    Rounds,
    /// Adds or subtracts, within the bits of the type.
    Adds,
    /// Multiplies, within the bits of the type.
    Multiplies,
    /// Divides a sum that is within the bits of the type, by a float.
    Averages,
    /// Does what cannot be done here: why, and what to do.
    Refuses(String),
    /// Sees to them itself: a model has a door of its own.
    Sees,
    /// Makes codes of integers and floats alike, of a type that it says itself.
    Encodes,
}

/// Holds what to do with integers where a layer has no use for them.
pub(crate) const MAKE_FLOATS: &str = "make floats of them first, such as by Rescaling(1.0)";

/// Calls a layer that does `does` with integers: `call` gets its inputs, floats as type `compute`, and gives its outputs.
pub(super) fn at_the_door(
    does: Integers,
    dtype: Option<Integer>,
    compute: DType,
    xs: &[Tensor],
    call: impl FnOnce(&[Tensor]) -> Vec<Tensor>,
) -> Vec<Tensor> {
    let refused = |what: String| fail(Error::Shape { layer: String::new(), what });
    let xs: Vec<Tensor> = xs.iter().map(|x| x.held()).collect();
    if does == Integers::Encodes {
        return call(&xs);
    }
    let integer = |x: &Tensor| if let DType::Whole(i) = x.ty().dtype { Some(i) } else { None };
    let whole: Vec<Integer> = xs.iter().filter_map(integer).collect();
    // Keras computes with such a layer's integers as integers, and casts floats to them.
    if let Some(dtype) = dtype.filter(|_| whole.len() < xs.len() || does == Integers::Floats) {
        refused(format!("its dtype {dtype} is not supported; float32 is"));
    }
    if whole.is_empty() || does == Integers::Sees {
        return call(&xs);
    }
    let floats: Vec<Tensor> = xs.iter().map(|x| x.as_type(compute)).collect();
    let out = call(&floats);
    // Keras joins floats and integers to floats.
    let all = whole.len() == xs.len();
    let joined = whole.iter().copied().map(Some).reduce(|a, b| a?.join(b?)).flatten().filter(|_| all);
    let names = || whole.iter().map(|i| i.name()).collect::<Vec<_>>().join(", ");
    if matches!(does, Integers::Adds | Integers::Multiplies | Integers::Averages)
        && let Some(step) = cut_on_the_way(&xs.iter().map(integer).collect::<Vec<_>>(), joined)
    {
        refused(format!(
            "what its first inputs give is cut to the bits of {step} in Keras before the others join, which is not supported; {MAKE_FLOATS}"
        ));
        return out;
    }
    let Some(joined) = joined else { return out };
    let kept = |out: Vec<Tensor>| out.into_iter().map(|y| y.as_type(DType::Whole(joined))).collect();
    match does {
        Integers::Floats | Integers::Sees | Integers::Encodes => out,
        Integers::Keeps => kept(out),
        // The sum of wider types is a float's as it is.
        Integers::Averages if !joined.is_exact() => out,
        Integers::Averages => {
            refused(format!(
                "the sum of {} is cut to its bits in Keras, which is not supported for integers; {MAKE_FLOATS}",
                names()
            ));
            out
        }
        Integers::KeepsNumbers
        | Integers::KeepsWithin(_)
        | Integers::Rounds
        | Integers::Adds
        | Integers::Multiplies
            if joined == Integer::Bool =>
        {
            refused(format!("takes numbers, but its inputs are of {}; {MAKE_FLOATS}", names()));
            out
        }
        Integers::KeepsNumbers => kept(out),
        Integers::Rounds => {
            let [low, high] = joined.bounds();
            let nearest = |y: Tensor| y.to_f32().round().clip(low, high);
            kept(out.into_iter().map(nearest).collect())
        }
        Integers::KeepsWithin(bounds) => {
            if let Some(bound) = bounds.iter().find(|bound| !joined.has(**bound)) {
                refused(format!(
                    "its bound {bound} is no number of {joined}, which is not supported; {MAKE_FLOATS}"
                ));
            }
            kept(out)
        }
        Integers::Adds | Integers::Multiplies => {
            // Bits of the largest number on the way: f32 holds 24.
            let terms = u32::try_from(xs.len()).unwrap_or(u32::MAX);
            let widest = whole.iter().map(|i| i.bits()).max().unwrap_or(64);
            let most = match does {
                Integers::Adds => widest.saturating_add(terms.next_power_of_two().trailing_zeros()),
                _ => widest.saturating_mul(terms),
            };
            if most > 24 {
                let what = format!(
                    "computes with integers of {}, which may pass 2^24 and is not supported; {MAKE_FLOATS}",
                    names()
                );
                refused(what);
                return out;
            }
            out.into_iter().map(|y| y.whole(joined, Expr::In(0))).collect()
        }
        Integers::Refuses(why) => {
            refused(why);
            out
        }
    }
}

/// Returns the type that a sum or product of the first inputs has in Keras, which joins two at a time, where that is cut to its bits and the
/// whole has another type.
fn cut_on_the_way(inputs: &[Option<Integer>], joined: Option<Integer>) -> Option<Integer> {
    let mut step = inputs.first().copied()??;
    for next in inputs.get(1..inputs.len() - 1)? {
        step = step.join((*next)?)?;
        if step.is_exact() && Some(step) != joined {
            return Some(step);
        }
    }
    None
}

impl Tensor {
    /// Words of integers as numbers that are held as f32.
    fn held(self) -> Tensor {
        match self.ty().dtype {
            DType::I32 => self.as_type(DType::Whole(Integer::I32)),
            DType::U32 => self.as_type(DType::Whole(Integer::U32)),
            _ => self,
        }
    }

    /// Returns an expression of it, cut to the bits of an integer type.
    pub(crate) fn whole(self, integer: Integer, expr: Expr) -> Tensor {
        let to = TensorType { dtype: DType::Whole(integer), shape: self.shape() };
        node(Kind::Pointwise(vec![cut(integer, expr)]), &[self], |_| Ok(vec![to]))
    }

    /// Cast to the type of a model's input, as Keras casts what a model is called with.
    pub(crate) fn cast_to(self, dtype: DType) -> Tensor {
        let x = Expr::In(0);
        match (self.ty().dtype, dtype) {
            (DType::Whole(from), DType::Whole(to)) if from.join(to) != Some(to) => self.whole(to, x),
            (DType::F32 | DType::Half(_), DType::Whole(Integer::Bool)) => self.whole(Integer::Bool, x),
            (DType::F32 | DType::Half(_), DType::Whole(to)) => {
                // Towards zero.
                self.whole(to, Expr::call(&SIGN, vec![x.clone()]) * Expr::call(&FLOOR, vec![x.abs()]))
            }
            _ => self.as_type(dtype),
        }
    }
}

/// A whole number cut to the bits of a type.
fn cut(integer: Integer, x: Expr) -> Expr {
    match integer {
        Integer::Bool => 1.0 - Expr::call(&EQ, vec![x, 0.0.into()]),
        i if i.is_exact() => {
            let range = f64::from(1_u32 << i.bits());
            let lowest = if i.is_signed() { -range / 2.0 } else { 0.0 };
            x.clone() - Expr::call(&FLOOR, vec![(x - lowest) / range]) * range
        }
        _ => x,
    }
}
