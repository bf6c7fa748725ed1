// Exponentials and logarithms.

// y·2ⁿ for y from 0.5 to 2 and n from -152 to 128, where that is a number; what is too small for a normal number may become 0.
fn times_two_to(y: f32, n: i32) -> f32 {
    let small = n < -125;
    // Added to the exponent's bits: a factor of 2¹²⁸ would be infinite.
    let z = bitcast<f32>(bitcast<u32>(y) + (bitcast<u32>(select(n, n + 64, small)) << 23u));
    return select(z, z * 5.421010862427522e-20, small);
}

// x - n·log(2) for n = round(x / log(2)), in two parts of log(2), of which the first has no rounding error.
fn exp_rest(x: f32, n: f32) -> f32 {
    // A small whole number ends in zeros.
    let zero = bitcast<u32>(n) & 1u;
    return keep(x - n * 0.693359375, zero) + n * 2.1219444e-4;
}

// eʳ - 1 for |r| below 0.35.
fn expm1_near(r: f32) -> f32 {
    return r + r * r * (0.5 + r * (0.16666539 + r * (0.04166641 + r * (0.008367155 + r * 0.0013940056))));
}

// eˣ
fn exp_f32(x: f32) -> f32 {
    let c = clamp(x, -104.0, 89.0);
    let n = round(c * 1.442695);
    let y = times_two_to(1.0 + expm1_near(exp_rest(c, n)), i32(n));
    let bits = select(bitcast<u32>(y), 0x7f800000u, x > 88.72283);
    return bitcast<f32>(select(bits, bitcast<u32>(x), is_nan(x)));
}

// eˣ - 1, exact near 0.
fn expm1_f32(x: f32) -> f32 {
    let c = clamp(x, -20.0, 89.0);
    let n = round(c * 1.442695);
    let t = expm1_near(exp_rest(c, n));
    let power = times_two_to(1.0, i32(min(n, 25.0)));
    let y = select((power - 1.0) + power * t, times_two_to(1.0 + t, i32(n)), n > 24.0);
    let bits = select(bitcast<u32>(select(y, t, n == 0.0)), 0x7f800000u, x > 88.72283);
    return bitcast<f32>(select(bits, bitcast<u32>(x), is_nan(x)));
}

// (log(1 + f) - f + f²/2) for f from √½ - 1 to √2 - 1.
fn log1p_rest(f: f32) -> f32 {
    return f * f * f * (0.33333313 + f * (-0.2500001 + f * (0.20002073 + f * (-0.16667996 + f * (0.14220327
        + f * (-0.12406032 + f * (0.11883568 + f * (-0.11671449 + f * 0.06750956))))))));
}

// x as m·2ᵏ with m from √½ to √2, for a positive number.
struct FloatParts {
    m: f32,
    k: f32,
}

// See FloatParts. Numbers below the smallest normal one are taken apart as whole numbers, which no driver takes for zeros.
fn parts_of(x: f32) -> FloatParts {
    let small = bitcast<u32>(x) < 0x00800000u;
    let bits = select(bitcast<u32>(x), bitcast<u32>(f32(bitcast<u32>(x))), small);
    let k = bitcast<i32>(bits - 0x3f3504f3u) >> 23u;
    return FloatParts(bitcast<f32>(bits - (bitcast<u32>(k) << 23u)), f32(k - select(0, 149, small)));
}

// Natural logarithm.
fn log_f32(x: f32) -> f32 {
    let parts = parts_of(x);
    let f = parts.m - 1.0;
    let y = parts.k * 0.693359375 + (f + (log1p_rest(f) - parts.k * 2.1219444e-4 - 0.5 * f * f));
    let bits = bitcast<u32>(x);
    var found = select(bitcast<u32>(y), bits, bits == 0x7f800000u || is_nan(x));
    // Negative numbers and both zeros.
    found = select(found, 0x7fc00000u, bits > 0x80000000u && !is_nan(x));
    return bitcast<f32>(select(found, 0xff800000u, bits << 1u == 0u));
}

// log(1 + x), exact near 0. Further off, the rounding of 1 + x is less than the logarithm's own.
fn log1p_f32(x: f32) -> f32 {
    let f = clamp(x, -0.2928, 0.4142);
    return select(log_f32(1.0 + x), f + (log1p_rest(f) - 0.5 * f * f), f == x);
}

// Hyperbolic tangent.
fn tanh_f32(x: f32) -> f32 {
    let a = abs(x);
    let t = x * x;
    let near = x + x * t * (-0.33333313 + t * (0.13332437 + t * (-0.053835757 + t * (0.021000376 + t * -0.0061696135))));
    let far = 1.0 - 2.0 / (exp_f32(2.0 * min(a, 10.0)) + 1.0);
    let y = select(with_sign(far, x), near, a < 0.56);
    return select(y, x, is_nan(x));
}

// 1 / (1 + e⁻ˣ); exp sees no positive argument.
fn sigmoid(x: f32) -> f32 {
    let e = exp_f32(-abs(x));
    return select(1.0, e, x < 0.0) / (1.0 + e);
}

// log(1 + eˣ)
fn softplus(x: f32) -> f32 {
    return rectified(x) + log1p_f32(exp_f32(-abs(x)));
}

// Hyperbolic sine.
fn sinh_f32(x: f32) -> f32 {
    let a = abs(x);
    let t = a * a;
    let near = a + a * t * (0.16666667 + t * (0.008333333 + t * (0.0001984127 + t * 2.7557319e-6)));
    let e = exp_f32(min(a, 87.0));
    // Beyond 87 the power itself is too large for a number before the sine is.
    let half = exp_f32(0.5 * a);
    let y = select(select((0.5 * half) * half, 0.5 * e - 0.5 / e, a < 87.0), near, a < 1.0);
    return select(with_sign(y, x), x, is_nan(x));
}

// Hyperbolic cosine.
fn cosh_f32(x: f32) -> f32 {
    let a = abs(x);
    let e = exp_f32(min(a, 87.0));
    let half = exp_f32(0.5 * a);
    let y = select((0.5 * half) * half, 0.5 * e + 0.5 / e, a < 87.0);
    return select(y, x, is_nan(x));
}
