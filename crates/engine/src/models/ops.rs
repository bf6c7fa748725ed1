//! `keras.ops` on symbolic tensors: operators and functions that make operations of a functional model, which its file lists as Keras 3 does.
//!
//! ```
//! # use rhyton_engine as rhyton;
//! # use rhyton::graph::LayerExt;
//! # use rhyton::layers::Dense;
//! # use rhyton::models::ops;
//! # use rhyton::train::{Apply, Model, input};
//! # fn main() -> Result<(), rhyton::Error> {
//! let (a, b) = (input([4]), input([4]));
//! let scores = ops::matmul(&ops::expand_dims(&a, -1), &ops::expand_dims(&b, 1));
//! let mixed = ops::concatenate([&a + &b, ops::mean(&scores, -1).relu()], -1);
//! let model = Model::new([a, b], Dense::new(1).on(mixed))?;
//! # assert_eq!(model.count_params(), 9);
//! # Ok(())
//! # }
//! ```
//!
//! What has no function here is made by its class in Keras: [`op`].

mod at;
mod functions;
mod operators;

use serde_json::{Map, Value};

use super::registry;
use super::symbol::Symbol;
use crate::graph::{Argument, Arguments};

pub use at::{At, get_item};
pub use functions::*;

/// An operation by its class in Keras, with the settings of its config and the arguments of its call.
#[must_use = "nothing is called before `.on()`"]
#[derive(Clone, Debug)]
pub struct Op {
    class: String,
    config: Map<String, Value>,
    symbols: Vec<Symbol>,
    arguments: Arguments,
}

/// Returns the operation of this class: `op("Softmax").set("axis", 1).on(&x)`.
///
/// ```
/// # use rhyton_engine as rhyton;
/// # use rhyton::models::ops;
/// # use rhyton::train::{Model, input};
/// # fn main() -> Result<(), rhyton::Error> {
/// let x = input([3, 5]);
/// let largest = ops::op("TopK").set("k", 2).on_all(&x);
/// let spread = ops::op("Std").set("axis", [1, 2]).set("keepdims", true).on(&x);
/// let model = Model::new(x, [largest[0].clone(), spread])?;
/// # assert_eq!(model.arity(), (1, 2));
/// # Ok(())
/// # }
/// ```
pub fn op(class: impl Into<String>) -> Op {
    Op { class: class.into(), config: Map::new(), symbols: vec![], arguments: Arguments::default() }
}

/// What an operation can be called on: symbols, lists of them, numbers.
#[derive(Clone, Debug)]
pub enum Operand {
    /// A symbol.
    Symbol(Symbol),
    /// Several.
    List(Vec<Symbol>),
    /// A number, a word, or what else a config may say.
    Value(Value),
}

impl From<Symbol> for Operand {
    fn from(symbol: Symbol) -> Self {
        Operand::Symbol(symbol)
    }
}
impl From<&Symbol> for Operand {
    fn from(symbol: &Symbol) -> Self {
        Operand::Symbol(symbol.clone())
    }
}
impl From<Vec<Symbol>> for Operand {
    fn from(list: Vec<Symbol>) -> Self {
        Operand::List(list)
    }
}
impl<const N: usize> From<[Symbol; N]> for Operand {
    fn from(list: [Symbol; N]) -> Self {
        Operand::List(list.into())
    }
}
impl<const N: usize> From<[&Symbol; N]> for Operand {
    fn from(list: [&Symbol; N]) -> Self {
        Operand::List(list.into_iter().cloned().collect())
    }
}
impl From<&[Symbol]> for Operand {
    fn from(list: &[Symbol]) -> Self {
        Operand::List(list.to_vec())
    }
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl From<$number> for Operand {
            fn from(number: $number) -> Self {
                Operand::Value(number.into())
            }
        }
    )* };
}
numbers!(f32, f64, i32, i64, u32, usize, bool, &str, Vec<f64>, Vec<i64>);

impl Op {
    /// Sets a key of its config: an argument that Keras has when the operation is made.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config.insert(key.into(), value.into());
        self
    }

    fn argument(&mut self, operand: Operand) -> Argument {
        let mut number = |symbol: Symbol| {
            self.symbols.push(symbol);
            Argument::Tensor(self.symbols.len() - 1)
        };
        match operand {
            Operand::Symbol(symbol) => number(symbol),
            Operand::List(list) => Argument::List(list.into_iter().map(number).collect()),
            Operand::Value(value) => Argument::Value(value),
        }
    }

    /// Adds an argument of its call by place.
    pub fn with(mut self, operand: impl Into<Operand>) -> Self {
        let argument = self.argument(operand.into());
        self.arguments.positional.push(argument);
        self
    }

    /// Adds an argument of its call by name: `op("Where").with(&mask).named("x1", &a).named("x2", 0.0).call()`.
    pub fn named(mut self, name: &str, operand: impl Into<Operand>) -> Self {
        let argument = self.argument(operand.into());
        self.arguments.named.push((name.into(), argument));
        self
    }

    /// Calls it; gives its (first) output. What does not fit is kept in the symbol until a model is made of it.
    pub fn call(self) -> Symbol {
        let mut outputs = self.call_all();
        outputs.swap_remove(0)
    }

    /// Calls it; gives all its outputs, at least one.
    pub fn call_all(self) -> Vec<Symbol> {
        match registry::operation(&self.class, &self.config) {
            Ok(layer) => Symbol::call_with(&registry::resolver(), &layer, &self.symbols, self.arguments),
            Err(error) => vec![Symbol::failed(error)],
        }
    }

    /// Calls it on what comes first among its arguments; gives its (first) output.
    pub fn on(self, operand: impl Into<Operand>) -> Symbol {
        let mut outputs = self.on_all(operand);
        outputs.swap_remove(0)
    }

    /// Calls it on what comes first among its arguments; gives all its outputs, at least one.
    pub fn on_all(mut self, operand: impl Into<Operand>) -> Vec<Symbol> {
        let argument = self.argument(operand.into());
        self.arguments.positional.insert(0, argument);
        self.call_all()
    }
}
