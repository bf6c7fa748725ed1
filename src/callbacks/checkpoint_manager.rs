//! [`CheckpointManager`]: numbered checkpoints in a folder, the older ones deleted.

use std::time::{SystemTime, UNIX_EPOCH};

use rhyton_engine::train::Model;
use rhyton_persist::Location;
use rhyton_persist::checkpoint_state::{self, CheckpointState};

use crate::Error;
use crate::saving::{SaveLoad, SaveOptions};

/// Keeps the newest TensorFlow checkpoints of a folder, as `tf.train.CheckpointManager`.
#[derive(Clone, Debug)]
pub struct CheckpointManager {
    folder: Location,
    name: String,
    max_to_keep: Option<usize>,
}

impl CheckpointManager {
    /// Manages the checkpoints `ckpt-1`, `ckpt-2`, ... of this folder; keeps 5.
    pub fn new(folder: impl Into<Location>) -> Self {
        CheckpointManager { folder: folder.into(), name: "ckpt".into(), max_to_keep: Some(5) }
    }

    /// How many to keep; `None`: all. Default 5.
    pub fn max_to_keep(mut self, n: impl Into<Option<usize>>) -> Self {
        self.max_to_keep = n.into();
        self
    }

    /// First part of the names. Default `ckpt`.
    pub fn checkpoint_name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    fn state(&self) -> Result<CheckpointState, Error> {
        Ok(checkpoint_state::read(&self.folder)?.unwrap_or_default())
    }

    /// Paths of the checkpoints that are kept, oldest first.
    ///
    /// # Errors
    /// The state file cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<Location>, Error> {
        Ok(self
            .state()?
            .all_model_checkpoint_paths
            .iter()
            .map(|p| checkpoint_state::place_of(&self.folder, p))
            .collect())
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// The state file cannot be read.
    pub fn latest_checkpoint(&self) -> Result<Option<Location>, Error> {
        crate::latest_checkpoint(&self.folder)
    }

    /// Saves the model's weights and optimizer under the next number; then deletes what is over `max_to_keep`.
    ///
    /// # Errors
    /// A file cannot be written. Older checkpoints are deleted only after the new one, and the state file that names it, are durable.
    pub fn save(&self, model: &Model) -> Result<Location, Error> {
        let mut state = self.state()?;
        let number = |p: &String| p.rsplit('-').next().and_then(|n| n.parse::<u64>().ok());
        let next = state.all_model_checkpoint_paths.iter().filter_map(number).max().unwrap_or(0) + 1;
        let name = format!("{}-{next}", self.name);
        let path = self.folder.join(&name);
        let options = SaveOptions { format: Some("tf-checkpoint".into()), ..SaveOptions::default() };
        model.save_weights_with(&path, &options)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
        let gone = state.push(name, now, self.max_to_keep.unwrap_or(usize::MAX));
        checkpoint_state::write(&self.folder, &state)?;
        for old in gone {
            checkpoint_state::remove_from(&self.folder, &old)?;
        }
        Ok(path)
    }
}
