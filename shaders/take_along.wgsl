// Element indices[i] of row i / row; NaN where it has no such element.
struct Params {
    count: u32,
    row: u32,
    length: u32,
}

const WORKGROUP: u32 = 256u;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let index = indices[i];
        var value = not_a_number();
        if (index >= 0.0 && index < f32(p.length)) {
            value = input[i / p.row * p.length + u32(index)];
        }
        store(i, value);
    }
}
