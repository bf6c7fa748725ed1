// conv2d_tiled.wgsl's convolution without workgroup memory or barriers, 8 x 8 elements an invocation: for CPU implementations of
// Vulkan. Forms 0 and 1 walk the taps, and the channels under each; form 2 walks the output pixels.
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
}

const WORKGROUP: u32 = 8u;
const FORM: u32 = 0u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

const LANES = vec4<u32>(0u, 1u, 2u, 3u);

// The elements of a tile, by halves of rows.
var<private> results: array<vec4<f32>, 16>;

// Four gathered elements; those at negative indices are zero.
fn gather(at: vec4<i32>) -> vec4<f32> {
    let i = max(at, vec4<i32>(0));
    return select(vec4<f32>(), vec4<f32>(a[i.x], a[i.y], a[i.z], a[i.w]), at >= vec4<i32>(0));
}

fn four_of_b(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
}

// First channels of the input pixels at these places of these images; negative beyond the edges.
fn input_at(image: vec4<i32>, y: vec4<i32>, x: vec4<i32>) -> vec4<i32> {
    let p = uniforms.params;
    let height = i32(p.in_height);
    let width = i32(p.in_width);
    let inside = (y >= vec4<i32>(0)) & (y < vec4<i32>(height)) & (x >= vec4<i32>(0)) & (x < vec4<i32>(width));
    return select(vec4<i32>(-1), ((image * height + y) * width + x) * i32(p.in_channels), inside);
}

// The same for output pixels, whose places are given times the stride.
fn output_at(image: vec4<i32>, y: vec4<i32>, x: vec4<i32>) -> vec4<i32> {
    let p = uniforms.params;
    let height = i32(p.out_height);
    let width = i32(p.out_width);
    let row = y / i32(p.stride_y);
    let column = x / i32(p.stride_x);
    let meets = (row * i32(p.stride_y) == y) & (column * i32(p.stride_x) == x);
    let inside = (y >= vec4<i32>(0)) & (row < vec4<i32>(height)) & (x >= vec4<i32>(0)) & (column < vec4<i32>(width));
    return select(vec4<i32>(-1), ((image * height + row) * width + column) * i32(p.out_channels), meets & inside);
}

// Forms 0 and 1: rows are pixels.
fn by_taps(row: u32, column: u32) {
    let p = uniforms.params;
    let width = select(p.out_width, p.in_width, FORM == 1u);
    let height = select(p.out_height, p.in_height, FORM == 1u);
    let depth = select(p.in_channels, p.out_channels, FORM == 1u);
    let last = vec4<u32>(p.m - 1u);
    let r0 = min(row + LANES, last);
    let r1 = min(row + 4u + LANES, last);
    let image0 = vec4<i32>(r0 / (width * height));
    let image1 = vec4<i32>(r1 / (width * height));
    // Places of the first tap.
    var y0 = vec4<i32>(r0 / width % height);
    var y1 = vec4<i32>(r1 / width % height);
    var x0 = vec4<i32>(r0 % width);
    var x1 = vec4<i32>(r1 % width);
    if (FORM == 1u) {
        y0 += i32(p.padding_y);
        y1 += i32(p.padding_y);
        x0 += i32(p.padding_x);
        x1 += i32(p.padding_x);
    } else {
        y0 = y0 * i32(p.stride_y) - i32(p.padding_y);
        y1 = y1 * i32(p.stride_y) - i32(p.padding_y);
        x0 = x0 * i32(p.stride_x) - i32(p.padding_x);
        x1 = x1 * i32(p.stride_x) - i32(p.padding_x);
    }
    let edge = vec4<u32>(p.n - 1u);
    let column_step = select(1u, p.out_channels, FORM == 1u);
    let k_step = select(p.out_channels, 1u, FORM == 1u);
    let column0 = min(column + LANES, edge) * column_step;
    let column1 = min(column + 4u + LANES, edge) * column_step;
    for (var tap = 0u; tap * depth < p.k; tap += 1u) {
        let dy = i32(tap / p.kernel_width * p.dilation_y);
        let dx = i32(tap % p.kernel_width * p.dilation_x);
        var a0: vec4<i32>;
        var a1: vec4<i32>;
        if (FORM == 1u) {
            a0 = output_at(image0, y0 - dy, x0 - dx);
            a1 = output_at(image1, y1 - dy, x1 - dx);
        } else {
            a0 = input_at(image0, y0 + dy, x0 + dx);
            a1 = input_at(image1, y1 + dy, x1 + dx);
        }
        let step0 = select(vec4<i32>(0), vec4<i32>(1), a0 >= vec4<i32>(0));
        let step1 = select(vec4<i32>(0), vec4<i32>(1), a1 >= vec4<i32>(0));
        let taps = tap * p.in_channels * p.out_channels;
        var b0 = column0 + taps;
        var b1 = column1 + taps;
        for (var channel = 0u; channel < depth; channel += 1u) {
            multiply(gather(a0), gather(a1), four_of_b(b0), four_of_b(b1));
            a0 += step0;
            a1 += step1;
            b0 += k_step;
            b1 += k_step;
        }
    }
}

// Form 2: rows are taps and input channels.
fn by_pixels(row: u32, column: u32, first: u32, end: u32) {
    let p = uniforms.params;
    let last = vec4<u32>(p.m - 1u);
    let r0 = min(row + LANES, last);
    let r1 = min(row + 4u + LANES, last);
    let tap0 = r0 / p.in_channels;
    let tap1 = r1 / p.in_channels;
    let channel0 = vec4<i32>(r0 % p.in_channels);
    let channel1 = vec4<i32>(r1 % p.in_channels);
    let y0 = vec4<i32>(tap0 / p.kernel_width * p.dilation_y) - i32(p.padding_y);
    let y1 = vec4<i32>(tap1 / p.kernel_width * p.dilation_y) - i32(p.padding_y);
    let x0 = vec4<i32>(tap0 % p.kernel_width * p.dilation_x) - i32(p.padding_x);
    let x1 = vec4<i32>(tap1 % p.kernel_width * p.dilation_x) - i32(p.padding_x);
    let edge = vec4<u32>(p.n - 1u);
    let column0 = min(column + LANES, edge);
    let column1 = min(column + 4u + LANES, edge);
    for (var pixel = first; pixel < end; pixel += 1u) {
        let line = pixel / p.out_width;
        let image = vec4<i32>(i32(line / p.out_height));
        let y = i32(line % p.out_height * p.stride_y);
        let x = i32(pixel % p.out_width * p.stride_x);
        let at0 = input_at(image, y0 + y, x0 + x);
        let at1 = input_at(image, y1 + y, x1 + x);
        let a0 = gather(select(at0, at0 + channel0, at0 >= vec4<i32>(0)));
        let a1 = gather(select(at1, at1 + channel1, at1 >= vec4<i32>(0)));
        multiply(a0, a1, four_of_b(pixel * p.n + column0), four_of_b(pixel * p.n + column1));
    }
}

// Adds the products of eight rows and eight columns.
fn multiply(a0: vec4<f32>, a1: vec4<f32>, b0: vec4<f32>, b1: vec4<f32>) {
    results[0] += a0.x * b0;
    results[1] += a0.x * b1;
    results[2] += a0.y * b0;
    results[3] += a0.y * b1;
    results[4] += a0.z * b0;
    results[5] += a0.z * b1;
    results[6] += a0.w * b0;
    results[7] += a0.w * b1;
    results[8] += a1.x * b0;
    results[9] += a1.x * b1;
    results[10] += a1.y * b0;
    results[11] += a1.y * b1;
    results[12] += a1.z * b0;
    results[13] += a1.z * b1;
    results[14] += a1.w * b0;
    results[15] += a1.w * b1;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    let across = (p.n + 7u) / 8u;
    let tiles = across * ((p.m + 7u) / 8u);
    for (var i = id.x; i < tiles * p.parts; i += groups.x * WORKGROUP) {
        let tile = i % tiles;
        let part = i / tiles;
        let row = tile / across * 8u;
        let column = tile % across * 8u;
        for (var half = 0u; half < 16u; half += 1u) {
            results[half] = vec4<f32>();
        }
        if (FORM == 2u) {
            by_pixels(row, column, part * p.part, min(p.k, (part + 1u) * p.part));
        } else {
            by_taps(row, column);
        }
        for (var half = 0u; half < 16u; half += 1u) {
            store_four(part * p.m * p.n, row + half / 2u, column + half % 2u * 4u, results[half]);
        }
    }
}
