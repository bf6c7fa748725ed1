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
pub(crate) use shape::{one_hot, same_rank, sigmoid_logits, softmax_logits, squeeze_labels};
pub use similarity::{Axes, CategoricalHinge, CosineSimilarity, Dice, Hinge, SquaredHinge, Tversky};
pub use targets::{TargetKind, kind_of_targets};

use crate::Error;
use crate::graph::{Tensor, serialized_custom_function};
use crate::names::function_name;
use crate::words::Words;

/// How per-example losses become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Sum over all elements divided by their number (Keras' default).
    #[default]
    SumOverBatchSize,
    /// Sum over all elements.
    Sum,
    /// Sum of weighted elements divided by the sum of the weights (as they are given: one for each example, say).
    MeanWithSampleWeight,
    /// The per-example values themselves: their mean is shown, and training follows the gradient of their sum, as Keras does.
    None,
}

impl Words for Reduction {
    const OPTION: &'static str = "reduction";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("sum_over_batch_size", Reduction::SumOverBatchSize),
        ("sum", Reduction::Sum),
        ("mean_with_sample_weight", Reduction::MeanWithSampleWeight),
        ("none", Reduction::None),
    ];
    // The first is Keras 2's word.
    const ALIASES: &'static [(&'static str, Self)] =
        &[("auto", Reduction::SumOverBatchSize), ("mean", Reduction::SumOverBatchSize)];
    const NULL: Option<Self> = Some(Reduction::None);
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
    /// Checks whether its settings can be done; told when the model is compiled.
    ///
    /// # Errors
    /// Names the setting, what was found and what would be right.
    fn check(&self) -> Result<(), Error> {
        Ok(())
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
