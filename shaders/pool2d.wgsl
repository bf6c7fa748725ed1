// The largest or the mean of the pixels under each window, one result an invocation; over two axes, or three (VOLUME).
struct Params {
    count: u32,
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    channels: u32,
    size_y: u32,
    size_x: u32,
    stride_y: u32,
    stride_x: u32,
    padding_y: u32,
    padding_x: u32,
    in_depth: u32,
    out_depth: u32,
    size_z: u32,
    stride_z: u32,
    padding_z: u32,
}

const WORKGROUP: u32 = 256u;
// 0 the largest, 1 the mean.
const KIND: u32 = 0u;
// Whether there is a third axis, before height and width.
const VOLUME: u32 = 0u;

@group(0) @binding(0) var<storage, read> input: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let pixel = i / p.channels;
        let line = pixel / p.out_width;
        let y = line % p.out_height * p.stride_y;
        let x = pixel % p.out_width * p.stride_x;
        // Places with the padding before them, so that none is negative.
        let y_first = max(y, p.padding_y);
        let x_first = max(x, p.padding_x);
        let y_end = min(y + p.size_y, p.in_height + p.padding_y);
        let x_end = min(x + p.size_x, p.in_width + p.padding_x);
        var plane = line / p.out_height;
        var z_end = 1u;
        if (VOLUME == 1u) {
            let z = plane % p.out_depth * p.stride_z;
            let z_first = max(z, p.padding_z);
            z_end = min(z + p.size_z, p.in_depth + p.padding_z) - z_first;
            plane = plane / p.out_depth * p.in_depth + z_first - p.padding_z;
        }
        var result = select(-infinity(), 0.0, KIND == 1u);
        for (var w = 0u; w < z_end; w += 1u) {
            for (var v = y_first; v < y_end; v += 1u) {
                let row = ((plane + w) * p.in_height + v - p.padding_y) * p.in_width;
                for (var u = x_first; u < x_end; u += 1u) {
                    let value = input[(row + u - p.padding_x) * p.channels + i % p.channels];
                    if (KIND == 1u) {
                        result += value;
                    } else if (value > result || is_nan(value)) {
                        result = value;
                    }
                }
            }
        }
        if (KIND == 1u) {
            result /= f32(z_end * (y_end - y_first) * (x_end - x_first));
        }
        store(i, result);
    }
}
