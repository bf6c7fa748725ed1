//! Elementwise ops: methods and operators of tensors over the pointwise table.

use rhyton_kernels::expr::Expr;
use rhyton_kernels::pointwise as table;
use rhyton_kernels::pointwise::Func;

use crate::graph::{
    IntoTensor, Kind, Tensor, Variable, joined, node, operands, rounded, tensor_of, with_open,
};
use crate::types::{DType, TensorType, broadcast};

/// An elementwise expression over tensors that broadcast together; `shape` widens the result further.
pub fn pointwise(expr: Expr, inputs: &[Tensor], shape: Option<&[usize]>) -> Tensor {
    pointwise_many(vec![expr], inputs, shape)
}

/// Several expressions over the same tensors at once; gives the first output, its siblings are the others. All are of the float type that the tensors
/// join to.
pub fn pointwise_many(exprs: Vec<Expr>, inputs: &[Tensor], shape: Option<&[usize]>) -> Tensor {
    let outputs = exprs.len();
    // Constants become part of the expression.
    let constants: Vec<Option<f64>> = inputs.iter().map(|t| constant(*t)).collect();
    let kept: Vec<Tensor> =
        inputs.iter().zip(&constants).filter(|(_, c)| c.is_none()).map(|(t, _)| *t).collect();
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|t| t.shape()).collect();
    let exprs: Vec<Expr> = exprs.iter().map(|e| fold(e, &constants)).collect();
    let mut values = Vec::new();
    exprs.iter().for_each(|e| operands(e, &mut values));
    let dtype = joined(&values.into_iter().map(|i| kept[i]).collect::<Vec<_>>());
    let exprs: Vec<Expr> = match dtype {
        DType::Half(half) => {
            let types: Vec<DType> = kept.iter().map(|t| t.ty().dtype).collect();
            exprs.into_iter().map(|e| rounded(half, e, &types)).collect()
        }
        _ => exprs,
    };
    // What changes nothing is no node.
    if let ([Expr::In(0)], [same]) = (exprs.as_slice(), kept.as_slice()) {
        let ty = same.ty();
        let widens = shapes
            .iter()
            .map(Vec::as_slice)
            .chain(shape)
            .any(|s| broadcast(s, &ty.shape).as_ref() != Some(&ty.shape));
        if ty.dtype == dtype && !widens {
            return *same;
        }
    }
    node(Kind::Pointwise(exprs), &kept, |_| {
        let mut out = shape.map(<[usize]>::to_vec).unwrap_or_default();
        for s in &shapes {
            out = broadcast(&out, s).ok_or_else(|| format!("shapes {shapes:?} do not broadcast together"))?;
        }
        Ok(vec![TensorType { dtype, shape: out }; outputs])
    })
}

/// The number that a constant tensor of one element stands for.
fn constant(t: Tensor) -> Option<f64> {
    let mut edge = t.edge()?;
    with_open(|g| {
        while matches!(g.nodes[edge.node].kind, Kind::Reshape) {
            edge = g.nodes[edge.node].inputs[0];
        }
        match (&g.nodes[edge.node].kind, g.nodes[edge.node].inputs.is_empty()) {
            (Kind::Pointwise(exprs), true) => match exprs.as_slice() {
                [Expr::Const(c)] if g.edge_type(edge).len() == 1 => Some(*c),
                _ => None,
            },
            _ => None,
        }
    })
    .flatten()
}

/// Puts constants in place of the inputs that are constant, and renumbers the others.
fn fold(expr: &Expr, constants: &[Option<f64>]) -> Expr {
    match expr {
        Expr::In(i) => match constants[*i] {
            Some(c) => Expr::Const(c),
            None => Expr::In(constants[..*i].iter().filter(|c| c.is_none()).count()),
        },
        Expr::Call(f, args) => Expr::call(f, args.iter().map(|a| fold(a, constants)).collect()),
        other => other.clone(),
    }
}

fn call1(func: &'static Func, x: Tensor) -> Tensor {
    pointwise(Expr::call(func, vec![Expr::In(0)]), &[x], None)
}

fn call2(func: &'static Func, a: Tensor, b: Tensor) -> Tensor {
    pointwise(Expr::call(func, vec![Expr::In(0), Expr::In(1)]), &[a, b], None)
}

macro_rules! unary {
    ($($(#[$doc:meta])* $method:ident $func:ident),* $(,)?) => {
        impl Tensor { $($(#[$doc])* pub fn $method(self) -> Tensor { call1(&table::$func, self) })* }
    };
}
unary!(
    /// Square root.
    sqrt SQRT,
    /// Square.
    square SQUARE,
    /// Absolute value.
    abs ABS,
    /// Sign: -1, 0 or 1; its gradient is zero.
    sign SIGN,
    /// Largest whole number not above; its gradient is zero.
    floor FLOOR,
    /// The nearest whole number, of two the even one; its gradient is zero.
    round ROUND,
    /// It, as a constant to the gradient.
    stop_gradient STOP_GRADIENT,
    /// e to the power of it.
    exp EXP,
    /// e to the power of it, minus 1.
    expm1 EXPM1,
    /// Natural logarithm.
    log LN,
    /// Logarithm of 1 + it.
    log1p LN1P,
    /// Sine.
    sin SIN,
    /// Cosine.
    cos COS,
    /// Hyperbolic tangent.
    tanh TANH,
    /// Logistic function.
    sigmoid SIGMOID,
    /// log(1 + exp(x)).
    softplus SOFTPLUS,
    /// max(x, 0).
    relu RELU,
    /// The error function.
    erf ERF,
    /// 1 - erf(x), exact also where that is small.
    erfc ERFC,
    /// The inverse of the error function.
    erfinv ERFINV,
    /// Tangent.
    tan TAN,
    /// Inverse sine.
    asin ASIN,
    /// Inverse cosine.
    acos ACOS,
    /// Inverse tangent.
    atan ATAN,
    /// Hyperbolic sine.
    sinh SINH,
    /// Hyperbolic cosine.
    cosh COSH,
    /// Inverse hyperbolic sine.
    asinh ASINH,
    /// Inverse hyperbolic cosine.
    acosh ACOSH,
    /// Inverse hyperbolic tangent.
    atanh ATANH,
    /// 1 where it is NaN, else 0.
    is_nan IS_NAN,
    /// 1 where it is infinite, else 0.
    is_inf IS_INF,
);

macro_rules! binary {
    ($($(#[$doc:meta])* $method:ident $func:ident),* $(,)?) => {
        impl Tensor { $($(#[$doc])* pub fn $method(self, other: impl IntoTensor) -> Tensor { call2(&table::$func, self, other.into_tensor()) })* }
    };
}
binary!(
    /// The larger of both.
    maximum MAX,
    /// The smaller of both.
    minimum MIN,
    /// It to the power of `other`.
    pow POW,
    /// The angle of the point (`other`, it).
    atan2 ATAN2,
    /// What is left of it when whole multiples of `other` were taken off, with its own sign.
    fmod FMOD,
    /// 1 where it is less, else 0.
    less LT,
    /// 1 where it is less or equal, else 0.
    less_equal LE,
    /// 1 where both are equal, else 0.
    equal EQ,
);

impl Tensor {
    /// What the logistic function was taken of, where this tensor is the result of it.
    pub(crate) fn sigmoid_input(self) -> Option<Tensor> {
        let edge = self.edge()?;
        let input = with_open(|g| match &g.nodes[edge.node].kind {
            Kind::Pointwise(exprs) => match exprs.as_slice() {
                [Expr::Call(f, args)] if f.name == table::SIGMOID.name && args[..] == [Expr::In(0)] => {
                    g.nodes[edge.node].inputs.first().copied()
                }
                _ => None,
            },
            _ => None,
        });
        input.flatten().map(tensor_of)
    }

    /// `yes` where it is not 0, else `no`.
    pub fn select(self, yes: impl IntoTensor, no: impl IntoTensor) -> Tensor {
        let expr = Expr::call(&table::SELECT, vec![Expr::In(0), Expr::In(1), Expr::In(2)]);
        pointwise(expr, &[self, yes.into_tensor(), no.into_tensor()], None)
    }

    /// Between both bounds.
    pub fn clip(self, low: f64, high: f64) -> Tensor {
        pointwise(Expr::In(0).max(low).min(high), &[self], None)
    }

    /// Without what is behind the point.
    pub fn truncated(self) -> Tensor {
        let x = Expr::In(0);
        pointwise(
            Expr::call(&table::SIGN, vec![x.clone()]) * Expr::call(&table::FLOOR, vec![x.abs()]),
            &[self],
            None,
        )
    }

    /// Repeated to a wider shape, by NumPy's rule.
    pub fn broadcast_to(self, shape: &[usize]) -> Tensor {
        if self.shape() == shape { self } else { pointwise(Expr::In(0), &[self], Some(shape)) }
    }

    /// As f32 (integers are exact up to 2^24).
    pub fn to_f32(self) -> Tensor {
        match self.ty().dtype {
            DType::F32 => self,
            DType::Half(_) => self.as_type(DType::F32),
            _ => pointwise(Expr::In(0), &[self], None),
        }
    }

    /// A tensor of one number.
    pub fn full(shape: &[usize], value: f64) -> Tensor {
        pointwise(Expr::Const(value), &[], Some(shape))
    }
}

/// How many of these numbers, as f32, each element is less than.
pub(crate) fn count_less(x: Tensor, numbers: &[f64]) -> Tensor {
    fn sum(numbers: &[f64]) -> Expr {
        match numbers {
            [] => 0.0.into(),
            [one] => Expr::call(&table::LT, vec![Expr::In(0), f64::from(*one as f32).into()]),
            many => {
                let (first, second) = many.split_at(many.len() / 2);
                sum(first) + sum(second)
            }
        }
    }
    pointwise(sum(numbers), &[x], Some(&x.shape()))
}

/// Uniform random numbers in [0, 1) from a stream of their own: new ones in every step.
pub fn random_uniform(shape: &[usize]) -> Tensor {
    let stream = with_open(|g| {
        g.no_body("random numbers were drawn");
        g.streams += 1;
        g.streams - 1
    });
    pointwise(Expr::Rand(stream.unwrap_or(0)), &[], Some(shape))
}

macro_rules! operator {
    ($trait:ident, $method:ident, $func:ident) => {
        impl<R: IntoTensor> std::ops::$trait<R> for Tensor {
            type Output = Tensor;
            fn $method(self, rhs: R) -> Tensor {
                call2(&table::$func, self, rhs.into_tensor())
            }
        }
        impl std::ops::$trait<Tensor> for f64 {
            type Output = Tensor;
            fn $method(self, rhs: Tensor) -> Tensor {
                call2(&table::$func, self.into_tensor(), rhs)
            }
        }
        impl<R: IntoTensor> std::ops::$trait<R> for &Variable {
            type Output = Tensor;
            fn $method(self, rhs: R) -> Tensor {
                call2(&table::$func, self.into_tensor(), rhs.into_tensor())
            }
        }
    };
}
operator!(Add, add, ADD);
operator!(Sub, sub, SUB);
operator!(Mul, mul, MUL);
operator!(Div, div, DIV);

impl std::ops::Neg for Tensor {
    type Output = Tensor;
    fn neg(self) -> Tensor {
        call1(&table::NEG, self)
    }
}
