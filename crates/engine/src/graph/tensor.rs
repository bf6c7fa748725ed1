//! [`Tensor`]: a handle to an edge of the open graph.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{DynOp, Edge, Graph, Kind, OPEN, OpDef, Variable, floats, joined, scan, with_open};
use crate::Error;
use crate::types::{DType, TensorType};

/// A value inside a trace. Cheap to copy; it holds no data, and its methods (in `ops`) add nodes.
#[derive(Clone, Copy, Debug)]
pub struct Tensor {
    graph: u32,
    edge: Edge,
    not_send: PhantomData<*const ()>,
}

impl Tensor {
    pub(super) fn new(graph: &Graph, edge: Edge) -> Self {
        Tensor { graph: graph.id, edge, not_send: PhantomData }
    }

    /// A handle of no graph: using it is an error of the trace.
    pub(crate) fn nowhere() -> Self {
        Tensor { graph: 0, edge: Edge { node: usize::MAX, output: 0 }, not_send: PhantomData }
    }

    /// The edge in the open graph; `None` (and an error of the trace) where this handle belongs to another graph.
    pub fn edge(self) -> Option<Edge> {
        OPEN.with_borrow_mut(|open| {
            let found = scan::capture(open, self.graph, self.edge);
            if let (None, Some(g)) = (found, open.last_mut()) {
                g.fail(Error::State { what: "a tensor was used outside the call that made it".into() });
            }
            found
        })
    }

    /// Type and shape; a scalar f32 where the handle is not of the open graph.
    pub fn ty(self) -> TensorType {
        self.edge().and_then(|e| with_open(|g| g.edge_type(e).clone())).unwrap_or_else(|| TensorType::f32([]))
    }

    /// Shape.
    pub fn shape(self) -> Vec<usize> {
        self.ty().shape
    }

    /// Number of axes.
    pub fn rank(self) -> usize {
        self.shape().len()
    }

    /// Returns whether it is computed of another tensor of the open graph.
    pub(crate) fn depends_on(self, other: Tensor) -> bool {
        let (Some(from), Some(to)) = (self.edge(), other.edge()) else { return false };
        with_open(|g| {
            let mut needed = vec![false; from.node + 1];
            needed[from.node] = true;
            for i in (0..=from.node).rev() {
                if needed[i] {
                    g.nodes[i].inputs.iter().for_each(|edge| needed[edge.node] = true);
                }
            }
            needed.get(to.node) == Some(&true)
        }) == Some(true)
    }

    /// The data of the step with this number.
    pub fn input(index: usize, ty: TensorType) -> Tensor {
        node(Kind::Input(index), &[], |_| Ok(vec![ty]))
    }

    /// Adds a node of any kind; `infer` gets the inputs' types and gives the outputs', or says what does not fit.
    pub fn apply(
        kind: Kind,
        inputs: &[Tensor],
        infer: impl FnOnce(&[TensorType]) -> Result<Vec<TensorType>, String>,
    ) -> Tensor {
        node(kind, inputs, infer)
    }

    /// Tells it from others.
    pub(crate) fn key(self) -> (u32, Edge) {
        (self.graph, self.edge)
    }

    /// The same values as a tensor of its own.
    pub(super) fn alias(self) -> Tensor {
        node(Kind::Reshape, &[self], |types| Ok(types.to_vec()))
    }

    /// A further output of the node that made this tensor.
    pub(crate) fn sibling(self, output: usize) -> Tensor {
        Tensor { edge: Edge { output, ..self.edge }, ..self }
    }
}

/// Adds a node; `infer` gets the inputs' types and gives the outputs', or says what does not fit.
pub(crate) fn node(
    kind: Kind,
    inputs: &[Tensor],
    infer: impl FnOnce(&[TensorType]) -> Result<Vec<TensorType>, String>,
) -> Tensor {
    let edges: Option<Vec<Edge>> = inputs.iter().map(|t| t.edge()).collect();
    let made = with_open(|g| {
        let Some(edges) = edges else { return Tensor::nowhere() };
        let types: Vec<TensorType> = edges.iter().map(|e| g.edge_type(*e).clone()).collect();
        let checked = infer(&types).and_then(|out| out.into_iter().map(TensorType::addressable).collect());
        match checked {
            Ok(out) => {
                let edge = g.add(kind, edges, out);
                Tensor::new(g, edge)
            }
            Err(what) => {
                g.fail(Error::Shape { layer: String::new(), what });
                // The trace goes on with something of a plausible shape; its error is raised at the end.
                edges.first().map_or_else(Tensor::nowhere, |e| Tensor::new(g, *e))
            }
        }
    });
    made.unwrap_or_else(Tensor::nowhere)
}

/// Adds the node of an op, whose inputs it checks. Of floats of 16 bits it gives such: it sums in f32, and its result is rounded.
pub(crate) fn op_node(op: impl OpDef, inputs: &[Tensor]) -> Tensor {
    let dtype = joined(inputs);
    let op: Arc<dyn DynOp> = Arc::new(op);
    let moved =
        |ty: TensorType| if op.moves() && ty.dtype == DType::F32 { TensorType { dtype, ..ty } } else { ty };
    // What only moves numbers gives those of 16 bits of such alone.
    let cast: Vec<Tensor> = match dtype {
        DType::Half(_) if op.moves() => inputs.iter().map(|x| x.float_as(dtype)).collect(),
        _ => inputs.to_vec(),
    };
    let made = node(Kind::Op(op.clone()), &cast, |types| op.infer(types).map(|ty| vec![moved(ty)]));
    made.float_as(dtype)
}

/// What can stand where a tensor is wanted: a tensor, a variable, a number.
pub trait IntoTensor {
    /// The tensor in the open graph.
    fn into_tensor(self) -> Tensor;
}

impl IntoTensor for Tensor {
    fn into_tensor(self) -> Tensor {
        self
    }
}

impl IntoTensor for &Variable {
    fn into_tensor(self) -> Tensor {
        let Some(ty) = self.ty() else {
            super::fail(Error::State { what: "a layer was called before it was built".into() });
            return Tensor::nowhere();
        };
        let made = OPEN.with_borrow_mut(|open| {
            let edge = scan::outermost(open, &ty, &mut |graph| graph.variable(self, ty.clone()))?;
            Some(Tensor::new(open.last()?, edge))
        });
        let made = made.unwrap_or_else(Tensor::nowhere);
        floats::autocast_type().map_or(made, |dtype| made.float_as(dtype))
    }
}

impl IntoTensor for f64 {
    fn into_tensor(self) -> Tensor {
        let ty = TensorType { dtype: DType::F32, shape: vec![] };
        node(Kind::Pointwise(vec![self.into()]), &[], |_| Ok(vec![ty]))
    }
}
