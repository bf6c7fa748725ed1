// For each element of each row of `length` the sum of the gradients whose index it is, in their order.
struct Params {
    count: u32,
    row: u32,
    length: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> indices: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let first = i / p.length * p.row;
        let own = f32(i % p.length);
        var sum = 0.0;
        for (var j = first; j < first + p.row; j += 1u) {
            if (indices[j] == own) {
                sum += gradient[j];
            }
        }
        store(i, sum);
    }
}
