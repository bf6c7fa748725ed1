// Copies a stretch of an axis: [outer, source_length, inner] into [outer, target_length, inner].
struct Params {
    // Elements that are stored: outer * span * inner.
    count: u32,
    inner: u32,
    source_length: u32,
    target_length: u32,
    source_offset: u32,
    target_offset: u32,
    // Length of the stretch that is copied.
    length: u32,
    // First position on the target's axis that is stored, and how many are; those outside the stretch become zero.
    first: u32,
    span: u32,
}

const WORKGROUP: u32 = 256u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let within = i % p.inner;
        let position = i / p.inner % p.span + p.first;
        let outer = i / p.inner / p.span;
        var value = 0.0;
        // A position before the stretch becomes a large number.
        let j = position - p.target_offset;
        if (j < p.length) {
            value = input[(outer * p.source_length + p.source_offset + j) * p.inner + within];
        }
        store((outer * p.target_length + position) * p.inner + within, value);
    }
}
