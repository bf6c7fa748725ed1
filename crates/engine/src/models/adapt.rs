//! Low-rank additions to the weights of layers that are built: `enable_lora`.

use super::registry;
use crate::Error;
use crate::graph::LayerRef;

impl LayerRef {
    /// Freezes its kernel (or embeddings), and adds the product of two small matrices to it, which training changes in its place: Keras' `enable_lora`.
    ///
    /// `alpha`: the product is multiplied by alpha / rank; none is the rank. A model that was compiled before goes by this from its next call of fit on, with an
    /// optimizer whose slots of the new matrices begin at zero. `.keras` and `.weights.h5` have the sum of both, as Keras writes it.
    ///
    /// # Errors
    /// Its class has no such addition, it is not built, it has one already, or a constraint holds what would be frozen.
    pub fn enable_lora(&self, rank: usize, alpha: impl Into<Option<f64>>) -> Result<(), Error> {
        let alpha = alpha.into();
        self.extend(&registry::resolver(), |layer, builder| layer.enable_lora(builder, rank, alpha))
    }
}
