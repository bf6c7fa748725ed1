//! Inputs on another scale.

use serde::{Deserialize, Serialize};

use crate::graph::{CallContext, Layer, Tensor};

/// x · scale + offset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rescaling {
    scale: f64,
    #[serde(default)]
    offset: f64,
}

impl Rescaling {
    /// By this factor.
    pub fn new(scale: f64) -> Self {
        Rescaling { scale, offset: 0.0 }
    }
}

builders! {
impl Rescaling {
    /// Added after scaling.
    #[must_use]
    pub fn offset(mut self, offset: f64) -> Self {
        self.offset = offset;
        self
    }
}
}

impl Layer for Rescaling {
    const CLASS: &'static str = "Rescaling";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x.to_f32() * self.scale + self.offset
    }
}
