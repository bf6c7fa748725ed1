//! Keras and TensorFlow model files to plain data and back. No GPU, no engine.
//!
//! * [`tree`]: what a model file says, neutral between formats and dialects.
//! * [`commit`]: how a file becomes visible: whole and durable, or not at all.
//! * `place`: names of places: a path, or a URL ([`Location`]). [`bytes`]: what is read by parts ([`ReadAt`]).
//! * [`storage`]: what is at a place. [`copy()`]: from one to another.
//! * [`checkpoint_state`]: the state file of a folder of checkpoints.
//! * `container`: zip, HDF5, tensor bundle, safetensors: they know bytes, not layers.
//! * `format`: `.keras`, `.weights.h5`, `.h5`, TensorFlow checkpoint, SavedModel, safetensors: they know layers, not offsets.
//! * [`formats`]: the table of formats; [`open`] and [`write()`] go through it.
//! * [`mod@convert`]: from one format to another; [`outline`]: the objects of a model as its configs say them.
//! * [`limits`]: what a file may ask of its reader.

#![forbid(unsafe_code)]

pub mod bytes;
pub mod checkpoint_state;
pub mod commit;
pub mod convert;
pub mod formats;
pub mod limits;
pub mod outline;
pub mod storage;
pub mod tree;

mod container;
mod copy;
mod date;
mod error;
mod format;
pub mod lookups;
mod place;

pub use bytes::ReadAt;
pub use convert::convert;
pub use copy::copy;
pub use error::Error;
pub use formats::{latest_checkpoint, open, open_bytes, write, write_to};
pub use place::Location;
/// Shows text of files to people.
pub use rhyton_error::shown;

impl From<Error> for rhyton_error::Error {
    fn from(error: Error) -> Self {
        rhyton_error::Error::File(std::sync::Arc::new(error))
    }
}
