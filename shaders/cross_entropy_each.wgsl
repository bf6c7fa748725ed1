// Cross-entropy of labels and logits, one row an invocation: the loss of each row, or its gradient by the logits. A label
// that is no class gives NaN; nothing is read at it.
struct Params {
    rows: u32,
    classes: u32,
}

const WORKGROUP: u32 = 64u;
const GRADIENT: u32 = 0u;
// Whether labels are f32, else i32.
const FLOAT_LABELS: u32 = 0u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var row = id.x; row < p.rows; row += groups.x * WORKGROUP) {
        let first = row * p.classes;
        let label = class_of(labels[row], FLOAT_LABELS == 1u);
        let valid = label < p.classes;
        var largest = logits[first];
        for (var j = 1u; j < p.classes; j += 1u) {
            largest = max(largest, logits[first + j]);
        }
        var sum = 0.0;
        for (var j = 0u; j < p.classes; j += 1u) {
            sum += exp_f32(logits[first + j] - largest);
        }
        if (GRADIENT == 1u) {
            for (var j = 0u; j < p.classes; j += 1u) {
                let value = exp_f32(logits[first + j] - largest) / sum - select(0.0, 1.0, j == label);
                store(first + j, select(not_a_number(), value, valid));
            }
        } else {
            let at = logits[first + select(0u, label, valid)];
            store(row, select(not_a_number(), log_f32(sum) - (at - largest), valid));
        }
    }
}
