//! `adapt`: layers that learn from data before a model is trained.

use super::data::{Data, IntoData};
use crate::Error;
use crate::graph::{Configured, Layer, LayerRef, Learner};

/// Layers that learn from data: means, boundaries of bins, vocabularies (Keras' `adapt`). Of a layer that is in a model,
/// [`Model::get_layer`](super::Model::get_layer) gives the handle to call it on.
///
/// ```
/// # use rhyton_engine::Error;
/// # use rhyton_engine::graph::LayerExt;
/// # use rhyton_engine::layers::{Dense, Normalization};
/// # use rhyton_engine::train::{Adapt, Sequential};
/// let x = ndarray::array![[1.0, 10.0], [3.0, 30.0]];
/// let mut model = Sequential::new((Normalization::new().name("scale").input_shape([2]), Dense::new(1)))?;
/// model.get_layer("scale")?.adapt(&x)?;
/// assert_eq!(model.get_weights()?[0], ndarray::array![2.0, 20.0].into_dyn());
/// # Ok::<(), Error>(())
/// ```
pub trait Adapt {
    /// Learns from an array, or from a list of strings, in place of what it learned before.
    ///
    /// # Errors
    /// The layer learns nothing, was told what to know, or the data do not suit it.
    fn adapt<'d>(&mut self, data: impl IntoData<'d>) -> Result<(), Error>;
}

fn learn(learner: &mut dyn Learner, data: &[Data]) -> Result<(), Error> {
    let [one] = data else {
        let what = format!("adapt takes one array, but was given {}", data.len());
        return Err(Error::Data { what });
    };
    learner.learn(&one.all_values())
}

impl<L: Layer> Adapt for L {
    fn adapt<'d>(&mut self, data: impl IntoData<'d>) -> Result<(), Error> {
        let learner = self.as_learner_mut().ok_or_else(|| Error::State {
            what: format!("{} learns nothing from data: it has no adapt", L::CLASS),
        })?;
        learn(learner, &data.into_data())
    }
}

impl<L: Layer> Adapt for Configured<L> {
    fn adapt<'d>(&mut self, data: impl IntoData<'d>) -> Result<(), Error> {
        self.layer_mut().adapt(data)
    }
}

impl Adapt for LayerRef {
    fn adapt<'d>(&mut self, data: impl IntoData<'d>) -> Result<(), Error> {
        let data = data.into_data();
        self.learn(|learner| learn(learner, &data))
    }
}
