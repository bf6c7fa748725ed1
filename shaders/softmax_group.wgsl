// Softmax or its logarithm over the last axis, one row a workgroup.
struct Params {
    rows: u32,
    length: u32,
}

const LOG: u32 = 0u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;

var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let p = uniforms.params;
    for (var row = group.x; row < p.rows; row += groups.x) {
        let first = row * p.length;
        var part = logits[first];
        for (var j = lane; j < p.length; j += 256u) {
            part = max(part, logits[first + j]);
        }
        parts[lane] = part;
        workgroupBarrier();
        for (var width = 128u; width > 0u; width /= 2u) {
            if (lane < width) {
                parts[lane] = max(parts[lane], parts[lane + width]);
            }
            workgroupBarrier();
        }
        let largest = parts[0];
        workgroupBarrier();
        part = 0.0;
        for (var j = lane; j < p.length; j += 256u) {
            part += exp_f32(logits[first + j] - largest);
        }
        parts[lane] = part;
        workgroupBarrier();
        for (var width = 128u; width > 0u; width /= 2u) {
            if (lane < width) {
                parts[lane] += parts[lane + width];
            }
            workgroupBarrier();
        }
        let sum = parts[0];
        let log_sum = log_f32(sum);
        workgroupBarrier();
        for (var j = lane; j < p.length; j += 256u) {
            let x = logits[first + j] - largest;
            if (LOG == 1u) {
                store(first + j, x - log_sum);
            } else {
                store(first + j, exp_f32(x) / sum);
            }
        }
    }
}
