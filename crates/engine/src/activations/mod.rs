//! Activations: one row each in [`ACTIVATIONS`], with Keras 3's formulas.
//!
//! To add one: a function in `elementwise.rs` or `rows.rs`, and a row.

mod elementwise;
mod rows;

use serde_json::Value;

pub use elementwise::{
    celu, elu, exponential, gelu, hard_shrink, hard_sigmoid, hard_sigmoid_v2, hard_silu, hard_tanh,
    leaky_relu, linear, log_sigmoid, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softplus, softsign,
    sparse_plus, sparse_sigmoid, squareplus, tanh, tanh_shrink, threshold,
};
pub use rows::{glu, log_softmax, softmax, sparsemax};

use crate::graph::{Activation, Named, Tensor, serialized_custom_function};
use crate::names::function_name;

/// A row of the table of activations.
#[derive(Debug)]
pub struct Function {
    /// As configs name it.
    pub name: &'static str,
    /// It, with its default arguments.
    pub call: fn(Tensor) -> Tensor,
}

/// Every activation that Keras 3 knows by name.
pub static ACTIVATIONS: &[Function] = &[
    Function { name: "celu", call: |x| celu(x, 1.0) },
    Function { name: "elu", call: |x| elu(x, 1.0) },
    Function { name: "exponential", call: exponential },
    Function { name: "gelu", call: |x| gelu(x, false) },
    Function { name: "glu", call: |x| glu(x, -1) },
    Function { name: "hard_shrink", call: |x| hard_shrink(x, 0.5) },
    Function { name: "hard_sigmoid", call: hard_sigmoid },
    Function { name: "hard_silu", call: hard_silu },
    Function { name: "hard_tanh", call: hard_tanh },
    Function { name: "leaky_relu", call: |x| leaky_relu(x, 0.2) },
    Function { name: "linear", call: linear },
    Function { name: "log_sigmoid", call: log_sigmoid },
    Function { name: "log_softmax", call: |x| log_softmax(x, -1) },
    Function { name: "mish", call: mish },
    Function { name: "relu", call: |x| relu(x, 0.0, None, 0.0) },
    Function { name: "relu6", call: relu6 },
    Function { name: "selu", call: selu },
    Function { name: "sigmoid", call: sigmoid },
    Function { name: "silu", call: silu },
    Function { name: "soft_shrink", call: |x| soft_shrink(x, 0.5) },
    Function { name: "softmax", call: |x| softmax(x, -1) },
    Function { name: "softplus", call: softplus },
    Function { name: "softsign", call: softsign },
    Function { name: "sparse_plus", call: sparse_plus },
    Function { name: "sparse_sigmoid", call: sparse_sigmoid },
    Function { name: "sparsemax", call: |x| sparsemax(x, -1) },
    Function { name: "squareplus", call: |x| squareplus(x, 4.0) },
    Function { name: "tanh", call: tanh },
    Function { name: "tanh_shrink", call: tanh_shrink },
];

/// Other names for rows of the table. A config is written with the row's own name, as Keras writes it.
const ALIASES: &[(&str, &str)] = &[("swish", "silu"), ("hard_swish", "hard_silu")];

/// Rows where Keras 2 computes something else under the same name.
pub static KERAS_2: &[Function] = &[Function { name: "hard_sigmoid_tf_keras", call: hard_sigmoid_v2 }];

/// An activation of the table.
#[derive(Debug)]
pub struct Builtin(&'static Function);

/// The activation of Keras 3 with this name.
pub fn builtin(name: &str) -> Option<Builtin> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, row)| row);
    ACTIVATIONS.iter().chain(KERAS_2).find(|f| f.name == name).map(Builtin)
}

/// Every name that [`builtin`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    ACTIVATIONS.iter().map(|f| f.name).chain(ALIASES.iter().map(|(alias, _)| *alias))
}

impl Activation for Builtin {
    fn spec(&self) -> Value {
        self.0.name.into()
    }
    fn call(&self, x: Tensor) -> Tensor {
        (self.0.call)(x)
    }
}

/// A function or closure of the user's. Configs name it as it was registered, else as it is called in the source.
impl<F: Fn(Tensor) -> Tensor + Send + Sync + 'static> Activation for F {
    fn spec(&self) -> Value {
        serialized_custom_function(&function_name::<F>())
    }
    fn call(&self, x: Tensor) -> Tensor {
        self(x)
    }
}

/// What layers have where no activation was given: the identity, written as `"linear"`.
pub(crate) fn none() -> Named<dyn Activation> {
    named("linear")
}

/// Keras' own activation of this name.
pub(crate) fn named(name: &str) -> Named<dyn Activation> {
    builtin(name).map(Named::from).unwrap_or_default()
}
