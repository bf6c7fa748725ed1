//! Float types in a trace: which type a result has, and as which one a layer reads its variables.
//!
//! A result is of the float type that its operands join to, as in Keras: floats of 16 bits stay such, f32 among them makes f32. Results of 16 bits are
//! held as f32 and rounded by the function `round_f16` or `round_bf16` of the pointwise table, which a plan fuses into what computes them; so ops sum
//! in f32.

use std::cell::Cell;
use std::collections::HashSet;

use rhyton_kernels::expr::Expr;
use rhyton_kernels::pointwise::{Func, Truth};

use super::{DType, Edge, Graph, Kind, Tensor, node, with_open};
use crate::types::{Half, TensorType};

/// Describes what a layer does with the float types of its inputs, variables and outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Inputs and variables are cast to the policy's compute type (Keras' `autocast`).
    Policy,
    /// Inputs are cast, but it computes in f32 and casts its outputs to the compute type: normalization over a batch.
    Wide,
    /// The same with inputs as they are (`autocast=False` in Keras).
    WideAsGiven,
    /// Nothing is cast: a model, whose layers do that for themselves; an operation.
    AsGiven,
}

thread_local! {
    static AUTOCAST: Cell<Option<DType>> = const { Cell::new(None) };
}

/// Runs `f` while float variables are read as this type; as they are with `None` (Keras' `AutocastScope`).
pub(super) fn autocast<R>(to: Option<DType>, f: impl FnOnce() -> R) -> R {
    struct Before(Option<DType>);
    impl Drop for Before {
        fn drop(&mut self) {
            AUTOCAST.set(self.0);
        }
    }
    let _before = Before(AUTOCAST.replace(to));
    f()
}

/// Returns the type that float variables are read as.
pub(super) fn autocast_type() -> Option<DType> {
    AUTOCAST.get()
}

/// Returns the float type that tensors join to: f32, unless they are floats of one type of 16 bits. Constants and truth values join with any.
pub(crate) fn joined(tensors: &[Tensor]) -> DType {
    let types: Vec<DType> = tensors.iter().map(|t| t.ty().dtype).collect();
    if !types.iter().any(|t| t.half().is_some()) {
        return DType::F32;
    }
    let floats = tensors.iter().zip(types).filter(|(_, t)| matches!(t, DType::F32 | DType::Half(_)));
    let mut strong = floats.clone().filter(|(t, _)| !is_weak(**t)).map(|(_, dtype)| dtype);
    let Some(first) = strong.next() else {
        return floats.map(|(_, dtype)| dtype).find(|t| t.half().is_some()).unwrap_or_default();
    };
    if strong.all(|t| t == first) { first } else { DType::F32 }
}

/// Returns whether a tensor is made of constants, random numbers and truth values alone, which have no float type of their own.
fn is_weak(tensor: Tensor) -> bool {
    let Some(edge) = tensor.edge() else { return false };
    with_open(|graph| is_weak_edge(graph, edge)).unwrap_or(false)
}

fn is_weak_edge(graph: &Graph, edge: Edge) -> bool {
    let (mut waiting, mut seen) = (vec![edge], HashSet::new());
    while let Some(edge) = waiting.pop() {
        if !seen.insert(edge) || matches!(graph.edge_type(edge).dtype, DType::Whole(_)) {
            continue;
        }
        let node = &graph.nodes[edge.node];
        match &node.kind {
            Kind::Pointwise(exprs) => {
                let mut values = Vec::new();
                exprs.iter().for_each(|e| operands(e, &mut values));
                waiting.extend(values.into_iter().map(|i| node.inputs[i]));
            }
            Kind::Reshape | Kind::Op(_) => waiting.extend(&node.inputs),
            Kind::Constant(_) => {}
            Kind::Input(_) | Kind::Variable(_) | Kind::Loop(_) => return false,
        }
    }
    true
}

/// Adds the operands whose type an expression has: not those that are only compared.
pub(crate) fn operands(expr: &Expr, found: &mut Vec<usize>) {
    match expr {
        Expr::In(i) => found.push(*i),
        Expr::Call(func, args) => value_arguments(func, args).iter().for_each(|a| operands(a, found)),
        Expr::Const(_) | Expr::Step(_) | Expr::Rand(_) => {}
    }
}

fn value_arguments<'a>(func: &Func, args: &'a [Expr]) -> &'a [Expr] {
    match func.tensorflow.truth {
        Truth::No => args,
        Truth::First => &args[1..],
        Truth::Result => &[],
    }
}

/// Returns an expression over operands of these types, rounded, unless it only chooses among numbers of 16 bits.
pub(crate) fn rounded(half: Half, expr: Expr, types: &[DType]) -> Expr {
    if is_exact(half, &expr, types) { expr } else { half.round(expr) }
}

fn is_exact(half: Half, expr: &Expr, types: &[DType]) -> bool {
    match expr {
        Expr::In(i) => types.get(*i) == Some(&DType::Half(half)),
        Expr::Const(c) => half.nearest(*c) == *c,
        Expr::Step(_) | Expr::Rand(_) => false,
        Expr::Call(func, args) => {
            let chooses = ["neg", "abs", "max", "min", "relu", "sign", "stop_gradient", "select", "round"];
            func.tensorflow.narrow == Some(half)
                || func.tensorflow.truth == Truth::Result
                || chooses.contains(&func.name)
                    && value_arguments(func, args).iter().all(|a| is_exact(half, a, types))
        }
    }
}

/// Returns an expression whose every step is rounded, as a library computes that has an op for each.
pub(crate) fn rounded_throughout(half: Half, expr: &Expr) -> Expr {
    match expr {
        Expr::In(_) => expr.clone(),
        Expr::Const(c) => Expr::Const(half.nearest(*c)),
        Expr::Step(_) | Expr::Rand(_) => half.round(expr.clone()),
        Expr::Call(func, args) => {
            half.round(Expr::call(func, args.iter().map(|a| rounded_throughout(half, a)).collect()))
        }
    }
}

impl Tensor {
    /// Returns the same numbers as another type that is held as f32: rounded for floats of 16 bits. Floats become integers by [`Tensor::cast_to`].
    pub(crate) fn as_type(self, dtype: DType) -> Tensor {
        let ty = self.ty();
        if ty.dtype == dtype {
            return self;
        }
        let to = TensorType { dtype, shape: ty.shape };
        let kind = match dtype {
            DType::Half(half) => Kind::Pointwise(vec![half.round(Expr::In(0))]),
            // Words are converted where they are read.
            _ if ty.dtype.is_float() => Kind::Reshape,
            _ => Kind::Pointwise(vec![Expr::In(0)]),
        };
        node(kind, &[self], |_| Ok(vec![to]))
    }

    /// Returns floats as this float type; others as they are.
    pub(crate) fn float_as(self, dtype: DType) -> Tensor {
        let is_float = |dtype| matches!(dtype, DType::F32 | DType::Half(_));
        if is_float(self.ty().dtype) && is_float(dtype) { self.as_type(dtype) } else { self }
    }
}
