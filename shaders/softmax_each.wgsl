// Softmax or its logarithm over the last axis, one row an invocation.
struct Params {
    rows: u32,
    length: u32,
}

const WORKGROUP: u32 = 64u;
const LOG: u32 = 0u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var row = id.x; row < p.rows; row += groups.x * WORKGROUP) {
        let first = row * p.length;
        var largest = logits[first];
        for (var j = 1u; j < p.length; j += 1u) {
            largest = max(largest, logits[first + j]);
        }
        var sum = 0.0;
        for (var j = 0u; j < p.length; j += 1u) {
            sum += exp_f32(logits[first + j] - largest);
        }
        let log_sum = log_f32(sum);
        for (var j = 0u; j < p.length; j += 1u) {
            let x = logits[first + j] - largest;
            if (LOG == 1u) {
                store(first + j, x - log_sum);
            } else {
                store(first + j, exp_f32(x) / sum);
            }
        }
    }
}
