// Up to eight numbers from the uniform.
struct Params {
    // How many numbers, and which result is the first.
    count: u32,
    first: u32,
    values: array<vec4<f32>, 2>,
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3<u32>) {
    if (group.x < uniforms.params.count) {
        store(uniforms.params.first + group.x, uniforms.params.values[group.x / 4u][group.x % 4u]);
    }
}
