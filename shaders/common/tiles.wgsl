// The middle of a product by tiles of 64 x 64 in workgroup memory, 4 x 4 elements an invocation, for kernels of 256 invocations. A
// kernel gives element_a(row, k) and element_b(k, column), which are zero beyond the edges, and says in TRANSPOSE_A and
// TRANSPOSE_B whether neighbours in memory are neighbours in rows of a, and in k of b.

const TILE_SIZE: u32 = 64u;

const TILE_DEPTH: u32 = 16u;

// A row of a tile in workgroup memory is one k: 16 vectors, and one that keeps neighbours in k in different banks.
const TILE_PITCH: u32 = 17u;

var<workgroup> tile_of_a: array<vec4<f32>, 272>;

var<workgroup> tile_of_b: array<vec4<f32>, 272>;

// Four rows of a.
fn rows_of_a(row: u32, k: u32) -> vec4<f32> {
    return vec4<f32>(element_a(row, k), element_a(row + 1u, k), element_a(row + 2u, k), element_a(row + 3u, k));
}

// Four columns of b.
fn columns_of_b(k: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        element_b(k, column), element_b(k, column + 1u), element_b(k, column + 2u), element_b(k, column + 3u));
}

// The sum over k from `first` to `end` of the four rows and four columns of this invocation (lane = 16 y + x): a column of
// the matrix is a row of the tile.
fn tile_product(lane: u32, first_row: u32, first_column: u32, first: u32, end: u32) -> mat4x4<f32> {
    let x = lane % 16u;
    let y = lane / 16u;
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    for (var k = first; k < end; k += TILE_DEPTH) {
        // Each invocation brings four elements of each tile, of one k. Neighbours (in x) take neighbours in memory.
        if (TRANSPOSE_A == 1u) {
            tile_of_a[y * TILE_PITCH + x] = rows_of_a(first_row + x * 4u, k + y);
        } else {
            tile_of_a[x * TILE_PITCH + y] = rows_of_a(first_row + y * 4u, k + x);
        }
        if (TRANSPOSE_B == 1u) {
            tile_of_b[x * TILE_PITCH + y] = columns_of_b(k + x, first_column + y * 4u);
        } else {
            tile_of_b[y * TILE_PITCH + x] = columns_of_b(k + y, first_column + x * 4u);
        }
        workgroupBarrier();
        for (var q = 0u; q < TILE_DEPTH; q += 1u) {
            let column = tile_of_a[q * TILE_PITCH + y];
            let row = tile_of_b[q * TILE_PITCH + x];
            c0 += column.x * row;
            c1 += column.y * row;
            c2 += column.z * row;
            c3 += column.w * row;
        }
        workgroupBarrier();
    }
    return mat4x4<f32>(c0, c1, c2, c3);
}

// Stores four neighbours in a row of c, as far as they are inside; `first` is the index of c's first element.
fn store_four(first: u32, row: u32, column: u32, value: vec4<f32>) {
    let n = uniforms.params.n;
    if (row >= uniforms.params.m) {
        return;
    }
    let i = first + row * n + column;
    if (column < n) {
        store(i, value.x);
    }
    if (column + 1u < n) {
        store(i + 1u, value.y);
    }
    if (column + 2u < n) {
        store(i + 2u, value.z);
    }
    if (column + 3u < n) {
        store(i + 3u, value.w);
    }
}
