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

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;

// A row of a tile in workgroup memory is one k: 16 vectors, and one that keeps neighbours in k in different banks.
const PITCH: u32 = 17u;

var<workgroup> tile_a: array<vec4<f32>, 272>;
var<workgroup> tile_b: array<vec4<f32>, 272>;

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

// Four rows of a.
fn load_a(row: u32, k: u32) -> vec4<f32> {
    return vec4<f32>(element_a(row, k), element_a(row + 1u, k), element_a(row + 2u, k), element_a(row + 3u, k));
}

// Four columns of b.
fn load_b(k: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        element_b(k, column), element_b(k, column + 1u), element_b(k, column + 2u), element_b(k, column + 3u));
}

fn store_four(row: u32, column: u32, value: vec4<f32>) {
    let p = uniforms.params;
    if (row >= p.m) {
        return;
    }
    let i = row * p.n + column;
    if (column < p.n) {
        store(i, value.x);
    }
    if (column + 1u < p.n) {
        store(i + 1u, value.y);
    }
    if (column + 2u < p.n) {
        store(i + 2u, value.z);
    }
    if (column + 3u < p.n) {
        store(i + 3u, value.w);
    }
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (uniforms.params.n + TILE - 1u) / TILE;
    let tiles = across * ((uniforms.params.m + TILE - 1u) / TILE);
    let x = lane % 16u;
    let y = lane / 16u;
    for (var tile = group.x; tile < tiles; tile += groups.x) {
        let first_row = tile / across * TILE;
        let first_column = tile % across * TILE;
        var c0 = vec4<f32>();
        var c1 = vec4<f32>();
        var c2 = vec4<f32>();
        var c3 = vec4<f32>();
        for (var k = 0u; k < uniforms.params.k; k += DEPTH) {
            // Each invocation brings four elements of each tile, of one k. Neighbours (in x) take neighbours in memory.
            if (TRANSPOSE_A == 1u) {
                tile_a[y * PITCH + x] = load_a(first_row + x * 4u, k + y);
            } else {
                tile_a[x * PITCH + y] = load_a(first_row + y * 4u, k + x);
            }
            if (TRANSPOSE_B == 1u) {
                tile_b[x * PITCH + y] = load_b(k + x, first_column + y * 4u);
            } else {
                tile_b[y * PITCH + x] = load_b(k + y, first_column + x * 4u);
            }
            workgroupBarrier();
            for (var q = 0u; q < DEPTH; q += 1u) {
                let column = tile_a[q * PITCH + y];
                let row = tile_b[q * PITCH + x];
                c0 += column.x * row;
                c1 += column.y * row;
                c2 += column.z * row;
                c3 += column.w * row;
            }
            workgroupBarrier();
        }
        let row = first_row + y * 4u;
        let column = first_column + x * 4u;
        store_four(row, column, c0);
        store_four(row + 1u, column, c1);
        store_four(row + 2u, column, c2);
        store_four(row + 3u, column, c3);
    }
}
