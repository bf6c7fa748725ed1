//! `evaluate`, `train_on_batch` and their kin.

use super::data::{Data, IntoData};
use super::display::{Display, Epoch, check_options};
use super::feed::Feed;
use super::history::Logs;
use super::model::Model;
use super::session::Mode;
use crate::Error;

/// A call of `evaluate`; the defaults are Keras'.
#[must_use = "nothing is evaluated before `.run()`"]
#[derive(Debug)]
pub struct Evaluate<'m, 'd> {
    model: &'m mut Model,
    x: Vec<Data<'d>>,
    y: Vec<Data<'d>>,
    weights: Vec<Data<'d>>,
    batch: usize,
    verbose: u8,
}

impl<'d> Evaluate<'_, 'd> {
    /// Examples per step. Default 32.
    pub fn batch_size(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// 0: silent, 1: a progress bar, 2: one line. Default 1.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }

    /// Weights of the examples.
    pub fn sample_weight(mut self, weights: impl IntoData<'d>) -> Self {
        self.weights = weights.into_data();
        self
    }

    /// Evaluates: the loss and every metric.
    ///
    /// # Errors
    /// The data do not fit the model, or the device failed.
    pub fn run(self) -> Result<Logs, Error> {
        let Evaluate { model, x, y, weights, batch, verbose } = self;
        check_options(batch, verbose)?;
        model.compiled()?;
        if y.is_empty() {
            return Err(Error::Data { what: "evaluate needs targets".into() });
        }
        let feed = Feed::new(model, x, y, weights, false)?;
        let started = std::time::Instant::now();
        let steps = feed.examples.div_ceil(batch);
        let sums = model.evaluate_feed(&feed, batch)?;
        let logs = Logs(model.compiled()?.logs(&sums));
        Display::new(verbose, 0, steps).end(&Epoch { done: steps, elapsed: started.elapsed(), logs: &logs });
        Ok(logs)
    }
}

impl Model {
    /// The loss and the metrics on data: `model.evaluate(&x, &y).verbose(2).run()?`.
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
    /// let logs = model.evaluate(&x, &y).verbose(0).run()?;
    /// println!("{logs}");
    /// assert!(logs.get("mae").is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn evaluate<'m, 'd>(&'m mut self, x: impl IntoData<'d>, y: impl IntoData<'d>) -> Evaluate<'m, 'd> {
        Evaluate { model: self, x: x.into_data(), y: y.into_data(), weights: vec![], batch: 32, verbose: 1 }
    }

    /// One training step on all of this data; gives the loss and the metrics of this batch alone.
    ///
    /// # Errors
    /// The data do not fit the model, or the device failed.
    pub fn train_on_batch<'d>(&mut self, x: impl IntoData<'d>, y: impl IntoData<'d>) -> Result<Logs, Error> {
        self.step_on_batch(x.into_data(), y.into_data(), vec![], false)
    }

    /// [`Model::train_on_batch`] with random layers acting as at inference.
    ///
    /// # Errors
    /// As there.
    pub fn train_on_batch_without_dropout<'d>(
        &mut self,
        x: impl IntoData<'d>,
        y: impl IntoData<'d>,
    ) -> Result<Logs, Error> {
        self.step_on_batch(x.into_data(), y.into_data(), vec![], true)
    }

    fn step_on_batch<'d>(
        &mut self,
        x: Vec<Data<'d>>,
        y: Vec<Data<'d>>,
        weights: Vec<Data<'d>>,
        no_dropout: bool,
    ) -> Result<Logs, Error> {
        self.compiled()?;
        let feed = Feed::new(self, x, y, weights, false)?;
        let rows: Vec<u32> = (0..u32::try_from(feed.examples).unwrap_or(u32::MAX)).collect();
        self.steps_per_submit(Mode::Train { no_dropout }, &feed, feed.examples)?;
        self.clear_sums(0)?;
        self.train_steps(&feed, &rows, feed.examples, no_dropout, &mut vec![])?;
        Ok(Logs(self.compiled()?.logs(&self.read_sums(0)?)))
    }

    /// The loss and the metrics of one batch.
    ///
    /// # Errors
    /// The data do not fit the model, or the device failed.
    pub fn test_on_batch<'d>(&mut self, x: impl IntoData<'d>, y: impl IntoData<'d>) -> Result<Logs, Error> {
        let feed = Feed::new(self, x.into_data(), y.into_data(), vec![], false)?;
        let sums = self.evaluate_feed(&feed, feed.examples)?;
        Ok(Logs(self.compiled()?.logs(&sums)))
    }
}
