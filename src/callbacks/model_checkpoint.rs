//! [`ModelCheckpoint`]: saves the model, or its weights, while it trains.

use rhyton_engine::callbacks::{Mode, check_verbose};
use rhyton_engine::metrics::Direction;
use rhyton_engine::names::did_you_mean;
use rhyton_engine::train::{Callback, CallbackResult, Control, Logs, Moment, Want};
use rhyton_engine::words::{Word, Words};
use rhyton_persist::Location;

use super::template::{Number, fill};
use crate::saving::{SaveOptions, write_model, write_weights};

/// When to save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SaveFreq {
    /// After each epoch.
    #[default]
    Epoch,
    /// After every so many batches, counted over epochs.
    Batches(usize),
}

impl Words for SaveFreq {
    const OPTION: &'static str = "save_freq";
    const WORDS: &'static [(&'static str, Self)] = &[("epoch", SaveFreq::Epoch)];

    fn of_number(batches: usize) -> Option<Self> {
        Some(SaveFreq::Batches(batches))
    }
}

/// Saves while training, as `keras.callbacks.ModelCheckpoint`. The path may name the epoch (from 1), the batch and any logged value:
/// `training/cp-{epoch:04d}.ckpt`, `best-{val_loss:.2f}.keras`.
///
/// Every file is written beside the older one, which it replaces when it is whole and on the disk: a crash or Ctrl-C loses nothing.
///
/// ```
/// # use rhyton::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
/// # model.compile("sgd", "mse", ())?;
/// # let (x, y) = (ndarray::Array2::<f32>::ones((4, 2)), ndarray::Array2::<f32>::ones((4, 1)));
/// # let folder = tempfile::tempdir()?;
/// let path = "best.keras";
/// # let path = folder.path().join(path);
/// let mut best = ModelCheckpoint::new(&path).monitor("loss").mode("min").save_best_only(true);
/// model.fit(&x, &y).epochs(3).callbacks([&mut best]).verbose(0).run()?;
/// let best = load_model(&path)?;
/// # assert!(best.is_compiled());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    template: Location,
    monitor: String,
    verbose: u8,
    best_only: bool,
    weights_only: bool,
    mode: Word<Mode>,
    freq: Word<SaveFreq>,
    options: SaveOptions,
    best: Option<f64>,
    /// Says which monitored values are better, once training has begun.
    direction: Option<Direction>,
    /// What to do at the moment that `wants` was asked for.
    decision: Option<Decision>,
    last: Option<Location>,
}

#[derive(Clone, Debug)]
struct Decision {
    save: bool,
    message: Option<String>,
    best: Option<f64>,
}

impl ModelCheckpoint {
    /// Saves the whole model to this path after each epoch.
    pub fn new(path: impl Into<Location>) -> Self {
        ModelCheckpoint {
            template: path.into(),
            monitor: "val_loss".into(),
            verbose: 0,
            best_only: false,
            weights_only: false,
            mode: Word::default(),
            freq: Word::default(),
            options: SaveOptions::default(),
            best: None,
            direction: None,
            decision: None,
            last: None,
        }
    }

    /// The logged value that says which model is best. Default `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor = name.into();
        self
    }

    /// 1: a line for each save.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Saves only when the monitored value is better than ever.
    pub fn save_best_only(mut self, best_only: bool) -> Self {
        self.best_only = best_only;
        self
    }

    /// Saves weights (and, in a TensorFlow checkpoint or `.weights.h5`, the optimizer) instead of the whole model.
    pub fn save_weights_only(mut self, weights_only: bool) -> Self {
        self.weights_only = weights_only;
        self
    }

    /// `"min"`, `"max"` or `"auto"`: as the metric says ([`Mode::direction`]).
    pub fn mode(mut self, mode: impl Into<Word<Mode>>) -> Self {
        self.mode = mode.into();
        self
    }

    /// `"epoch"`, or a number of batches.
    pub fn save_freq(mut self, freq: impl Into<Word<SaveFreq>>) -> Self {
        self.freq = freq.into();
        self
    }

    /// A value that the first save must be better than.
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        self.best = Some(value);
        self
    }

    /// Format, dialect, shards.
    pub fn options(mut self, options: SaveOptions) -> Self {
        self.options = options;
        self
    }

    /// The best monitored value so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The path of the last save.
    pub fn last_path(&self) -> Option<&Location> {
        self.last.as_ref()
    }

    fn better(&self, value: f64, than: f64) -> bool {
        self.mode.is_better(self.direction, value, than, 0.0)
    }

    /// What to do with these logs, and what to say.
    fn decide(&self, epoch: usize, path: &str, logs: &Logs) -> Decision {
        let say = |text: String| (self.verbose > 0).then(|| format!("\nEpoch {}: {text}", epoch + 1));
        if !self.best_only {
            return Decision { save: true, message: say(format!("saving model to {path}")), best: self.best };
        }
        let name = &self.monitor;
        let Some(value) = logs.get(name) else {
            let known = logs.names().collect::<Vec<_>>().join(", ");
            let guess = did_you_mean(name, logs.names());
            let text = format!(
                "Can save best model only with {name} available, skipping. Available: {known}{guess}"
            );
            return Decision { save: false, message: Some(text), best: self.best };
        };
        let old = self.best.unwrap_or(if self.better(f64::INFINITY, 0.0) {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        });
        // Python prints infinity as `inf`, as Rust does.
        if self.better(value, old) {
            let text = format!("{name} improved from {old:.5} to {value:.5}, saving model to {path}");
            Decision { save: true, message: say(text), best: Some(value) }
        } else {
            Decision {
                save: false,
                message: say(format!("{name} did not improve from {old:.5}")),
                best: self.best,
            }
        }
    }

    fn path(&self, epoch: usize, batch: Option<usize>, logs: &Logs) -> Result<Location, String> {
        self.template.map(|template| {
            fill(template, &|name| match name {
                "epoch" => Some(Number::Whole(epoch + 1)),
                "batch" => batch.map(|b| Number::Whole(b + 1)),
                other => logs.get(other).map(Number::Real),
            })
        })
    }

    fn ask(&mut self, epoch: usize, batch: Option<usize>, logs: &Logs) -> Want {
        // A template that cannot be filled is told when the file is to be written.
        let path = self.path(epoch, batch, logs).map(|path| path.to_string()).unwrap_or_default();
        let decision = self.decide(epoch, &path, logs);
        let want = if decision.save { Want::State } else { Want::Nothing };
        self.decision = Some(decision);
        want
    }

    fn act(
        &mut self,
        epoch: usize,
        batch: Option<usize>,
        logs: &Logs,
        control: &mut Control,
    ) -> CallbackResult {
        let Some(decision) = self.decision.take() else { return Ok(()) };
        control.messages.extend(decision.message);
        if !decision.save {
            return Ok(());
        }
        let path = self.path(epoch, batch, logs)?;
        let snapshot = control.snapshot.as_ref().ok_or("the state of the model was not read")?;
        if self.weights_only {
            write_weights(snapshot, &path, &self.options)?;
        } else {
            write_model(snapshot, &path, &self.options)?;
        }
        self.best = decision.best;
        self.last = Some(path);
        Ok(())
    }
}

impl Callback for ModelCheckpoint {
    fn name(&self) -> String {
        "ModelCheckpoint".into()
    }

    fn every_batches(&self) -> Option<usize> {
        match *self.freq {
            SaveFreq::Epoch => None,
            SaveFreq::Batches(n) => Some(n.max(1)),
        }
    }

    fn on_train_begin(&mut self, control: &mut Control) -> CallbackResult {
        let mode = self.mode.get()?;
        if self.best_only {
            self.direction = Some(mode.direction(&self.monitor, control)?);
        }
        check_verbose(self.verbose)?;
        let batch = match self.freq.get()? {
            SaveFreq::Batches(0) => {
                return Err("save_freq is 0, but must be \"epoch\" or a positive number of batches".into());
            }
            SaveFreq::Batches(_) => Some(0),
            SaveFreq::Epoch => None,
        };
        // A template that cannot be filled is known before the first step.
        let names = control.log_names.iter().filter(|name| batch.is_none() || !control.is_validated(name));
        let logs = Logs(names.map(|name| (name.clone(), 0.0)).collect());
        self.path(0, batch, &logs)?;
        Ok(())
    }

    fn wants(&mut self, moment: Moment, logs: &Logs) -> Want {
        match (moment, *self.freq) {
            (Moment::EpochEnd { epoch }, SaveFreq::Epoch) => self.ask(epoch, None, logs),
            (Moment::BatchEnd { epoch, batch, .. }, SaveFreq::Batches(_)) => {
                self.ask(epoch, Some(batch), logs)
            }
            _ => Want::Nothing,
        }
    }

    fn on_train_batch_end(&mut self, batch: usize, logs: &Logs, control: &mut Control) -> CallbackResult {
        self.act(control.epoch, Some(batch), logs, control)
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, control: &mut Control) -> CallbackResult {
        self.act(epoch, None, logs, control)
    }
}
