// A convolution over three axes, or one of its gradients, one result an invocation, with groups of channels that do not see each
// other. `a` and `b` are as in conv2d_tiled.wgsl, by FORM; the kernel is [taps, channels of a group, filters]. Form 2's long sum over
// output pixels is cut into parts, whose results lie one after the other.
struct Params {
    count: u32,
    terms: u32,
    part: u32,
    parts: u32,
    channels: u32,
    filters: u32,
    // Of a group.
    channels_each: u32,
    filters_each: u32,
    in_depth: u32,
    in_height: u32,
    in_width: u32,
    out_depth: u32,
    out_height: u32,
    out_width: u32,
    kernel_depth: u32,
    kernel_height: u32,
    kernel_width: u32,
    stride_z: u32,
    stride_y: u32,
    stride_x: u32,
    dilation_z: u32,
    dilation_y: u32,
    dilation_x: u32,
    padding_z: u32,
    padding_y: u32,
    padding_x: u32,
}

const WORKGROUP: u32 = 64u;
const FORM: u32 = 0u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

// The place of pixel `i` in an image of this size.
fn place(i: u32, height: u32, width: u32) -> vec3<u32> {
    return vec3<u32>(i / width / height, i / width % height, i % width);
}

// The first channel of the input pixel that the window at an output pixel has under a tap; negative beyond the edges.
fn input_at(image: u32, output: vec3<u32>, tap: vec3<u32>) -> i32 {
    let p = uniforms.params;
    let stride = vec3<u32>(p.stride_z, p.stride_y, p.stride_x);
    let dilation = vec3<u32>(p.dilation_z, p.dilation_y, p.dilation_x);
    let padding = vec3<u32>(p.padding_z, p.padding_y, p.padding_x);
    let size = vec3<i32>(i32(p.in_depth), i32(p.in_height), i32(p.in_width));
    let at = vec3<i32>(output * stride + tap * dilation) - vec3<i32>(padding);
    let inside = all(at >= vec3<i32>(0)) && all(at < size);
    let pixel = ((i32(image) * size.x + at.x) * size.y + at.y) * size.z + at.z;
    return select(-1, pixel * i32(p.channels), inside);
}

// The first channel of the output pixel whose window has an input pixel under a tap; negative where there is none.
fn output_at(image: u32, input: vec3<u32>, tap: vec3<u32>) -> i32 {
    let p = uniforms.params;
    let stride = vec3<i32>(i32(p.stride_z), i32(p.stride_y), i32(p.stride_x));
    let dilation = vec3<u32>(p.dilation_z, p.dilation_y, p.dilation_x);
    let padding = vec3<u32>(p.padding_z, p.padding_y, p.padding_x);
    let size = vec3<i32>(i32(p.out_depth), i32(p.out_height), i32(p.out_width));
    let over = vec3<i32>(input + padding) - vec3<i32>(tap * dilation);
    let at = over / stride;
    let inside = all(over >= vec3<i32>(0)) && all(at * stride == over) && all(at < size);
    let pixel = ((i32(image) * size.x + at.x) * size.y + at.y) * size.z + at.z;
    return select(-1, pixel * i32(p.filters), inside);
}

// Forms 0 and 1: result `i` is a pixel's channel.
fn over_taps(i: u32) -> f32 {
    let p = uniforms.params;
    let last = select(p.filters, p.channels, FORM == 1u);
    let height = select(p.out_height, p.in_height, FORM == 1u);
    let width = select(p.out_width, p.in_width, FORM == 1u);
    let pixels = height * width * select(p.out_depth, p.in_depth, FORM == 1u);
    let depth = select(p.channels_each, p.filters_each, FORM == 1u);
    let channel = i % last;
    let pixel = i / last;
    let image = pixel / pixels;
    let at = place(pixel % pixels, height, width);
    let group = channel / select(p.filters_each, p.channels_each, FORM == 1u);
    var sum = 0.0;
    for (var z = 0u; z < p.kernel_depth; z += 1u) {
        for (var y = 0u; y < p.kernel_height; y += 1u) {
            for (var x = 0u; x < p.kernel_width; x += 1u) {
                let tap = vec3<u32>(z, y, x);
                var from_a = -1;
                if (FORM == 1u) {
                    from_a = output_at(image, at, tap);
                } else {
                    from_a = input_at(image, at, tap);
                }
                if (from_a < 0) {
                    continue;
                }
                let first = u32(from_a) + group * depth;
                let row = ((z * p.kernel_height + y) * p.kernel_width + x) * p.channels_each;
                for (var k = 0u; k < depth; k += 1u) {
                    if (FORM == 1u) {
                        sum += a[first + k] * b[(row + channel % p.channels_each) * p.filters + group * depth + k];
                    } else {
                        sum += a[first + k] * b[(row + k) * p.filters + channel];
                    }
                }
            }
        }
    }
    return sum;
}

// Form 2: result `i` is a tap's channel and filter, over output pixels from `first` on.
fn over_pixels(i: u32, first: u32, end: u32) -> f32 {
    let p = uniforms.params;
    let of_filter = i % p.filters;
    let row = i / p.filters;
    let channel = of_filter / p.filters_each * p.channels_each + row % p.channels_each;
    let tap = place(row / p.channels_each, p.kernel_height, p.kernel_width);
    let pixels = p.out_depth * p.out_height * p.out_width;
    var sum = 0.0;
    for (var pixel = first; pixel < end; pixel += 1u) {
        let at = input_at(pixel / pixels, place(pixel % pixels, p.out_height, p.out_width), tap);
        if (at >= 0) {
            sum += a[u32(at) + channel] * b[pixel * p.filters + of_filter];
        }
    }
    return sum;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count * p.parts; i += groups.x * WORKGROUP) {
        if (FORM == 2u) {
            let part = i / p.count;
            store(i, over_pixels(i % p.count, part * p.part, min(p.terms, (part + 1u) * p.part)));
        } else {
            store(i, over_taps(i));
        }
    }
}
