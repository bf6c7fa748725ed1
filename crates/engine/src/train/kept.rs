//! What a model keeps of a file's training that it cannot do.

use std::any::Any;
use std::sync::Arc;

use super::model::Model;
use crate::Error;

/// Describes how a model was compiled and how far its optimizer was, where that cannot go on here: for who saves it again.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Says why not.
    pub why: Error,
    /// Holds what was read, in the form of who read it.
    pub data: Arc<dyn Any + Send + Sync>,
}

impl Model {
    /// Keeps what was read of a training that cannot go on, until the model is compiled again. A model that is not compiled gives the
    /// reason as its error where it would have to be.
    pub fn keep(&mut self, kept: Kept) {
        self.kept = Some(kept);
    }

    /// Returns what is kept.
    pub fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }
}
