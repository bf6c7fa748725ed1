//! Values on the host: what layers over words and large numbers take and make before a model's computation.

mod fingerprint;
mod siphash;

use std::borrow::Cow;

pub use fingerprint::{cross, fingerprint};
pub use siphash::siphash;

use crate::types::{DType, Integer, elements};

/// An array on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Values<'a> {
    /// Shape; the first axis counts examples.
    pub shape: Vec<usize>,
    /// The elements in row-major order.
    pub elements: Elements<'a>,
}

/// The elements of an array on the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements<'a> {
    /// Floats.
    Floats(Vec<f32>),
    /// Integers of a type, each exact.
    Integers(Integer, Vec<i64>),
    /// Strings.
    Text(Vec<Cow<'a, str>>),
}

impl Values<'_> {
    /// Returns the type of its elements.
    pub fn dtype(&self) -> DType {
        match &self.elements {
            Elements::Floats(_) => DType::F32,
            Elements::Integers(integer, _) => DType::Whole(*integer),
            Elements::Text(_) => DType::Text,
        }
    }

    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        elements(&self.shape)
    }

    /// Returns whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns each element as TensorFlow writes it out: integers as decimals, truth values as words. Floats are cut towards zero first.
    pub(crate) fn texts(&self) -> Vec<Cow<'_, str>> {
        match &self.elements {
            Elements::Floats(values) => values.iter().map(|v| (*v as i64).to_string().into()).collect(),
            Elements::Integers(Integer::Bool, values) => {
                values.iter().map(|v| if *v == 0 { "false" } else { "true" }.into()).collect()
            }
            Elements::Integers(_, values) => values.iter().map(|v| v.to_string().into()).collect(),
            Elements::Text(values) => values.iter().map(|v| Cow::Borrowed(v.as_ref())).collect(),
        }
    }
}
