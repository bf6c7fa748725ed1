//! Keras and TensorFlow model files to plain data and back. No GPU, no engine.
//!
//! * [`tree`]: what a model file says, neutral between formats and dialects.
//! * [`commit`]: how a file becomes visible: whole and durable, or not at all.
//! * [`storage`]: where files are: a path, or a URL.
//! * [`checkpoint_state`]: which checkpoint of a folder is the newest.
//! * `container`: zip, HDF5, tensor bundle, safetensors: they know bytes, not layers.
//! * `format`: `.keras`, `.weights.h5`, `.h5`, TensorFlow checkpoint, SavedModel, safetensors: they know layers, not offsets.
//! * [`formats`]: the table of formats; [`open`] and [`write()`] go through it.
//! * [`mod@convert`]: from one format to another; [`outline`]: the objects of a model as its configs say them.
//! * [`limits`]: what a file may ask of its reader.

#![forbid(unsafe_code)]

pub mod checkpoint_state;
pub mod commit;
pub mod convert;
pub mod formats;
pub mod limits;
pub mod outline;
pub mod storage;
pub mod tree;

mod container;
mod error;
mod format;
mod lookups;

pub use checkpoint_state::latest_checkpoint;
pub use convert::convert;
pub use error::Error;
pub use formats::{open, write};
/// Shows text of files to people.
pub use rhyton_error::shown;
pub use storage::Location;

impl From<Error> for rhyton_error::Error {
    fn from(error: Error) -> Self {
        rhyton_error::Error::File(std::sync::Arc::new(error))
    }
}
