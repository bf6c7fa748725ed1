//! The pointwise table: one row per elementwise function, with its WGSL, its host function and its derivative.
//!
//! To add a function, add a row: every device, every gradient check and the op table of the docs follow from it.

use num_traits::Float;

use crate::elementary::Elementary;
use crate::expr::Expr;
use crate::narrow::{Half, Narrow};

/// A loop over slices: result, then up to three arguments.
pub type Slices = fn(&mut [f32], &[f32], &[f32], &[f32]);

/// A row of the table.
pub struct Func {
    /// Name, as in messages and plans.
    pub name: &'static str,
    /// Number of arguments, 1 to 3.
    pub arity: usize,
    /// WGSL expression over `{0}`, `{1}`, `{2}`; may call functions of shaders/common/math.wgsl.
    pub wgsl: &'static str,
    /// The definition, in f64.
    pub host: fn(&[f64]) -> f64,
    /// The same in f32 over slices of equal length: the CPU device's inner loop. Unused arguments are empty.
    pub slices: Slices,
    /// The TensorFlow op that computes it, in serving graphs.
    pub tensorflow: TensorFlow,
    /// Derivatives by each argument, given the arguments and the value itself (`None`: zero everywhere).
    pub derivative: fn(&[Expr], &Expr) -> Vec<Option<Expr>>,
    /// Largest error of a result on any device, in units of the last place of f32 (the host's is the definition). An argument or
    /// a result below the smallest normal number may count as zero.
    pub ulps: f64,
    /// Arguments at which tests and gradient checks are made: a range that the function is smooth in, or that shows
    /// its pieces away from the kinks.
    pub domain: &'static [f64],
}

/// The TensorFlow op of a row: plain data for who writes serving graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorFlow {
    /// Name of the op: `AddV2`.
    pub op: &'static str,
    /// Name of its output: `z`.
    pub output: &'static str,
    /// Where its numbers are truth values in TensorFlow.
    pub truth: Truth,
    /// The type that the op gives, where that is a float of 16 bits.
    pub narrow: Option<Half>,
}

/// Which operands of a TensorFlow op are truth values, where they are numbers here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// None.
    No,
    /// The result.
    Result,
    /// The first argument.
    First,
}

const fn tf(op: &'static str, output: &'static str) -> TensorFlow {
    TensorFlow { op, output, truth: Truth::No, narrow: None }
}

impl PartialEq for Func {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Func {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Results that are exact.
const EXACT: f64 = 0.0;
/// One addition or multiplication: WGSL asks for the nearest number.
const ROUNDED: f64 = 0.5;
/// Quotients: what WGSL allows, where the divisor is from 2⁻¹²⁶ to 2¹²⁶.
const QUOTIENT: f64 = 2.5;
/// Functions that WGSL leaves to the driver, and that are our own in shaders/common.
const OWN: f64 = 4.0;

const ANY: &[f64] = &[-3.1, -1.2, -0.3, 0.4, 0.9, 2.3];
const POSITIVE: &[f64] = &[0.2, 0.7, 1.3, 2.9];
/// Within -1 and 1, away from both.
const INSIDE: &[f64] = &[-0.8, -0.3, 0.1, 0.4, 0.7];
const ABOVE_ONE: &[f64] = &[1.2, 1.7, 2.9];

macro_rules! table {
    ($( $(#[$doc:meta])* $id:ident $name:literal, $domain:expr, $ulps:expr, |$($arg:ident),+| $body:expr, $wgsl:literal, $tf:expr, |$a:pat_param, $y:pat_param| $deriv:expr; )*) => {
        $( $(#[$doc])* pub static $id: Func = {
            #[inline(always)]
            fn scalar<F: Elementary + Narrow>($($arg: F),+) -> F { $body }
            Func {
                name: $name,
                arity: [$(stringify!($arg)),+].len(),
                wgsl: $wgsl,
                host: |v| { let mut v = v.iter().copied(); $( let $arg = v.next().unwrap_or(f64::NAN); )+ scalar($($arg),+) },
                slices: table!(@slices $($arg),+),
                tensorflow: $tf,
                derivative: |args, y| { let ($a, $y) = (args, y); $deriv },
                ulps: $ulps,
                domain: $domain,
            }
        }; )*
        /// Every row.
        pub static POINTWISE: &[&Func] = &[$(&$id),*];
    };
    (@slices $a:ident) => { |out, a, _, _| vectorized(#[inline(always)] || out.iter_mut().zip(a).for_each(|(o, &x)| *o = scalar(x))) };
    (@slices $a:ident, $b:ident) => {
        |out, a, b, _| vectorized(#[inline(always)] || out.iter_mut().zip(a).zip(b).for_each(|((o, &x), &y)| *o = scalar(x, y)))
    };
    (@slices $a:ident, $b:ident, $c:ident) => {
        |out, a, b, d| vectorized(#[inline(always)] || out.iter_mut().zip(a).zip(b).zip(d).for_each(|(((o, &x), &y), &z)| *o = scalar(x, y, z)))
    };
}

/// Runs loops that the compiler vectorizes with the widest vectors that this processor has; what they call must be inlined. It changes no
/// bits: nothing is contracted or reordered.
#[inline(always)]
pub fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

fn bool_to<F: Float>(b: bool) -> F {
    if b { F::one() } else { F::zero() }
}

table! {
    /// a + b.
    ADD "add", ANY, ROUNDED, |a, b| a + b, "({0} + {1})", tf("AddV2", "z"), |_, _| vec![Some(1.0.into()), Some(1.0.into())];
    /// a - b.
    SUB "sub", ANY, ROUNDED, |a, b| a - b, "({0} - {1})", tf("Sub", "z"), |_, _| vec![Some(1.0.into()), Some((-1.0).into())];
    /// a · b.
    MUL "mul", ANY, ROUNDED, |a, b| a * b, "({0} * {1})", tf("Mul", "z"), |v, _| vec![Some(v[1].clone()), Some(v[0].clone())];
    /// a / b.
    DIV "div", ANY, QUOTIENT, |a, b| a / b, "({0} / {1})", tf("RealDiv", "z"),
        |v, y| vec![Some(1.0 / v[1].clone()), Some(-(y.clone() / v[1].clone()))];
    /// -a.
    NEG "neg", ANY, EXACT, |a| -a, "(-{0})", tf("Neg", "y"), |_, _| vec![Some((-1.0).into())];
    /// The larger, NaN where one is; at a tie the derivative goes to both halves equally, as TensorFlow's `maximum` gives it to the first.
    MAX "max", ANY, EXACT, |a, b| if a >= b || a.is_nan() { a } else { b }, "larger({0}, {1})", tf("Maximum", "z"),
        |v, _| { let first = v[1].clone().le(v[0].clone()); vec![Some(first.clone()), Some(1.0 - first)] };
    /// The smaller, NaN where one is.
    MIN "min", ANY, EXACT, |a, b| if a <= b || a.is_nan() { a } else { b }, "smaller({0}, {1})", tf("Minimum", "z"),
        |v, _| { let first = v[0].clone().le(v[1].clone()); vec![Some(first.clone()), Some(1.0 - first)] };
    /// a to the power of b; the derivative by b is right for a > 0 only, and zero is given elsewhere.
    POW "pow", POSITIVE, OWN, |a, b| a.powf(b), "pow_f32({0}, {1})", tf("Pow", "z"), |v, y| vec![
        Some(v[1].clone() * v[0].clone().pow(v[1].clone() - 1.0)),
        Some(Expr::Const(0.0).lt(v[0].clone()).select(y.clone() * v[0].clone().max(1e-30).ln(), 0.0))];
    /// Square root.
    SQRT "sqrt", POSITIVE, OWN, |a| a.sqrt(), "sqrt_f32({0})", tf("Sqrt", "y"), |_, y| vec![Some(0.5 / y.clone())];
    /// a².
    SQUARE "square", ANY, ROUNDED, |a| a * a, "square({0})", tf("Square", "y"), |v, _| vec![Some(2.0 * v[0].clone())];
    /// Absolute value.
    ABS "abs", ANY, EXACT, |a| a.abs(), "abs({0})", tf("Abs", "y"), |v, _| vec![Some(v[0].clone().sign())];
    /// -1, 0 or 1; NaN of NaN.
    SIGN "sign", ANY, EXACT, |a| if a > F::zero() { F::one() } else if a < F::zero() { -F::one() } else { a }, "signum({0})", tf("Sign", "y"), |_, _| vec![None];
    /// Largest whole number not above.
    FLOOR "floor", ANY, EXACT, |a| a.floor(), "floor({0})", tf("Floor", "y"), |_, _| vec![None];
    /// The nearest whole number, of two the even one.
    ROUND "round", ANY, EXACT, |a| a.nearest_whole(), "round({0})", tf("Round", "y"), |_, _| vec![None];
    /// a, with a derivative of zero.
    STOP_GRADIENT "stop_gradient", ANY, EXACT, |a| a, "{0}", tf("StopGradient", "output"), |_, _| vec![None];
    /// The nearest float of IEEE binary16; the derivative is that of a conversion.
    ROUND_F16 "round_f16", ANY, EXACT, |a| a.round_f16(), "round_f16({0})", TensorFlow { narrow: Some(Half::F16), ..tf("Cast", "y") }, |_, _| vec![Some(1.0.into())];
    /// The nearest bfloat16.
    ROUND_BF16 "round_bf16", ANY, EXACT, |a| a.round_bf16(), "round_bf16({0})", TensorFlow { narrow: Some(Half::BF16), ..tf("Cast", "y") }, |_, _| vec![Some(1.0.into())];
    /// eᵃ.
    EXP "exp", ANY, OWN, |a| a.exponential(), "exp_f32({0})", tf("Exp", "y"), |_, y| vec![Some(y.clone())];
    /// eᵃ - 1, exact near 0.
    EXPM1 "expm1", ANY, OWN, |a| a.exp_m1(), "expm1_f32({0})", tf("Expm1", "y"), |_, y| vec![Some(y.clone() + 1.0)];
    /// Natural logarithm.
    LN "log", POSITIVE, OWN, |a| a.ln(), "log_f32({0})", tf("Log", "y"), |v, _| vec![Some(1.0 / v[0].clone())];
    /// log(1 + a), exact near 0.
    LN1P "log1p", POSITIVE, OWN, |a| a.ln_1p(), "log1p_f32({0})", tf("Log1p", "y"), |v, _| vec![Some(1.0 / (v[0].clone() + 1.0))];
    /// Sine.
    SIN "sin", ANY, OWN, |a| a.sin(), "sin_f32({0})", tf("Sin", "y"), |v, _| vec![Some(Expr::call(&COS, vec![v[0].clone()]))];
    /// Cosine.
    COS "cos", ANY, OWN, |a| a.cos(), "cos_f32({0})", tf("Cos", "y"), |v, _| vec![Some(-Expr::call(&SIN, vec![v[0].clone()]))];
    /// Hyperbolic tangent.
    TANH "tanh", ANY, OWN, |a| a.hyperbolic_tangent(), "tanh_f32({0})", tf("Tanh", "y"), |_, y| vec![Some(1.0 - y.clone() * y.clone())];
    /// 1 / (1 + e⁻ᵃ).
    SIGMOID "sigmoid", ANY, OWN, |a| a.logistic(), "sigmoid({0})", tf("Sigmoid", "y"), |_, y| vec![Some(y.clone() * (1.0 - y.clone()))];
    /// log(1 + eᵃ).
    SOFTPLUS "softplus", ANY, OWN, |a| a.max(F::zero()) + (-a.abs()).exp().ln_1p(), "softplus({0})", tf("Softplus", "activations"),
        |_, y| vec![Some(-Expr::call(&EXPM1, vec![-y.clone()]))];
    /// max(a, 0), NaN of NaN; the derivative at 0 is 0.
    RELU "relu", ANY, EXACT, |a| if a <= F::zero() { F::zero() } else { a }, "rectified({0})", tf("Relu", "activations"), |_, y| vec![Some(Expr::Const(0.0).lt(y.clone()))];
    /// The error function.
    ERF "erf", ANY, OWN, |a| a.erf(), "erf_f32({0})", tf("Erf", "y"),
        |v, _| vec![Some(std::f64::consts::FRAC_2_SQRT_PI * (-v[0].clone().square()).exp())];
    /// 1 - erf(a), exact also where that is small.
    ERFC "erfc", ANY, OWN, |a| a.erfc(), "erfc_f32({0})", tf("Erfc", "y"),
        |v, _| vec![Some(-std::f64::consts::FRAC_2_SQRT_PI * (-v[0].clone().square()).exp())];
    /// The inverse of the error function.
    ERFINV "erfinv", INSIDE, OWN, |a| a.erfinv(), "erfinv_f32({0})", tf("Erfinv", "y"),
        |_, y| vec![Some(y.clone().square().exp() * (0.5 * std::f64::consts::PI.sqrt()))];
    /// Tangent.
    TAN "tan", ANY, OWN, |a| a.tan(), "tan_f32({0})", tf("Tan", "y"), |_, y| vec![Some(y.clone() * y.clone() + 1.0)];
    /// Inverse sine.
    ASIN "asin", INSIDE, OWN, |a| a.asin(), "asin_f32({0})", tf("Asin", "y"), |v, _| vec![Some(1.0 / (1.0 - v[0].clone().square()).sqrt())];
    /// Inverse cosine.
    ACOS "acos", INSIDE, OWN, |a| a.acos(), "acos_f32({0})", tf("Acos", "y"), |v, _| vec![Some(-1.0 / (1.0 - v[0].clone().square()).sqrt())];
    /// Inverse tangent.
    ATAN "atan", ANY, OWN, |a| a.atan(), "atan_f32({0})", tf("Atan", "y"), |v, _| vec![Some(1.0 / (v[0].clone().square() + 1.0))];
    /// The angle of the point (b, a).
    ATAN2 "atan2", ANY, OWN, |a, b| a.atan2(b), "atan2_f32({0}, {1})", tf("Atan2", "z"), |v, _| {
        let size = v[0].clone().square() + v[1].clone().square();
        vec![Some(v[1].clone() / size.clone()), Some(-(v[0].clone() / size))]
    };
    /// Hyperbolic sine.
    SINH "sinh", ANY, OWN, |a| a.sinh(), "sinh_f32({0})", tf("Sinh", "y"), |v, _| vec![Some(Expr::call(&COSH, vec![v[0].clone()]))];
    /// Hyperbolic cosine.
    COSH "cosh", ANY, OWN, |a| a.cosh(), "cosh_f32({0})", tf("Cosh", "y"), |v, _| vec![Some(Expr::call(&SINH, vec![v[0].clone()]))];
    /// Inverse hyperbolic sine.
    ASINH "asinh", ANY, OWN, |a| a.area_sine(), "asinh_f32({0})", tf("Asinh", "y"), |v, _| vec![Some(1.0 / (v[0].clone().square() + 1.0).sqrt())];
    /// Inverse hyperbolic cosine.
    ACOSH "acosh", ABOVE_ONE, OWN, |a| a.area_cosine(), "acosh_f32({0})", tf("Acosh", "y"), |v, _| vec![Some(1.0 / (v[0].clone().square() - 1.0).sqrt())];
    /// Inverse hyperbolic tangent.
    ATANH "atanh", INSIDE, OWN, |a| a.area_tangent(), "atanh_f32({0})", tf("Atanh", "y"), |v, _| vec![Some(1.0 / (1.0 - v[0].clone().square()))];
    /// What is left of a when whole multiples of b were taken off, with the sign of a.
    FMOD "fmod", ANY, EXACT, |a, b| a % b, "fmod_f32({0}, {1})", tf("TruncateMod", "z"), |v, _| {
        let quotient = v[0].clone() / v[1].clone();
        let whole = quotient.clone().sign() * Expr::call(&FLOOR, vec![quotient.abs()]);
        vec![Some(1.0.into()), Some(-whole)]
    };
    /// 1 where a is NaN.
    IS_NAN "is_nan", ANY, EXACT, |a| bool_to(a.is_nan()), "select(0.0, 1.0, is_nan({0}))", TensorFlow { truth: Truth::Result, ..tf("IsNan", "y") }, |_, _| vec![None];
    /// 1 where a is infinite.
    IS_INF "is_inf", ANY, EXACT, |a| bool_to(a.is_infinite()), "select(0.0, 1.0, is_infinite({0}))", TensorFlow { truth: Truth::Result, ..tf("IsInf", "y") }, |_, _| vec![None];
    /// 1 where a < b.
    LT "less", ANY, EXACT, |a, b| bool_to(a < b), "select(0.0, 1.0, {0} < {1})", TensorFlow { truth: Truth::Result, ..tf("Less", "z") }, |_, _| vec![None, None];
    /// 1 where a ≤ b.
    LE "less_equal", ANY, EXACT, |a, b| bool_to(a <= b), "select(0.0, 1.0, {0} <= {1})", TensorFlow { truth: Truth::Result, ..tf("LessEqual", "z") }, |_, _| vec![None, None];
    /// 1 where a = b.
    EQ "equal", ANY, EXACT, |a, b| bool_to(a == b), "select(0.0, 1.0, {0} == {1})", TensorFlow { truth: Truth::Result, ..tf("Equal", "z") }, |_, _| vec![None, None];
    /// b where a is not 0, else c.
    SELECT "select", ANY, EXACT, |a, b, d| if a != F::zero() { b } else { d }, "select({2}, {1}, is_true({0}))", TensorFlow { truth: Truth::First, ..tf("SelectV2", "output") },
        |v, _| vec![None, Some(v[0].clone().select(1.0, 0.0)), Some(v[0].clone().select(0.0, 1.0))];
}
