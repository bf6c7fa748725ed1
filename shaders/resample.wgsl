// A linear map along an axis, of [outer, length, inner]: each result is a weighed sum of some elements of the axis.
struct Params {
    count: u32,
    inner: u32,
    // Of the axis in the input and in the result.
    length: u32,
    outputs: u32,
    // Terms of all sums over one axis.
    terms: u32,
}

const WORKGROUP: u32 = 256u;
// 1: each result lies between two elements.
const BETWEEN: u32 = 0u;

@group(0) @binding(0) var<storage, read> input: array<f32>;
// Where the terms of each result begin, and where the last end; then the place of each term, and the weight of each.
@group(0) @binding(1) var<storage, read> taps: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let within = i % p.inner;
        let output = i / p.inner % p.outputs;
        let outer = i / p.inner / p.outputs;
        let first = u32(taps[output]);
        let places = p.outputs + 1u + first;
        let begin = outer * p.length;
        var value = 0.0;
        if (BETWEEN == 1u) {
            let a = input[(begin + u32(taps[places])) * p.inner + within];
            let b = input[(begin + u32(taps[places + 1u])) * p.inner + within];
            value = a + (b - a) * taps[places + p.terms + 1u];
        } else {
            for (var t = 0u; t < u32(taps[output + 1u]) - first; t += 1u) {
                let place = u32(taps[places + t]);
                value += taps[places + p.terms + t] * input[(begin + place) * p.inner + within];
            }
        }
        store(i, value);
    }
}
