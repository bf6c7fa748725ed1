//! The functions of `keras.ops` that are called most, and methods of the same names.

use serde_json::Value;

use super::{Operand, op};
use crate::layers::Axes;
use crate::models::Symbol;

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $class:literal;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(x: &Symbol) -> Symbol {
                op($class).on(x)
            }
        )*

        /// Functions of one symbolic tensor, as methods.
        impl Symbol {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(&self) -> Symbol {
                    op($class).on(self)
                }
            )*
        }
    };
}

unary! {
    /// Absolute value.
    abs "Absolute";
    /// Inverse cosine.
    arccos "Arccos";
    /// Inverse sine.
    arcsin "Arcsin";
    /// Inverse tangent.
    arctan "Arctan";
    /// Smallest whole number not below.
    ceil "Ceil";
    /// Cosine.
    cos "Cos";
    /// Hyperbolic cosine.
    cosh "Cosh";
    /// x, or eˣ - 1 below zero.
    elu "Elu";
    /// The error function.
    erf "Erf";
    /// eˣ.
    exp "Exp";
    /// eˣ - 1, exact near 0.
    expm1 "Expm1";
    /// Largest whole number not above.
    floor "Floor";
    /// x · Φ(x), by its approximation with tanh.
    gelu "Gelu";
    /// relu6(x + 3) / 6.
    hard_sigmoid "HardSigmoid";
    /// x · hard_sigmoid(x).
    hard_silu "HardSilu";
    /// Whether it is a number that is not infinite.
    isfinite "Isfinite";
    /// Whether it is NaN.
    isnan "Isnan";
    /// x, or 0.2 · x below zero.
    leaky_relu "LeakyRelu";
    /// Natural logarithm.
    log "Log";
    /// log(1 + x), exact near 0.
    log1p "Log1p";
    /// log(sigmoid(x)).
    log_sigmoid "LogSigmoid";
    /// Whether it is zero.
    logical_not "LogicalNot";
    /// -x.
    negative "Negative";
    /// Ones in the same shape.
    ones_like "OnesLike";
    /// max(x, 0).
    relu "Relu";
    /// x between 0 and 6.
    relu6 "Relu6";
    /// 1 / x.
    reciprocal "Reciprocal";
    /// The nearest whole number, of two the even one.
    round "Round";
    /// 1 / √x.
    rsqrt "Rsqrt";
    /// ELU with the constants that keep mean and variance.
    selu "Selu";
    /// 1 / (1 + e⁻ˣ).
    sigmoid "Sigmoid";
    /// -1, 0 or 1.
    sign "Sign";
    /// x · sigmoid(x).
    silu "Silu";
    /// Sine.
    sin "Sin";
    /// Hyperbolic sine.
    sinh "Sinh";
    /// log(1 + eˣ).
    softplus "Softplus";
    /// x / (1 + |x|).
    softsign "Softsign";
    /// √x.
    sqrt "Sqrt";
    /// x².
    square "Square";
    /// x, as a constant to the gradient.
    stop_gradient "StopGradient";
    /// Tangent.
    tan "Tan";
    /// Hyperbolic tangent.
    tanh "Tanh";
    /// Zeros in the same shape.
    zeros_like "ZerosLike";
}

macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident $class:literal;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(a: impl Into<Operand>, b: impl Into<Operand>) -> Symbol {
                op($class).with(a).with(b).call()
            }
        )*

        /// Functions of two symbolic tensors, or of one and a number, as methods.
        impl Symbol {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(&self, other: impl Into<Operand>) -> Symbol {
                    op($class).with(self).with(other).call()
                }
            )*
        }
    };
}

binary! {
    /// The angle of the point (b, a).
    arctan2 "Arctan2";
    /// The product over the last axis of the first and the second last of the second.
    dot "Dot";
    /// Whether both are equal.
    equal "Equal";
    /// Largest whole number not above a / b.
    floor_divide "FloorDivide";
    /// Whether a is larger.
    greater "Greater";
    /// Whether a is larger or equal.
    greater_equal "GreaterEqual";
    /// Whether a is smaller.
    less "Less";
    /// Whether a is smaller or equal.
    less_equal "LessEqual";
    /// Whether both are not zero.
    logical_and "LogicalAnd";
    /// Whether one is not zero.
    logical_or "LogicalOr";
    /// The product of matrices, whose further axes broadcast.
    matmul "Matmul";
    /// The larger.
    maximum "Maximum";
    /// The smaller.
    minimum "Minimum";
    /// Whether both differ.
    not_equal "NotEqual";
    /// a to the power of b.
    power "Power";
}

/// Returns axes as a config has them: null for none.
fn json(axes: Axes) -> Value {
    match axes {
        Axes::One(axis) => axis.into(),
        Axes::Many(axes) if axes.is_empty() => Value::Null,
        Axes::Many(axes) => axes.into(),
    }
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident $class:literal;)*) => { $(
        $(#[$doc])*
        /// Over these axes, `-1` or `[1, 2]`; over all with `[]`. They are gone: to keep them, [`op`] takes `keepdims`.
        pub fn $name(x: &Symbol, axis: impl Into<Axes>) -> Symbol {
            op($class).set("axis", json(axis.into())).on(x)
        }
    )* };
}

reductions! {
    /// Whether all are not zero.
    all "All";
    /// Whether one is not zero.
    any "Any";
    /// The number of the largest.
    argmax "Argmax";
    /// The number of the smallest.
    argmin "Argmin";
    /// How many are not zero.
    count_nonzero "CountNonzero";
    /// log(Σ eˣ).
    logsumexp "Logsumexp";
    /// The largest.
    max "Max";
    /// The mean.
    mean "Mean";
    /// The middle one in order.
    median "Median";
    /// The smallest.
    min "Min";
    /// The product.
    prod "Prod";
    /// The standard deviation.
    std "Std";
    /// The sum.
    sum "Sum";
    /// The variance.
    var "Var";
}

macro_rules! along {
    ($($(#[$doc:meta])* $name:ident $class:literal;)*) => { $(
        $(#[$doc])*
        /// Along an axis.
        pub fn $name(x: &Symbol, axis: isize) -> Symbol {
            op($class).set("axis", axis).on(x)
        }
    )* };
}

along! {
    /// The numbers of the elements in the order of their sizes.
    argsort "Argsort";
    /// Products of all elements up to each.
    cumprod "Cumprod";
    /// Sums of all elements up to each.
    cumsum "Cumsum";
    /// An axis of length 1 at this place.
    expand_dims "ExpandDims";
    /// The elements the other way round.
    flip "Flip";
    /// The logarithm of softmax.
    log_softmax "LogSoftmax";
    /// eˣ / Σ eˣ.
    softmax "Softmax";
    /// The elements in order.
    sort "Sort";
}

/// Returns a list as an operand.
fn listed(list: impl IntoIterator<Item = impl Into<Symbol>>) -> Operand {
    Operand::List(list.into_iter().map(Into::into).collect())
}

impl From<&Symbol> for Symbol {
    fn from(symbol: &Symbol) -> Self {
        symbol.clone()
    }
}

/// Puts tensors one behind the other along an axis.
pub fn concatenate(list: impl IntoIterator<Item = impl Into<Symbol>>, axis: isize) -> Symbol {
    op("Concatenate").set("axis", axis).on(listed(list))
}

/// Puts tensors of one shape side by side along a new axis.
pub fn stack(list: impl IntoIterator<Item = impl Into<Symbol>>, axis: isize) -> Symbol {
    op("Stack").set("axis", axis).on(listed(list))
}

/// Cuts an axis into so many parts of one length.
pub fn split(x: &Symbol, sections: usize, axis: isize) -> Vec<Symbol> {
    op("Split").set("indices_or_sections", sections).set("axis", axis).on_all(x)
}

/// Takes an axis apart.
pub fn unstack(x: &Symbol, axis: isize) -> Vec<Symbol> {
    op("Unstack").set("axis", axis).on_all(x)
}

/// Gives the same elements another shape, the batch's axis included, of which one may be -1: what is left.
pub fn reshape(x: &Symbol, shape: impl Into<Vec<i64>>) -> Symbol {
    op("Reshape").set("newshape", shape.into()).on(x)
}

/// Puts the axes, the batch's included, in another order.
pub fn transpose(x: &Symbol, axes: impl Into<Vec<i64>>) -> Symbol {
    op("Transpose").set("axes", axes.into()).on(x)
}

/// Takes axes of length 1 away.
pub fn squeeze(x: &Symbol, axis: impl Into<Axes>) -> Symbol {
    op("Squeeze").set("axis", json(axis.into())).on(x)
}

/// Gives it another type: `"float32"`, `"int32"`, `"bool"`.
pub fn cast(x: &Symbol, dtype: &str) -> Symbol {
    op("Cast").set("dtype", dtype).on(x)
}

/// Cuts it at two bounds.
pub fn clip(x: &Symbol, low: f64, high: f64) -> Symbol {
    op("Clip").set("x_min", low).set("x_max", high).on(x)
}

/// Chooses by a condition.
pub fn where_(condition: &Symbol, yes: impl Into<Operand>, no: impl Into<Operand>) -> Symbol {
    op("Where").with(condition).with(yes).with(no).call()
}

/// Takes elements of an axis by their numbers.
pub fn take(x: &Symbol, indices: impl Into<Operand>, axis: isize) -> Symbol {
    op("Take").set("axis", axis).with(x).with(indices).call()
}

/// Makes rows of zeros with a 1 at the class number.
pub fn one_hot(x: &Symbol, classes: usize) -> Symbol {
    op("OneHot").set("num_classes", classes).on(x)
}

/// Gives the largest elements of each row, and their numbers.
pub fn top_k(x: &Symbol, k: usize) -> (Symbol, Symbol) {
    let mut outputs = op("TopK").set("k", k).on_all(x).into_iter();
    let first = outputs.next().unwrap_or_else(|| x.clone());
    let second = outputs.next().unwrap_or_else(|| first.clone());
    (first, second)
}

/// Multiplies as an equation says: `einsum("bij,bkj->bik", [&a, &b])`.
pub fn einsum(equation: &str, operands: impl IntoIterator<Item = impl Into<Symbol>>) -> Symbol {
    let called = op("Einsum").set("subscripts", equation);
    operands.into_iter().fold(called, |called, symbol| called.with(Operand::Symbol(symbol.into()))).call()
}
