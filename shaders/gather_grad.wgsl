// For each row the sum of the gradients at the positions with its index; `order` has the positions, sorted by their indices.
struct Params {
    count: u32,
    width: u32,
    indices: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> indices: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> order: array<f32>;

// NaN is behind everything, and no row's.
fn index_at(i: u32) -> f32 {
    let index = indices[u32(order[i])];
    if (is_nan(index)) {
        return infinity();
    }
    return index;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    for (var i = id.x; i < p.count; i += groups.x * WORKGROUP) {
        let row = f32(i / p.width);
        // The first position whose index is not below.
        var low = 0u;
        var high = p.indices;
        while (low < high) {
            let middle = (low + high) / 2u;
            if (index_at(middle) < row) {
                low = middle + 1u;
            } else {
                high = middle;
            }
        }
        var sum = 0.0;
        while (low < p.indices) {
            if (index_at(low) != row) {
                break;
            }
            let position = u32(order[low]);
            sum += gradient[position * p.width + i % p.width];
            low += 1u;
        }
        store(i, sum);
    }
}
