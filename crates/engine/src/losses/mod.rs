//! Losses: per-example values made of ops; the reduction to one number is the same for all.
//!
//! To add one: a row of `loss!` in the file of its family, and a row of [`LOSSES`].

mod class;
mod classes;
mod given;
mod probability;
mod regression;
mod shape;
mod similarity;
mod targets;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use class::{Class, LOSSES, Make, NamedLoss, builtin, crossentropy_name, is_crossentropy, renamed};
pub use classes::{
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
};
pub use given::{IntoLoss, IntoLossSpec, LossSpec, Losses};
pub use probability::{KLDivergence, Poisson};
pub use regression::{
    Huber, LogCosh, MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
    MeanSquaredLogarithmicError,
};
pub(crate) use shape::{one_hot, same_rank, squeeze_labels};
pub use similarity::{Axes, CategoricalHinge, CosineSimilarity, Dice, Hinge, SquaredHinge, Tversky};
pub use targets::{TargetKind, kind_of_targets};

use crate::graph::{Tensor, serialized_custom_function};
use crate::names::function_name;

/// How per-example losses become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Sum over all elements divided by their number (Keras' default).
    #[default]
    SumOverBatchSize,
    /// Sum over all elements.
    Sum,
    /// Sum of weighted elements divided by the sum of weights.
    MeanWithSampleWeight,
    /// The per-example values themselves; training takes their mean.
    None,
}

impl Serialize for Reduction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Reduction::SumOverBatchSize => "sum_over_batch_size",
            Reduction::Sum => "sum",
            Reduction::MeanWithSampleWeight => "mean_with_sample_weight",
            Reduction::None => "none",
        })
    }
}

impl<'de> Deserialize<'de> for Reduction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        match name.as_deref() {
            // "auto" is Keras 2's word for it.
            Some("sum_over_batch_size" | "auto" | "mean") => Ok(Reduction::SumOverBatchSize),
            Some("sum") => Ok(Reduction::Sum),
            Some("mean_with_sample_weight") => Ok(Reduction::MeanWithSampleWeight),
            Some("none") | None => Ok(Reduction::None),
            Some(other) => Err(serde::de::Error::custom(format!(
                "reduction {other:?}, expected sum_over_batch_size, sum, mean_with_sample_weight or none"
            ))),
        }
    }
}

/// A loss.
pub trait Loss: Send + Sync {
    /// As compile configs name it: a serialized object or a registered function's name.
    fn spec(&self) -> Value;
    /// Name in logs.
    fn name(&self) -> String;
    /// Losses per example: the shape of `y_pred` without its last axis (or of the class numbers).
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor;
    /// Which of the values of [`Loss::call`] count, as 0 and 1 in their shape; `None` where all do. The mean is taken over those.
    fn mask(&self, _y_true: Tensor, _y_pred: Tensor) -> Option<Tensor> {
        None
    }
    /// How they are joined.
    fn reduction(&self) -> Reduction {
        Reduction::SumOverBatchSize
    }
    /// Whether the targets are class numbers: they are then checked against the number of classes and passed as int32.
    fn takes_class_numbers(&self) -> bool {
        false
    }
    /// A class number that marks targets without a class, which may lie outside the range.
    fn ignored_class(&self) -> Option<i64> {
        None
    }
}

/// A function or closure of the user's. Configs name it as it was registered, else as it is called in the source.
impl<F: Fn(Tensor, Tensor) -> Tensor + Send + Sync + 'static> Loss for F {
    fn spec(&self) -> Value {
        serialized_custom_function(&function_name::<F>())
    }
    fn name(&self) -> String {
        let name = function_name::<F>();
        name.rsplit('>').next().unwrap_or(&name).into()
    }
    fn call(&self, y_true: Tensor, y_pred: Tensor) -> Tensor {
        self(y_true, y_pred)
    }
}

/// Keras' `backend.epsilon()`.
pub(crate) const EPSILON: f64 = 1e-7;
