//! Softmax as a layer.

use serde::{Deserialize, Serialize};

use super::Axes;
use crate::Error;
use crate::graph::{CallContext, Layer, Tensor, fail};

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

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "mask"]
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        // Keras adds the mask to the scores, which has the shape of steps here, and not theirs.
        if cx.input_mask(0).is_some() {
            let what =
                "a softmax of masked steps is not supported: its mask has another shape than its scores";
            fail(Error::Shape { layer: String::new(), what: what.into() });
        }
        match self.axis.list() {
            [axis] => crate::activations::softmax(x, *axis),
            axes => {
                let e = (x - x.max_keep(axes)).exp();
                e / e.sum_keep(axes)
            }
        }
    }
}
