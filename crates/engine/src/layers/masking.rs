//! Masking of steps.

use serde::{Deserialize, Serialize};

use crate::graph::{CallContext, Integers, Layer, Tensor};

/// Marks the steps whose features all have one value, so that layers behind leave them out, and sets them to zero.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Masking {
    #[serde(default)]
    mask_value: f64,
}

impl Masking {
    /// Of steps with this value.
    pub fn new(mask_value: f64) -> Self {
        Masking { mask_value }
    }

    /// 1 where a step counts, with an axis of length 1 at the end.
    fn counts(&self, x: Tensor) -> Tensor {
        let last = x.rank().saturating_sub(1);
        let value = f64::from(self.mask_value as f32);
        (1.0 - x.equal(value)).max(&[-1]).reshape([&x.shape()[..last], &[1]].concat())
    }
}

impl Layer for Masking {
    const CLASS: &'static str = "Masking";

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::KeepsNumbers
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.counts(x).select(x, 0.0)
    }

    fn compute_mask(
        &self,
        xs: &[Tensor],
        _masks: &[Option<Tensor>],
        _cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        let x = xs[0].to_f32();
        vec![Some(self.counts(x).reshape(&x.shape()[..x.rank().saturating_sub(1)]))]
    }
}
