//! What the tests of ops and plans share: checks of a graph on a device against the f64 oracle.

use rhyton_engine::Error;
use rhyton_engine::device::Backend;
use rhyton_engine::device::once::run_once;
use rhyton_engine::graph::{Edge, Graph};
use rhyton_engine::oracle::{self, Given};

/// Largest difference of two lists, relative to 1 + |wanted|.
pub fn worst(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let one =
        |(g, w): (&f64, &f64)| if g.is_nan() && w.is_nan() { 0.0 } else { (g - w).abs() / (1.0 + w.abs()) };
    got.iter().zip(want).map(one).fold(0.0, |a, b| if b.is_nan() || b > a { b } else { a })
}

/// Runs a graph on a device and compares outputs and assigned variables with the oracle.
pub fn check(
    backend: &dyn Backend,
    graph: &Graph,
    outputs: &[Edge],
    given: &Given,
    tolerance: f64,
    what: &str,
) {
    let values = oracle::run(graph, given);
    let ran = run_once(backend, graph, outputs, given, pollster::block_on::<rhyton_engine::graph::Reading>);
    let ran = ran.unwrap_or_else(|e: Error| panic!("{what}: {e}"));
    for (k, edge) in outputs.iter().enumerate() {
        let error = worst(&ran.outputs[k], oracle::value(&values, *edge));
        assert!(
            error <= tolerance,
            "{what} on {}: output {k} differs by {error:.3e} (allowed {tolerance:.1e})",
            backend.name()
        );
    }
    for (variable, edge) in &graph.assigns {
        let error = worst(&ran.variables[&variable.id()], oracle::value(&values, *edge));
        assert!(
            error <= tolerance,
            "{what} on {}: {} differs by {error:.3e}",
            backend.name(),
            variable.name()
        );
    }
}

/// The devices that tests run on.
pub fn devices() -> Vec<Box<dyn Backend>> {
    vec![Box::new(rhyton_engine::device::cpu::Cpu::new(2).expect("threads start"))]
}
