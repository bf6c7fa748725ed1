//! Changes to a compiled model that keep its optimizer's state, and the names of what goes in and out.

use serde_json::{Value as Json, json};

use super::model::Model;
use crate::Error;
use crate::optimizers::LearningRate;

impl Model {
    /// Names of the input layers.
    pub fn input_names(&self) -> Vec<String> {
        let names = |n: &crate::models::Network| {
            n.inputs.iter().map(|call| n.layers[n.calls[*call].layer].name()).collect()
        };
        self.network(names).unwrap_or_default()
    }

    /// Names of what `fit` logs after each epoch, once the data are known.
    pub(super) fn log_names(&self, validation: bool) -> Result<Vec<String>, Error> {
        let mut names = self.compiled()?.log_names();
        if validation {
            let validated: Vec<String> = names.iter().map(|name| format!("val_{name}")).collect();
            names.extend(validated);
        }
        Ok(names)
    }

    /// Sets a constant learning rate, as `model.optimizer.learning_rate = rate`; the optimizer's state stays.
    ///
    /// # Errors
    /// The model was not compiled, a schedule computes the rate, or the optimizer is one of a file that cannot go on here.
    pub fn set_learning_rate(&mut self, rate: f32) -> Result<(), Error> {
        let compiled = self.compiled_mut()?;
        compiled.optimizer.usable()?;
        match compiled.optimizer.learning_rate() {
            LearningRate::Constant(_) => {
                compiled.set_constant_learning_rate(rate);
                Ok(())
            }
            LearningRate::Several => Err(Error::State {
                what: "each optimizer inside has a learning rate of its own; compile the model with other ones".into(),
            }),
            LearningRate::Schedule(_) => Err(Error::State {
                what: "a schedule computes the optimizer's learning rate; compile the model with another optimizer".into(),
            }),
        }
    }

    /// Compiles again with other losses and metrics, as configs; the optimizer stays, with its state.
    ///
    /// # Errors
    /// The model was not compiled, or as [`Model::compile_config`]; all is then as it was.
    pub fn recompile_config(
        &mut self,
        loss: &Json,
        metrics: &Json,
        loss_weights: &Json,
        weighted: &Json,
    ) -> Result<(), Error> {
        self.compiled_mut()?;
        let (old, kept) = (self.compiled.take(), self.kept.clone());
        // A stand-in: the optimizer that was there takes its place.
        match (self.compile_config(&json!("sgd"), loss, metrics, loss_weights, weighted), old) {
            (Ok(()), Some(old)) => {
                if let Some(new) = &mut self.compiled {
                    (new.optimizer, new.iteration, new.slots) = (old.optimizer, old.iteration, old.slots);
                    new.config.other = old.config.other;
                }
                // An optimizer that cannot go on is kept with it.
                self.kept = kept;
                Ok(())
            }
            (result, old) => {
                self.compiled = old;
                result
            }
        }
    }
}
