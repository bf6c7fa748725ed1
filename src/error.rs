//! Errors of this crate, as the library's one.

use rhyton_persist::Location;

pub use rhyton_error::Error;

/// Makes the error that what was asked for cannot be.
pub(crate) fn usage(path: &Location, what: &str, advice: &str) -> Error {
    rhyton_persist::Error::Usage { what: format!("{path}: {what}"), advice: advice.into() }.into()
}
