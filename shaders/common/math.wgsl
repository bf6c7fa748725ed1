// Functions that the pointwise table calls. WGSL lets a compiler assume that no value is infinite or NaN, and leaves the
// accuracy of the built-in functions to the driver: what must hold near 0, at large arguments or for a NaN is written out.

// Positive infinity, which WGSL has no literal for. The variable keeps compilers from folding it, which is an error.
fn infinity() -> f32 {
    var bits = 0x7f800000u;
    return bitcast<f32>(bits);
}

// A quiet NaN.
fn not_a_number() -> f32 {
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}

// Whether x is NaN, by its bits: a comparison x != x may be optimised away.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// The larger of both, or what is NaN: the built-in may give either.
fn larger(a: f32, b: f32) -> f32 {
    return select(b, a, a >= b || is_nan(a));
}

// The smaller of both, or what is NaN.
fn smaller(a: f32, b: f32) -> f32 {
    return select(b, a, a <= b || is_nan(a));
}

// -1, 0 or 1; NaN of NaN.
fn signum(x: f32) -> f32 {
    return select(select(x, -1.0, x < 0.0), 1.0, x > 0.0);
}

// max(x, 0); NaN of NaN.
fn rectified(x: f32) -> f32 {
    return select(x, 0.0, x <= 0.0);
}

// x²
fn square(x: f32) -> f32 {
    return x * x;
}

// a to the power of b as C defines it; the built-in is undefined for a < 0 and inexact where both are small whole numbers.
fn power(a: f32, b: f32) -> f32 {
    if (b == 0.0) {
        return 1.0;
    }
    if (b == 1.0) {
        return a;
    }
    if (b == 2.0) {
        return a * a;
    }
    if (b == 3.0) {
        return a * a * a;
    }
    if (b == -1.0) {
        return 1.0 / a;
    }
    if (is_nan(a) || is_nan(b)) {
        return a + b;
    }
    let odd = b == trunc(b) && abs(b) < 16777216.0 && (i32(clamp(b, -16777216.0, 16777216.0)) & 1) != 0;
    if (a == 0.0) {
        return select(0.0, infinity(), b < 0.0);
    }
    let y = pow(abs(a), b);
    if (a > 0.0) {
        return y;
    }
    if (b != trunc(b)) {
        return not_a_number();
    }
    return select(y, -y, odd);
}

// eˣ - 1, exact near 0.
fn expm1(x: f32) -> f32 {
    if (abs(x) < 0.5) {
        return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334
            + x * (0.0013888889 + x * (0.0001984127 + x * 0.000024801588)))))));
    }
    return exp(x) - 1.0;
}

// log(1 + x), exact near 0: 2 atanh(x / (2 + x)).
fn log1p(x: f32) -> f32 {
    if (abs(x) < 0.5) {
        let s = x / (2.0 + x);
        let q = s * s;
        return 2.0 * s * (1.0 + q * (0.33333334 + q * (0.2 + q * (0.14285715 + q * (0.11111111
            + q * (0.09090909 + q * 0.07692308))))));
    }
    return log(1.0 + x);
}

// Hyperbolic tangent; exp sees no positive argument, so nothing overflows.
fn tanh_safe(x: f32) -> f32 {
    let e = expm1(-2.0 * abs(x));
    let y = -e / (e + 2.0);
    return select(y, -y, x < 0.0);
}

// 1 / (1 + e⁻ˣ); exp sees no positive argument.
fn sigmoid(x: f32) -> f32 {
    let e = exp(-abs(x));
    return select(1.0, e, x < 0.0) / (1.0 + e);
}

// log(1 + eˣ)
fn softplus(x: f32) -> f32 {
    return select(0.0, x, x > 0.0) + log1p(exp(-abs(x)));
}

// The error function: polynomials through the Chebyshev nodes of erf(√t)/√t on [0, 1], and of erfc(x)·exp(x²) in
// 1 / (1 + x/2) on [1, 4]. Relative error below 2e-7 under 1, absolute error below 1e-7 above.
fn erf(x: f32) -> f32 {
    let a = abs(x);
    if (a < 1.0) {
        let t = x * x;
        return x * (1.1283791 + t * (-0.37612343 + t * (0.112803166 + t * (-0.026715055
            + t * (0.004921762 + t * -0.000564806)))));
    }
    if (a >= 4.0) {
        return sign(x);
    }
    let t = 1.0 / (1.0 + 0.5 * a);
    let q = 0.0006051184 + t * (0.27363434 + t * (0.33075714 + t * (0.10149541
        + t * (0.40349506 + t * (-0.0570652 + t * -0.05363043)))));
    return sign(x) * (1.0 - exp(-a * a) * q);
}
