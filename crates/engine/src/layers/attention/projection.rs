//! A product with a kernel of several axes: what the layers inside attention are.

use crate::graph::{Constraint, Initializer, LayerRef, LayerSettings, Named, Regularizer};
use crate::layers::{EinsumDense, Lengths};

/// Holds what the projections of a layer share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub use_bias: bool,
    pub kernel_initializer: Named<dyn Initializer>,
    pub bias_initializer: Named<dyn Initializer>,
    pub kernel_regularizer: Named<dyn Regularizer>,
    pub bias_regularizer: Named<dyn Regularizer>,
    pub kernel_constraint: Named<dyn Constraint>,
    pub bias_constraint: Named<dyn Constraint>,
    /// The penalty on what each projection gives.
    pub activity_regularizer: Named<dyn Regularizer>,
}

/// Returns a layer with these settings: x · kernel + bias over the last `contracted` axes of x, which become those of `output`.
pub(super) fn projection(
    settings: LayerSettings,
    contracted: usize,
    output: &[usize],
    activation: Option<&str>,
    shared: &Shared,
) -> LayerRef {
    // With more axes than there are letters the layer says that they do not fit.
    let mut letters = ('a'..='z').chain('A'..='Z');
    let summed: String = letters.by_ref().take(contracted).collect();
    let made: String = letters.take(output.len()).collect();
    let lengths = Lengths(output.iter().copied().map(Some).collect());
    let layer = EinsumDense::new(format!("...{summed},{summed}{made}->...{made}"), lengths)
        .bias_axes(shared.use_bias.then_some(made))
        .kernel_initializer(shared.kernel_initializer.clone())
        .bias_initializer(shared.bias_initializer.clone())
        .kernel_regularizer(shared.kernel_regularizer.clone())
        .bias_regularizer(shared.bias_regularizer.clone())
        .kernel_constraint(shared.kernel_constraint.clone())
        .bias_constraint(shared.bias_constraint.clone());
    let layer = match activation {
        Some(activation) => layer.activation(activation),
        None => layer,
    };
    // Keras 2 forgets it.
    let activity_regularizer =
        if settings.keras2 { Named::default() } else { shared.activity_regularizer.clone() };
    let settings = LayerSettings { activity_regularizer, ..settings };
    LayerRef::new(Box::new(layer), settings)
}
