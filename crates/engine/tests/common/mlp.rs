//! A small training step with all that a plan has: windows, variables updated in place, dropout, a step column.

use std::sync::Arc;

use rhyton_engine::autograd::gradients;
use rhyton_engine::device::{Backend, MemoryRef, StepRow};
use rhyton_engine::graph::{Expr, Graph, Role, Tensor, Value, Variable, assign, trace};
use rhyton_engine::ops::{pointwise, random_uniform};
use rhyton_engine::oracle;
use rhyton_engine::plan::{self, Arenas, Plan};
use rhyton_engine::random::Generator;
use rhyton_engine::types::{DType, TensorType};

pub const BATCH: usize = 6;
pub const FEATURES: usize = 20;
pub const CLASSES: usize = 5;

/// The step as a graph, its variables, and its plan for these caps.
pub struct Mlp {
    pub plan: Arc<Plan>,
    pub start: Vec<u32>,
}

fn variable(name: &str, shape: [usize; 2]) -> Variable {
    let ty = TensorType::f32(shape);
    let zeros = Arc::new(vec![0; ty.len()]);
    Variable::new(name, ty, Role::Trainable, Value::Host(zeros))
}

fn graph(variables: &[Variable]) -> (Graph, rhyton_engine::graph::Edge) {
    trace(|| {
        let x = Tensor::input(0, TensorType::f32([BATCH, FEATURES]));
        let labels = Tensor::input(1, TensorType { dtype: DType::I32, shape: vec![BATCH] });
        let [w1, w2] = [0, 1].map(|k| rhyton_engine::graph::IntoTensor::into_tensor(&variables[k]));
        let hidden = pointwise(Expr::In(0).max(0.0), &[x.matmul(w1)], None);
        let drop = Expr::In(1).lt(0.25).select(0.0, Expr::In(0) / 0.75);
        let hidden = pointwise(drop, &[hidden, random_uniform(&hidden.shape())], None);
        let losses = hidden.matmul(w2).sparse_cross_entropy(labels);
        let loss = losses.mean(&[]);
        for (variable, (w, grad)) in
            variables.iter().zip([w1, w2].into_iter().zip(gradients(loss, &[w1, w2])?))
        {
            let grad = grad.expect("the loss depends on it");
            assign(variable, pointwise(Expr::In(0) - Expr::Step(0) * Expr::In(1), &[w, grad], None));
        }
        Ok(oracle::edge(losses))
    })
    .expect("the graph is right")
}

impl Mlp {
    pub fn new(backend: &dyn Backend) -> Self {
        let variables = [variable("w1", [FEATURES, 16]), variable("w2", [16, CLASSES])];
        let (graph, out) = graph(&variables);
        let mut arenas = Arenas::default();
        arenas.add("parameters", &variables, backend.caps());
        let plan = plan::plan(&graph, &[out], &arenas, backend.caps()).expect("it can be planned");
        let mut start = vec![0; arenas.arenas[0].1];
        let mut random = Generator::new(3, 0);
        for v in &variables {
            let at = arenas.places[&v.id()].1;
            start[at..at + v.len()].iter_mut().for_each(|w| *w = (0.3 * random.normal() as f32).to_bits());
        }
        Mlp { plan: Arc::new(plan), start }
    }

    /// Memories with this many slots in the windows, and the parameters at their start.
    pub fn memories(&self, backend: &dyn Backend, slots: usize) -> Vec<MemoryRef> {
        let memory = |b: &plan::Buffer| {
            let windowed = matches!(b.role, plan::Role::Input(_) | plan::Role::Output(_));
            backend.allocate(&b.name, b.words * if windowed { slots } else { 1 }).expect("there is memory")
        };
        let memories: Vec<_> = self.plan.buffers.iter().map(memory).collect();
        backend.write(&memories[0], 0, &self.start).expect("written");
        memories
    }

    /// Number of the buffer with this role.
    pub fn buffer(&self, role: plan::Role) -> usize {
        self.plan.buffers.iter().position(|b| b.role == role).expect("the plan has it")
    }

    /// Puts the data of a step into a slot of the windows.
    pub fn feed(&self, backend: &dyn Backend, memories: &[MemoryRef], slot: usize, step: u32) {
        let (x, labels) = data(step);
        for (role, words) in [(plan::Role::Input(0), x), (plan::Role::Input(1), labels)] {
            let b = self.buffer(role);
            backend.write(&memories[b], slot * self.plan.buffers[b].words, &words).expect("written");
        }
    }
}

/// Features and labels of a step, as words.
pub fn data(step: u32) -> (Vec<u32>, Vec<u32>) {
    let mut random = Generator::new(11, step);
    let x = (0..BATCH * FEATURES).map(|_| (random.normal() as f32).to_bits()).collect();
    (x, (0..BATCH as u32).map(|i| (i + step) % CLASSES as u32).collect())
}

/// The row of a step: its number, a seed, a learning rate.
pub fn row(step: u32) -> StepRow {
    let mut row = [0; rhyton_kernels::dispatch::STEP_WORDS];
    row[..3].copy_from_slice(&[step, 7, 9]);
    row[rhyton_kernels::dispatch::STEP_COLUMNS] = (0.1 / (1.0 + step as f32)).to_bits();
    row
}
