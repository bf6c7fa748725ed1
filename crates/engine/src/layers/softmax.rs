//! Softmax as a layer.

use serde::{Deserialize, Serialize};

use super::Axes;
use crate::graph::{CallContext, Layer, Tensor};

/// eˣ / Σ eˣ along an axis, or over several together.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Softmax {
    axis: Axes,
}

impl Default for Softmax {
    fn default() -> Self {
        Softmax { axis: Axes::One(-1) }
    }
}

impl Softmax {
    /// Along the last axis.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl Softmax {
    /// Along this axis, or over these.
    #[must_use]
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}
}

impl Layer for Softmax {
    const CLASS: &'static str = "Softmax";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        match self.axis.list() {
            [axis] => crate::activations::softmax(x, *axis),
            axes => {
                let e = (x - x.max_keep(axes)).exp();
                e / e.sum_keep(axes)
            }
        }
    }
}
