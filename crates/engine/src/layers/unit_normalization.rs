//! Vectors of length 1.

use serde::{Deserialize, Serialize};

use super::Axes;
use crate::graph::{CallContext, Layer, Tensor};
use crate::regularizers::normalize;

/// Divides vectors along an axis by their length.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct UnitNormalization {
    axis: Axes,
}

impl Default for UnitNormalization {
    fn default() -> Self {
        UnitNormalization { axis: Axes::One(-1) }
    }
}

impl UnitNormalization {
    /// Along the last axis.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl UnitNormalization {
    /// Along this axis, or over these.
    #[must_use]
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}
}

impl Layer for UnitNormalization {
    const CLASS: &'static str = "UnitNormalization";

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        normalize(x, self.axis.list(), 1e-12)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
