// A convolution in two dimensions (or three: VOLUME), or one of its gradients, as a matrix product c[m, n] whose first operand is
// gathered as it is read: windows of [image, height, width, channel], by tiles of 64 x 64. `a` and `b` are, by FORM:
// 0 input and kernel, to the output; m counts output pixels, k taps and input channels, n output channels;
// 1 gradient of the output and kernel, to that of the input; m counts input pixels, k taps and output channels, n input channels;
// 2 input and gradient of the output, to that of the kernel; m counts taps and input channels, k output pixels, n output channels.
// A long k is cut into parts, whose results lie one after the other.
struct Params {
    m: u32,
    n: u32,
    k: u32,
    part: u32,
    parts: u32,
    in_height: u32,
    in_width: u32,
    in_channels: u32,
    out_height: u32,
    out_width: u32,
    out_channels: u32,
    kernel_width: u32,
    stride_y: u32,
    stride_x: u32,
    dilation_y: u32,
    dilation_x: u32,
    padding_y: u32,
    padding_x: u32,
    in_depth: u32,
    out_depth: u32,
    kernel_height: u32,
    stride_z: u32,
    dilation_z: u32,
    padding_z: u32,
}

const FORM: u32 = 0u;
// Whether there is a third axis, before height and width.
const VOLUME: u32 = 0u;

// In memory, neighbours are rows of a in form 2, and k of b in form 1.
const TRANSPOSE_A: u32 = FORM / 2u;
const TRANSPOSE_B: u32 = FORM % 2u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

// The row of a tap in its window, whose planes lie one behind the other.
fn tap_row(tap: u32) -> u32 {
    let row = tap / uniforms.params.kernel_width;
    if (VOLUME == 1u) {
        return row % uniforms.params.kernel_height;
    }
    return row;
}

fn tap_plane(tap: u32) -> u32 {
    return tap / uniforms.params.kernel_width / uniforms.params.kernel_height;
}

// The first channel of the input pixel under a tap of the window at an output pixel; negative beyond the edges.
fn input_at(pixel: u32, tap: u32) -> i32 {
    let p = uniforms.params;
    let line = pixel / p.out_width;
    let y = i32(line % p.out_height * p.stride_y + tap_row(tap) * p.dilation_y) - i32(p.padding_y);
    let x = i32(pixel % p.out_width * p.stride_x + tap % p.kernel_width * p.dilation_x) - i32(p.padding_x);
    var inside = y >= 0 && y < i32(p.in_height) && x >= 0 && x < i32(p.in_width);
    var image = i32(line / p.out_height);
    if (VOLUME == 1u) {
        let plane = line / p.out_height;
        let z = i32(plane % p.out_depth * p.stride_z + tap_plane(tap) * p.dilation_z) - i32(p.padding_z);
        inside = inside && z >= 0 && z < i32(p.in_depth);
        image = i32(plane / p.out_depth * p.in_depth) + z;
    }
    return select(-1, ((image * i32(p.in_height) + y) * i32(p.in_width) + x) * i32(p.in_channels), inside);
}

// The first channel of the output pixel whose window has an input pixel under a tap; negative where there is none.
fn output_at(pixel: u32, tap: u32) -> i32 {
    let p = uniforms.params;
    let line = pixel / p.in_width;
    let y = i32(line % p.in_height + p.padding_y) - i32(tap_row(tap) * p.dilation_y);
    let x = i32(pixel % p.in_width + p.padding_x) - i32(tap % p.kernel_width * p.dilation_x);
    let out_y = y / i32(p.stride_y);
    let out_x = x / i32(p.stride_x);
    let meets = y >= 0 && x >= 0 && out_y * i32(p.stride_y) == y && out_x * i32(p.stride_x) == x;
    var inside = meets && out_y < i32(p.out_height) && out_x < i32(p.out_width);
    var image = i32(line / p.in_height);
    if (VOLUME == 1u) {
        let plane = line / p.in_height;
        let z = i32(plane % p.in_depth + p.padding_z) - i32(tap_plane(tap) * p.dilation_z);
        let out_z = z / i32(p.stride_z);
        inside = inside && z >= 0 && out_z * i32(p.stride_z) == z && out_z < i32(p.out_depth);
        image = i32(plane / p.in_depth * p.out_depth) + out_z;
    }
    return select(
        -1, ((image * i32(p.out_height) + out_y) * i32(p.out_width) + out_x) * i32(p.out_channels), inside);
}

fn element_a(row: u32, k: u32) -> f32 {
    let p = uniforms.params;
    if (row >= p.m || k >= p.k) {
        return 0.0;
    }
    var at = 0;
    var channel = 0u;
    if (FORM == 0u) {
        at = input_at(row, k / p.in_channels);
        channel = k % p.in_channels;
    } else if (FORM == 1u) {
        at = output_at(row, k / p.out_channels);
        channel = k % p.out_channels;
    } else {
        at = input_at(k, row / p.in_channels);
        channel = row % p.in_channels;
    }
    if (at < 0) {
        return 0.0;
    }
    return a[u32(at) + channel];
}

fn element_b(k: u32, column: u32) -> f32 {
    let p = uniforms.params;
    if (column >= p.n || k >= p.k) {
        return 0.0;
    }
    if (FORM == 1u) {
        return b[(k / p.out_channels * p.in_channels + column) * p.out_channels + k % p.out_channels];
    }
    return b[k * p.n + column];
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let p = uniforms.params;
    let across = (p.n + TILE_SIZE - 1u) / TILE_SIZE;
    let tiles = across * ((p.m + TILE_SIZE - 1u) / TILE_SIZE);
    for (var i = group.x; i < tiles * p.parts; i += groups.x) {
        let tile = i % tiles;
        let part = i / tiles;
        let first_row = tile / across * TILE_SIZE;
        let first_column = tile % across * TILE_SIZE;
        // Parts are whole numbers of a tile's depth, so only the last one ends inside.
        let end = min(p.k, (part + 1u) * p.part);
        let c = tile_product(lane, first_row, first_column, part * p.part, end);
        let first = part * p.m * p.n;
        let row = first_row + lane / 16u * 4u;
        let column = first_column + lane % 16u * 4u;
        store_four(first, row, column, c[0]);
        store_four(first, row + 1u, column, c[1]);
        store_four(first, row + 2u, column, c[2]);
        store_four(first, row + 3u, column, c[3]);
    }
}
