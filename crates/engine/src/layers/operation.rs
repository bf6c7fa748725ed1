//! Operations that functional models list among their layers: those of Keras 3 (`Add` of `a + b`, `GetItem` of `x[:, 0]`), and functions of TensorFlow as
//! tf_keras has them (`TFOpLambda`).
//!
//! To add one: a row of the table of its module in Keras (`numpy.rs`, `nn.rs`, ..), or of `functions.rs`.

use std::any::Any;

use serde_json::{Map, Value};

use crate::Error;
use crate::graph::{
    Arguments, Builder, CallContext, DynLayer, Integers, LayerRef, Resolver, Shape, Tensor, fail,
};

mod args;
mod whole;

use args::Args;
use whole::Whole;

/// What an operation makes.
type Made = Result<Vec<Tensor>, Error>;

type Run = fn(&Args<'_>) -> Made;

/// Writes a table of operations: class, names of the arguments of its call, what it does with integers, and the function.
macro_rules! operations {
    ($(#[$doc:meta])* $table:ident $module:literal { $( $class:ident ( $( $parameter:literal ),* ) $whole:ident, $run:expr; )* }) => {
        $(#[$doc])*
        pub(super) static $table: &[$crate::layers::operation::Row] = &[ $(
            $crate::layers::operation::Row {
                class: stringify!($class),
                module: $module,
                parameters: &[$( $parameter ),*],
                whole: $crate::layers::operation::Whole::$whole,
                run: $run,
            },
        )* ];
    };
}

mod core;
mod creation;
mod einops;
mod elementwise;
mod functions;
mod image;
mod index;
mod integers;
mod known;
mod linalg;
mod losses;
mod math;
mod nn;
mod normalize;
mod numpy;
mod order;
mod pad;
mod products;
mod reduce;
mod scatter;
mod shape;
mod tensorflow;
mod windows;

pub(crate) use functions::function;
pub use functions::{Function, functions};

/// A row of a table.
#[derive(Debug)]
pub struct Row {
    /// Class name.
    pub class: &'static str,
    /// Keras' module of it.
    pub module: &'static str,
    /// Names of the arguments of its call, in order.
    parameters: &'static [&'static str],
    whole: Whole,
    run: Run,
}

static TABLES: &[&[Row]] =
    &[core::CORE, einops::EINOPS, image::IMAGE, linalg::LINALG, math::MATH, nn::NN, numpy::NUMPY];

/// Returns every operation of Keras 3 that is here.
pub fn operations() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}

/// An operation with the settings of its config.
#[derive(Debug)]
pub struct Operation {
    row: &'static Row,
    config: Map<String, Value>,
    /// The function of TensorFlow that it is called as.
    function: Option<&'static Function>,
}

impl Operation {
    /// Returns the operation that is called as a function of TensorFlow.
    pub(crate) fn of_tensorflow(function: &'static Function) -> Self {
        Operation { row: function.row, config: Map::new(), function: Some(function) }
    }

    /// Returns the name that messages call it by.
    fn shown(&self) -> &'static str {
        self.function.map_or(self.row.class, |f| f.name)
    }

    /// Returns the names of its arguments, in order.
    pub(crate) fn names(&self) -> &'static [&'static str] {
        self.function.map_or(self.row.parameters, |f| &f.parameters)
    }

    /// Returns its own names of an argument that Keras 3 calls so.
    fn own_names<'n>(&self, name: &'n str) -> Vec<&'n str> {
        match self.function {
            Some(function) => function.own_names(name).collect(),
            None => vec![name],
        }
    }

    /// Returns whether an argument changes nothing.
    fn is_idle(&self, name: &str) -> bool {
        self.function.is_some_and(|f| f.idle.contains(&name))
    }

    /// Adds the nodes of one call.
    pub(crate) fn run(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        let args = Args::new(self, cx);
        let made = (self.row.run)(&args)
            .and_then(|out| self.row.whole.typed(&args, out))
            .and_then(|out| args.all_heeded().map(|()| out));
        made.unwrap_or_else(|error| {
            fail(error);
            xs.to_vec()
        })
    }
}

/// Makes an operation of this class, from its config; `None` where it is not here.
pub(crate) fn operation(class: &str, config: Map<String, Value>) -> Option<Operation> {
    let row = operations().find(|row| row.class == class)?;
    Some(Operation { row, config, function: None })
}

impl DynLayer for Operation {
    fn class_name(&self) -> &'static str {
        self.row.class
    }

    fn module(&self) -> &'static str {
        self.row.module
    }

    fn bind(&mut self, _resolver: &dyn Resolver) -> Result<(), Error> {
        Ok(())
    }

    fn build_all(&mut self, _builder: &mut Builder, _inputs: &[Shape]) -> Result<(), Error> {
        Ok(())
    }

    fn parameters(&self) -> &'static [&'static str] {
        self.names()
    }

    fn arguments(&self, count: usize) -> Arguments {
        if self.names().len() == 1 { Arguments::plain(count) } else { Arguments::each(count) }
    }

    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        self.run(xs, cx)
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Sees
    }

    fn config(&self) -> Map<String, Value> {
        self.config.clone()
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        vec![]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
