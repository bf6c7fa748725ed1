//! The states that stateful layers carry from one batch to the next.

use ndarray::ArrayD;

use super::data::to_array;
use super::model::Model;
use super::{block, model::put};
use crate::Error;
use crate::graph::Variable;

impl Model {
    /// The states that its layers carry from one batch to the next, in order of the layers. They are no weights.
    pub fn states(&self) -> Vec<Variable> {
        let mut list: Vec<Variable> = Vec::new();
        for state in self.root.states() {
            if !list.contains(&state) {
                list.push(state);
            }
        }
        list
    }

    /// Reads the states of stateful layers, `[batch, units]` each (of an LSTM its output, then its cell).
    ///
    /// # Errors
    /// The device is gone.
    pub fn get_states(&self) -> Result<Vec<ArrayD<f32>>, Error> {
        let reads: Vec<_> = self.states().into_iter().map(|v| (v.shape().to_vec(), v.read())).collect();
        reads.into_iter().map(|(shape, read)| to_array(&shape, block::wait(read)?)).collect()
    }

    /// Gives stateful layers the states that the next batch begins with, in the order of [`Model::get_states`].
    ///
    /// # Errors
    /// Their number or a shape differs.
    pub fn set_states(&mut self, states: &[ArrayD<f32>]) -> Result<(), Error> {
        put("state", &self.states(), states)
    }

    /// Sets the states of all stateful layers to zero: the next batch begins anew, as after `reset_states` of tf_keras. One layer's are set by
    /// [`LayerRef::reset_state`](crate::graph::LayerRef::reset_state). A model without such layers is left as it is.
    ///
    /// ```
    /// # use rhyton_engine as rhyton;
    /// # use rhyton::layers::{InputLayer, LSTM};
    /// # use rhyton::train::Sequential;
    /// # fn main() -> Result<(), rhyton::Error> {
    /// let mut model = Sequential::new((InputLayer::batch_shape([2, 3, 4]), LSTM::new(5).stateful(true)))?;
    /// let x = ndarray::Array3::<f32>::ones((2, 3, 4));
    /// let first = model.predict(&x).verbose(0).run()?;
    /// assert_ne!(model.predict(&x).verbose(0).run()?, first);
    /// model.reset_states()?;
    /// assert_eq!(model.predict(&x).verbose(0).run()?, first);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The device is gone.
    pub fn reset_states(&mut self) -> Result<(), Error> {
        self.states().iter().try_for_each(|state| state.set(vec![0; state.len()]))
    }
}
