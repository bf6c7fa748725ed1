// [outer, length, inner] to [outer, inner], one result a workgroup: strided partial results, then a tree in workgroup
// memory. The order is fixed.
struct Params {
    outputs: u32,
    length: u32,
    inner: u32,
}

const LANES: u32 = 256u;
// 0 sum, 1 maximum, 2 minimum, 3 product.
const KIND: u32 = 0u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let p = uniforms.params;
    for (var i = group.x; i < p.outputs; i += groups.x) {
        let first = i / p.inner * p.length * p.inner + i % p.inner;
        var part = vec4<f32>(reduce_identity(KIND));
        for (var j = lane; j < p.length; j += LANES) {
            part = reduce_pair(KIND, part, vec4<f32>(input[first + j * p.inner]));
        }
        let result = reduce_lanes(KIND, lane, part.x);
        if (lane == 0u) {
            store(i, result);
        }
    }
}
