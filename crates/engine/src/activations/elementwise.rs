//! Elementwise activations: each is one expression, so one node of the graph and one derivative.

use rhyton_kernels::pointwise as table;

use crate::graph::{Expr, Tensor};
use crate::ops::pointwise;

fn x() -> Expr {
    Expr::In(0)
}

fn apply(expr: Expr, to: Tensor) -> Tensor {
    pointwise(expr, &[to], None)
}

fn relu_of(e: Expr) -> Expr {
    Expr::call(&table::RELU, vec![e])
}

fn softplus_of(e: Expr) -> Expr {
    Expr::call(&table::SOFTPLUS, vec![e])
}

fn clip(e: Expr, low: f64, high: f64) -> Expr {
    e.max(low).min(high)
}

/// a · (eˣ - 1) below zero, 0 above. The exponent is cut at zero, so that neither it nor its gradient overflows.
fn exponential_part(alpha: f64, scale: f64) -> Expr {
    Expr::call(&table::EXPM1, vec![x().min(0.0) / scale]) * alpha
}

/// The identity.
pub fn linear(x: Tensor) -> Tensor {
    x
}

/// max(x, 0), with Keras' arguments: `negative_slope` below `threshold`, cut at `max_value`.
pub fn relu(t: Tensor, negative_slope: f64, max_value: Option<f64>, threshold: f64) -> Tensor {
    if negative_slope == 0.0 && max_value.is_none() && threshold == 0.0 {
        return t.relu();
    }
    let above = Expr::Const(threshold).lt(x());
    let positive = max_value.map_or(x(), |m| x().min(m));
    // A threshold below zero lets negative values pass, which a maximum then cuts at zero, as Keras does.
    let positive = if max_value.is_some() { positive.max(0.0) } else { positive };
    apply(above.select(positive, (x() - threshold) * negative_slope), t)
}

/// x, or `negative_slope` · x below zero.
pub fn leaky_relu(t: Tensor, negative_slope: f64) -> Tensor {
    relu(t, negative_slope, None, 0.0)
}

/// x between 0 and 6; at both ends the gradient is that of TensorFlow, zero.
fn relu6_of(e: Expr) -> Expr {
    Expr::Const(6.0).le(e.clone()).select(6.0, relu_of(e))
}

/// x between 0 and 6.
pub fn relu6(t: Tensor) -> Tensor {
    apply(relu6_of(x()), t)
}

/// x, or alpha · (eˣ - 1) below zero.
pub fn elu(t: Tensor, alpha: f64) -> Tensor {
    apply(relu_of(x()) + exponential_part(alpha, 1.0), t)
}

/// x, or alpha · (e^(x / alpha) - 1) below zero. At zero the gradient is that of both parts, as TensorFlow adds them.
pub fn celu(t: Tensor, alpha: f64) -> Tensor {
    apply(x().max(0.0) + exponential_part(alpha, alpha), t)
}

/// ELU with the constants that keep mean and variance. At zero the gradient is that of the right side, as in TensorFlow.
pub fn selu(t: Tensor) -> Tensor {
    const ALPHA: f64 = 1.673_263_242_354_377_3;
    const SCALE: f64 = 1.050_700_987_355_480_5;
    apply(x().lt(0.0).select(exponential_part(ALPHA, 1.0), x()) * SCALE, t)
}

/// log(1 + eˣ).
pub fn softplus(t: Tensor) -> Tensor {
    t.softplus()
}

/// x / (1 + |x|).
pub fn softsign(t: Tensor) -> Tensor {
    apply(x() / (x().abs() + 1.0), t)
}

/// x drawn towards zero by `threshold`, and zero within.
pub fn soft_shrink(t: Tensor, threshold: f64) -> Tensor {
    apply(x() - clip(x(), -threshold, threshold), t)
}

/// x, and zero where |x| ≤ `threshold`.
pub fn hard_shrink(t: Tensor, threshold: f64) -> Tensor {
    apply(Expr::Const(threshold).lt(x().abs()).select(x(), 0.0), t)
}

/// x - tanh(x).
pub fn tanh_shrink(t: Tensor) -> Tensor {
    apply(x() - x().tanh(), t)
}

/// x above `threshold`, else `default_value`.
pub fn threshold(t: Tensor, threshold: f64, default_value: f64) -> Tensor {
    apply(Expr::Const(threshold).lt(x()).select(x(), default_value), t)
}

/// 0 up to -1, (x + 1)² / 4 up to 1, then x.
pub fn sparse_plus(t: Tensor) -> Tensor {
    apply((clip(x(), -1.0, 1.0) + 1.0).square() * 0.25 + relu_of(x() - 1.0), t)
}

/// (x + 1) / 2 between 0 and 1.
pub fn sparse_sigmoid(t: Tensor) -> Tensor {
    let inner = x().le(-1.0).select(0.0, (x() + 1.0) * 0.5);
    apply(Expr::Const(1.0).le(x()).select(1.0, inner), t)
}

/// x · sigmoid(x), also called swish.
pub fn silu(t: Tensor) -> Tensor {
    apply(x() * x().sigmoid(), t)
}

/// (x + √(x² + b)) / 2.
pub fn squareplus(t: Tensor, b: f64) -> Tensor {
    apply((x() + (x().square() + b).sqrt()) * 0.5, t)
}

/// x · Φ(x), with the error function, or its approximation by tanh.
pub fn gelu(t: Tensor, approximate: bool) -> Tensor {
    let phi = if approximate {
        let inner = x() + x() * x().square() * 0.044_715;
        (inner * (2.0 / std::f64::consts::PI).sqrt()).tanh()
    } else {
        Expr::call(&table::ERF, vec![x() * std::f64::consts::FRAC_1_SQRT_2])
    };
    apply(x() * 0.5 * (phi + 1.0), t)
}

/// Hyperbolic tangent.
pub fn tanh(t: Tensor) -> Tensor {
    t.tanh()
}

/// x between -1 and 1.
pub fn hard_tanh(t: Tensor) -> Tensor {
    apply(clip(x(), -1.0, 1.0), t)
}

/// 1 / (1 + e⁻ˣ).
pub fn sigmoid(t: Tensor) -> Tensor {
    t.sigmoid()
}

/// relu6(x + 3) / 6.
pub fn hard_sigmoid(t: Tensor) -> Tensor {
    apply(relu6_of(x() + 3.0) / 6.0, t)
}

/// What Keras 2 calls `hard_sigmoid`: 0.2 · x + 0.5 between 0 and 1.
pub fn hard_sigmoid_v2(t: Tensor) -> Tensor {
    apply(clip(x() * 0.2 + 0.5, 0.0, 1.0), t)
}

/// x · hard_sigmoid(x), also called hard_swish.
pub fn hard_silu(t: Tensor) -> Tensor {
    apply(x() * (relu6_of(x() + 3.0) / 6.0), t)
}

/// log(sigmoid(x)).
pub fn log_sigmoid(t: Tensor) -> Tensor {
    apply(-softplus_of(-x()), t)
}

/// eˣ.
pub fn exponential(t: Tensor) -> Tensor {
    t.exp()
}

/// x · tanh(softplus(x)).
pub fn mish(t: Tensor) -> Tensor {
    apply(x() * softplus_of(x()).tanh(), t)
}
