//! The same elements under another shape: an alias, no work.

use crate::graph::{Kind, Tensor, node};
use crate::types::TensorType;

impl Tensor {
    /// Another shape with as many elements.
    pub fn reshape(self, shape: impl Into<Vec<usize>>) -> Tensor {
        let shape = shape.into();
        if self.shape() == shape {
            return self;
        }
        node(Kind::Reshape, &[self], |t| {
            let from = &t[0];
            if from.len() != crate::types::elements(&shape) {
                return Err(format!("a tensor of shape {:?} cannot be reshaped to {shape:?}", from.shape));
            }
            TensorType { dtype: from.dtype, shape }.addressable().map(|ty| vec![ty])
        })
    }

    /// Adds an axis of length 1 at the end.
    pub fn expand_last(self) -> Tensor {
        let mut shape = self.shape();
        shape.push(1);
        self.reshape(shape)
    }
}
