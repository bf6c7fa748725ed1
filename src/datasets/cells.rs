//! Arrays that are written to files: of numbers, or of strings.

use ndarray::{ArrayD, Axis};
use rhyton_engine::train::Predicted;
use rhyton_engine::types::DType;

/// An array of numbers with the type that a file has of them, or one of strings.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cells<'a> {
    /// Numbers.
    Numbers(&'a ArrayD<f32>, DType),
    /// Strings.
    Text(&'a ArrayD<String>),
}

impl<'a> Cells<'a> {
    /// Of an output whose numbers are of this type.
    pub(super) fn of(output: &'a Predicted, dtype: DType) -> Self {
        match output {
            Predicted::Numbers(array) => Cells::Numbers(array, dtype),
            Predicted::Text(array) => Cells::Text(array),
        }
    }

    pub(super) fn shape(&self) -> &'a [usize] {
        match self {
            Cells::Numbers(array, _) => array.shape(),
            Cells::Text(array) => array.shape(),
        }
    }

    pub(super) fn dtype(&self) -> DType {
        match self {
            Cells::Numbers(_, dtype) => *dtype,
            Cells::Text(_) => DType::Text,
        }
    }

    /// The fields of an example.
    pub(super) fn fields(&self, example: usize) -> Vec<String> {
        match self {
            Cells::Numbers(array, _) => {
                array.index_axis(Axis(0), example).iter().map(f32::to_string).collect()
            }
            Cells::Text(array) => array.index_axis(Axis(0), example).iter().cloned().collect(),
        }
    }
}
