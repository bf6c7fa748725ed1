//! The crate's error, grouped by whose fault it is.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::shown::{brief, line, list};

/// Describes what can go wrong with a model file. It is shown on one line, whatever the file holds: see [`crate::shown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused: retry, free space, or fix permissions.
    Io {
        /// `read`, `write`, `rename` ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Saved, and every reader sees the new file; but the system could not say that a power failure would not undo it.
    Durability {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged, or not what its name says.
    Format {
        /// The file.
        path: PathBuf,
        /// Where inside it: member, object path, offset.
        place: String,
        /// What was there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// The file is sound, but holds something that Rhyton does not read.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Where inside it.
        place: String,
        /// What was found.
        what: String,
        /// What to do, beginning with `; `, or empty.
        advice: String,
    },
    /// The file's variables are not those of the model. The first entry is the first difference.
    Mismatch {
        /// The file.
        path: PathBuf,
        /// One line per difference.
        mismatches: Vec<String>,
    },
    /// The caller asked for something that cannot be.
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        advice: String,
    },
}

/// Returns whether an error says that there is nothing of that name.
pub(crate) fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: &Path| line(&path.display().to_string()).into_owned();
        let text = match self {
            Self::Io { action, path: file, source } => format!("cannot {action} {}: {source}", path(file)),
            Self::Durability { path: file, source } => {
                format!("{} is saved, but may not survive a power failure: {source}", path(file))
            }
            Self::Format { path: file, place, found, expected } => {
                let (place, found) = (brief(place), brief(found));
                format!("{}: {place}: found {found}, expected {}", path(file), brief(expected))
            }
            Self::Unsupported { path: file, place, what, advice } => {
                let (place, what) = (brief(place), brief(what));
                format!("{}: {place}: {what} is not supported{}", path(file), brief(advice))
            }
            Self::Mismatch { path: file, mismatches } => {
                format!("{}: the file does not fit the model: {}", path(file), list(mismatches, "; "))
            }
            // What is wrong may be the message of another error.
            Self::Usage { what, advice } => format!("{}; {}", line(what), line(advice)),
        };
        f.write_str(&line(&text))
    }
}
