// What each input pixel gets of the gradients of the windows that it lies under: where the largest is taken, those in which it is the
// first of the largest; of a mean, its share. One input pixel an invocation.
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
}

const WORKGROUP: u32 = 256u;
// 0 the largest, 1 the mean.
const KIND: u32 = 0u;

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
// The pooling's input and output; not read where KIND is 1.
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> output: array<f32>;

fn at(image: u32, y: u32, x: u32, channel: u32) -> u32 {
    let p = uniforms.params;
    return ((image * p.in_height + y) * p.in_width + x) * p.channels + channel;
}

// Whether no pixel of the window before this one is the largest. Places are with the padding before them.
fn is_first(image: u32, y: u32, x: u32, channel: u32, y_first: u32, x_first: u32, x_end: u32, largest: f32) -> bool {
    let p = uniforms.params;
    for (var v = y_first; v <= y; v += 1u) {
        for (var u = x_first; u < select(x_end, x, v == y); u += 1u) {
            if (!(input[at(image, v - p.padding_y, u - p.padding_x, channel)] < largest)) {
                return false;
            }
        }
    }
    return true;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let channel = i % p.channels;
        let pixel = i / p.channels;
        let line = pixel / p.in_width;
        let image = line / p.in_height;
        let y = line % p.in_height + p.padding_y;
        let x = pixel % p.in_width + p.padding_x;
        // Windows o with o * stride <= place < o * stride + size.
        let row_first = select(0u, (y - p.size_y) / p.stride_y + 1u, y >= p.size_y);
        let column_first = select(0u, (x - p.size_x) / p.stride_x + 1u, x >= p.size_x);
        let row_end = min(y / p.stride_y + 1u, p.out_height);
        let column_end = min(x / p.stride_x + 1u, p.out_width);
        var sum = 0.0;
        for (var row = row_first; row < row_end; row += 1u) {
            let y_first = max(row * p.stride_y, p.padding_y);
            let y_end = min(row * p.stride_y + p.size_y, p.in_height + p.padding_y);
            for (var column = column_first; column < column_end; column += 1u) {
                let x_first = max(column * p.stride_x, p.padding_x);
                let x_end = min(column * p.stride_x + p.size_x, p.in_width + p.padding_x);
                let window = ((image * p.out_height + row) * p.out_width + column) * p.channels + channel;
                if (KIND == 1u) {
                    sum += gradient[window] / f32((y_end - y_first) * (x_end - x_first));
                } else {
                    let largest = output[window];
                    if (!(input[i] < largest) && is_first(image, y, x, channel, y_first, x_first, x_end, largest)) {
                        sum += gradient[window];
                    }
                }
            }
        }
        store(i, sum);
    }
}
