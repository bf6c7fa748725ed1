//! Layers one after the other, as one.

use serde::{Deserialize, Serialize};

use super::inner::Inner;
use crate::Error;
use crate::graph::{
    Builder, CallContext, Integers, Layer, LayerRef, Precision, Resolver, Shape, Tensor, fail,
};

/// Calls layers one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pipeline {
    layers: Vec<Inner>,
}

impl Pipeline {
    /// Of these layers, the first of which gets the inputs.
    pub fn new(layers: impl IntoIterator<Item = LayerRef>) -> Self {
        Pipeline { layers: layers.into_iter().map(Inner::of).collect() }
    }

    fn each(&self) -> impl Iterator<Item = &LayerRef> {
        self.layers.iter().filter_map(Inner::get)
    }
}

impl Layer for Pipeline {
    const CLASS: &'static str = "Pipeline";

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "training", "mask"]
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.layers.iter_mut().try_for_each(|layer| layer.bind(resolver))?;
        self.each().try_for_each(|layer| layer.without_activity_penalty(Self::CLASS))
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let mut of = (input.clone(), builder.input_type());
        for layer in self.each() {
            let arguments = layer.layer().arguments(1);
            let mut made = builder.resolver().outputs_of(layer, &[of], &arguments)?;
            if made.len() != 1 {
                let what = format!("{} has {} outputs, but Pipeline hands on one", layer.name(), made.len());
                return Err(Error::Shape { layer: String::new(), what });
            }
            of = made.remove(0);
        }
        Ok(())
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Sees
    }

    fn precision(&self) -> Precision {
        Precision::AsGiven
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let y = self.each().fold(x, |x, layer| layer.call(&[x], cx).first().copied().unwrap_or(x));
        if cx.mask(y).is_some() {
            let what =
                "a mask behind the layers of a Pipeline is not supported; put those layers into the model"
                    .into();
            fail(Error::Shape { layer: String::new(), what });
        }
        y
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.each().enumerate().map(|(i, layer)| (format!("layers/{i}"), layer.clone())).collect()
    }
}
