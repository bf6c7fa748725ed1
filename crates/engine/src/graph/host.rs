//! Layers that are computed on the host before a model's computation, and what layers learn from data.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{DType, LayerSettings, Shape};
use crate::Error;
use crate::host::Values;

/// A layer that is computed on the host, while a batch is gathered: it takes strings, or integers of any size.
pub trait HostLayer {
    /// Returns the type of its input where nothing else says one: what a Sequential that begins with the layer takes.
    fn takes(&self) -> Option<DType> {
        None
    }

    /// Returns shape and type of what it makes of inputs of these.
    ///
    /// # Errors
    /// They do not suit it.
    fn output_type(
        &self,
        inputs: &[(Shape, DType)],
        settings: &LayerSettings,
    ) -> Result<(Shape, DType), Error>;

    /// Computes.
    ///
    /// # Errors
    /// A value is none that it can have; it has learned nothing yet.
    fn compute(&self, inputs: &[Values<'_>], settings: &LayerSettings) -> Result<Values<'static>, Error>;
}

/// Learns from data what a layer has beside its variables: a vocabulary, the boundaries of bins. See `adapt`.
pub trait Learner {
    /// Learns from data, in place of what it learned before.
    ///
    /// # Errors
    /// It was told what to know, or the data do not suit it.
    fn learn(&mut self, data: &Values<'_>) -> Result<(), Error>;

    /// Returns its words, special ones first, as a file of them has lines; `None` where it has none yet, or is no lookup.
    fn known_words(&self) -> Option<Vec<String>> {
        None
    }

    /// Returns whether it learns words.
    fn has_words(&self) -> bool {
        false
    }

    /// Returns whether the words are in its config, as they were given.
    fn is_given(&self) -> bool {
        false
    }

    /// Puts the words of a file in.
    ///
    /// # Errors
    /// They are none of its.
    fn set_words(&mut self, _words: Vec<String>) -> Result<(), Error> {
        Err(Error::State { what: "it has no vocabulary".into() })
    }

    /// Returns the array that files have of it beside its variables: its name, and its numbers where it has them. `keras2`: in files of Keras 2.
    fn array(&self, _keras2: bool) -> Option<(&'static str, Option<Array>)> {
        None
    }

    /// Puts that array in.
    ///
    /// # Errors
    /// It does not suit the layer.
    fn set_array(&mut self, _array: Array) -> Result<(), Error> {
        Err(Error::State { what: "it has no such array".into() })
    }
}

/// An array of floats that a file has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements in row-major order.
    pub values: Vec<f32>,
}

static LEARNED: AtomicU64 = AtomicU64::new(0);

/// Returns how often layers have learned something in this process: what they know is part of plans, which are made anew when it changes.
pub(crate) fn times_learned() -> u64 {
    LEARNED.load(Ordering::Acquire)
}

/// Says that a layer has learned something.
pub(crate) fn has_learned() {
    LEARNED.fetch_add(1, Ordering::AcqRel);
}
