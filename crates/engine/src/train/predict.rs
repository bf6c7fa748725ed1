//! `predict`.

use ndarray::ArrayD;

use super::data::{Data, IntoData, to_array};
use super::display::{Display, Epoch, check_options};
use super::feed::Feed;
use super::history::Logs;
use super::model::Model;
use crate::Error;
use crate::types::TensorType;

/// A call of `predict`: set what it should do, then [`Predict::run`] it. The defaults are Keras'.
#[must_use = "nothing is predicted before `.run()`"]
#[derive(Debug)]
pub struct Predict<'m, 'd> {
    model: &'m mut Model,
    x: Vec<Data<'d>>,
    batch: usize,
    verbose: u8,
}

impl Model {
    /// Predicts what the model makes of data: `model.predict(&x).verbose(0).run()?`; of several outputs `.run_all()?`.
    ///
    /// ```
    /// # use rhyton_engine as rhyton;
    /// # use rhyton::graph::LayerExt;
    /// # use rhyton::layers::Dense;
    /// # use rhyton::train::Sequential;
    /// # fn main() -> Result<(), rhyton::Error> {
    /// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
    /// let x = ndarray::array![[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    /// let y = model.predict(&x).batch_size(2).verbose(0).run()?;
    /// assert_eq!(y.shape(), [3, 1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn predict<'m, 'd>(&'m mut self, x: impl IntoData<'d>) -> Predict<'m, 'd> {
        Predict { model: self, x: x.into_data(), batch: 32, verbose: 1 }
    }
}

impl Predict<'_, '_> {
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

    /// Predicts; for a model with one output.
    ///
    /// # Errors
    /// The data do not fit the model, it has several outputs, or the device failed.
    pub fn run(self) -> Result<ArrayD<f32>, Error> {
        let (built, outputs) = (self.model.is_built(), self.model.output_names());
        if built && outputs.len() != 1 {
            let what = format!(
                "the model has {} outputs ({}): `.run_all()` gives a list of them in place of `.run()`",
                outputs.len(),
                outputs.join(", ")
            );
            return Err(Error::Argument { what });
        }
        let mut all = self.run_all()?;
        Ok(all.swap_remove(0))
    }

    /// Predicts; gives every output, in their order.
    ///
    /// # Errors
    /// The data do not fit the model, or the device failed.
    pub fn run_all(self) -> Result<Vec<ArrayD<f32>>, Error> {
        let Predict { model, x, batch, verbose } = self;
        check_options(batch, verbose)?;
        let feed = Feed::new(model, x, vec![], vec![], false)?;
        let (started, steps) = (std::time::Instant::now(), feed.examples.div_ceil(batch));
        let words = model.predict_feed(&feed, batch)?;
        let shapes = model.output_types(&feed, batch)?;
        let logs = Logs::default();
        Display::new(verbose, 0, steps).end(&Epoch { done: steps, elapsed: started.elapsed(), logs: &logs });
        let whole = |(words, TensorType { mut shape, .. }): (Vec<u32>, TensorType)| {
            if let Some((first, rest)) = shape.split_first_mut() {
                let stride = rest.iter().product::<usize>();
                *first = words.len().checked_div(stride).unwrap_or(feed.examples);
            }
            to_array(&shape, words)
        };
        words.into_iter().zip(shapes).map(whole).collect()
    }
}

impl Model {
    /// Shapes of the outputs for a batch of a feed: a layer may take no other number of examples.
    fn output_types(&self, feed: &Feed, batch: usize) -> Result<Vec<TensorType>, Error> {
        let batch = batch.min(feed.examples);
        let (graph, edges) = super::trace::prediction(&self.root, &feed.types(batch))?;
        Ok(edges.iter().map(|e| graph.edge_type(*e).clone()).collect())
    }
}
