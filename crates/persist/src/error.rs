//! The crate's error, grouped by whose fault it is.

use std::path::PathBuf;

/// What can go wrong with a model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused: retry, free space, or fix permissions.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `read`, `write`, `rename` ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Saved, and every reader sees the new file; but the system could not say that a power failure would not undo it.
    #[error("{} is saved, but may not survive a power failure: {source}", path.display())]
    Durability {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is damaged, or not what its name says.
    #[error("{}: {place}: found {found}, expected {expected}", path.display())]
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
    #[error("{}: {place}: {what} is not supported{advice}", path.display())]
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
    #[error("{}: the file does not fit the model: {}", path.display(), mismatches.join("; "))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// One line per difference.
        mismatches: Vec<String>,
    },
    /// The caller asked for something that cannot be.
    #[error("{what}; {advice}")]
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        advice: String,
    },
}
