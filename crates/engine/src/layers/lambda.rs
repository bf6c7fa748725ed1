//! A function as a layer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Unset;
use crate::Error;
use crate::graph::{Activation, CallContext, Integers, Layer, Named, Resolver, Tensor};

/// Calls a function that has a name: one of Keras' activations, or one that the program registered
/// ([`register_activation`](crate::models::registry::register_activation)). Files may hold Python code in its place, which is never run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lambda {
    function: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    output_shape: Value,
    #[serde(skip_serializing)]
    mask: Unset,
    arguments: Map<String, Value>,
    #[serde(skip_serializing)]
    function_type: Option<String>,
    #[serde(skip_serializing)]
    module: Option<String>,
    #[serde(skip_serializing)]
    output_shape_type: Option<String>,
    #[serde(skip_serializing)]
    output_shape_module: Option<String>,
    #[serde(skip)]
    bound: Named<dyn Activation>,
}

impl Lambda {
    /// Calls this function: a name, or an [`Activation`].
    pub fn new(function: impl Into<Named<dyn Activation>>) -> Self {
        Lambda { bound: function.into(), ..Lambda::default() }
    }
}

impl Layer for Lambda {
    const CLASS: &'static str = "Lambda";
    const REQUIRED: &'static [&'static str] = &["function"];

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Config { object: Self::CLASS.into(), what: what.into() });
        let class = self.function.get("class_name").and_then(Value::as_str);
        if self.function.is_array() || class == Some("__lambda__") {
            return wrong(
                "its function is Python code, which is never run; save the model with a function that has a name, register one of that name, or use a layer of your own in its place",
            );
        }
        if !self.arguments.is_empty() {
            return wrong(
                "arguments of its function are not supported; use a layer of your own in its place",
            );
        }
        if !self.function.is_null() {
            self.bound = serde_json::from_value(self.function.take())
                .map_err(|e| Error::Config { object: Self::CLASS.into(), what: format!("function: {e}") })?;
        }
        self.bound.bind(resolver)
    }

    /// Returns it with the function as Keras writes functions.
    fn config(&self) -> Map<String, Value> {
        let mut function = if self.function.is_null() {
            serde_json::to_value(&self.bound).unwrap_or_default()
        } else {
            self.function.clone()
        };
        if function.is_string() {
            function = json!({"module": "builtins", "class_name": "function", "config": function, "registered_name": "function"});
        }
        let mut config = Map::from_iter([("function".to_owned(), function)]);
        if !self.output_shape.is_null() {
            config.insert("output_shape".into(), self.output_shape.clone());
        }
        config.insert("arguments".into(), self.arguments.clone().into());
        config
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Floats
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.bound.apply(x)
    }
}
