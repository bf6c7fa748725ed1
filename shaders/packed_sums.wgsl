// Scaled sums of up to six arrays, one a workgroup: result e is scale[e] times the sum of the input that it names, or
// scale[e] alone. Strided partial sums, then a tree; the order is fixed.
struct Params {
    // How many entries, and which result is the first.
    entries: u32,
    first: u32,
    // For each entry: 1 + the number of its input (0: none), length, scale (bits of an f32).
    table: array<vec4<u32>, 8>,
}

const WORKGROUP: u32 = 64u;
const LANES: u32 = WORKGROUP;

@group(0) @binding(0) var<storage, read> input0: array<f32>;
@group(0) @binding(1) var<storage, read> input1: array<f32>;
@group(0) @binding(2) var<storage, read> input2: array<f32>;
@group(0) @binding(3) var<storage, read> input3: array<f32>;
@group(0) @binding(4) var<storage, read> input4: array<f32>;
@group(0) @binding(5) var<storage, read> input5: array<f32>;

fn element(input: u32, i: u32) -> f32 {
    switch input {
        case 1u: {
            return input0[i];
        }
        case 2u: {
            return input1[i];
        }
        case 3u: {
            return input2[i];
        }
        case 4u: {
            return input3[i];
        }
        case 5u: {
            return input4[i];
        }
        default: {
            return input5[i];
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let entry = uniforms.params.table[min(group.x, 7u)];
    var part = 0.0;
    for (var i = lane; i < entry.y; i += WORKGROUP) {
        part += element(entry.x, i);
    }
    let sum = reduce_lanes(0u, lane, part);
    if (lane == 0u && group.x < uniforms.params.entries) {
        store(uniforms.params.first + group.x, bitcast<f32>(entry.z) * select(sum, 1.0, entry.x == 0u));
    }
}
