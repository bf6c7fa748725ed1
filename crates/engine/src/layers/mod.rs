//! Layers: one file each. A layer is a serde struct of its config, in Keras' names and defaults.
//!
//! To add one: a file with `impl Layer`, and a row of `layers!` below.

#[macro_use]
mod builders;
#[macro_use]
mod config;

mod activation;
mod activity;
mod attention;
mod batch_normalization;
mod conv2d;
mod dense;
mod dropout;
mod embedding;
mod flatten;
mod global_pooling;
mod inner;
mod input;
mod layer_normalization;
mod masking;
mod merge;
mod noise;
mod one_d;
mod operation;
mod permute;
mod pooling;
mod prelu;
mod rectified;
mod recurrent;
mod repeat;
mod rescaling;
mod reshape;
mod softmax;
mod time_distributed;
mod unit_normalization;
mod windows;

use std::any::TypeId;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use attention::{ScoreMode, Sizes};
pub use flatten::DataFormat;
pub use one_d::{Padding1D, Size1D};
pub(crate) use operation::operation;
pub use operation::{OPERATIONS, Operation};
pub use windows::{Padding, Size2D};

use crate::Error;
use crate::config as configs;
use crate::graph::{DynLayer, Layer};

/// Makes a layer from its own part of a config.
pub type Make = fn(Map<String, Value>) -> Result<Box<dyn DynLayer>, Error>;

/// A row of the table of layers.
#[derive(Debug)]
pub struct Class {
    /// The class.
    pub name: &'static str,
    /// Reads its config.
    pub make: Make,
    /// Its type, which a class of the user's with the same name has not.
    pub of: fn() -> TypeId,
    /// Keys that Keras 2 has another name for: (there, here).
    pub renamed: &'static [(&'static str, &'static str)],
}

macro_rules! layers {
    ($( $file:ident: $( $class:ident $( ( $( $there:literal = $here:literal ),+ ) )? ),+; )*) => {
        /// Every class: what a prelude takes.
        pub mod classes {
            $( pub use super::$file::{$($class),+}; )*
        }
        pub use classes::*;

        /// Keras' layers.
        pub static LAYERS: &[Class] = &[ $($( row::<$class>(&[$($( ($there, $here) ),+)?]) ),+),* ];
    };
}

// File, classes, and in brackets keys of their configs that Keras 2 has another name for.
layers! {
    activation: Activation, Identity;
    activity: ActivityRegularization;
    attention: AdditiveAttention, Attention, MultiHeadAttention;
    batch_normalization: BatchNormalization;
    conv2d: Conv2D;
    dense: Dense;
    dropout: Dropout;
    embedding: Embedding;
    flatten: Flatten;
    global_pooling: GlobalAveragePooling2D, GlobalMaxPooling2D;
    input: InputLayer("batch_input_shape" = "batch_shape");
    layer_normalization: LayerNormalization;
    masking: Masking;
    merge: Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract;
    noise: GaussianDropout, GaussianNoise;
    one_d: AveragePooling1D, Conv1D, GlobalAveragePooling1D, GlobalMaxPooling1D, MaxPooling1D;
    permute: Permute;
    pooling: AveragePooling2D, MaxPooling2D;
    prelu: PReLU;
    recurrent: Bidirectional, GRU, GRUCell, LSTM, LSTMCell, RNN, SimpleRNN, SimpleRNNCell, StackedRNNCells;
    rectified: ELU, LeakyReLU("alpha" = "negative_slope"), ReLU;
    repeat: RepeatVector;
    rescaling: Rescaling;
    reshape: Reshape;
    softmax: Softmax;
    time_distributed: TimeDistributed;
    unit_normalization: UnitNormalization;
}

const fn row<L: Layer + DeserializeOwned>(renamed: &'static [(&'static str, &'static str)]) -> Class {
    Class { name: L::CLASS, make: make::<L>, of: TypeId::of::<L>, renamed }
}

/// Reads a layer's own part of a config. A setting that the layer does not know is an error, unless it is null or false.
///
/// # Errors
/// Names the setting.
pub(crate) fn make<L: Layer + DeserializeOwned>(
    config: Map<String, Value>,
) -> Result<Box<dyn DynLayer>, Error> {
    if let Some(key) = L::REQUIRED.iter().find(|key| config.get(**key).is_none_or(Value::is_null)) {
        let what = format!("the key `{key}` is missing");
        return Err(Error::Config { object: L::CLASS.into(), what });
    }
    let layer: L = configs::parse(L::CLASS, &config)?;
    let idle = |key: &str, value: &Value| key == "dtype" || *value == Value::Bool(false);
    configs::check_heeded(L::CLASS, &config, &layer, <L as Layer>::config, idle)?;
    Ok(Box::new(layer))
}

/// A setting that Keras has and this layer does not: written as null, and an error where a config has more (see [`make`]).
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Unset;

impl<'de> Deserialize<'de> for Unset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Unset)
    }
}

/// One axis or several, as configs have them; negative ones count from the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
pub enum Axes {
    /// One.
    One(isize),
    /// Several.
    Many(Vec<isize>),
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes::One(axis)
    }
}
impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes::Many(axes.to_vec())
    }
}
impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Axes::Many(axes)
    }
}

impl Axes {
    /// All of them.
    pub fn list(&self) -> &[isize] {
        match self {
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Many(axes) => axes,
        }
    }

    /// All of them, counted from the front, ascending.
    ///
    /// # Errors
    /// A tensor of this rank has no such axis.
    pub(crate) fn of_rank(&self, rank: usize) -> Result<Vec<usize>, Error> {
        let mut axes = self.list().iter().map(|a| axis(*a, rank)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }
}

/// An axis counted from the front.
///
/// # Errors
/// A tensor of this rank has no such axis.
pub(crate) fn axis(axis: isize, rank: usize) -> Result<usize, Error> {
    crate::types::axis_index(axis, rank).ok_or_else(|| Error::Shape {
        layer: String::new(),
        what: format!("axis {axis} of a tensor with {rank} axes"),
    })
}
