//! Keras and TensorFlow model files to plain data and back. No GPU, no engine.
//!
//! * [`tree`]: what a model file says, neutral between formats and dialects.
//! * [`commit`]: how a file becomes visible: whole and durable, or not at all.
//! * `container`: zip, HDF5, tensor bundle: they know bytes, not layers.
//! * `format`: `.keras`, `.weights.h5`, `.h5`, TensorFlow checkpoint: they know layers, not offsets.
//! * `formats`: the table of formats; [`open`] and [`write`] go through it.

pub mod commit;
pub mod tree;

mod error;
pub use error::Error;
