//! The same vector several times.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Shape, Tensor};

/// Makes (batch, features) into (batch, n, features).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepeatVector {
    n: usize,
}

impl RepeatVector {
    /// This many times.
    pub fn new(n: usize) -> Self {
        RepeatVector { n }
    }
}

impl Layer for RepeatVector {
    const CLASS: &'static str = "RepeatVector";

    fn build(&mut self, _builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        if input.rank() == 2 {
            return Ok(());
        }
        let what = format!("RepeatVector takes inputs of rank 2, but the shape is {input}");
        Err(Error::Shape { layer: String::new(), what })
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        match x.shape().as_slice() {
            &[batch, features] => x.reshape([batch, 1, features]).broadcast_to(&[batch, self.n, features]),
            _ => x,
        }
    }
}
