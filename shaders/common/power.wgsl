// a to the power of b as C defines it, for every a and b.
fn pow_f32(a: f32, b: f32) -> f32 {
    if (b == 2.0) {
        return a * a;
    }
    if (b == 0.0 || a == 1.0) {
        return 1.0;
    }
    if (is_nan(a) || is_nan(b)) {
        return not_a_number();
    }
    let whole = abs(b) >= 16777216.0 || b == trunc(b);
    let odd = whole && abs(b) < 16777216.0 && (i32(clamp(b, -16777216.0, 16777216.0)) & 1) != 0;
    let sign = select(0u, bitcast<u32>(a) & 0x80000000u, odd);
    let size = bitcast<u32>(a) & 0x7fffffffu;
    if (size == 0u || size == 0x7f800000u) {
        return bitcast<f32>(sign | select(0u, 0x7f800000u, (size == 0u) == (b < 0.0)));
    }
    if (size != bitcast<u32>(a) && !whole) {
        return not_a_number();
    }
    return bitcast<f32>(sign | bitcast<u32>(pow_of_parts(parts_of(bitcast<f32>(size)), b)));
}

// (m·2ᵏ) to the power of b, by the logarithm to base 2 in two numbers: the first has 12 bits, the second what is left.
fn pow_of_parts(parts: FloatParts, b: f32) -> f32 {
    // m from √⅔ to 2√⅔, near 1 or 1.5, so that s below is small.
    let low = parts.m < 0.8164966;
    let m = select(parts.m, 2.0 * parts.m, low);
    let k = select(parts.k, parts.k - 1.0, low);
    let upper = m >= 1.2247449;
    let base = select(1.0, 1.5, upper);
    // log2(base) in two numbers.
    let base_head = select(0.0, 0.5849609375, upper);
    let base_rest = select(0.0, 1.5632212e-6, upper);
    let zero = bitcast<u32>(k) & 1u;
    // log2(m / base) = 2/log(2) atanh(s) with s = (m - base) / (m + base).
    let f = m - base;
    let d = m + base;
    let s = f / d;
    let s_head = head(s);
    let d_head = head(d);
    let d_rest = bitcast<f32>(bitcast<u32>(m - keep(d_head - base, zero)) & 0xffffff00u);
    let s_rest = (keep(f - s_head * d_head, zero) - s_head * d_rest) / d;
    let t = s * s;
    let first = 2.8847656 * s_head;
    let rest = 2.8847656 * s_rest + (0.0006244568 * s + base_rest)
        + s * t * (0.96179676 + t * (0.5770392 + t * 0.41864145));
    let log_head = head(((first + rest) + base_head) + k);
    let log_rest = rest - keep(keep(keep(log_head - k, zero) - base_head, zero) - first, zero);
    // Beyond this, every result is 0, 1 or infinite.
    let y = clamp(b, -1.7179869e10, 1.7179869e10);
    let y_head = head(y);
    let y_rest = bitcast<f32>(bitcast<u32>(y - y_head) & 0xffffff00u);
    let product = y_head * log_head;
    let lower = y_rest * log_head + y * log_rest;
    let whole = product + lower;
    let n = round(clamp(whole, -152.0, 128.0));
    let r = clamp(keep(product - n, bitcast<u32>(n) & 1u) + lower, -0.51, 0.51) * 0.6931472;
    let bits = select(bitcast<u32>(times_two_to(1.0 + expm1_near(r), i32(n))), 0x7f800000u, whole >= 128.0);
    return bitcast<f32>(select(bits, 0u, whole <= -151.0));
}
