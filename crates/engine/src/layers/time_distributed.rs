//! A layer for each step.

use serde::{Deserialize, Serialize};

use super::inner::Inner;
use crate::Error;
use crate::graph::{Builder, CallContext, Layer, LayerRef, Resolver, Role, Shape, Tensor, fail};

/// Calls a layer on each step of `[batch, steps, ..]`, as if it were an example of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TimeDistributed {
    layer: Inner,
}

impl TimeDistributed {
    /// Of this layer.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        TimeDistributed { layer: Inner::of(layer.into()) }
    }
}

/// Returns whether a layer, or one inside, changes variables by what is in a batch, as BatchNormalization does.
fn keeps_statistics(layer: &LayerRef) -> bool {
    layer.variables().iter().any(|(variable, _)| variable.role() == Role::NonTrainable)
}

impl Layer for TimeDistributed {
    const CLASS: &'static str = "TimeDistributed";

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "training", "mask"]
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.layer.bind(resolver)?;
        self.layer.get().map_or(Ok(()), |layer| layer.without_activity_penalty(Self::CLASS))
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let [batch, _, rest @ ..] = input.0.as_slice() else {
            let what =
                format!("TimeDistributed takes inputs of shape (batch, steps, ..), but the shape is {input}");
            return Err(Error::Shape { layer: String::new(), what });
        };
        let step = Shape([&[*batch], rest].concat());
        let Some(layer) = self.layer.get() else { return Ok(()) };
        layer.build(builder.resolver(), &[step])?;
        if layer.states().is_empty() {
            return Ok(());
        }
        let what =
            format!("layer: {} is stateful, which is not supported inside TimeDistributed", layer.name());
        Err(Error::Argument { what })
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let (shape, Some(layer)) = (x.shape(), self.layer.get()) else { return x };
        let &[batch, steps, ref rest @ ..] = shape.as_slice() else { return x };
        let one = |x: Tensor, mask: Option<Tensor>| {
            cx.set_mask(x, mask);
            let made = layer.call(&[x], cx);
            if made.len() != 1 {
                let what = format!(
                    "TimeDistributed takes a layer with one output, but {} has {}",
                    layer.name(),
                    made.len()
                );
                fail(Error::Shape { layer: String::new(), what });
            }
            made.first().copied().unwrap_or(x)
        };
        let mask = cx.input_mask(0).filter(|mask| {
            let fits = mask.shape().get(..2) == Some(&[batch, steps]);
            if !fits {
                let what =
                    format!("a mask of shape {:?} for {steps} steps of {batch} examples", mask.shape());
                fail(Error::Shape { layer: String::new(), what });
            }
            fits
        });
        // Keras 3 calls the layer once for each step, which tells where statistics are of a batch.
        if cx.training && !cx.layer_is_keras2() && keeps_statistics(layer) {
            let made: Vec<Tensor> = (0..steps)
                .map(|t| {
                    let mask = mask.map(|m| m.slice(1, t, 1).reshape([batch]));
                    let y = one(x.slice(1, t, 1).reshape([&[batch], rest].concat()), mask);
                    let shape = y.shape();
                    y.reshape([&[batch, 1], &shape[1..]].concat())
                })
                .collect();
            return Tensor::concat(&made, 1);
        }
        let mask = mask.map(|m| m.reshape([&[batch * steps], &m.shape()[2..]].concat()));
        let y = one(x.reshape([&[batch * steps], rest].concat()), mask);
        y.reshape([&[batch, steps], &y.shape()[1..]].concat())
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.layer.get().map(|layer| ("layer".to_owned(), layer.clone())).into_iter().collect()
    }
}
