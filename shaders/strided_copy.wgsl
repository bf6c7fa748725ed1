// Copies with any order of axes: the result's axes from the last to the first, each with its length and the step that it
// makes in the input.
struct Params {
    count: u32,
    rank: u32,
    // (length, step) of two axes each.
    axes: array<vec4<u32>, 16>,
}

const WORKGROUP: u32 = 256u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < uniforms.params.count; i += groups.x * WORKGROUP) {
        var rest = i;
        var at = 0u;
        for (var axis = 0u; axis < uniforms.params.rank; axis += 1u) {
            let pair = uniforms.params.axes[axis / 2u];
            let length = select(pair.x, pair.z, axis % 2u == 1u);
            let step = select(pair.y, pair.w, axis % 2u == 1u);
            at += rest % length * step;
            rest /= length;
        }
        store(i, input[at]);
    }
}
