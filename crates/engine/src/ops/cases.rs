//! Test cases of ops: instances with inputs, tolerances and reasons. Tests, gradient checks and benches loop over them.

use std::sync::Arc;

use crate::graph::{DynOp, OpDef};
use crate::random::Generator;
use crate::types::{DType, TensorType};

/// One case.
#[derive(Clone, Debug)]
pub struct Case {
    /// The op.
    pub op: Arc<dyn DynOp>,
    /// Types of its inputs.
    pub inputs: Vec<TensorType>,
    /// Values of its inputs, in f64.
    pub values: Vec<Vec<f64>>,
    /// Largest difference from the f64 definition, relative to 1 + |value|.
    pub tolerance: f64,
    /// Why that much.
    pub reason: &'static str,
    /// Inputs by which it has a gradient.
    pub differentiable: Vec<bool>,
}

impl Case {
    /// A case with normal random f32 inputs, all of them differentiable.
    pub fn new(op: impl OpDef, shapes: &[&[usize]], tolerance: f64, reason: &'static str) -> Self {
        let mut generator = Generator::new(20, shapes.len() as u32);
        let inputs: Vec<TensorType> = shapes.iter().map(|s| TensorType::f32(s.to_vec())).collect();
        // Values that f32 holds exactly, so that rounding the inputs is no part of the error.
        let values = inputs
            .iter()
            .map(|t| (0..t.len()).map(|_| f64::from(generator.normal() as f32)).collect())
            .collect();
        let differentiable = vec![true; inputs.len()];
        Case { op: Arc::new(op), inputs, values, tolerance, reason, differentiable }
    }

    /// Replaces input `i` by integers, which have no gradient.
    #[must_use]
    pub fn integers(mut self, i: usize, values: &[i32]) -> Self {
        self.inputs[i].dtype = DType::I32;
        self.values[i] = values.iter().map(|v| f64::from(*v)).collect();
        self.differentiable[i] = false;
        self
    }

    /// Says that there is no gradient.
    #[must_use]
    pub fn without_gradient(mut self) -> Self {
        self.differentiable.fill(false);
        self
    }
}
