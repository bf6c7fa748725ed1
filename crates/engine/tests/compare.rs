//! `compare` finds the first step in which two devices differ, and nothing where they agree.

mod common;

use rhyton_engine::device::compare::compare;
use rhyton_engine::graph::{Tensor, TensorType, trace};
use rhyton_engine::plan::{Arenas, Buffer, Role, plan};
use rhyton_kernels::caps::Caps;

#[test]
fn finds_the_first_difference() {
    let (graph, outputs) = trace(|| {
        let x = Tensor::input(0, TensorType::f32([8, 16]));
        let sums = (x * 2.0).sum(&[-1]);
        // Rounded differently: exp, then a product over many terms.
        let y = x.softmax().matmul_with(x, false, true);
        Ok([sums.edge(), y.edge()].map(|e| e.expect("of this graph")))
    })
    .expect("fits");
    let plan = plan(&graph, &outputs, &Arenas::default(), &Caps::portable()).expect("plans");
    let data = |b: &Buffer| {
        (b.role == Role::Input(0))
            .then(|| (0..128).map(|i| (((i * 37) % 64) as f32 * 0.125 - 3.0).to_bits()).collect())
    };
    let devices = common::devices();
    let wait = pollster::block_on::<rhyton_engine::graph::Reading>;
    let run = |a: usize, b: usize, tolerance| {
        compare(&plan, [devices[a], devices[b]], data, &[0; 64], tolerance, wait).expect("runs")
    };
    let last = devices.len() - 1;
    assert_eq!(run(0, 0, 0.0), None);
    assert_eq!(run(0, last, 1e-5), None);
    if last > 0 {
        // Sums of eighths are exact on both; softmax is where rounding begins, or what is made of it.
        let found = run(0, last, 0.0).expect("exp or sums are rounded differently");
        let softmax = plan.steps.iter().position(|step| step.label.contains("softmax")).expect("a softmax");
        assert!(found.step >= softmax, "{found:?}");
        assert!(found.relative < 1e-6 && !found.kernels.is_empty(), "{found:?}");
    }
}
