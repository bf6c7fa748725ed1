//! The state file `checkpoint` of a folder of TensorFlow checkpoints: which one is the newest, and which ones are kept.
//!
//! [`latest_checkpoint`](crate::latest_checkpoint) also knows folders without one.

use std::io::{ErrorKind, Write};
use std::path::{Component, Path};

use crate::container::bundle::{self, Bundle};
use crate::error::is_absent;
use crate::tree::ByteSource as _;
use crate::{Error, Location, commit, limits, storage};

mod text;

/// Name of the state file.
pub const FILE_NAME: &str = "checkpoint";

/// What the state file says. Names are TensorFlow's; paths are relative to the folder of the file, or absolute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckpointState {
    /// Prefix of the newest checkpoint.
    pub model_checkpoint_path: String,
    /// Prefixes of all checkpoints that are kept, the oldest first.
    pub all_model_checkpoint_paths: Vec<String>,
    /// When each was saved, in seconds since 1970; empty, or one per path. A `CheckpointManager` writes them.
    pub all_model_checkpoint_timestamps: Vec<f64>,
    /// When a checkpoint was last kept for good, in seconds since 1970.
    pub last_preserved_timestamp: Option<f64>,
}

impl CheckpointState {
    /// One checkpoint alone, as `save_weights` and `ModelCheckpoint` write it.
    #[must_use]
    pub fn of(path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            model_checkpoint_path: path.clone(),
            all_model_checkpoint_paths: vec![path],
            ..Self::default()
        }
    }

    /// Adds the newest checkpoint, saved at `time` (seconds since 1970), and returns the paths that `max_to_keep` leaves no
    /// place for, the oldest first; 0 keeps all. Write the state, then [`remove_from`] the folder those.
    pub fn push(&mut self, path: impl Into<String>, time: f64, max_to_keep: usize) -> Vec<String> {
        let path = path.into();
        // Times that do not match the paths say nothing.
        self.all_model_checkpoint_timestamps.resize(self.all_model_checkpoint_paths.len(), time);
        if let Some(old) = self.all_model_checkpoint_paths.iter().position(|p| *p == path) {
            self.all_model_checkpoint_paths.remove(old);
            self.all_model_checkpoint_timestamps.remove(old);
        }
        self.all_model_checkpoint_paths.push(path.clone());
        self.all_model_checkpoint_timestamps.push(time);
        self.model_checkpoint_path = path;
        let keep = if max_to_keep == 0 { usize::MAX } else { max_to_keep };
        let surplus = self.all_model_checkpoint_paths.len().saturating_sub(keep);
        self.all_model_checkpoint_timestamps.drain(..surplus);
        self.all_model_checkpoint_paths.drain(..surplus).collect()
    }
}

/// Reads the state file of a folder; `None` where there is none.
///
/// # Errors
/// [`Error::Io`], or [`Error::Format`] for a file that is none.
pub fn read(folder: impl Into<Location>) -> Result<Option<CheckpointState>, Error> {
    let location = folder.into().join(FILE_NAME);
    let file = match storage::open(&location) {
        Ok(file) => file,
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(other) => return Err(other),
    };
    if file.size() > limits::STATE_FILE_BYTES {
        return Err(Error::Unsupported {
            path: location.as_path().into(),
            place: "the whole".into(),
            what: format!("a state file of more than {} bytes", limits::STATE_FILE_BYTES),
            advice: String::new(),
        });
    }
    text::parse(location.as_path(), &file.read()?).map(Some)
}

/// Writes the state file of a folder, whole or not at all.
///
/// # Errors
/// Those of [`crate::commit`].
pub fn write(folder: impl Into<Location>, state: &CheckpointState) -> Result<(), Error> {
    let location = folder.into().join(FILE_NAME);
    commit::write_file(&location, |file| {
        file.write_all(text::print(state).as_bytes()).map_err(|source| location.failed("write", source))
    })
}

/// The checkpoint that the state file names, where its files are there.
///
/// # Errors
/// A state file that cannot be read, or, unless `anywhere`, that leads out of the folder.
pub(crate) fn named(folder: &Location, anywhere: bool) -> Result<Option<Location>, Error> {
    let Some(state) = read(folder)? else { return Ok(None) };
    if state.model_checkpoint_path.is_empty() {
        return Ok(None);
    }
    let prefix = match prefix_inside(folder, &state.model_checkpoint_path) {
        Some(inside) => inside,
        None if anywhere => place_of(folder, &state.model_checkpoint_path),
        None => {
            let advice = "; if you trust it, give that path itself to load_weights";
            return Err(leads_out(folder, &state.model_checkpoint_path, advice));
        }
    };
    let prefix = prefix.session();
    match Bundle::open(&prefix) {
        Err(Error::Io { source, .. }) if is_absent(&source) => Ok(None),
        // Whether it is there, nobody knows then.
        Err(error @ Error::Io { .. }) if folder.is_remote() => Err(error),
        // Damage is for whoever loads it to report.
        _ => Ok(Some(prefix.forget())),
    }
}

/// The place that a path of the state file of a folder means, wherever it leads. Nothing is looked at.
pub fn place_of(folder: impl Into<Location>, path: &str) -> Location {
    let folder = folder.into();
    prefix_inside(&folder, path).unwrap_or_else(|| anywhere_from(&folder, path))
}

/// The prefix that a path of the state file means, unless it leads out of the folder.
fn prefix_inside(folder: &Location, path: &str) -> Option<Location> {
    let path = Path::new(path);
    let relative = match folder.local() {
        Some(folder) if path.is_absolute() => {
            let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
            path.strip_prefix(&absolute).or_else(|_| path.strip_prefix(folder)).ok()?
        }
        // Who trained on another machine and put the folder on a server, has that machine's paths in it.
        None if path.is_absolute() => Path::new(path.file_name()?),
        _ => path,
    };
    let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    (plain && relative.file_name().is_some()).then(|| folder.join(relative))
}

/// A path of a state file, wherever it leads.
fn anywhere_from(folder: &Location, path: &str) -> Location {
    match folder.local() {
        Some(folder) => folder.join(path).into(),
        None => folder.join(path),
    }
}

fn leads_out(folder: &Location, path: &str, advice: &str) -> Error {
    Error::Format {
        path: folder.join(FILE_NAME).as_path().into(),
        place: "the path of a checkpoint".into(),
        found: format!("{path:?}, which leads out of the folder of this file"),
        expected: format!("a path inside it{advice}"),
    }
}

/// Removes the files of a checkpoint, the index first. Files that are not there are no error.
///
/// For a path from a state file use [`remove_from`].
///
/// # Errors
/// [`Error::Io`].
pub fn remove(prefix: impl Into<Location>) -> Result<(), Error> {
    bundle::remove(&prefix.into())
}

/// Removes the files of a checkpoint that the state file of a folder names.
///
/// # Errors
/// [`Error::Format`] where the path leads out of the folder: nothing is removed. [`Error::Io`].
pub fn remove_from(folder: impl Into<Location>, path: &str) -> Result<(), Error> {
    let folder = folder.into();
    match prefix_inside(&folder, path) {
        Some(prefix) => remove(prefix),
        None => Err(leads_out(&folder, path, "; remove it by hand if it is yours")),
    }
}
