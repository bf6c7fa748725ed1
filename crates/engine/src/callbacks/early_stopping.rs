//! [`EarlyStopping`].

use std::sync::Arc;

use super::mode::{Mode, check_verbose};
use crate::metrics::Direction;
use crate::names::did_you_mean;
use crate::train::{Callback, CallbackResult, Control, Logs, Moment, Snapshot, Want};
use crate::words::Word;

/// Stops training when a logged value has not become better for `patience` epochs, as `keras.callbacks.EarlyStopping`.
///
/// ```
/// # use rhyton_engine as rhyton;
/// # use rhyton::graph::LayerExt;
/// # use rhyton::layers::Dense;
/// # use rhyton::train::{History, Sequential};
/// # fn main() -> Result<(), rhyton::Error> {
/// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
/// # model.compile("sgd", "mse", ())?;
/// # let (x, y) = (ndarray::Array2::<f32>::ones((4, 2)), ndarray::Array2::<f32>::ones((4, 1)));
/// use rhyton::callbacks::EarlyStopping;
///
/// let mut stop = EarlyStopping::new().monitor("loss").mode("min").patience(3).restore_best_weights(true);
/// model.fit(&x, &y).epochs(20).callbacks([&mut stop]).verbose(0).run()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: String,
    min_delta: f64,
    patience: usize,
    verbose: u8,
    mode: Word<Mode>,
    baseline: Option<f64>,
    restore: bool,
    start_from: usize,
    best: Option<f64>,
    kept: Option<(usize, Arc<Snapshot>)>,
    wait: usize,
    /// Known once training has begun.
    direction: Option<Direction>,
}

impl EarlyStopping {
    /// Watches `val_loss`, without patience.
    pub fn new() -> Self {
        EarlyStopping {
            monitor: "val_loss".into(),
            min_delta: 0.0,
            patience: 0,
            verbose: 0,
            mode: Word::default(),
            baseline: None,
            restore: false,
            start_from: 0,
            best: None,
            kept: None,
            wait: 0,
            direction: None,
        }
    }

    /// The logged value to watch. Default `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor = name.into();
        self
    }

    /// Changes of less than this are none. Default 0.
    pub fn min_delta(mut self, delta: f64) -> Self {
        self.min_delta = delta.abs();
        self
    }

    /// Epochs without improvement before training stops. Default 0.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = epochs;
        self
    }

    /// 1: a line when it stops.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// `"min"`, `"max"` or `"auto"`: as the metric says ([`Mode::direction`]).
    pub fn mode(mut self, mode: impl Into<Word<Mode>>) -> Self {
        self.mode = mode.into();
        self
    }

    /// A value that must be beaten.
    pub fn baseline(mut self, value: f64) -> Self {
        self.baseline = Some(value);
        self
    }

    /// Puts the best epoch's weights back at the end. Default false.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore = restore;
        self
    }

    /// Epochs to wait before watching. Default 0.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from = epoch;
        self
    }

    fn better(&self, value: f64, than: f64) -> bool {
        self.mode.is_better(self.direction, value, than, self.min_delta)
    }

    fn improved(&self, value: f64) -> bool {
        self.best.is_none_or(|best| self.better(value, best))
    }
}

impl Default for EarlyStopping {
    fn default() -> Self {
        EarlyStopping::new()
    }
}

impl Callback for EarlyStopping {
    fn name(&self) -> String {
        "EarlyStopping".into()
    }

    fn wants(&mut self, moment: Moment, logs: &Logs) -> Want {
        match (moment, logs.get(&self.monitor)) {
            (Moment::EpochEnd { epoch }, Some(value))
                if self.restore && epoch >= self.start_from && self.improved(value) =>
            {
                Want::State
            }
            _ => Want::Nothing,
        }
    }

    fn on_train_begin(&mut self, control: &mut Control) -> CallbackResult {
        self.direction = Some(self.mode.get()?.direction(&self.monitor, control)?);
        check_verbose(self.verbose)?;
        (self.best, self.kept, self.wait) = (None, None, 0);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, control: &mut Control) -> CallbackResult {
        let Some(value) = logs.get(&self.monitor) else {
            let known = logs.names().collect::<Vec<_>>().join(",");
            let guess = did_you_mean(&self.monitor, logs.names());
            control.messages.push(format!(
                "Early stopping conditioned on metric `{}` which is not available. Available metrics are: {known}{guess}",
                self.monitor
            ));
            return Ok(());
        };
        if epoch < self.start_from {
            return Ok(());
        }
        self.wait += 1;
        if self.improved(value) {
            self.best = Some(value);
            if let (true, Some(snapshot)) = (self.restore, &control.snapshot) {
                self.kept = Some((epoch, snapshot.clone()));
            }
            if self.baseline.is_none_or(|b| self.better(value, b)) {
                self.wait = 0;
            }
            return Ok(());
        }
        if self.wait >= self.patience && epoch > 0 {
            control.stop_training = true;
            if self.verbose > 0 {
                control.messages.push(format!("Epoch {}: early stopping", epoch + 1));
            }
        }
        Ok(())
    }

    fn on_train_end(&mut self, _logs: &Logs, control: &mut Control) -> CallbackResult {
        if let Some((epoch, snapshot)) = self.kept.take() {
            if self.verbose > 0 {
                control
                    .messages
                    .push(format!("Restoring model weights from the end of the best epoch: {}.", epoch + 1));
            }
            control.restore = Some(snapshot);
        }
        Ok(())
    }
}
