//! Elementwise expressions: what a pointwise op, a fused epilogue or an optimizer computes for one element.

use crate::pointwise::{self, Func};

/// An elementwise expression over operands that share (or broadcast to) one index space.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// The operand with this number, at this element.
    In(usize),
    /// A number.
    Const(f64),
    /// A column of the step table: the same for all elements, new in each training step.
    Step(usize),
    /// A uniform random number in [0, 1), drawn from this stream for this step and element.
    Rand(u32),
    /// A function of the pointwise table.
    Call(&'static Func, Vec<Expr>),
}

impl Expr {
    /// The derivative by operand `k`, by the chain rule; `None` where it is zero everywhere.
    pub fn derivative(&self, k: usize) -> Option<Expr> {
        match self {
            Expr::In(i) if *i == k => Some(Expr::Const(1.0)),
            Expr::In(_) | Expr::Const(_) | Expr::Step(_) | Expr::Rand(_) => None,
            Expr::Call(func, args) => {
                let outer = (func.derivative)(args, self);
                let terms = args.iter().zip(outer).filter_map(|(arg, outer)| {
                    let (inner, outer) = (arg.derivative(k)?, outer?);
                    Some(outer * inner)
                });
                terms.reduce(|a, b| a + b)
            }
        }
    }

    /// Replaces every occurrence of the expression `what` by `with`: used to read a stored result instead of
    /// computing it again.
    pub fn replace(&self, what: &Expr, with: &Expr) -> Expr {
        if self == what {
            return with.clone();
        }
        match self {
            Expr::Call(f, args) => Expr::Call(f, args.iter().map(|a| a.replace(what, with)).collect()),
            other => other.clone(),
        }
    }

    /// Renumbers operands: `In(i)` becomes `In(map[i])`.
    pub fn renumber(&self, map: &[usize]) -> Expr {
        match self {
            Expr::In(i) => Expr::In(map[*i]),
            Expr::Call(f, args) => Expr::Call(f, args.iter().map(|a| a.renumber(map)).collect()),
            other => other.clone(),
        }
    }

    /// Whether operand `k` occurs.
    pub fn reads(&self, k: usize) -> bool {
        match self {
            Expr::In(i) => *i == k,
            Expr::Call(_, args) => args.iter().any(|a| a.reads(k)),
            _ => false,
        }
    }

    /// Calls `f` for every node, parents after children.
    pub fn visit(&self, f: &mut dyn FnMut(&Expr)) {
        if let Expr::Call(_, args) = self {
            args.iter().for_each(|a| a.visit(f));
        }
        f(self);
    }

    /// The value for one element, in f64: the definition that everything else is tested against.
    pub fn eval(&self, inputs: &[f64], step: &[f64], rand: &dyn Fn(u32) -> f64) -> f64 {
        match self {
            Expr::In(i) => inputs[*i],
            Expr::Const(c) => *c,
            Expr::Step(c) => step[*c],
            Expr::Rand(stream) => rand(*stream),
            Expr::Call(func, args) => {
                let mut values = [0.0; 3];
                for (v, a) in values.iter_mut().zip(args) {
                    *v = a.eval(inputs, step, rand);
                }
                (func.host)(&values[..args.len()])
            }
        }
    }

    /// A call of a function of the table, with the simplest algebra done at once (constants, 0 and 1).
    pub fn call(func: &'static Func, args: Vec<Expr>) -> Expr {
        use Expr::Const;
        if args.iter().all(|a| matches!(a, Const(_))) {
            return Const(Expr::Call(func, args).eval(&[], &[], &|_| 0.0));
        }
        match (func.name, args.as_slice()) {
            ("add", [Const(0.0), x] | [x, Const(0.0)]) | ("sub", [x, Const(0.0)]) => x.clone(),
            ("mul", [Const(1.0), x] | [x, Const(1.0)]) | ("div", [x, Const(1.0)]) => x.clone(),
            _ => Expr::Call(func, args),
        }
    }
}

impl From<f64> for Expr {
    fn from(value: f64) -> Self {
        Expr::Const(value)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $func:ident) => {
        impl<R: Into<Expr>> std::ops::$trait<R> for Expr {
            type Output = Expr;
            fn $method(self, rhs: R) -> Expr {
                Expr::call(&pointwise::$func, vec![self, rhs.into()])
            }
        }
        impl std::ops::$trait<Expr> for f64 {
            type Output = Expr;
            fn $method(self, rhs: Expr) -> Expr {
                Expr::call(&pointwise::$func, vec![self.into(), rhs])
            }
        }
    };
}
operator!(Add, add, ADD);
operator!(Sub, sub, SUB);
operator!(Mul, mul, MUL);
operator!(Div, div, DIV);

impl std::ops::Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        Expr::call(&pointwise::NEG, vec![self])
    }
}

macro_rules! unary {
    ($($(#[$doc:meta])* $method:ident $func:ident),* $(,)?) => {
        impl Expr { $($(#[$doc])* pub fn $method(self) -> Expr { Expr::call(&pointwise::$func, vec![self]) })* }
    };
}
unary!(
    /// Square root.
    sqrt SQRT,
    /// Square.
    square SQUARE,
    /// Absolute value.
    abs ABS,
    /// e to the power of it.
    exp EXP,
    /// Natural logarithm.
    ln LN,
    /// Sign: -1, 0 or 1.
    sign SIGN,
    /// Hyperbolic tangent.
    tanh TANH,
    /// Logistic function.
    sigmoid SIGMOID,
);

impl Expr {
    /// The larger of both.
    pub fn max(self, other: impl Into<Expr>) -> Expr {
        Expr::call(&pointwise::MAX, vec![self, other.into()])
    }
    /// The smaller of both.
    pub fn min(self, other: impl Into<Expr>) -> Expr {
        Expr::call(&pointwise::MIN, vec![self, other.into()])
    }
    /// It to the power of `other`.
    pub fn pow(self, other: impl Into<Expr>) -> Expr {
        Expr::call(&pointwise::POW, vec![self, other.into()])
    }
    /// 1 where it is less than `other`, else 0.
    pub fn lt(self, other: impl Into<Expr>) -> Expr {
        Expr::call(&pointwise::LT, vec![self, other.into()])
    }
    /// 1 where it is less than or equal to `other`, else 0.
    pub fn le(self, other: impl Into<Expr>) -> Expr {
        Expr::call(&pointwise::LE, vec![self, other.into()])
    }
    /// 1 where both are equal, else 0.
    pub fn equal(self, other: impl Into<Expr>) -> Expr {
        Expr::call(&pointwise::EQ, vec![self, other.into()])
    }
    /// `yes` where it is not 0, else `no`.
    pub fn select(self, yes: impl Into<Expr>, no: impl Into<Expr>) -> Expr {
        Expr::call(&pointwise::SELECT, vec![self, yes.into(), no.into()])
    }
}
