// Inverse functions of the trigonometric and the hyperbolic ones.

// asin for |x| up to one half; t is x².
fn asin_near(x: f32, t: f32) -> f32 {
    return x + x * t * (0.16666752 + t * (0.07495300 + t * (0.045470026 + t * (0.024181312 + t * 0.0421632))));
}

// Inverse sine; NaN beyond -1 and 1.
fn asin_f32(x: f32) -> f32 {
    let a = abs(x);
    let t = 0.5 * (1.0 - a);
    let far = 1.5707964 - 2.0 * asin_near(sqrt_f32(t), t);
    let y = with_sign(select(far, asin_near(a, a * a), a <= 0.5), x);
    return select(y, not_a_number(), is_nan(x) || a > 1.0);
}

// Inverse cosine; NaN beyond -1 and 1.
fn acos_f32(x: f32) -> f32 {
    let a = abs(x);
    let t = 0.5 * (1.0 - a);
    let far = 2.0 * asin_near(sqrt_f32(t), t);
    let y = select(select(far, 3.1415927 - far, x < 0.0), 1.5707964 - asin_near(x, a * a), a <= 0.5);
    return select(y, not_a_number(), is_nan(x) || a > 1.0);
}

// Inverse tangent of a number from 0 to infinity, by its place before tan(π/8), before tan(3π/8), and behind.
fn atan_positive(a: f32) -> f32 {
    let middle = a > 0.41421357;
    let far = a > 2.4142135;
    // Quotients of numbers in the range for which WGSL says how exact they are.
    let b = min(a, 1e30);
    let x = select(select(a, (b - 1.0) / (b + 1.0), middle), -1.0 / max(b, 1.0), far);
    let base = select(select(0.0, 0.7853982, middle), 1.5707964, far);
    let t = x * x;
    return base + (x + x * t * (-0.3333295 + t * (0.1997771 + t * (-0.13877685 + t * 0.08053744))));
}

// Inverse tangent.
fn atan_f32(x: f32) -> f32 {
    return select(with_sign(atan_positive(abs(x)), x), x, is_nan(x));
}

// The angle of the point (x, y), from -π to π, as C defines it.
fn atan2_f32(y: f32, x: f32) -> f32 {
    let both = bitcast<u32>(max(abs(x), abs(y)));
    // Both so large or so small that their quotient needs them nearer to 1; of two infinities it is 1.
    let scale = select(select(1.0, 18446744073709551616.0, both < 0x0d800000u), 5.421010862427522e-20, both > 0x71800000u);
    let infinite = min(bitcast<u32>(abs(x)), bitcast<u32>(abs(y))) == 0x7f800000u;
    let a = select(abs(y) * scale, 1.0, infinite);
    let b = select(abs(x) * scale, 1.0, infinite);
    let steep = a > b;
    let low = min(a, b);
    let high = max(a, b);
    let divisor = select(min(high, 1e37), 1.0, high == 0.0);
    let quotient = select(low / divisor, 0.0, bitcast<u32>(high) == 0x7f800000u);
    let r = atan_positive(quotient);
    let first = select(r, 1.5707964 - r, steep);
    let turned = select(first, 3.1415927 - first, bitcast<u32>(x) >> 31u == 1u);
    return select(with_sign(turned, y), not_a_number(), is_nan(x) || is_nan(y));
}

// Inverse hyperbolic sine.
fn asinh_f32(x: f32) -> f32 {
    let a = abs(x);
    let t = a * a;
    let near = a + a * t * (-0.16666666 + t * (0.074999526 + t * (-0.044629626 + t * (0.030236004 + t * (-0.021542996 + t * (0.014581356
        + t * (-0.008059145 + t * (0.0029765337 + t * -0.00052140845))))))));
    let far = log_f32(a + sqrt_f32(t + 1.0));
    let y = select(select(far, log_f32(a) + 0.6931472, a > 1e9), near, a < 1.0);
    return select(with_sign(y, x), x, is_nan(x));
}

// Inverse hyperbolic cosine; NaN below 1.
fn acosh_f32(x: f32) -> f32 {
    let t = x - 1.0;
    let near = sqrt_f32(t) * (1.4142135 + t * (-0.11784742 + t * (0.026454458 + t * (-0.007527289 + t * 0.0017596881))));
    let far = log_f32(x + sqrt_f32(t * (x + 1.0)));
    let y = select(select(far, log_f32(x) + 0.6931472, x > 1e9), near, t < 0.5);
    return select(y, not_a_number(), is_nan(x) || x < 1.0);
}

// Inverse hyperbolic tangent; NaN beyond -1 and 1.
fn atanh_f32(x: f32) -> f32 {
    let a = abs(x);
    let t = a * a;
    let near = a + a * t * (0.3333373 + t * (0.19978216 + t * (0.14669143 + t * (0.08243701 + t * 0.18174008))));
    let far = 0.5 * log_f32((1.0 + a) / (1.0 - min(a, 0.99999994)));
    let y = with_sign(select(select(far, infinity(), a == 1.0), near, a < 0.5), x);
    return select(y, not_a_number(), is_nan(x) || a > 1.0);
}
