//! Numbers that are known when a graph is traced: tables that the host makes.

use std::fmt;
use std::sync::Arc;

use super::{Graph, Kind, OPEN, Tensor, scan};
use crate::types::TensorType;

/// The numbers of a constant, row-major. Equal numbers are one node of a graph, and one buffer of a plan.
#[derive(Clone)]
pub struct Constant(Arc<Vec<f32>>);

impl Constant {
    /// Returns the numbers.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// Returns their words.
    pub fn words(&self) -> &[u32] {
        bytemuck::cast_slice(&self.0)
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.words() == other.words()
    }
}
impl Eq for Constant {}

impl fmt::Debug for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} numbers)", self.0.len())
    }
}

impl Graph {
    /// Returns the node of these numbers; one for equal ones.
    fn constant(&mut self, numbers: &Constant, ty: &TensorType) -> super::Edge {
        let same =
            |n: &super::Node| matches!(&n.kind, Kind::Constant(c) if c == numbers && n.types[0] == *ty);
        match self.nodes.iter().position(same) {
            Some(node) => super::Edge { node, output: 0 },
            None => self.add(Kind::Constant(numbers.clone()), vec![], vec![ty.clone()]),
        }
    }
}

impl Tensor {
    /// Returns numbers as a tensor of this shape: a table that the host makes, of which the device gets a copy once. Numbers that are missing are zero.
    pub fn constant(shape: impl Into<Vec<usize>>, mut values: Vec<f32>) -> Tensor {
        let ty = TensorType::f32(shape.into());
        let Ok(ty) = ty.addressable().inspect_err(|what| {
            let error = crate::Error::Shape { layer: String::new(), what: what.clone() };
            super::fail(error);
        }) else {
            return Tensor::nowhere();
        };
        values.resize(ty.len(), 0.0);
        let numbers = Constant(Arc::new(values));
        let made = OPEN.with_borrow_mut(|open| {
            let edge = scan::outermost(open, &ty, &mut |graph| graph.constant(&numbers, &ty))?;
            Some(Tensor::new(open.last()?, edge))
        });
        made.unwrap_or_else(Tensor::nowhere)
    }
}
