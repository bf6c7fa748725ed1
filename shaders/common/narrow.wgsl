// Floats of 16 bits, held as f32: the nearest such number, the even one of two as near. By whole numbers, since WGSL's own conversions may round
// another way and leave open what is beyond the range.

// The nearest float of 5 bits of exponent and 10 of mantissa (IEEE binary16); infinite from 65520 on.
fn round_f16(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let size = bits & 0x7fffffffu;
    let near = (size + 0x0fffu + ((size >> 13u) & 1u)) & 0xffffe000u;
    let limited = select(near, 0x7f800000u, near > 0x477fe000u);
    // Below 2^-14 they are the multiples of 2^-24.
    let steps = round(bitcast<f32>(size) * 16777216.0);
    let small = bitcast<u32>(steps * 5.9604645e-8);
    let found = select(limited, small, size < 0x38800000u);
    return bitcast<f32>((bits & 0x80000000u) | select(found, 0x7fc00000u, size > 0x7f800000u));
}

// The nearest float of 8 bits of exponent and 7 of mantissa (bfloat16).
fn round_bf16(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let size = bits & 0x7fffffffu;
    let near = (size + 0x7fffu + ((size >> 16u) & 1u)) & 0xffff0000u;
    return bitcast<f32>((bits & 0x80000000u) | select(near, 0x7fc00000u, size > 0x7f800000u));
}
