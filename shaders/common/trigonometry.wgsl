// Sine, cosine and tangent of every finite number.

// 1 / (2π) in binary: seven words behind the point.
const TURNS: array<u32, 7> = array<u32, 7>(
    0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u, 0x7f9458eau);

// A word of TURNS; zero before the first.
fn turns_word(word: u32) -> u32 {
    return select(TURNS[max(word, 1u) - 1u], 0u, word == 0u);
}

// A positive number as quarters·π/2 + rest, with |rest| at most π/4.
struct Quarters {
    rest: f32,
    quarters: i32,
}

// See Quarters; Payne and Hanek's way, in whole numbers: of the product with 1 / (2π), the whole turns are never computed.
fn quarters_of(x: f32) -> Quarters {
    let bits = bitcast<u32>(x);
    let exponent = ((bits >> 23u) & 0xffu) - 126u;
    let mantissa = (bits << 8u) | 0x80000000u;
    let word = exponent >> 5u;
    let shift = exponent & 31u;
    let w0 = turns_word(word);
    let w1 = turns_word(word + 1u);
    let w2 = turns_word(word + 2u);
    let w3 = turns_word(word + 3u);
    // A shift by 32 is none.
    let back = (32u - shift) & 31u;
    let moved = select(0u, 0xffffffffu, shift > 0u);
    let high = (w0 << shift) | ((w1 >> back) & moved);
    let middle = (w1 << shift) | ((w2 >> back) & moved);
    let low = (w2 << shift) | ((w3 >> back) & moved);
    let from_low = mul_wide(mantissa, low);
    let from_middle = mul_wide(mantissa, middle);
    // The turns' fraction in 64 bits, of which the first two are the quarters.
    let second = from_middle.y + from_low.x;
    let first = from_middle.x + mantissa * high + select(0u, 1u, second < from_low.x);
    // What is left of the quarter, as a signed number: the nearest quarter may be the next.
    let next = (first >> 29u) & 1u;
    let flip = select(0u, 0xffffffffu, next == 1u);
    let upper = ((first << 2u) | (second >> 30u)) ^ flip;
    let lower = (second << 2u) ^ flip;
    let zeros = min(countLeadingZeros(upper), 31u);
    let top = (upper << zeros) | select(0u, lower >> ((32u - zeros) & 31u), zeros > 0u);
    let rest = f32(top) * 3.6572952e-10 * bitcast<f32>((127u - zeros) << 23u);
    return Quarters(select(rest, -rest, next == 1u), i32((first >> 30u) + next));
}

// The sine of x + turned·π/2.
fn turned_sine(x: f32, turned: i32) -> f32 {
    let size = bitcast<u32>(x) & 0x7fffffffu;
    var r = x;
    var quarters = turned;
    if (size > 0x3f490fdau) {
        let found = quarters_of(bitcast<f32>(min(size, 0x7f7fffffu)));
        let negative = size != bitcast<u32>(x);
        r = select(found.rest, -found.rest, negative);
        quarters += select(found.quarters, -found.quarters, negative);
    }
    let t = r * r;
    let sine = r + r * t * (-0.16666667 + t * (0.008333379 + t * (-0.00019853079 + t * 2.832806e-06)));
    let cosine = 1.0 + (t * t * (0.041666646 + t * (-0.001388731 + t * 2.4432336e-05)) - 0.5 * t);
    let y = select(sine, cosine, (quarters & 1) == 1);
    let bits = bitcast<u32>(select(y, -y, (quarters & 2) == 2));
    return bitcast<f32>(select(bits, 0x7fc00000u, size >= 0x7f800000u));
}

// Sine.
fn sin_f32(x: f32) -> f32 {
    return turned_sine(x, 0);
}

// Cosine.
fn cos_f32(x: f32) -> f32 {
    return turned_sine(x, 1);
}

// Tangent.
fn tan_f32(x: f32) -> f32 {
    let size = bitcast<u32>(x) & 0x7fffffffu;
    var r = x;
    var quarters = 0;
    if (size > 0x3f490fdau) {
        let found = quarters_of(bitcast<f32>(min(size, 0x7f7fffffu)));
        let negative = size != bitcast<u32>(x);
        r = select(found.rest, -found.rest, negative);
        quarters = found.quarters;
    }
    let t = r * r;
    let y = r + r * t * (0.33333156 + t * (0.133388 + t * (0.053411283 + t * (0.024430136 + t * (0.0031199223
        + t * 0.009385402)))));
    let odd = (quarters & 1) == 1;
    let bits = bitcast<u32>(select(y, -1.0 / select(1.0, y, odd), odd));
    return bitcast<f32>(select(bits, 0x7fc00000u, size >= 0x7f800000u));
}
