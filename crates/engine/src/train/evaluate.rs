//! `evaluate`, `predict`, `train_on_batch` and their kin.

use ndarray::ArrayD;

use super::data::{Data, IntoData, to_array};
use super::display::{Display, Epoch};
use super::feed::Feed;
use super::history::Logs;
use super::model::Model;
use super::session::Mode;
use crate::Error;
use crate::types::TensorType;

/// A call of `evaluate`; the defaults are Keras'.
#[must_use = "nothing is evaluated before `.run()`"]
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
        model.check_compiled()?;
        if y.is_empty() {
            return Err(Error::Data { what: "evaluate needs targets".into() });
        }
        let feed = Feed::new(model, x, y, weights, false)?;
        let started = std::time::Instant::now();
        let steps = feed.examples.div_ceil(batch.max(1));
        let sums = model.evaluate_feed(&feed, batch)?;
        let logs = Logs(model.compiled()?.logs(&sums));
        Display::new(verbose, 0, steps).end(&Epoch { done: steps, elapsed: started.elapsed(), logs: &logs });
        Ok(logs)
    }
}

impl Model {
    /// The loss and the metrics on data: `model.evaluate(&x, &y).verbose(2).run()?`.
    pub fn evaluate<'m, 'd>(&'m mut self, x: impl IntoData<'d>, y: impl IntoData<'d>) -> Evaluate<'m, 'd> {
        Evaluate { model: self, x: x.into_data(), y: y.into_data(), weights: vec![], batch: 32, verbose: 1 }
    }

    /// Predictions of a model with one output, 32 examples at a time.
    ///
    /// # Errors
    /// The data do not fit the model, it has several outputs, or the device failed.
    pub fn predict<'d>(&mut self, x: impl IntoData<'d>) -> Result<ArrayD<f32>, Error> {
        let mut all = self.predict_all(x, 32)?;
        match all.len() {
            1 => Ok(all.swap_remove(0)),
            n => Err(Error::Argument { what: format!("the model has {n} outputs: call predict_all") }),
        }
    }

    /// Predictions of every output.
    ///
    /// # Errors
    /// The data do not fit the model, or the device failed.
    pub fn predict_all<'d>(
        &mut self,
        x: impl IntoData<'d>,
        batch_size: usize,
    ) -> Result<Vec<ArrayD<f32>>, Error> {
        let feed = Feed::new(self, x.into_data(), vec![], vec![], false)?;
        let words = self.predict_feed(&feed, batch_size)?;
        let shapes = self.output_types(&feed)?;
        words.into_iter().zip(shapes).map(|(w, t)| to_array(&t.shape, w)).collect()
    }

    /// Shapes of the outputs for all examples of a feed.
    fn output_types(&self, feed: &Feed) -> Result<Vec<TensorType>, Error> {
        let (graph, edges) = super::trace::prediction(&self.root, &feed.types(feed.examples))?;
        Ok(edges.iter().map(|e| graph.edge_type(*e).clone()).collect())
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
        self.check_compiled()?;
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
