//! Inputs on another scale.

use serde::{Deserialize, Serialize};

use crate::graph::{CallContext, Layer, Tensor};
use crate::ops::Numbers;

/// x · scale + offset; each a number, or lists of them that broadcast over the last axes (one for each channel, say).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rescaling {
    scale: Numbers,
    #[serde(default = "zero")]
    offset: Numbers,
}

fn zero() -> Numbers {
    Numbers::from(0.0)
}

impl Rescaling {
    /// By this factor, or these: `1.0 / 255.0`, `[0.5, 0.25, 2.0]`.
    pub fn new(scale: impl Into<Numbers>) -> Self {
        Rescaling { scale: scale.into(), offset: zero() }
    }
}

builders! {
impl Rescaling {
    /// Added after scaling.
    #[must_use]
    pub fn offset(mut self, offset: impl Into<Numbers>) -> Self {
        self.offset = offset.into();
        self
    }
}
}

impl Layer for Rescaling {
    const CLASS: &'static str = "Rescaling";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x * self.scale.tensor() + self.offset.tensor()
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
