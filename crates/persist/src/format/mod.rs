//! Formats: how each of them says what is in a [`Tree`](crate::tree::Tree). They know nothing of offsets.

pub(crate) mod complete;
pub(crate) mod config;
pub(crate) mod keras_h5;
pub(crate) mod keras_v3;
pub(crate) mod naming;
pub(crate) mod optimizer;
mod own;
mod resume;
pub(crate) mod safetensors;
pub(crate) mod saved_model;
pub(crate) mod skeleton;
pub(crate) mod tf_checkpoint;
pub(crate) mod values;
pub(crate) mod vocabulary;
pub(crate) mod weights_h5;

use std::path::Path;

use crate::Error;

/// Two things of a tree want one place in a file.
fn taken(path: &Path, place: &str) -> Error {
    Error::Usage {
        what: format!("{}: two variables would be written to {place}", path.display()),
        advice: "give layers and variables names of their own".into(),
    }
}
