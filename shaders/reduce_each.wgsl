// [outer, length, inner] to [outer, inner], one result an invocation: four partial results in a fixed order, by blocks, since a long sum's
// rounding error grows with the number of blocks, not of elements.
struct Params {
    outputs: u32,
    length: u32,
    inner: u32,
}

const WORKGROUP: u32 = 64u;
// 0 sum, 1 maximum, 2 minimum, 3 product.
const KIND: u32 = 0u;
// Quadruples of a block.
const BLOCK: u32 = 32u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.outputs; i += groups.x * WORKGROUP) {
        let first = i / p.inner * p.length * p.inner + i % p.inner;
        var result = vec4<f32>(reduce_identity(KIND));
        var j = 0u;
        while (j + 4u <= p.length) {
            var part = vec4<f32>(reduce_identity(KIND));
            for (let end = min(p.length, j + 4u * BLOCK); j + 4u <= end; j += 4u) {
                let at = first + j * p.inner;
                let next = vec4<f32>(input[at], input[at + p.inner], input[at + 2u * p.inner], input[at + 3u * p.inner]);
                part = reduce_pair(KIND, part, next);
            }
            result = reduce_pair(KIND, result, part);
        }
        for (; j < p.length; j += 1u) {
            result.x = reduce_pair(KIND, vec4<f32>(result.x), vec4<f32>(input[first + j * p.inner])).x;
        }
        let half = reduce_pair(KIND, result, result.zwxy);
        store(i, reduce_pair(KIND, half, half.yxwz).x);
    }
}
