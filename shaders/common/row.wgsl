// Rows that all invocations of a workgroup walk together. A kernel says in LANES how many they are: a power of two, 256 at most.

var<workgroup> row_parts: array<f32, 256>;

// What the values of all lanes are together, as a sum, maximum or minimum (kinds as in reduce.wgsl), in a tree whose order is fixed. Every lane gets
// it; all of them must call.
fn reduce_lanes(kind: u32, lane: u32, value: f32) -> f32 {
    row_parts[lane] = value;
    workgroupBarrier();
    for (var width = LANES / 2u; width > 0u; width /= 2u) {
        if (lane < width) {
            row_parts[lane] = reduce_pair(kind, vec4<f32>(row_parts[lane]), vec4<f32>(row_parts[lane + width])).x;
        }
        workgroupBarrier();
    }
    let result = row_parts[0];
    // Before the next row's parts replace it.
    workgroupBarrier();
    return result;
}

// The class that a label is, given its bits, which are those of an i32 or f32; a large number where it is negative or NaN.
fn class_of(bits: u32, is_float: bool) -> u32 {
    if (!is_float) {
        return bits;
    }
    let label = bitcast<f32>(bits);
    return select(0xffffffffu, u32(max(label, 0.0)), label >= 0.0 && !is_nan(label));
}
