//! Functions of TensorFlow that a functional model of tf_keras calls: what they compute is in `operation/tensorflow.rs`.

use serde::{Deserialize, Serialize};

use super::operation::{Operation, function};
use crate::Error;
use crate::graph::{Arguments, CallContext, Integers, Layer, Precision, Resolver, Tensor, fail};

macro_rules! lambda {
    ($(#[$doc:meta])* $name:ident $class:literal) => {
        $(#[$doc])*
        #[derive(Debug, Serialize, Deserialize)]
        pub struct $name {
            /// As tf_keras writes it, without `tf.`: `"math.add"`.
            function: String,
            #[serde(skip)]
            operation: Option<Operation>,
        }

        impl $name {
            /// Calls the function of this name: `"math.add"`.
            pub fn new(function: impl Into<String>) -> Self {
                $name { function: function.into(), operation: None }
            }
        }

        impl Layer for $name {
            const CLASS: &'static str = $class;
            const REQUIRED: &'static [&'static str] = &["function"];

            fn bind(&mut self, _resolver: &dyn Resolver) -> Result<(), Error> {
                self.operation = Some(found(&self.function)?);
                Ok(())
            }

            fn parameters(&self) -> &'static [&'static str] {
                self.operation.as_ref().map_or(&[], Operation::names)
            }

            fn arguments(&self, count: usize) -> Arguments {
                Arguments::each(count)
            }

            fn build_all(
                &mut self,
                _builder: &mut crate::graph::Builder,
                _inputs: &[crate::graph::Shape],
            ) -> Result<(), Error> {
                Ok(())
            }

            fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
                let Some(operation) = &self.operation else {
                    fail(Error::State { what: format!("{} was called before it was built", Self::CLASS) });
                    return xs.to_vec();
                };
                operation.run(xs, cx)
            }

            fn integers(&self, _cx: &CallContext) -> Integers {
                Integers::Sees
            }

            fn precision(&self) -> Precision {
                Precision::AsGiven
            }
        }
    };
}

lambda! {
    /// A function of TensorFlow that was called on a symbolic tensor of tf_keras: `tf.concat`, `a + b`.
    TFOpLambda "TFOpLambda"
}
lambda! {
    /// A part of a symbolic tensor of tf_keras: `x[:, 0]`.
    SlicingOpLambda "SlicingOpLambda"
}

fn found(name: &str) -> Result<Operation, Error> {
    function(name).map(Operation::of_tensorflow).ok_or_else(|| Error::Unknown {
        kind: "function of TensorFlow",
        name: name.to_owned(),
        advice: "use a layer that does the same, or convert the file: `rhyton convert` passes functions on as they are".into(),
    })
}
