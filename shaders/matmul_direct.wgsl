// c[m, n] = a · b without workgroup memory or barriers, 8 x 8 elements an invocation: for CPU implementations of Vulkan,
// where a load costs as much as many multiplications and a barrier more. Strides make all transposed forms one kernel.
struct Params {
    m: u32,
    n: u32,
    k: u32,
    a_row: u32,
    a_k: u32,
    b_k: u32,
    b_column: u32,
}

const WORKGROUP: u32 = 8u;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;

const LANES = vec4<u32>(0u, 1u, 2u, 3u);

fn load_a(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn load_b(at: vec4<u32>) -> vec4<f32> {
    return vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
}

// The elements of a tile, by halves of rows: stored in a loop, since 64 copies of a fused program take long to compile.
var<private> results: array<vec4<f32>, 16>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let p = uniforms.params;
    let across = (p.n + 7u) / 8u;
    let tiles = across * ((p.m + 7u) / 8u);
    for (var tile = id.x; tile < tiles; tile += groups.x * WORKGROUP) {
        let row = tile / across * 8u;
        let column = tile % across * 8u;
        // Beyond the edge the last row or column is read again, and not stored.
        var a0 = min(row + LANES, vec4<u32>(p.m - 1u)) * p.a_row;
        var a1 = min(row + 4u + LANES, vec4<u32>(p.m - 1u)) * p.a_row;
        var b0 = min(column + LANES, vec4<u32>(p.n - 1u)) * p.b_column;
        var b1 = min(column + 4u + LANES, vec4<u32>(p.n - 1u)) * p.b_column;
        var c00 = vec4<f32>();
        var c01 = vec4<f32>();
        var c10 = vec4<f32>();
        var c11 = vec4<f32>();
        var c20 = vec4<f32>();
        var c21 = vec4<f32>();
        var c30 = vec4<f32>();
        var c31 = vec4<f32>();
        var c40 = vec4<f32>();
        var c41 = vec4<f32>();
        var c50 = vec4<f32>();
        var c51 = vec4<f32>();
        var c60 = vec4<f32>();
        var c61 = vec4<f32>();
        var c70 = vec4<f32>();
        var c71 = vec4<f32>();
        for (var k = 0u; k < p.k; k += 1u) {
            let x0 = load_a(a0);
            let x1 = load_a(a1);
            let y0 = load_b(b0);
            let y1 = load_b(b1);
            c00 += x0.x * y0;
            c01 += x0.x * y1;
            c10 += x0.y * y0;
            c11 += x0.y * y1;
            c20 += x0.z * y0;
            c21 += x0.z * y1;
            c30 += x0.w * y0;
            c31 += x0.w * y1;
            c40 += x1.x * y0;
            c41 += x1.x * y1;
            c50 += x1.y * y0;
            c51 += x1.y * y1;
            c60 += x1.z * y0;
            c61 += x1.z * y1;
            c70 += x1.w * y0;
            c71 += x1.w * y1;
            a0 += p.a_k;
            a1 += p.a_k;
            b0 += p.b_k;
            b1 += p.b_k;
        }
        results[0] = c00;
        results[1] = c01;
        results[2] = c10;
        results[3] = c11;
        results[4] = c20;
        results[5] = c21;
        results[6] = c30;
        results[7] = c31;
        results[8] = c40;
        results[9] = c41;
        results[10] = c50;
        results[11] = c51;
        results[12] = c60;
        results[13] = c61;
        results[14] = c70;
        results[15] = c71;
        for (var half = 0u; half < 16u; half += 1u) {
            store_four(0u, row + half / 2u, column + half % 2u * 4u, results[half]);
        }
    }
}
