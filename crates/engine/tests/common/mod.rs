//! What the tests of ops and plans share: checks of a graph on a device against the f64 oracle.

// Each test binary uses some of it.
#![allow(dead_code)]

pub mod gradients;

use std::io::Write;
use std::sync::LazyLock;

use rhyton_engine::Error;
use rhyton_engine::device::Backend;
use rhyton_engine::device::cpu::Cpu;
use rhyton_engine::device::gpu::{Gpu, adapters};
use rhyton_engine::device::once::run_once;
use rhyton_engine::graph::{Edge, Graph};
use rhyton_engine::ops::cases::Case;
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

/// A case's inputs.
pub fn given(case: &Case) -> Given {
    let inputs = case.values.iter().cloned().enumerate().collect();
    Given { inputs, ..Given::default() }
}

/// The devices that tests run on: one of each for a test binary, since drivers take long to compile a pipeline.
pub fn devices() -> Vec<&'static dyn Backend> {
    static CPU: LazyLock<Cpu> = LazyLock::new(|| Cpu::new(2).expect("threads start"));
    let cpu: &dyn Backend = &*CPU;
    [Some(cpu), gpu().map(|g| g as &dyn Backend)].into_iter().flatten().collect()
}

/// The adapter that tests run on: the one that `RHYTON_DEVICE` names, else any. Where there is none, its tests are skipped,
/// or fail if `RHYTON_REQUIRE_GPU` is 1.
pub fn gpu() -> Option<&'static Gpu> {
    static GPU: LazyLock<Option<Gpu>> = LazyLock::new(|| {
        let named = std::env::var("RHYTON_DEVICE")
            .ok()
            .filter(|n| !matches!(n.as_str(), "" | "cpu" | "gpu" | "best"));
        let opened = named.map_or_else(Gpu::any, |name| Gpu::named(&name));
        match opened {
            Ok(gpu) => {
                // Past the test harness, which hides what a test that passes prints: a log has to say what was tested.
                let _ = writeln!(std::io::stderr(), "GPU tests run on {}", gpu.name());
                Some(gpu)
            }
            Err(e) if std::env::var("RHYTON_REQUIRE_GPU").is_ok_and(|v| v == "1") => panic!("{e}"),
            Err(e) => {
                eprintln!("SKIPPED on GPUs: {e}");
                None
            }
        }
    });
    GPU.as_ref()
}

/// That adapter once more, as if it bound no more than these bytes at once.
pub fn limited(binding_bytes: u64) -> Option<Gpu> {
    let name = gpu()?.name();
    let adapter = adapters::list().into_iter().find(|a| a.to_string() == name).expect("it is still there");
    Some(Gpu::open_limited(&adapter, binding_bytes, 1 << 24).expect("opens"))
}
