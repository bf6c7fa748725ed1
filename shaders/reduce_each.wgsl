// [outer, length, inner] to [outer, inner], one result an invocation: four partial results in a fixed order.
struct Params {
    outputs: u32,
    length: u32,
    inner: u32,
}

const WORKGROUP: u32 = 64u;
// 0 sum, 1 maximum, 2 minimum, 3 product.
const KIND: u32 = 0u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.outputs; i += groups.x * WORKGROUP) {
        let first = i / p.inner * p.length * p.inner + i % p.inner;
        var part = vec4<f32>(reduce_identity(KIND));
        var j = 0u;
        for (; j + 4u <= p.length; j += 4u) {
            let at = first + j * p.inner;
            let next = vec4<f32>(input[at], input[at + p.inner], input[at + 2u * p.inner], input[at + 3u * p.inner]);
            part = reduce_pair(KIND, part, next);
        }
        for (; j < p.length; j += 1u) {
            part.x = reduce_pair(KIND, vec4<f32>(part.x), vec4<f32>(input[first + j * p.inner])).x;
        }
        let half = reduce_pair(KIND, part, part.zwxy);
        store(i, reduce_pair(KIND, half, half.yxwz).x);
    }
}
