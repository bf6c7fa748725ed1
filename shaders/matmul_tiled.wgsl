// c[m, n] = a · b by tiles of 64 x 64 in workgroup memory, 4 x 4 elements an invocation. The transposed forms differ in
// how a tile is read, so that neighbours in the workgroup read neighbours in memory.
struct Params {
    m: u32,
    n: u32,
    k: u32,
}

const TRANSPOSE_A: u32 = 0u;
const TRANSPOSE_B: u32 = 0u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

// a(row, k), zero beyond the edges: it adds nothing there.
fn element_a(row: u32, k: u32) -> f32 {
    let p = uniforms.params;
    if (row >= p.m || k >= p.k) {
        return 0.0;
    }
    return a[select(row * p.k + k, k * p.m + row, TRANSPOSE_A == 1u)];
}

fn element_b(k: u32, column: u32) -> f32 {
    let p = uniforms.params;
    if (column >= p.n || k >= p.k) {
        return 0.0;
    }
    return b[select(k * p.n + column, column * p.k + k, TRANSPOSE_B == 1u)];
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (uniforms.params.n + TILE_SIZE - 1u) / TILE_SIZE;
    let tiles = across * ((uniforms.params.m + TILE_SIZE - 1u) / TILE_SIZE);
    for (var tile = group.x; tile < tiles; tile += groups.x) {
        let first_row = tile / across * TILE_SIZE;
        let first_column = tile % across * TILE_SIZE;
        let c = tile_product(lane, first_row, first_column, 0u, uniforms.params.k);
        let row = first_row + lane / 16u * 4u;
        let column = first_column + lane % 16u * 4u;
        store_four(0u, row, column, c[0]);
        store_four(0u, row + 1u, column, c[1]);
        store_four(0u, row + 2u, column, c[2]);
        store_four(0u, row + 3u, column, c[3]);
    }
}
