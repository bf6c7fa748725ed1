//! Errors of this crate, as the library's one.

use std::sync::Arc;

use rhyton_persist::Location;

use crate::datasets::DatasetError;

pub use rhyton_error::Error;

impl From<DatasetError> for Error {
    fn from(error: DatasetError) -> Self {
        Error::Dataset(Arc::new(error))
    }
}

/// Makes the error that what was asked for cannot be.
pub(crate) fn usage(path: &Location, what: &str, advice: &str) -> Error {
    rhyton_persist::Error::Usage { what: format!("{path}: {what}"), advice: advice.into() }.into()
}
