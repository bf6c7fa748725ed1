// Cross-entropy of labels and logits, one row a workgroup: the loss of each row, or its gradient by the logits. A label
// that is no class gives NaN; nothing is read at it.
struct Params {
    rows: u32,
    classes: u32,
}

const LANES: u32 = 256u;
const GRADIENT: u32 = 0u;
// Whether labels are f32, else i32.
const FLOAT_LABELS: u32 = 0u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let p = uniforms.params;
    for (var row = group.x; row < p.rows; row += groups.x) {
        let first = row * p.classes;
        let label = class_of(labels[row], FLOAT_LABELS == 1u);
        let valid = label < p.classes;
        var part = logits[first];
        for (var j = lane; j < p.classes; j += LANES) {
            part = max(part, logits[first + j]);
        }
        let largest = reduce_lanes(1u, lane, part);
        part = 0.0;
        for (var j = lane; j < p.classes; j += LANES) {
            part += exp_f32(logits[first + j] - largest);
        }
        let sum = reduce_lanes(0u, lane, part);
        if (GRADIENT == 1u) {
            for (var j = lane; j < p.classes; j += LANES) {
                let value = exp_f32(logits[first + j] - largest) / sum - select(0.0, 1.0, j == label);
                store(first + j, select(not_a_number(), value, valid));
            }
        } else if (lane == 0u) {
            let at = logits[first + select(0u, label, valid)];
            store(row, select(not_a_number(), log_f32(sum) - (at - largest), valid));
        }
    }
}
