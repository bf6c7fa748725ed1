// Philox4x32-10 (Salmon et al., SC 2011), the same function as crates/kernels/src/philox.rs: both devices draw the same bits.

// The 64-bit product of two words, (high, low), by halves of 16 bits: WGSL has no wider integer.
fn mul_wide(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let cross = (a >> 16u) * (b & 0xffffu);
    let other = (a & 0xffffu) * (b >> 16u);
    let middle = (low >> 16u) + (cross & 0xffffu) + (other & 0xffffu);
    let high = (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u) + (middle >> 16u);
    return vec2<u32>(high, (middle << 16u) | (low & 0xffffu));
}

// Ten rounds over one counter and key: four random words.
fn philox(first_counter: vec4<u32>, first_key: vec2<u32>) -> vec4<u32> {
    var counter = first_counter;
    var key = first_key;
    for (var round = 0u; round < 10u; round += 1u) {
        let p = mul_wide(0xd2511f53u, counter.x);
        let q = mul_wide(0xcd9e8d57u, counter.z);
        counter = vec4<u32>(q.x ^ counter.y ^ key.x, q.y, p.x ^ counter.w ^ key.y, p.y);
        key += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}

// The uniform number in [0, 1) of an element: 24 bits, so that it is exact in f32.
fn uniform_draw(stream: u32, element: u32) -> f32 {
    let row = step_row[0];
    let words = philox(vec4<u32>(element >> 2u, row.x, stream, 0u), row.yz);
    let lane = element & 3u;
    let low = select(words.x, words.y, lane == 1u);
    let high = select(words.z, words.w, lane == 3u);
    return f32(select(low, high, lane >= 2u) >> 8u) * 5.9604645e-8;
}
