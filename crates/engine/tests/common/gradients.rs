//! Checks of what is made of inputs: forward on each device against the f64 definition, backward against central differences.

use rhyton_engine::autograd::gradients;
use rhyton_engine::graph::{Tensor, trace};
use rhyton_engine::oracle::{self, Given};
use rhyton_engine::random::Generator;
use rhyton_engine::types::TensorType;

/// Checks forward and backward of something made of inputs.
pub fn check_all(
    name: &str,
    inputs: &[TensorType],
    given: &Given,
    differentiable: &[bool],
    tolerance: f64,
    make: impl Fn(&[Tensor]) -> Tensor,
) {
    let tensors =
        || -> Vec<Tensor> { inputs.iter().enumerate().map(|(i, t)| Tensor::input(i, t.clone())).collect() };
    let (forward, out) = trace(|| Ok(oracle::edge(make(&tensors())))).expect(name);
    for device in super::devices() {
        super::check(device, &forward, &[out], given, tolerance, name);
    }
    if !differentiable.contains(&true) {
        return;
    }
    // The scalar sum(w * y), with fixed weights, and its gradients.
    let weights: Vec<f64> = {
        let mut g = Generator::new(5, 0);
        (0..forward.edge_type(out).len()).map(|_| f64::from(g.normal() as f32)).collect()
    };
    let weight_input = inputs.len();
    let mut given = Given { inputs: given.inputs.clone(), ..Given::default() };
    given.inputs.insert(weight_input, weights);
    let scalar = || {
        let xs = tensors();
        let y = make(&xs);
        let w = Tensor::input(weight_input, TensorType::f32(y.shape()));
        (xs, (y * w).sum(&[]))
    };
    let (backward, edges) = trace(|| {
        let (xs, loss) = scalar();
        let by: Vec<Tensor> = xs.iter().zip(differentiable).filter(|(_, d)| **d).map(|(x, _)| *x).collect();
        let grads = gradients(loss, &by)?;
        Ok(grads.into_iter().map(|g| g.map(oracle::edge)).collect::<Vec<_>>())
    })
    .expect(name);
    let values = oracle::run(&backward, &given);
    let (plain, loss) = trace(|| Ok(oracle::edge(scalar().1))).expect(name);
    let eval = |given: &Given| oracle::value(&oracle::run(&plain, given), loss)[0];
    let which: Vec<usize> = (0..inputs.len()).filter(|i| differentiable[*i]).collect();
    for (edge, i) in edges.iter().zip(&which) {
        let Some(edge) = edge else { continue };
        let gradient = oracle::value(&values, *edge).to_vec();
        let count = inputs[*i].len();
        for at in (0..count).step_by((count / 40).max(1)) {
            let h = 1e-5;
            let mut moved = Given { inputs: given.inputs.clone(), ..Given::default() };
            let shift = |g: &mut Given, by: f64| g.inputs.get_mut(i).expect("given")[at] += by;
            shift(&mut moved, h);
            let up = eval(&moved);
            shift(&mut moved, -2.0 * h);
            let numeric = (up - eval(&moved)) / (2.0 * h);
            let error = (numeric - gradient[at]).abs() / (1.0 + numeric.abs());
            assert!(
                error < 1e-6,
                "{name}: d/d input {i}[{at}] is {} by the graph, {numeric} by differences",
                gradient[at]
            );
        }
    }
    let outputs: Vec<_> = edges.iter().flatten().copied().collect();
    for device in super::devices() {
        super::check(
            device,
            &backward,
            &outputs,
            &given,
            10.0 * tolerance.max(1e-6),
            &format!("backward of {name}"),
        );
    }
}
