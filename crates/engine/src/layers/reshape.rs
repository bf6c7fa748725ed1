//! Another shape.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Shape, Tensor};
use crate::types::elements;

/// Gives each example another shape.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reshape {
    target_shape: Vec<i64>,
}

impl Reshape {
    /// To this shape, without the batch axis; -1 for at most one axis that follows from the others.
    pub fn new(target_shape: impl Into<Vec<i64>>) -> Self {
        Reshape { target_shape: target_shape.into() }
    }
}

impl Layer for Reshape {
    const CLASS: &'static str = "Reshape";

    fn build(&mut self, _builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        let open = self.target_shape.iter().filter(|d| **d == -1).count();
        if open > 1 || self.target_shape.iter().any(|d| *d < -1) {
            let what = format!("target_shape {:?} must hold lengths, and -1 at most once", self.target_shape);
            return Err(Error::Argument { what });
        }
        let lengths = self.target_shape.iter().filter_map(|d| usize::try_from(*d).ok());
        match lengths.into_iter().try_fold(1_usize, usize::checked_mul) {
            Some(_) => Ok(()),
            None => {
                let what = format!("target_shape {:?} has more elements than can be", self.target_shape);
                Err(Error::Argument { what })
            }
        }
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let shape = x.shape();
        let batch = shape.first().copied().unwrap_or(1);
        let each = elements(shape.get(1..).unwrap_or_default());
        let known =
            elements(&self.target_shape.iter().filter_map(|d| usize::try_from(*d).ok()).collect::<Vec<_>>());
        let open = each.checked_div(known).unwrap_or(0);
        let axes = self.target_shape.iter().map(|d| usize::try_from(*d).unwrap_or(open));
        x.reshape(std::iter::once(batch).chain(axes).collect::<Vec<_>>())
    }
}
