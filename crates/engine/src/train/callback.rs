//! [`Callback`]: what is called around training.

use std::error::Error as StdError;
use std::sync::Arc;

use super::history::Logs;
use super::snapshot::Snapshot;
use crate::metrics::Direction;

/// What a callback's hooks return.
pub type CallbackResult = Result<(), Box<dyn StdError + Send + Sync>>;

/// Where training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// After a batch; batches of an epoch count from 0, `step` counts batches over all epochs of this `fit`.
    BatchEnd {
        /// Epoch from 0.
        epoch: usize,
        /// Batch of the epoch from 0.
        batch: usize,
        /// Batches trained so far in this `fit`.
        step: usize,
    },
    /// After an epoch and its validation.
    EpochEnd {
        /// Epoch from 0.
        epoch: usize,
    },
}

/// What a callback wants to see besides the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Want {
    /// The logs are enough.
    Nothing,
    /// The whole state of the model, as a [`Snapshot`].
    State,
}

/// What a callback can see and change.
#[derive(Debug, Default)]
pub struct Control {
    /// Set it to end training after this batch or epoch.
    pub stop_training: bool,
    /// The learning rate; a change takes effect with the next step. `None` under a schedule.
    pub learning_rate: Option<f32>,
    /// The state that [`Callback::wants`] asked for.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Weights to put into the model before the next step, in the order of `get_weights`.
    pub restore: Option<Arc<Snapshot>>,
    /// The epoch that is being trained, from 0.
    pub epoch: usize,
    /// Epochs that this `fit` goes to.
    pub epochs: usize,
    /// Batches of an epoch.
    pub steps_per_epoch: usize,
    /// Names of all that will be logged after each epoch, in order.
    pub log_names: Vec<String>,
    /// Says which values of each of them are better, where that is known.
    pub directions: Vec<Option<Direction>>,
    /// Lines to print between the progress bar's, in order.
    pub messages: Vec<String>,
}

impl Control {
    /// Returns which values of something that is logged are better, as far as that is known; of `val_` names also where nothing is validated.
    pub fn direction(&self, name: &str) -> Option<Direction> {
        let place = |name: &str| self.log_names.iter().position(|n| n == name);
        let place = place(name).or_else(|| place(name.strip_prefix("val_")?))?;
        *self.directions.get(place)?
    }

    /// Returns whether a name that is logged is one of validation, which is known after an epoch only.
    pub fn is_validated(&self, name: &str) -> bool {
        name.strip_prefix("val_").is_some_and(|trained| self.log_names.iter().any(|n| n == trained))
    }
}

/// Something that is called around training. Hooks get plain data, and never wait for a device.
pub trait Callback {
    /// Name, for errors.
    fn name(&self) -> String;

    /// Wants to be called after every so many batches, counted over epochs; `None`: not between epochs.
    fn every_batches(&self) -> Option<usize> {
        None
    }

    /// Returns whether training shall stop here. Asked between batches, those of validation too, without a look at the device: the epoch ends without
    /// (the rest of) its validation and without [`Callback::on_epoch_end`]; [`Callback::on_train_end`] is called.
    fn stops(&mut self) -> bool {
        false
    }

    /// What it wants to see at this moment, given the logs.
    fn wants(&mut self, _moment: Moment, _logs: &Logs) -> Want {
        Want::Nothing
    }

    /// Before the first epoch.
    ///
    /// # Errors
    /// Ends training; `fit` returns the error with the callback's name.
    fn on_train_begin(&mut self, _control: &mut Control) -> CallbackResult {
        Ok(())
    }

    /// Before an epoch (from 0).
    ///
    /// # Errors
    /// As above.
    fn on_epoch_begin(&mut self, _epoch: usize, _control: &mut Control) -> CallbackResult {
        Ok(())
    }

    /// After the batches that [`Callback::every_batches`] asked for (batch of the epoch from 0); logs are means so far.
    ///
    /// # Errors
    /// As above.
    fn on_train_batch_end(&mut self, _batch: usize, _logs: &Logs, _control: &mut Control) -> CallbackResult {
        Ok(())
    }

    /// After an epoch (from 0) and its validation.
    ///
    /// # Errors
    /// As above.
    fn on_epoch_end(&mut self, _epoch: usize, _logs: &Logs, _control: &mut Control) -> CallbackResult {
        Ok(())
    }

    /// After the last epoch.
    ///
    /// # Errors
    /// As above.
    fn on_train_end(&mut self, _logs: &Logs, _control: &mut Control) -> CallbackResult {
        Ok(())
    }
}
