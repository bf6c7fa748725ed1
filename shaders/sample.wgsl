// Pixels of images [n, height, width, channels] at computed places.
struct Params {
    count: u32,
    // Places of an image.
    places: u32,
    height: u32,
    width: u32,
    channels: u32,
    // What is outside of an image.
    fill: f32,
}

const WORKGROUP: u32 = 256u;
// 1: a weighed mean of the four pixels around a place.
const LINEAR: u32 = 0u;
// 1: pixels beyond an end are those at the other one.
const WRAPS: u32 = 0u;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read> ys: array<f32>;
@group(0) @binding(2) var<storage, read> xs: array<f32>;

// A pixel along an axis; its length where there is none.
fn pixel(place: f32, length: u32) -> u32 {
    var at = place;
    let n = f32(length);
    if (WRAPS == 1u) {
        // Between two whole numbers, so that a rounding of the quotient changes nothing.
        at -= floor((at + 0.5) / n) * n;
    }
    if (at >= 0.0 && at < n) {
        return u32(at);
    }
    return length;
}

fn value_at(image: u32, y: f32, x: f32, channel: u32) -> f32 {
    let p = uniforms.params;
    let row = pixel(y, p.height);
    let column = pixel(x, p.width);
    var value = p.fill;
    if (row < p.height && column < p.width) {
        value = input[((image * p.height + row) * p.width + column) * p.channels + channel];
    }
    return value;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let channel = i % p.channels;
        let at = i / p.channels;
        let image = at / p.places;
        let y = ys[at];
        let x = xs[at];
        var value = p.fill;
        // Neither NaN nor far away.
        if (abs(y) < 1e9 && abs(x) < 1e9) {
            let top = floor(y);
            let left = floor(x);
            value = value_at(image, top, left, channel);
            if (LINEAR == 1u) {
                let down = y - top;
                let right = x - left;
                let above = (1.0 - right) * value + right * value_at(image, top, left + 1.0, channel);
                let below = (1.0 - right) * value_at(image, top + 1.0, left, channel)
                    + right * value_at(image, top + 1.0, left + 1.0, channel);
                value = (1.0 - down) * above + down * below;
            }
        }
        store(i, value);
    }
}
