// Merges neighbouring runs of positions in rows of `row` keys, each sorted by its keys: every position finds its place among those of the other run.
// Positions are counted from the beginning of their row.
struct Params {
    count: u32,
    // Length of the runs.
    run: u32,
    row: u32,
}

const WORKGROUP: u32 = 64u;
const DESCENDING: u32 = 0u;
// 1 where the positions are in their own order yet.
const FIRST: u32 = 0u;

@group(0) @binding(0) var<storage, read> keys: array<f32>;
@group(0) @binding(1) var<storage, read> order: array<f32>;

fn position_at(row: u32, i: u32) -> u32 {
    if (FIRST == 1u) {
        return i;
    }
    return u32(order[row + i]);
}

// NaN is behind everything.
fn key_at(position: u32) -> f32 {
    let key = keys[position];
    if (is_nan(key)) {
        return infinity();
    }
    if (DESCENDING == 1u) {
        return -key;
    }
    return key;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var k = id.x; k < p.count; k += groups.x * WORKGROUP) {
        let row = k / p.row * p.row;
        let i = k - row;
        let position = position_at(row, i);
        let key = key_at(row + position);
        let first = i / (2u * p.run) * (2u * p.run);
        let second = min(first + p.run, p.row);
        let is_left = i < second;
        let other = select(first, second, is_left);
        // How many of the other run come before: those with a smaller key, or an equal one at an earlier position.
        var low = other;
        var high = select(second, min(first + 2u * p.run, p.row), is_left);
        while (low < high) {
            let middle = (low + high) / 2u;
            let compared = position_at(row, middle);
            let compared_key = key_at(row + compared);
            if (compared_key < key || (compared_key == key && compared < position)) {
                low = middle + 1u;
            } else {
                high = middle;
            }
        }
        let own = select(second, first, is_left);
        store(row + first + (i - own) + (low - other), f32(position));
    }
}
