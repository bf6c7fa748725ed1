// Reductions: 0 sum, 1 maximum, 2 minimum, 3 product.

// What changes nothing.
fn reduce_identity(kind: u32) -> f32 {
    if (kind == 1u) {
        return -infinity();
    }
    if (kind == 2u) {
        return infinity();
    }
    if (kind == 3u) {
        return 1.0;
    }
    return 0.0;
}

// Two partial results made one, in four lanes; a NaN stays, which max and min alone do not promise.
fn reduce_pair(kind: u32, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    if (kind == 0u) {
        return a + b;
    }
    if (kind == 3u) {
        return a * b;
    }
    let nan = (vec4<u32>(0x7fffffffu) & bitcast<vec4<u32>>(b)) > vec4<u32>(0x7f800000u)
        | (vec4<u32>(0x7fffffffu) & bitcast<vec4<u32>>(a)) > vec4<u32>(0x7f800000u);
    return select(select(max(a, b), min(a, b), kind == 2u), a + b, nan);
}
