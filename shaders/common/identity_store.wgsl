// What a kernel does with a result when nothing is fused behind it.
@group(1) @binding(0) var<storage, read_write> output0: array<f32>;

fn store(i: u32, value: f32) {
    output0[i] = value;
}
