// Products of many pairs of matrices: four columns of a row an invocation. Strides make all transposed forms one kernel.
struct Params {
    // Rows of all matrices times groups of four columns.
    strips: u32,
    m: u32,
    n: u32,
    k: u32,
    a_row: u32,
    a_k: u32,
    b_k: u32,
    b_column: u32,
}

const WORKGROUP: u32 = 64u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    let across = (p.n + 3u) / 4u;
    for (var strip = id.x; strip < p.strips; strip += groups.x * WORKGROUP) {
        let column = strip % across * 4u;
        let row = strip / across % p.m;
        let item = strip / across / p.m;
        // Beyond the edge the last column is read again, and not stored.
        let last = p.n - 1u;
        let columns = min(vec4<u32>(column, column + 1u, column + 2u, column + 3u), vec4<u32>(last)) * p.b_column;
        var at_a = item * p.m * p.k + row * p.a_row;
        var at_b = vec4<u32>(item * p.k * p.n) + columns;
        var sums = vec4<f32>();
        for (var k = 0u; k < p.k; k += 1u) {
            sums += a[at_a] * vec4<f32>(b[at_b.x], b[at_b.y], b[at_b.z], b[at_b.w]);
            at_a += p.a_k;
            at_b += vec4<u32>(p.b_k);
        }
        let first = (item * p.m + row) * p.n + column;
        for (var j = 0u; j < min(4u, p.n - column); j += 1u) {
            store(first + j, sums[j]);
        }
    }
}
