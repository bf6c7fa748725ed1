// Softmax or its logarithm over the last axis, one row a workgroup.
struct Params {
    rows: u32,
    length: u32,
}

const LANES: u32 = 256u;
const LOG: u32 = 0u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let p = uniforms.params;
    for (var row = group.x; row < p.rows; row += groups.x) {
        let first = row * p.length;
        var part = logits[first];
        for (var j = lane; j < p.length; j += LANES) {
            part = max(part, logits[first + j]);
        }
        let largest = reduce_lanes(1u, lane, part);
        part = 0.0;
        for (var j = lane; j < p.length; j += LANES) {
            part += exp_f32(logits[first + j] - largest);
        }
        let sum = reduce_lanes(0u, lane, part);
        let log_sum = log_f32(sum);
        for (var j = lane; j < p.length; j += LANES) {
            let x = logits[first + j] - largest;
            if (LOG == 1u) {
                store(first + j, x - log_sum);
            } else {
                store(first + j, exp_f32(x) / sum);
            }
        }
    }
}
