// An axis the other way round: [outer, length, inner].
struct Params {
    count: u32,
    length: u32,
    inner: u32,
}

const WORKGROUP: u32 = 256u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let position = i / p.inner % p.length;
        let outer = i / p.inner / p.length;
        store(i, input[(outer * p.length + p.length - 1u - position) * p.inner + i % p.inner]);
    }
}
