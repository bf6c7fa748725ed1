//! `fit`: epochs of batches, with callbacks, validation, and a history.

use std::sync::Arc;
use std::time::Instant;

use super::callback::{Callback, CallbackResult, Control, Moment, Want};
use super::data::{Data, IntoData};
use super::display::{Display, Epoch, check_options};
use super::feed::Feed;
use super::history::{History, Logs};
use super::model::Model;
use super::session::Mode;
use crate::Error;
use crate::optimizers::LearningRate;
use crate::random::Generator;

/// How often a progress bar is brought up to date.
const REFRESH: std::time::Duration = std::time::Duration::from_millis(150);
/// Stream of the shuffle in the model's seed.
const SHUFFLE: u32 = 1;

/// One callback or several.
#[diagnostic::on_unimplemented(note = "write `callbacks![&mut a, &mut b, ..]` for more than 4 callbacks")]
pub trait IntoCallbacks<'a> {
    /// As a list.
    fn into_callbacks(self) -> Vec<&'a mut dyn Callback>;
}
impl<'a> IntoCallbacks<'a> for Vec<&'a mut dyn Callback> {
    fn into_callbacks(self) -> Vec<&'a mut dyn Callback> {
        self
    }
}
impl<'a, C: Callback, const N: usize> IntoCallbacks<'a> for [&'a mut C; N] {
    fn into_callbacks(self) -> Vec<&'a mut dyn Callback> {
        self.into_iter().map(|c| c as &mut dyn Callback).collect()
    }
}
macro_rules! tuples {
    ($($t:ident),+) => {
        impl<'a, $($t: Callback),+> IntoCallbacks<'a> for ($(&'a mut $t,)+) {
            #[allow(non_snake_case)]
            fn into_callbacks(self) -> Vec<&'a mut dyn Callback> {
                let ($($t,)+) = self;
                vec![$($t as &mut dyn Callback),+]
            }
        }
    };
}
tuples!(A);
tuples!(A, B);
tuples!(A, B, C);
tuples!(A, B, C, D);

/// A call of `fit`: set what it should do, then [`Fit::run`] it. The defaults are Keras'.
#[must_use = "nothing is trained before `.run()`"]
pub struct Fit<'m, 'd, 'c> {
    model: &'m mut Model,
    x: Vec<Data<'d>>,
    y: Vec<Data<'d>>,
    weights: Vec<Data<'d>>,
    validation: Option<(Vec<Data<'d>>, Vec<Data<'d>>, Vec<Data<'d>>)>,
    split: f64,
    batch: usize,
    epochs: usize,
    initial: usize,
    verbose: u8,
    shuffle: bool,
    finite: bool,
    no_dropout: bool,
    steps: Option<usize>,
    total: Option<usize>,
    callbacks: Vec<&'c mut dyn Callback>,
}

impl Model {
    /// Trains the model: `model.fit(&x, &y).epochs(10).run()?`.
    ///
    /// ```
    /// # use rhyton_engine as rhyton;
    /// # use rhyton::graph::LayerExt;
    /// # use rhyton::layers::Dense;
    /// # use rhyton::train::Sequential;
    /// # fn main() -> Result<(), rhyton::Error> {
    /// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
    /// let x = ndarray::array![[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]];
    /// let y = ndarray::array![[1.0], [1.0], [2.0], [0.0]];
    /// model.compile("sgd", "mse", ["mae"])?;
    /// let history = model.fit(&x, &y).epochs(5).batch_size(2).validation_split(0.25).verbose(0).run()?;
    /// assert_eq!(history.get("val_mae").map(|values| values.len()), Some(5));
    /// # Ok(())
    /// # }
    /// ```
    pub fn fit<'m, 'd, 'c>(&'m mut self, x: impl IntoData<'d>, y: impl IntoData<'d>) -> Fit<'m, 'd, 'c> {
        Fit {
            model: self,
            x: x.into_data(),
            y: y.into_data(),
            weights: vec![],
            validation: None,
            split: 0.0,
            batch: 32,
            epochs: 1,
            initial: 0,
            verbose: 1,
            shuffle: true,
            finite: false,
            no_dropout: false,
            steps: None,
            total: None,
            callbacks: vec![],
        }
    }
}

impl<'d, 'c> Fit<'_, 'd, 'c> {
    /// Epoch to train to, counted from 0 (so this many, unless `initial_epoch` is set). Default 1.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Epoch to start at, to go on with earlier training: [`Model::finished_epochs`] of it. Default 0.
    pub fn initial_epoch(mut self, epoch: usize) -> Self {
        self.initial = epoch;
        self
    }

    /// Examples per step. Default 32. A batch larger than the data is one batch.
    pub fn batch_size(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// 0: silent, 1: a progress bar (plain lines where the output is no terminal), 2: a line per epoch. Default 1.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Whether examples are drawn in a new order in each epoch. Default true.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Data to evaluate on after each epoch.
    pub fn validation_data(mut self, x: impl IntoData<'d>, y: impl IntoData<'d>) -> Self {
        self.validation = Some((x.into_data(), y.into_data(), vec![]));
        self
    }

    /// Evaluates on the last part of the data, which is then not trained on; taken before shuffling.
    pub fn validation_split(mut self, fraction: f64) -> Self {
        self.split = fraction;
        self
    }

    /// Weights of the examples: one array, or one per output.
    pub fn sample_weight(mut self, weights: impl IntoData<'d>) -> Self {
        self.weights = weights.into_data();
        self
    }

    /// Sets what to call around training: `[&mut checkpoint]`, a tuple, or `callbacks![&mut checkpoint, &mut stopping]` of any number.
    pub fn callbacks(mut self, callbacks: impl IntoCallbacks<'c>) -> Self {
        self.callbacks.extend(callbacks.into_callbacks());
        self
    }

    /// Refuses NaN and infinity in the data before the first step. Default false.
    pub fn check_finite(mut self, check: bool) -> Self {
        self.finite = check;
        self
    }

    /// Trains with random layers acting as at inference.
    pub fn no_dropout(mut self) -> Self {
        self.no_dropout = true;
        self
    }

    /// Ends each epoch after this many batches.
    pub fn steps_per_epoch(mut self, steps: usize) -> Self {
        self.steps = Some(steps);
        self
    }

    /// Trains exactly this many batches, over as many epochs as that takes; `epochs` is not looked at then.
    pub fn steps(mut self, steps: usize) -> Self {
        self.total = Some(steps);
        self
    }

    /// Trains.
    ///
    /// # Errors
    /// The data do not fit the model (nothing was trained then), a callback failed, or the device did.
    pub fn run(self) -> Result<History, Error> {
        let Fit {
            model,
            x,
            y,
            weights,
            validation,
            split,
            batch,
            epochs,
            initial,
            verbose,
            shuffle,
            finite,
            no_dropout,
            steps,
            total,
            callbacks,
        } = self;
        check_options(batch, verbose)?;
        if !(0.0..1.0).contains(&split) {
            return Err(Error::Argument {
                what: format!("validation_split must be at least 0 and less than 1, not {split}"),
            });
        }
        if y.is_empty() {
            return Err(Error::Data { what: "fit needs targets".into() });
        }
        model.compiled()?.optimizer.usable()?;
        let feed = Feed::new(model, x, y, weights, finite)?;
        let kept = ((feed.examples as f64) * (1.0 - split)).floor() as usize;
        if kept == 0 {
            return Err(Error::Data {
                what: format!(
                    "validation_split = {split} leaves none of {} examples to train on",
                    feed.examples
                ),
            });
        }
        let validation = match validation {
            Some((x, y, w)) => Some(Validation::Other(Feed::new(model, x, y, w, finite)?)),
            None if kept < feed.examples => Some(Validation::Split),
            None => None,
        };
        let batch = batch.min(kept);
        let all_steps = kept.div_ceil(batch);
        let steps = steps.unwrap_or(all_steps).min(all_steps);
        let epochs = total.map_or(epochs, |total| initial + total.div_ceil(steps.max(1)));
        let log_names = model.log_names(validation.is_some())?;
        let mut directions = model.compiled()?.directions();
        if validation.is_some() {
            directions.extend_from_within(..);
        }
        let control = Control { epochs, steps_per_epoch: steps, log_names, directions, ..Control::default() };
        let display = Display::new(verbose, epochs, steps);
        let mut runner = Runner {
            model,
            feed,
            validation,
            batch,
            kept,
            steps,
            shuffle,
            no_dropout,
            callbacks,
            control,
            display,
            total: total.unwrap_or(usize::MAX),
            trained: 0,
            stopped: false,
            space: vec![],
        };
        runner.train(initial, epochs)
    }
}

enum Validation<'d> {
    Other(Feed<'d>),
    /// The examples after those that are trained on.
    Split,
}

struct Runner<'m, 'd, 'c> {
    model: &'m mut Model,
    feed: Feed<'d>,
    validation: Option<Validation<'d>>,
    batch: usize,
    kept: usize,
    steps: usize,
    shuffle: bool,
    no_dropout: bool,
    callbacks: Vec<&'c mut dyn Callback>,
    control: Control,
    display: Display,
    /// Batches to train in this call.
    total: usize,
    /// Batches trained in this call.
    trained: usize,
    /// Says whether a callback stopped it between batches.
    stopped: bool,
    space: Vec<Vec<u32>>,
}

impl Runner<'_, '_, '_> {
    fn train(&mut self, initial: usize, epochs: usize) -> Result<History, Error> {
        let mut history = History::default();
        let mut logs = Logs::default();
        self.each_callback(|c, control| c.on_train_begin(control))?;
        for epoch in initial..epochs {
            if self.control.stop_training || self.asks_to_stop() {
                break;
            }
            self.control.epoch = epoch;
            self.each_callback(|c, control| c.on_epoch_begin(epoch, control))?;
            logs = self.epoch(epoch)?;
            if self.stopped {
                break;
            }
            history.push(epoch, &logs);
        }
        if epochs > 0 {
            self.model.finalize_weights()?;
        }
        self.each_callback(|c, control| c.on_train_end(&logs, control))?;
        Ok(history)
    }

    fn epoch(&mut self, epoch: usize) -> Result<Logs, Error> {
        let started = Instant::now();
        self.display.begin(epoch);
        let mut order: Vec<u32> = (0..u32::try_from(self.kept).unwrap_or(u32::MAX)).collect();
        if self.shuffle {
            Generator::new(self.model.random_state().0 ^ ((epoch as u64) << 20), SHUFFLE).shuffle(&mut order);
        }
        // Placed first: sums must lie on the device before they are cleared.
        let train = Mode::Train { no_dropout: self.no_dropout };
        let per_submit = self.model.steps_per_submit(train, &self.feed, self.batch)?;
        self.model.clear_sums(0)?;
        let (mut done, mut drawn) = (0, Instant::now());
        // The last epoch may be cut short.
        let steps = self.steps.min(self.total - self.trained);
        while done < steps && !self.control.stop_training && !self.asks_to_stop() {
            let whole = self.kept / self.batch;
            let n = per_submit
                .min(self.until_look())
                .min(if done < whole { whole - done } else { 1 })
                .min(steps - done);
            let first = done * self.batch;
            let last = (first + n * self.batch).min(self.kept);
            let size = if done < whole { self.batch } else { last - first };
            self.model.train_steps(
                &self.feed,
                &order[first..last],
                size,
                self.no_dropout,
                &mut self.space,
            )?;
            done += n;
            self.trained += n;
            let looks = self
                .callbacks
                .iter()
                .any(|c| c.every_batches().is_some_and(|k| self.trained.is_multiple_of(k.max(1))));
            let shows = self.display.is_live() && drawn.elapsed() > REFRESH;
            if looks || shows {
                let logs = Logs(self.model.compiled()?.logs(&self.model.read_sums(0)?));
                self.display.update(&Epoch { done, elapsed: started.elapsed(), logs: &logs });
                drawn = Instant::now();
                if looks {
                    self.after_batch(epoch, done - 1, &logs)?;
                }
            }
        }
        let mut logs = Logs(self.model.compiled()?.logs(&self.model.read_sums(0)?));
        if !self.stopped {
            self.model.set_finished_epochs(epoch + 1);
            self.validate(&mut logs)?;
        }
        self.display.end(&Epoch { done, elapsed: started.elapsed(), logs: &logs });
        if !self.stopped {
            self.after_epoch(epoch, &logs)?;
        }
        Ok(logs)
    }

    /// Evaluates on the data that are there for it, unless a callback stops that.
    fn validate(&mut self, logs: &mut Logs) -> Result<(), Error> {
        let Runner { model, feed, validation, callbacks, batch, kept, .. } = self;
        let mut stops = || callbacks.iter_mut().any(|c| c.stops());
        let sums = match validation {
            None => return Ok(()),
            Some(Validation::Other(feed)) => model.evaluate_until(feed, *batch, &mut stops)?,
            Some(Validation::Split) => model.evaluate_until(&feed.after(*kept), *batch, &mut stops)?,
        };
        let Some(sums) = sums else {
            self.stopped = true;
            return Ok(());
        };
        let found = model.compiled()?.logs(&sums);
        logs.0.extend(found.into_iter().map(|(n, v)| (format!("val_{n}"), v)));
        Ok(())
    }

    /// Returns whether a callback stops training between two batches.
    fn asks_to_stop(&mut self) -> bool {
        self.stopped = self.stopped || self.callbacks.iter_mut().any(|c| c.stops());
        self.stopped
    }

    /// Batches until a callback wants to look.
    fn until_look(&self) -> usize {
        let next = |k: usize| k - self.trained % k;
        self.callbacks
            .iter()
            .filter_map(|c| c.every_batches())
            .map(|k| next(k.max(1)))
            .min()
            .unwrap_or(usize::MAX)
    }

    fn after_batch(&mut self, epoch: usize, batch: usize, logs: &Logs) -> Result<(), Error> {
        let step = self.trained;
        let due = |c: &dyn Callback| c.every_batches().is_some_and(|k| step.is_multiple_of(k.max(1)));
        self.prepare(Moment::BatchEnd { epoch, batch, step }, logs, &due)?;
        self.each_callback_if(&due, |c, control| c.on_train_batch_end(batch, logs, control))
    }

    fn after_epoch(&mut self, epoch: usize, logs: &Logs) -> Result<(), Error> {
        self.prepare(Moment::EpochEnd { epoch }, logs, &|_| true)?;
        self.each_callback(|c, control| c.on_epoch_end(epoch, logs, control))
    }

    /// Asks the callbacks what they want to see, and reads it once for all.
    fn prepare(
        &mut self,
        moment: Moment,
        logs: &Logs,
        due: &dyn Fn(&dyn Callback) -> bool,
    ) -> Result<(), Error> {
        let wants = self.callbacks.iter_mut().filter(|c| due(&***c)).map(|c| c.wants(moment, logs)).max();
        self.control.snapshot = match wants {
            Some(Want::State) => Some(Arc::new(self.model.snapshot()?)),
            _ => None,
        };
        Ok(())
    }

    fn each_callback(
        &mut self,
        f: impl FnMut(&mut dyn Callback, &mut Control) -> CallbackResult,
    ) -> Result<(), Error> {
        self.each_callback_if(&|_| true, f)
    }

    fn each_callback_if(
        &mut self,
        due: &dyn Fn(&dyn Callback) -> bool,
        mut f: impl FnMut(&mut dyn Callback, &mut Control) -> CallbackResult,
    ) -> Result<(), Error> {
        let constant = match self.model.compiled()?.optimizer.learning_rate() {
            LearningRate::Constant(rate) => Some(*rate),
            LearningRate::Schedule(_) | LearningRate::Several => None,
        };
        self.control.learning_rate = constant;
        for callback in self.callbacks.iter_mut().filter(|c| due(&***c)) {
            f(&mut **callback, &mut self.control)
                .map_err(|e| Error::Callback { callback: callback.name(), source: Arc::from(e) })?;
        }
        self.control.messages.drain(..).for_each(|m| self.display.message(&m));
        if let Some(rate) = self.control.learning_rate
            && self.control.learning_rate != constant
        {
            self.model.compiled_mut()?.optimizer.set_learning_rate(LearningRate::Constant(rate));
        }
        if let Some(snapshot) = self.control.restore.take() {
            self.model.restore_weights(&snapshot)?;
        }
        Ok(())
    }
}

debug!(Fit<'_, '_, '_>, |fit| model: fit.model, batch_size: fit.batch, epochs: fit.epochs);
