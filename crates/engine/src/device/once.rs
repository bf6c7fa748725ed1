//! Runs a graph once, for tests and comparisons: plans it, places its variables, gives it its inputs.

use std::collections::HashMap;
use std::sync::Arc;

use rhyton_kernels::dispatch::{STEP_COLUMNS, STEP_WORDS};

use super::{Backend, MemoryRef};
use crate::Error;
use crate::graph::{DType, Edge, Graph, Kind, TensorType, Variable};
use crate::oracle::Given;
use crate::plan::{Arenas, Plan, Role, plan};

/// What a run gave: outputs, and the values of all variables after it.
pub struct Ran {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Outputs in order.
    pub outputs: Vec<Vec<f64>>,
    /// Variables by id.
    pub variables: HashMap<u64, Vec<f64>>,
    /// Memory of each buffer of the plan.
    pub memories: Vec<MemoryRef>,
}

/// Values as words of a type.
pub fn to_words(values: &[f64], dtype: DType) -> Vec<u32> {
    let word = |v: &f64| match dtype {
        DType::F32 | DType::Half(_) | DType::Whole(_) => (*v as f32).to_bits(),
        DType::I32 => (*v as i32).cast_unsigned(),
        DType::U32 | DType::Text => *v as u32,
    };
    values.iter().map(word).collect()
}

fn to_f64(words: &[u32], ty: &TensorType) -> Vec<f64> {
    let value = |w: &u32| match ty.dtype {
        DType::F32 | DType::Half(_) | DType::Whole(_) => f64::from(f32::from_bits(*w)),
        DType::I32 => f64::from(w.cast_signed()),
        DType::U32 | DType::Text => f64::from(*w),
    };
    words.iter().map(value).collect()
}

/// The step row that these values make.
pub fn row(given: &Given) -> [u32; STEP_WORDS] {
    let mut row = [0; STEP_WORDS];
    row[0] = given.counter;
    row[1..3].copy_from_slice(&given.seed);
    row[STEP_COLUMNS..].iter_mut().zip(&given.step).for_each(|(w, v)| *w = (*v as f32).to_bits());
    row
}

/// Runs the graph once; `block` waits for a read.
///
/// # Errors
/// The graph cannot be planned, or the device fails.
pub fn run_once(
    backend: &dyn Backend,
    graph: &Graph,
    outputs: &[Edge],
    given: &Given,
    block: impl Fn(super::Reading) -> Result<Vec<u32>, Error>,
) -> Result<Ran, Error> {
    run_steps(backend, graph, outputs, given, 1, block, |_| {})
}

/// Runs the graph as so many steps, one after the other from `given`'s on; `each` gets the outputs of every step, and what is returned is that of the last.
///
/// # Errors
/// As those of [`run_once`].
pub fn run_steps(
    backend: &dyn Backend,
    graph: &Graph,
    outputs: &[Edge],
    given: &Given,
    steps: u32,
    block: impl Fn(super::Reading) -> Result<Vec<u32>, Error>,
    mut each: impl FnMut(&[Vec<f64>]),
) -> Result<Ran, Error> {
    let mut variables: Vec<Variable> = Vec::new();
    let used =
        graph.nodes.iter().filter_map(|n| if let Kind::Variable(v) = &n.kind { Some(v) } else { None });
    for variable in used.chain(graph.assigns.iter().map(|(v, _)| v)) {
        if !variables.contains(variable) {
            variables.push(variable.clone());
        }
    }
    let mut arenas = Arenas::default();
    arenas.add("variables", &variables, backend.caps());
    let plan = Arc::new(plan(graph, outputs, &arenas, backend.caps())?);
    let memories: Vec<MemoryRef> =
        plan.buffers.iter().map(|b| backend.allocate(&b.name, b.words)).collect::<Result<_, _>>()?;
    for (buffer, memory) in plan.buffers.iter().zip(&memories) {
        if let Role::Constant(numbers) = &buffer.role {
            backend.write(memory, 0, numbers.words())?;
        }
    }
    for variable in &variables {
        if let Some(values) = given.variables.get(&variable.id()) {
            let (buffer, offset) = arenas.places[&variable.id()];
            backend.write(&memories[buffer], offset, &to_words(values, DType::F32))?;
        }
    }
    for node in &graph.nodes {
        let Kind::Input(k) = node.kind else { continue };
        let buffer = plan.buffers.iter().position(|b| b.role == Role::Input(k));
        if let (Some(buffer), Some(values)) = (buffer, given.inputs.get(&k)) {
            backend.write(&memories[buffer], 0, &to_words(values, node.types[0].dtype))?;
        }
    }
    let mut replay = backend.prepare(&plan, memories.clone())?;
    let mut results = Vec::new();
    for step in 0..steps {
        let mut row = row(given);
        row[0] = row[0].wrapping_add(step);
        replay.run(&[row])?;
        results.clear();
        for (k, edge) in outputs.iter().enumerate() {
            let ty = graph.edge_type(*edge);
            let buffer = plan.buffers.iter().position(|b| b.role == Role::Output(k)).unwrap_or(0);
            results.push(to_f64(
                &block(backend.read(&memories[buffer], 0, ty.len()))?,
                &TensorType { dtype: DType::F32, ..ty.clone() },
            ));
        }
        each(&results);
    }
    let mut after = HashMap::new();
    for variable in &variables {
        let (buffer, offset) = arenas.places[&variable.id()];
        let words = block(backend.read(&memories[buffer], offset, variable.len()))?;
        after.insert(variable.id(), to_f64(&words, &TensorType::f32(variable.shape())));
    }
    Ok(Ran { plan, outputs: results, variables: after, memories })
}

debug!(Ran, |r| outputs: r.outputs);
