//! The library's one error, grouped by whose fault it is; and what a word that is unknown may have meant.

#![forbid(unsafe_code)]

pub mod shown;
mod words;

use std::error::Error as StdError;
use std::sync::Arc;

use shown::line;

pub use words::{did_you_mean, nearest, one_of};

/// Describes what can go wrong. A message is one line, whatever the file holds whose names are in it (see [`shown`]), and says what was wrong, where, what was found, and what would be right.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer or op was given shapes or types that do not fit.
    #[error("{}", line(&format!("{}{what}", place(layer))))]
    Shape {
        /// Path of the layer; empty where there is none.
        layer: String,
        /// Holds what was found and what would fit.
        what: String,
    },
    /// An argument of a layer, optimizer or call is out of its range.
    #[error("{}", line(what))]
    Argument {
        /// Holds what was given and what would be right.
        what: String,
    },
    /// A class or function name that nobody registered.
    #[error("{}", line(&format!("unknown {kind} `{name}`; {advice}")))]
    Unknown {
        /// `layer`, `activation`, `loss` ...
        kind: &'static str,
        /// The name.
        name: String,
        /// Says how to register it.
        advice: String,
    },
    /// A config does not describe the object that it should.
    #[error("{}", line(&format!("config of {object}: {what}")))]
    Config {
        /// Class and name.
        object: String,
        /// Holds what was found and what would be right.
        what: String,
    },
    /// The training data are not what the model takes.
    #[error("{}", line(what))]
    Data {
        /// Says what is wrong, with the first position.
        what: String,
    },
    /// The model is not in the state that the call needs.
    #[error("{}", line(what))]
    State {
        /// Holds what to do first.
        what: String,
    },
    /// The device failed or is gone.
    #[error("{}", line(&format!("device {device}: {what}")))]
    Device {
        /// Its name.
        device: String,
        /// Holds what it said.
        what: String,
    },
    /// An op has no gradient where one is needed.
    #[error("{}", line(&format!("{op} has no gradient (in {layer})")))]
    NoGradient {
        /// The op.
        op: String,
        /// Path of the layer.
        layer: String,
    },
    /// A callback failed.
    #[error("{}", line(&format!("callback {callback}: {source}")))]
    Callback {
        /// Its name.
        callback: String,
        /// Its own error.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// A model file, or the place where it lies, failed.
    #[error(transparent)]
    File(Arc<dyn StdError + Send + Sync>),
    /// A data set could not be loaded.
    #[error(transparent)]
    Dataset(Arc<dyn StdError + Send + Sync>),
    /// Something of the user's own failed: see [`Error::other`].
    #[error(transparent)]
    Other(Arc<dyn StdError + Send + Sync>),
}

impl Error {
    /// Wraps an error of the user's own, for a custom layer or callback to return.
    ///
    /// ```
    /// let error = rhyton_error::Error::other("no more ink");
    /// assert_eq!(error.to_string(), "no more ink");
    /// ```
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Error::Other(Arc::from(error.into()))
    }

    /// Returns the error of a file, of a data set, of a callback or of the user, if it is of this type.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        match self {
            Error::File(inner) | Error::Dataset(inner) | Error::Other(inner) => inner.downcast_ref(),
            Error::Callback { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }
}

fn place(layer: &str) -> String {
    if layer.is_empty() { String::new() } else { format!("layer {layer}: ") }
}
