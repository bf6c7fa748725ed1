// What each input pixel gets of the gradients of the windows that it lies under: where the largest is taken, those in which it is the
// first of the largest; of a mean, its share. One input pixel an invocation; over two axes, or three (VOLUME).
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

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
// The pooling's input and output; not read where KIND is 1.
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> output: array<f32>;

fn at(plane: u32, y: u32, x: u32, channel: u32) -> u32 {
    let p = uniforms.params;
    return ((plane * p.in_height + y) * p.in_width + x) * p.channels + channel;
}

// Where a window begins and ends in its image, along each axis, with the padding before the image.
struct Window {
    begin: vec3<u32>,
    end: vec3<u32>,
}

// Whether no pixel of the window before this one is the largest. Places are with the padding before them; planes are counted from
// `image` on.
fn is_first(image: u32, place: vec3<u32>, window: Window, channel: u32, largest: f32) -> bool {
    let p = uniforms.params;
    for (var w = window.begin.x; w <= place.x; w += 1u) {
        let last_row = select(window.end.y - 1u, place.y, w == place.x);
        for (var v = window.begin.y; v <= last_row; v += 1u) {
            let here = w == place.x && v == place.y;
            for (var u = window.begin.z; u < select(window.end.z, place.z, here); u += 1u) {
                let pixel = at(image + w - p.padding_z, v - p.padding_y, u - p.padding_x, channel);
                if (!(input[pixel] < largest)) {
                    return false;
                }
            }
        }
    }
    return true;
}

// The first of the windows o with o * stride <= place < o * stride + size.
fn first_over(place: u32, size: u32, stride: u32) -> u32 {
    return select(0u, (place - size) / stride + 1u, place >= size);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let channel = i % p.channels;
        let pixel = i / p.channels;
        let line = pixel / p.in_width;
        let y = line % p.in_height + p.padding_y;
        let x = pixel % p.in_width + p.padding_x;
        let row_first = first_over(y, p.size_y, p.stride_y);
        let column_first = first_over(x, p.size_x, p.stride_x);
        let row_end = min(y / p.stride_y + 1u, p.out_height);
        let column_end = min(x / p.stride_x + 1u, p.out_width);
        // The first plane of this image, in input and output; an image of two axes is one plane.
        var in_image = line / p.in_height;
        var out_image = in_image;
        var z = 0u;
        var plane_first = 0u;
        var plane_end = 1u;
        if (VOLUME == 1u) {
            z = in_image % p.in_depth + p.padding_z;
            out_image = in_image / p.in_depth * p.out_depth;
            in_image = in_image / p.in_depth * p.in_depth;
            plane_first = first_over(z, p.size_z, p.stride_z);
            plane_end = min(z / p.stride_z + 1u, p.out_depth);
        }
        var window = Window(vec3<u32>(0u), vec3<u32>(1u));
        var sum = 0.0;
        for (var plane = plane_first; plane < plane_end; plane += 1u) {
            if (VOLUME == 1u) {
                window.begin.x = max(plane * p.stride_z, p.padding_z);
                window.end.x = min(plane * p.stride_z + p.size_z, p.in_depth + p.padding_z);
            }
            for (var row = row_first; row < row_end; row += 1u) {
                window.begin.y = max(row * p.stride_y, p.padding_y);
                window.end.y = min(row * p.stride_y + p.size_y, p.in_height + p.padding_y);
                for (var column = column_first; column < column_end; column += 1u) {
                    window.begin.z = max(column * p.stride_x, p.padding_x);
                    window.end.z = min(column * p.stride_x + p.size_x, p.in_width + p.padding_x);
                    let of_row = (out_image + plane) * p.out_height + row;
                    let result = (of_row * p.out_width + column) * p.channels + channel;
                    let size = window.end - window.begin;
                    if (KIND == 1u) {
                        sum += gradient[result] / f32(size.x * size.y * size.z);
                    } else {
                        let largest = output[result];
                        if (!(input[i] < largest) && is_first(in_image, vec3<u32>(z, y, x), window, channel, largest)) {
                            sum += gradient[result];
                        }
                    }
                }
            }
        }
        store(i, sum);
    }
}
