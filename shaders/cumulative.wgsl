// Sums or products of all elements up to each, along the middle axis of [outer, length, inner]: a row an invocation, in order.
struct Params {
    rows: u32,
    length: u32,
    inner: u32,
}

const WORKGROUP: u32 = 64u;
const PRODUCT: u32 = 0u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.rows; i += groups.x * WORKGROUP) {
        let first = i / p.inner * p.length * p.inner + i % p.inner;
        var result = f32(PRODUCT);
        for (var j = 0u; j < p.length; j += 1u) {
            let at = first + j * p.inner;
            if (PRODUCT == 1u) {
                result *= input[at];
            } else {
                result += input[at];
            }
            store(at, result);
        }
    }
}
