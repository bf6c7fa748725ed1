//! The state file `checkpoint` of a folder of TensorFlow checkpoints: which one is the newest, and which ones are kept.

use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use crate::container::bundle::{self, Bundle};
use crate::{Error, commit, limits};

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
pub fn read(folder: &Path) -> Result<Option<CheckpointState>, Error> {
    let path = folder.join(FILE_NAME);
    let failed = |source| Error::Io { action: "read", path: path.clone(), source };
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut bytes = Vec::new();
    file.take(limits::STATE_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limits::STATE_FILE_BYTES {
        return Err(Error::Unsupported {
            path,
            place: "the whole".into(),
            what: format!("a state file of more than {} bytes", limits::STATE_FILE_BYTES),
            advice: String::new(),
        });
    }
    text::parse(&path, &bytes).map(Some)
}

/// Writes the state file of a folder, whole or not at all.
///
/// # Errors
/// Those of [`crate::commit`].
pub fn write(folder: &Path, state: &CheckpointState) -> Result<(), Error> {
    let path = folder.join(FILE_NAME);
    commit::write_file(&path, |file| {
        file.write_all(text::print(state).as_bytes()).map_err(|source| Error::Io {
            action: "write",
            path: path.clone(),
            source,
        })
    })
}

/// Prefix of the newest checkpoint of a folder: what `load_weights` takes. `None` where there is no state file, or the files of
/// the checkpoint that it names are gone.
///
/// # Errors
/// A state file that cannot be read, or that leads out of the folder: see [`latest_checkpoint_anywhere`].
pub fn latest_checkpoint(folder: impl AsRef<Path>) -> Result<Option<PathBuf>, Error> {
    latest(folder.as_ref(), false)
}

/// As [`latest_checkpoint`], but follows a path that leads out of the folder. For state files that are trusted: one from a stranger
/// could name any checkpoint on this machine.
///
/// # Errors
/// A state file that cannot be read.
pub fn latest_checkpoint_anywhere(folder: impl AsRef<Path>) -> Result<Option<PathBuf>, Error> {
    latest(folder.as_ref(), true)
}

fn latest(folder: &Path, anywhere: bool) -> Result<Option<PathBuf>, Error> {
    let Some(state) = read(folder)? else { return Ok(None) };
    if state.model_checkpoint_path.is_empty() {
        return Ok(None);
    }
    let prefix = match prefix_inside(folder, &state.model_checkpoint_path) {
        Some(inside) => inside,
        None if anywhere => folder.join(&state.model_checkpoint_path),
        None => {
            let advice = "; if you trust it, give that path itself to load_weights";
            return Err(leads_out(folder, &state.model_checkpoint_path, advice));
        }
    };
    if !bundle::index_path(&prefix).is_file() {
        return Ok(None);
    }
    match Bundle::open(&prefix) {
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        // Damage is for whoever loads it to report.
        _ => Ok(Some(prefix)),
    }
}

/// The prefix that a path of the state file means, unless it leads out of the folder.
fn prefix_inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let relative = if path.is_absolute() {
        let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        path.strip_prefix(&absolute).or_else(|_| path.strip_prefix(folder)).ok()?
    } else {
        path
    };
    let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    (plain && relative.file_name().is_some()).then(|| folder.join(relative))
}

fn leads_out(folder: &Path, path: &str, advice: &str) -> Error {
    Error::Unsupported {
        path: folder.join(FILE_NAME),
        place: "the path of a checkpoint".into(),
        what: format!("{path:?}, which leads out of the folder,"),
        advice: advice.into(),
    }
}

/// Removes the files of a checkpoint, the index first. Files that are not there are no error.
///
/// For a path from a state file use [`remove_from`].
///
/// # Errors
/// [`Error::Io`].
pub fn remove(prefix: impl AsRef<Path>) -> Result<(), Error> {
    bundle::remove(prefix.as_ref())
}

/// Removes the files of a checkpoint that the state file of a folder names.
///
/// # Errors
/// [`Error::Unsupported`] where the path leads out of the folder: nothing is removed. [`Error::Io`].
pub fn remove_from(folder: impl AsRef<Path>, path: &str) -> Result<(), Error> {
    let folder = folder.as_ref();
    match prefix_inside(folder, path) {
        Some(prefix) => remove(prefix),
        None => Err(leads_out(folder, path, "; remove it by hand if it is yours")),
    }
}
