// Cross-entropy of labels and logits, one row a workgroup: the loss of each row, or its gradient by the logits. A label
// that is no class gives NaN; nothing is read at it.
struct Params {
    rows: u32,
    classes: u32,
}

const GRADIENT: u32 = 0u;
// Whether labels are f32, else i32.
const FLOAT_LABELS: u32 = 0u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;

// The class of a row; a large number where the label is negative or NaN.
fn class_of(row: u32) -> u32 {
    let bits = labels[row];
    if (FLOAT_LABELS == 0u) {
        return bits;
    }
    let label = bitcast<f32>(bits);
    return select(0xffffffffu, u32(max(label, 0.0)), label >= 0.0 && !is_nan(label));
}

var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let p = uniforms.params;
    for (var row = group.x; row < p.rows; row += groups.x) {
        let first = row * p.classes;
        let label = class_of(row);
        let valid = label < p.classes;
        var part = logits[first];
        for (var j = lane; j < p.classes; j += 256u) {
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
        for (var j = lane; j < p.classes; j += 256u) {
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
        workgroupBarrier();
        if (GRADIENT == 1u) {
            for (var j = lane; j < p.classes; j += 256u) {
                let value = exp_f32(logits[first + j] - largest) / sum - select(0.0, 1.0, j == label);
                store(first + j, select(not_a_number(), value, valid));
            }
        } else if (lane == 0u) {
            let at = logits[first + select(0u, label, valid)];
            store(row, select(not_a_number(), log_f32(sum) - (at - largest), valid));
        }
    }
}
