//! An activation as a layer; the layer that does nothing.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::graph::{Activation as ActivationObject, CallContext, Integers, Layer, Named, Resolver, Tensor};

/// An activation as a layer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activation {
    activation: Named<dyn ActivationObject>,
}

impl Activation {
    /// Of this activation.
    pub fn new(activation: impl Into<Named<dyn ActivationObject>>) -> Self {
        Activation { activation: activation.into() }
    }
}

impl Layer for Activation {
    const CLASS: &'static str = "Activation";

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.activation.bind(resolver)
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        match self.activation.spec().as_str() {
            Some("linear") => Integers::Keeps,
            Some("relu" | "relu6") => Integers::KeepsNumbers,
            _ => Integers::Floats,
        }
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.activation.apply(x)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}

/// Gives back its input.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Identity {}

impl Identity {
    /// A new one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Layer for Identity {
    const CLASS: &'static str = "Identity";

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
