//! Axes in another order.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Shape, Tensor};

/// Puts the axes after the batch in another order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Permute {
    dims: Vec<usize>,
}

impl Permute {
    /// Axis `i` of the output is axis `dims[i - 1]` of the input, both counted from 1 after the batch.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Permute { dims: dims.into() }
    }
}

impl Layer for Permute {
    const CLASS: &'static str = "Permute";

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if sorted.iter().copied().eq(1..input.rank().max(1)) {
            return Ok(());
        }
        let what =
            format!("dims {:?} is no order of the axes 1 to {}", self.dims, input.rank().saturating_sub(1));
        Err(Error::Argument { what })
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let order: Vec<usize> = std::iter::once(0).chain(self.dims.iter().copied()).collect();
        x.transpose(&order)
    }
}
