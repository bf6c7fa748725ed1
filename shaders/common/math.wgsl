// Functions that the pointwise table and the kernels call. WGSL leaves the accuracy of exp, log, pow, sin, tanh and their kin to
// the driver, and lets a compiler assume that no value is infinite or NaN: these are our own (in exponential.wgsl, power.wgsl and
// trigonometry.wgsl too), made of additions, products, quotients and whole numbers, whose accuracy it does not leave open. Compilers
// may also reorder sums and fuse products into them: where the order matters, `keep` or a mask stands between. What is infinite or
// NaN is tested, and chosen, by its bits. How exact each is says its row of the pointwise table, and a test holds every driver to it.

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

// Whether x is infinite, by its bits.
fn is_infinite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

// x, as it was rounded: `zero` is 0, but no compiler can know that, so none merges what x was computed by with what is done to it.
fn keep(x: f32, zero: u32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) | zero);
}

// The first 12 bits of x: the product of two such numbers is exact.
fn head(x: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}

// The size of a with the sign of b.
fn with_sign(a: f32, b: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(a) & 0x7fffffffu) | (bitcast<u32>(b) & 0x80000000u));
}

// x²
fn square(x: f32) -> f32 {
    return x * x;
}

// The larger; NaN where one is.
fn larger(a: f32, b: f32) -> f32 {
    return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}

// The smaller; NaN where one is.
fn smaller(a: f32, b: f32) -> f32 {
    return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}

// max(x, 0); NaN stays.
fn rectified(x: f32) -> f32 {
    return select(max(x, 0.0), x, is_nan(x));
}

// Whether a number is not zero, as a truth value; NaN is not.
fn is_true(x: f32) -> bool {
    return bitcast<u32>(x) << 1u != 0u;
}

// -1, 0 or 1; NaN stays.
fn signum(x: f32) -> f32 {
    return select(sign(x), x, is_nan(x));
}

// Square root: the built-in, which may be off by several units in the last place, and one step of Newton's method, on a number whose
// residual is one.
fn sqrt_f32(x: f32) -> f32 {
    let small = x < 1e-28;
    let large = x > 1e28;
    let z = x * select(select(1.0, 5.421010862427522e-20, large), 18446744073709551616.0, small);
    let y = sqrt(z);
    let better = y + 0.5 * fma(-y, y, z) / y;
    // A number that was taken for zero has no quotient.
    let root = select(y, better, y > 0.0) * select(select(1.0, 4294967296.0, large), 2.3283064365386963e-10, small);
    let bits = bitcast<u32>(x);
    // Zeros, infinity and NaN are their own roots; other negative numbers have none.
    let same = bits << 1u == 0u || bits == 0x7f800000u || is_nan(x);
    let found = select(bitcast<u32>(root), 0x7fc00000u, bits > 0x80000000u);
    return bitcast<f32>(select(found, bits, same));
}

// The error function: x·(1 + e(x²)) below 1, and 1 - exp(-l(|x|)) from there on.
fn erf_f32(x: f32) -> f32 {
    let a = min(abs(x), 4.0);
    let t = x * x;
    let near = x * (1.0 + (0.12837917 + t * (-0.37612626 + t * (0.11283579 + t * (-0.026853347
        + t * (0.005187162 + t * (-0.0007997853 + t * 7.806903e-05)))))));
    let l = -0.00018804033 + a * (1.1295785 + a * (0.6332197 + a * (0.10841884 + a * (-0.025208455
        + a * (0.0042046425 + a * (-0.00044135304 + a * 2.168823e-05))))));
    let y = select(with_sign(1.0 - exp_f32(-l), x), near, a < 1.0);
    return select(y, x, is_nan(x));
}

// What is left of a when whole multiples of b were taken off, with the sign of a, as C's fmod: exact, by a division of whole numbers, eight bits a step.
fn fmod_f32(a: f32, b: f32) -> f32 {
    let x = bitcast<u32>(a) & 0x7fffffffu;
    let y = bitcast<u32>(b) & 0x7fffffffu;
    if (x >= 0x7f800000u || y > 0x7f800000u || y == 0u) {
        return not_a_number();
    }
    if (x < y) {
        return a;
    }
    // Numbers below the smallest normal one have no leading bit.
    let x_exponent = max(x >> 23u, 1u);
    let y_exponent = max(y >> 23u, 1u);
    let divisor = select(y & 0x7fffffu, (y & 0x7fffffu) | 0x800000u, y >= 0x800000u);
    var rest = select(x & 0x7fffffu, (x & 0x7fffffu) | 0x800000u, x >= 0x800000u) % divisor;
    var left = x_exponent - y_exponent;
    while (left > 0u && rest > 0u) {
        let step = min(left, 8u);
        rest = (rest << step) % divisor;
        left -= step;
    }
    let shift = countLeadingZeros(max(rest, 1u)) - 8u;
    let normal = ((y_exponent - min(shift, y_exponent)) << 23u) | ((rest << shift) & 0x7fffffu);
    let small = rest << (y_exponent - 1u);
    let bits = select(select(small, normal, shift < y_exponent), 0u, rest == 0u);
    return bitcast<f32>(bits | (bitcast<u32>(a) & 0x80000000u));
}
