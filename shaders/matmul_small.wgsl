// c[m, n] = a · b by tiles of 16 x 16 in workgroup memory, one element an invocation: for results too small to fill a
// GPU with larger tiles.
struct Params {
    m: u32,
    n: u32,
    k: u32,
}

const TRANSPOSE_A: u32 = 0u;
const TRANSPOSE_B: u32 = 0u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

const TILE: u32 = 16u;
const DEPTH: u32 = 32u;
// A row of a tile is one k; one word more than the tile keeps neighbours in k in different banks.
const PITCH: u32 = 17u;

var<workgroup> tile_a: array<f32, 544>;
var<workgroup> tile_b: array<f32, 544>;

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
    let p = uniforms.params;
    let across = (p.n + TILE - 1u) / TILE;
    let tiles = across * ((p.m + TILE - 1u) / TILE);
    let x = lane % TILE;
    let y = lane / TILE;
    for (var tile = group.x; tile < tiles; tile += groups.x) {
        let first_row = tile / across * TILE;
        let first_column = tile % across * TILE;
        var sum = 0.0;
        for (var k = 0u; k < p.k; k += DEPTH) {
            for (var e = lane; e < TILE * DEPTH; e += 256u) {
                // The faster index runs along memory.
                let q = select(e % DEPTH, e / TILE, TRANSPOSE_A == 1u);
                let r = select(e / DEPTH, e % TILE, TRANSPOSE_A == 1u);
                tile_a[q * PITCH + r] = element_a(first_row + r, k + q);
            }
            for (var e = lane; e < TILE * DEPTH; e += 256u) {
                let q = select(e / TILE, e % DEPTH, TRANSPOSE_B == 1u);
                let c = select(e % TILE, e / DEPTH, TRANSPOSE_B == 1u);
                tile_b[q * PITCH + c] = element_b(k + q, first_column + c);
            }
            workgroupBarrier();
            for (var q = 0u; q < DEPTH; q += 1u) {
                sum += tile_a[q * PITCH + y] * tile_b[q * PITCH + x];
            }
            workgroupBarrier();
        }
        if (first_row + y < p.m && first_column + x < p.n) {
            store((first_row + y) * p.n + first_column + x, sum);
        }
    }
}
