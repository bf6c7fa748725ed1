//! A penalty on what passes.

use serde::{Deserialize, Serialize};

use crate::graph::{CallContext, Integers, Layer, Tensor};

/// Gives back its input, and adds l1 · Σ |x| + l2 · Σ x² per example to the loss.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ActivityRegularization {
    l1: f64,
    l2: f64,
}

impl ActivityRegularization {
    /// With these factors.
    pub fn new(l1: f64, l2: f64) -> Self {
        ActivityRegularization { l1, l2 }
    }
}

impl Layer for ActivityRegularization {
    const CLASS: &'static str = "ActivityRegularization";

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let each = 1.0 / x.shape().first().copied().unwrap_or(1).max(1) as f64;
        if self.l1 != 0.0 {
            cx.add_loss(x.abs().sum(&[]) * (self.l1 * each));
        }
        if self.l2 != 0.0 {
            cx.add_loss(x.square().sum(&[]) * (self.l2 * each));
        }
        x
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
