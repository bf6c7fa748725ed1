// Where the largest value of each row is, the first of equals, as a number; a NaN is never the largest, as in TensorFlow.
struct Params {
    rows: u32,
    length: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var row = id.x; row < p.rows; row += groups.x * WORKGROUP) {
        let first = row * p.length;
        var best = 0u;
        var largest = input[first];
        for (var j = 1u; j < p.length; j += 1u) {
            let x = input[first + j];
            if (!is_nan(x) && (x > largest || is_nan(largest))) {
                best = j;
                largest = x;
            }
        }
        store(row, f32(best));
    }
}
