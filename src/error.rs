//! The library's error: the engine's, the files', the data sets'.

use rhyton_persist::Location;

/// What can go wrong. A message says what was wrong, where, what was found, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model, the data or the device.
    #[error(transparent)]
    Engine(#[from] rhyton_engine::Error),
    /// A model file.
    #[error(transparent)]
    File(#[from] rhyton_persist::Error),
    /// A data set.
    #[error(transparent)]
    Data(#[from] crate::datasets::DatasetError),
}

impl Error {
    pub(crate) fn usage(path: &Location, what: &str, advice: &str) -> Self {
        rhyton_persist::Error::Usage { what: format!("{path}: {what}"), advice: advice.into() }.into()
    }
}
