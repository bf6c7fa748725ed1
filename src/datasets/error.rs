//! What can go wrong with a data set.

use std::path::PathBuf;
use std::sync::Arc;

use rhyton_persist::shown::{brief, line};

/// Why a data set could not be loaded. Each message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The data set is on none of the places that were searched, and was not downloaded.
    #[error("{dataset} is not on this machine: {}; {advice}", searched.join("; "))]
    NotFound {
        /// The name of the data set.
        dataset: &'static str,
        /// One entry for each folder: the folder and what is missing there.
        searched: Vec<String>,
        /// What to do.
        advice: String,
    },
    /// The download failed: no network, a refusal, or other bytes than expected.
    #[error(
        "cannot download {url}: {cause}; try again, or get the file another way and put it at {}, or into the folder \
         that RHYTON_DATA names",
        target.display()
    )]
    Download {
        /// What was to be downloaded.
        url: String,
        /// Where it was to be put.
        target: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// A label is no class.
    #[error("label {index} is {label}, but the classes are 0 to {} (num_classes = {num_classes})", num_classes.saturating_sub(1))]
    Class {
        /// Which example.
        index: usize,
        /// Its label.
        label: i64,
        /// Number of classes.
        num_classes: usize,
    },
    /// The system refused to read or write a file.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read`, `write` ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not the known one: damaged, cut off, or another data set under its name.
    #[error(
        "{}: the SHA-256 of its {what} is {found}, expected {expected}; remove the file, so that it is \
         fetched again, or put the right one in its place",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// `bytes`, or `unpacked bytes`.
        what: &'static str,
        /// The sum of the file, in hexadecimal.
        found: String,
        /// The sum of the right file.
        expected: &'static str,
    },
    /// The file is damaged, or not what its name says.
    #[error("{}", line(&format!("{}: {}: found {}, expected {}", path.display(), brief(place), brief(found), brief(expected))))]
    Format {
        /// The file.
        path: PathBuf,
        /// Where inside it.
        place: String,
        /// What was there.
        found: String,
        /// What would be right.
        expected: String,
    },
}

impl DatasetError {
    /// A [`DatasetError::Format`].
    pub(super) fn format(
        path: impl Into<PathBuf>,
        place: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Format {
            path: path.into(),
            place: place.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

impl From<DatasetError> for crate::Error {
    fn from(error: DatasetError) -> Self {
        Self::Dataset(Arc::new(error))
    }
}
