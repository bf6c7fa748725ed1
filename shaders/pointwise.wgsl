// A program without a root: every invocation walks the elements in steps of the grid.
struct Params {
    count: u32,
}

const WORKGROUP: u32 = 256u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < uniforms.params.count; i += groups.x * WORKGROUP) {
        store(i, 0.0);
    }
}
