// This step's row of the step table: the step, the seed (low word, high word), the trip through the loop around, then f32 columns.
@group(2) @binding(1) var<uniform> step_row: array<vec4<u32>, 16>;

// A column of the row.
fn step_column(column: u32) -> f32 {
    let word = column + 4u;
    return bitcast<f32>(step_row[word / 4u][word % 4u]);
}

// The trip through the loop around.
fn step_trip() -> u32 {
    return step_row[0].w;
}
