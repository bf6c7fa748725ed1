//! The graph of ops that a trace builds: concrete shapes, single use, never saved.
//!
//! A graph belongs to the thread that traces it: [`trace`] opens it, runs a closure that adds nodes through
//! [`Tensor`]'s methods, and hands the finished [`Graph`] back. Handles that outlive their graph make the next trace fail with
//! an error that says so.

mod adapted;
mod arguments;
mod builder;
mod call;
mod configured;
mod constant;
mod floats;
mod host;
mod integers;
mod layer;
mod memory;
mod objects;
mod op;
mod recurrent;
pub(crate) mod scan;
mod tensor;
mod variable;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub use adapted::Adapted;
pub use arguments::{Argument, Arguments};
pub use builder::Builder;
pub use call::CallContext;
pub use configured::{Configured, LayerExt};
pub use constant::Constant;
pub use floats::Precision;
pub(crate) use floats::{joined, operands, rounded, rounded_throughout};
pub use host::{Array, HostLayer, Learner};
pub(crate) use host::{has_learned, times_learned};
pub use integers::Integers;
pub(crate) use integers::MAKE_FLOATS;
pub use layer::{DynLayer, Layer, LayerRef, LayerSettings};
pub use memory::{Reading, Resident};
pub use objects::{
    Activation, Constraint, Initializer, Named, Regularizer, Resolver, Spec, serialized, serialized_custom,
    serialized_custom_function,
};
pub use op::{Backward, CpuView, DynOp, OpDef, Real, Tile, Tiling, View};
pub use recurrent::{Cell, Drawn, Ran, Recurrent, Running};
pub use rhyton_kernels::caps::Caps;
pub use rhyton_kernels::dispatch::Lowered;
pub use rhyton_kernels::expr::Expr;
pub use scan::{Loop, scan};
pub use tensor::{IntoTensor, Tensor};
pub(crate) use tensor::{node, op_node};
pub use variable::{Lazy, Role, Value, Variable, VariableCell};

use crate::Error;
pub use crate::types::{DType, Half, Integer, Policy, Shape, TensorType};

/// One output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    /// Number of the node.
    pub node: usize,
    /// Number of its output.
    pub output: usize,
}

/// What a node does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Data of the step: input number.
    Input(usize),
    /// Numbers that the host made.
    Constant(Constant),
    /// The value of a variable from the step's start.
    Variable(Variable),
    /// Elementwise: one expression per output, over inputs that broadcast to the node's shape.
    Pointwise(Vec<Expr>),
    /// Any other op, with one output.
    Op(Arc<dyn DynOp>),
    /// The same bytes under another shape.
    Reshape,
    /// A body that runs several times.
    Loop(Arc<Loop>),
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub kind: Kind,
    /// What it reads.
    pub inputs: Vec<Edge>,
    /// Its outputs.
    pub types: Vec<TensorType>,
    /// Path of the layer that made it: number in [`Graph::scopes`].
    pub scope: usize,
}

/// A traced graph.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    id: u32,
    /// Nodes; every node stands after those it reads.
    pub nodes: Vec<Node>,
    /// Next values of variables.
    pub assigns: Vec<(Variable, Edge)>,
    /// Values that variables are read as, in place of those from the step's start.
    renewed: Vec<(Variable, Edge)>,
    /// Layer paths.
    pub scopes: Vec<String>,
    /// Number of random streams drawn from.
    pub streams: u32,
    scope: usize,
    error: Option<Error>,
    /// Holds what the body of a loop keeps while it is traced.
    body: Option<scan::Body>,
}

impl Graph {
    /// The type of an edge.
    pub fn edge_type(&self, edge: Edge) -> &TensorType {
        &self.nodes[edge.node].types[edge.output]
    }

    /// Adds a node.
    pub fn add(&mut self, kind: Kind, inputs: Vec<Edge>, types: Vec<TensorType>) -> Edge {
        let scope = self.scope;
        self.nodes.push(Node { kind, inputs, types, scope });
        Edge { node: self.nodes.len() - 1, output: 0 }
    }

    /// The node of a variable; one per variable.
    fn variable(&mut self, variable: &Variable, ty: TensorType) -> Edge {
        if let Some((_, edge)) = self.renewed.iter().find(|(v, _)| v == variable) {
            return *edge;
        }
        let found = self.nodes.iter().position(|n| matches!(&n.kind, Kind::Variable(v) if v == variable));
        match found {
            Some(node) => Edge { node, output: 0 },
            None => self.add(Kind::Variable(variable.clone()), vec![], vec![ty]),
        }
    }

    /// Keeps an error where this is the body of a loop, in which this cannot be done.
    pub(crate) fn no_body(&mut self, done: &str) {
        if self.body.is_some() {
            self.fail(Error::State {
                what: format!(
                    "{done} inside a loop: do it outside, and let the loop take or give the values"
                ),
            });
        }
    }

    /// Keeps the first error of the trace, with the path of the layer it arose in.
    fn fail(&mut self, error: Error) {
        if self.error.is_none() {
            let here = self.scopes[self.scope].clone();
            self.error = Some(match error {
                Error::Shape { layer, what } if layer.is_empty() => Error::Shape { layer: here, what },
                other => other,
            });
        }
    }
}

thread_local! {
    static OPEN: RefCell<Vec<Graph>> = const { RefCell::new(Vec::new()) };
}

/// The number of a new graph.
fn next_id() -> u32 {
    static IDS: AtomicU32 = AtomicU32::new(1);
    IDS.fetch_add(1, Ordering::Relaxed)
}

/// Builds a graph: opens it on this thread, runs `f`, closes it.
///
/// # Errors
/// What `f` returns, or the first error that an op inside met.
pub fn trace<R>(f: impl FnOnce() -> Result<R, Error>) -> Result<(Graph, R), Error> {
    struct Guard(usize);
    impl Drop for Guard {
        fn drop(&mut self) {
            OPEN.with_borrow_mut(|open| open.truncate(self.0));
        }
    }
    let id = next_id();
    let depth = OPEN.with_borrow_mut(|open| {
        open.push(Graph { id, scopes: vec![String::new()], ..Graph::default() });
        open.len() - 1
    });
    let guard = Guard(depth);
    let result = f();
    let graph = OPEN.with_borrow_mut(|open| open.pop());
    drop(guard);
    match graph {
        Some(Graph { error: Some(error), .. }) => Err(error),
        Some(graph) => Ok((graph, result?)),
        None => Err(Error::State { what: "the graph was closed inside its own trace".into() }),
    }
}

/// Runs `f` on the open graph, if there is one.
pub(crate) fn with_open<R>(f: impl FnOnce(&mut Graph) -> R) -> Option<R> {
    OPEN.with_borrow_mut(|open| open.last_mut().map(f))
}

/// Runs `f` with a layer's name added to the path that new nodes carry.
pub fn scoped<R>(name: &str, f: impl FnOnce() -> R) -> R {
    let before = with_open(|g| {
        let before = g.scope;
        let path = match g.scopes[before].as_str() {
            "" => name.to_string(),
            outer => format!("{outer}/{name}"),
        };
        g.scopes.push(path);
        g.scope = g.scopes.len() - 1;
        before
    });
    let result = f();
    if let Some(before) = before {
        with_open(|g| g.scope = before);
    }
    result
}

/// Runs `f` with new nodes carrying this scope.
pub(crate) fn scoped_as<R>(scope: usize, f: impl FnOnce() -> R) -> R {
    let before = with_open(|g| std::mem::replace(&mut g.scope, scope));
    let result = f();
    if let Some(before) = before {
        with_open(|g| g.scope = before);
    }
    result
}

/// The handle of an edge of the open graph.
pub(crate) fn tensor_of(edge: Edge) -> Tensor {
    with_open(|g| Tensor::new(g, edge)).unwrap_or_else(Tensor::nowhere)
}

/// Keeps an error in the open graph: it is raised when the trace ends.
pub fn fail(error: Error) {
    with_open(|g| g.fail(error));
}

/// Gives a variable its next value. Reads in this step see the value from the step's start.
///
/// The last of several assignments holds. A float is cast to the variable's type; a value of another shape is an error of the trace.
pub fn assign(variable: &Variable, value: Tensor) {
    let value = variable.ty().map_or(value, |ty| value.float_as(ty.dtype));
    let Some(edge) = value.edge() else { return };
    with_open(|g| match variable.ty() {
        _ if g.body.is_some() => {
            g.no_body("a variable was assigned");
        }
        Some(ty) if ty == *g.edge_type(edge) => {
            g.assigns.retain(|(v, _)| v != variable);
            g.assigns.push((variable.clone(), edge));
        }
        Some(ty) => {
            let what =
                format!("variable {} is {ty:?}, but is assigned {:?}", variable.name(), g.edge_type(edge));
            g.fail(Error::Shape { layer: String::new(), what });
        }
        None => g.fail(Error::State { what: "a variable was assigned before its layer was built".into() }),
    });
}

/// Gives a variable another value in this step: reads after it see that, the gradient is the one there, and an optimizer goes on from it.
pub(crate) fn renew(variable: &Variable, value: Tensor) {
    assign(variable, value);
    with_open(|g| {
        let assigned = g.assigns.iter().find(|(v, _)| v == variable).cloned();
        g.renewed.retain(|(v, _)| v != variable);
        g.renewed.extend(assigned);
    });
}

/// What a variable is assigned so far in this step: what a layer that is called again goes on from. Else its value from the step's start.
pub fn assigned(variable: &Variable) -> Tensor {
    let edge = with_open(|g| g.assigns.iter().find(|(v, _)| v == variable).map(|(_, e)| *e)).flatten();
    edge.map_or_else(|| variable.into_tensor(), tensor_of)
}

/// Returns whether a variable was assigned in this step.
pub(crate) fn is_assigned(variable: &Variable) -> bool {
    with_open(|g| g.assigns.iter().any(|(v, _)| v == variable)) == Some(true)
}
