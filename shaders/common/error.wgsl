// What belongs to the error function.

// exp(x²)·(1 - erf(x)) for x from 0.5 to 10.2.
fn erfcx_f32(x: f32) -> f32 {
    let u = x - 1.25;
    let near = 0.36782292 + u * (-0.2088219 + u * (0.10679555 + u * (-0.05021787 + u * (0.022011554 + u * (-0.009085712
        + u * (0.00355279 + u * (-0.0013091232 + u * (0.0004720584 + u * (-0.00019211158 + u * 6.076165e-5)))))))));
    let t = 1.0 / (x * x);
    let far = (0.56418955 + t * (-0.28208536 + t * (0.4224803 + t * (-1.03446 + t * (3.214353 + t * (-9.960214
        + t * (24.523283 + t * (-38.743313 + t * 28.170979)))))))) / x;
    return select(far, near, x < 2.0);
}

// 1 - erf(x), exact also where it is small: of x², what its first 12 bits give is exact.
fn erfc_f32(x: f32) -> f32 {
    let a = clamp(x, 0.5, 10.2);
    let h = head(a);
    let scaled = erfcx_f32(a);
    let far = exp_f32(-h * h) * (scaled + scaled * expm1_near(-(a - h) * (a + h)));
    let y = select(far, 1.0 - erf_f32(x), x < 0.5);
    return select(select(y, 0.0, x > 10.2), x, is_nan(x));
}

// The inverse of the error function, by w = -log(1 - x²); NaN beyond -1 and 1.
fn erfinv_f32(x: f32) -> f32 {
    let a = abs(x);
    let w = -log_f32((1.0 - min(a, 0.99999994)) * (1.0 + a));
    let u = w - 2.5;
    let near = 1.5014094 + u * (0.24664028 + u * (-0.0041773883 + u * (-0.0012527253 + u * (0.00021834589
        + u * (-4.9730697e-6 + u * (-3.463093e-6 + u * (4.6826696e-7 + u * (2.32648e-8 + u * -8.941413e-9))))))));
    let s = sqrt_f32(w) - 3.0;
    let far = 2.8329768 + s * (1.0016748 + s * (0.009444471 + s * (-0.007634725 + s * (0.0056938077 + s * (-0.0036087479
        + s * (0.0014676615 + s * (-3.6020847e-5 + s * (-0.00029592495 + s * 0.000101726415))))))));
    let y = x * select(far, near, w < 5.0);
    let ends = select(y, with_sign(infinity(), x), a == 1.0);
    return select(ends, not_a_number(), is_nan(x) || a > 1.0);
}
