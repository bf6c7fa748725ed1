//! `predict`.

use ndarray::ArrayD;

use super::data::{Data, IntoData, to_array};
use super::display::{Display, Epoch, check_options};
use super::feed::Feed;
use super::history::Logs;
use super::model::Model;
use crate::Error;
use crate::host::Elements;

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
        let (texts, names) = (feed.text_outputs(), model.output_names());
        if let Some((name, _)) = names.iter().zip(&texts).find(|(_, text)| **text) {
            let what =
                format!("the output `{name}` is of strings: `.run_text()` gives those, `.run_each()` all");
            return Err(Error::Argument { what });
        }
        let found = predicted(model, &feed, batch, verbose)?;
        let numbers = |one| if let Predicted::Numbers(array) = one { Some(array) } else { None };
        Ok(found.into_iter().filter_map(numbers).collect())
    }

    /// Predicts; gives the outputs of strings, in their order, as a lookup with `invert` makes them of indices.
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::layers::StringLookup;
    /// # use rhyton_engine::train::Sequential;
    /// let words = StringLookup::new().vocabulary(["red", "green"]).invert(true);
    /// let mut model = Sequential::new((words,))?;
    /// let found = model.predict(&ndarray::array![2_i64, 0, 1]).verbose(0).run_text()?;
    /// assert_eq!(found[0].as_slice(), Some(["green", "[UNK]", "red"].map(String::from).as_slice()));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// The data do not fit the model, or it has no such outputs.
    pub fn run_text(self) -> Result<Vec<ArrayD<String>>, Error> {
        let text = |one| if let Predicted::Text(array) = one { Some(array) } else { None };
        let found: Vec<ArrayD<String>> = self.run_each()?.into_iter().filter_map(text).collect();
        if found.is_empty() {
            let what = "the model has no output of strings: `.run()` gives numbers";
            return Err(Error::Argument { what: what.into() });
        }
        Ok(found)
    }

    /// Predicts; gives every output, of numbers or of strings, in their order.
    ///
    /// # Errors
    /// The data do not fit the model, or the device failed.
    pub fn run_each(self) -> Result<Vec<Predicted>, Error> {
        let Predict { model, x, batch, verbose } = self;
        check_options(batch, verbose)?;
        let feed = Feed::new(model, x, vec![], vec![], false)?;
        predicted(model, &feed, batch, verbose)
    }
}

/// An output that was predicted.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicted {
    /// Numbers; integers too, as floats.
    Numbers(ArrayD<f32>),
    /// Strings.
    Text(ArrayD<String>),
}

fn predicted(model: &mut Model, feed: &Feed, batch: usize, verbose: u8) -> Result<Vec<Predicted>, Error> {
    let texts = feed.text_outputs();
    let (started, steps) = (std::time::Instant::now(), feed.examples.div_ceil(batch));
    // A model that gives strings alone needs no device.
    let numbers = if texts.contains(&false) { model.predict_feed(feed, batch)? } else { vec![] };
    let text = if texts.contains(&true) { text_of(feed, batch)? } else { vec![] };
    let logs = Logs::default();
    Display::new(verbose, 0, steps).end(&Epoch { done: steps, elapsed: started.elapsed(), logs: &logs });
    let (mut numbers, mut text) = (numbers.into_iter(), text.into_iter());
    let missing = || Error::State { what: "an output was not made".into() };
    let one = |is_text: &bool| {
        if *is_text {
            return Ok(Predicted::Text(text.next().ok_or_else(missing)?));
        }
        let (shape, words) = numbers.next().ok_or_else(missing)?;
        Ok(Predicted::Numbers(to_array(&shape, words)?))
    };
    texts.iter().map(one).collect()
}

/// The outputs of strings.
fn text_of(feed: &Feed, batch: usize) -> Result<Vec<ArrayD<String>>, Error> {
    let rows: Vec<u32> = (0..u32::try_from(feed.examples).unwrap_or(u32::MAX)).collect();
    let mut found: Vec<(Vec<usize>, Vec<String>)> = Vec::new();
    for rows in rows.chunks(batch) {
        for (i, values) in feed.texts(rows)?.into_iter().flatten().enumerate() {
            let Elements::Text(all) = values.elements else { continue };
            if found.len() == i {
                let mut shape = values.shape.clone();
                shape.iter_mut().take(1).for_each(|n| *n = feed.examples);
                found.push((shape, Vec::new()));
            }
            found[i].1.extend(all.into_iter().map(|text| text.into_owned()));
        }
    }
    let array = |(shape, all): (Vec<usize>, Vec<String>)| {
        ArrayD::from_shape_vec(shape, all).map_err(|e| Error::State { what: e.to_string() })
    };
    found.into_iter().map(array).collect()
}
