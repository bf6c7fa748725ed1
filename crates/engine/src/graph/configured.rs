//! [`Configured`]: a layer with the settings that every layer has, until it is used in a model; and the methods that set them.

use std::fmt;

use super::{Layer, LayerRef, LayerSettings, Named, Regularizer};

/// A layer with a name, an input shape, or frozen: what [`LayerExt::name`] and its kin give. It has the builders of the layer itself too, so they
/// may come in any order: `Dense::new(512).input_shape([784]).activation("relu")`.
pub struct Configured<L> {
    layer: L,
    settings: LayerSettings,
    trainable: bool,
}

impl<L: fmt::Debug> fmt::Debug for Configured<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured")
            .field("layer", &self.layer)
            .field("name", &self.settings.name)
            .field("input_shape", &self.settings.input_shape)
            .field("trainable", &self.trainable)
            .finish()
    }
}

impl<L> Configured<L> {
    /// Changes the layer itself: how the builders of a custom layer are reached once it has a name.
    ///
    /// ```
    /// # use rhyton_engine::graph::LayerExt;
    /// # use rhyton_engine::layers::Dropout;
    /// let layer = Dropout::new(0.2).name("drop").with(|dropout| dropout.seed(3));
    /// # let _ = layer;
    /// ```
    pub fn with(mut self, change: impl FnOnce(L) -> L) -> Self {
        self.layer = change(self.layer);
        self
    }

    /// The layer itself.
    pub(crate) fn layer_mut(&mut self) -> &mut L {
        &mut self.layer
    }
}

impl<L: Layer> From<Configured<L>> for LayerRef {
    fn from(configured: Configured<L>) -> Self {
        let layer = LayerRef::new(Box::new(configured.layer), configured.settings);
        if !configured.trainable {
            layer.set_trainable(false);
        }
        layer
    }
}

impl From<&LayerRef> for LayerRef {
    fn from(layer: &LayerRef) -> Self {
        layer.clone()
    }
}

/// Settings that every layer has, as builders, before or after the layer's own: `Dense::new(64).name("head").activation("relu")`.
pub trait LayerExt: Into<LayerRef> + Sized {
    /// The class of the layer.
    type Layer;

    /// Returns the layer with the settings that it has so far.
    fn configured(self) -> Configured<Self::Layer>;

    /// Gives it a name.
    fn name(self, name: impl Into<String>) -> Configured<Self::Layer> {
        let mut configured = self.configured();
        configured.settings.name = name.into();
        configured
    }

    /// Tells the shape of its input, without the batch axis (`None` for an axis that data decides): the model is built at once.
    fn input_shape<D: Into<Option<usize>>>(
        self,
        shape: impl IntoIterator<Item = D>,
    ) -> Configured<Self::Layer> {
        let mut configured = self.configured();
        configured.settings.input_shape = Some(shape.into_iter().map(Into::into).collect());
        configured
    }

    /// Sets its dtype policy: `"float32"`, `"mixed_float16"`, `"mixed_bfloat16"`, `"float16"`, `"bfloat16"`. By default that of
    /// [`set_dtype_policy`](crate::types::set_dtype_policy).
    fn dtype(self, policy: &str) -> Configured<Self::Layer> {
        let mut configured = self.configured();
        configured.settings.dtype = Some(policy.into());
        configured
    }

    /// Adds a penalty on what it gives to the loss: the sum of each output's, divided by the number of examples.
    fn activity_regularizer(self, penalty: impl Into<Named<dyn Regularizer>>) -> Configured<Self::Layer> {
        let mut configured = self.configured();
        configured.settings.activity_regularizer = penalty.into();
        configured
    }

    /// Says whether training changes its weights; `false` freezes it from the start.
    fn trainable(self, trainable: bool) -> Configured<Self::Layer> {
        Configured { trainable, ..self.configured() }
    }

    /// Makes a handle of it, whose clones are the same layer: for a layer that is called in several places.
    fn shared(self) -> LayerRef {
        self.into()
    }
}

impl<L: Layer> LayerExt for L {
    type Layer = L;

    fn configured(self) -> Configured<L> {
        Configured { layer: self, settings: LayerSettings::default(), trainable: true }
    }
}

impl<L: Layer> LayerExt for Configured<L> {
    type Layer = L;

    fn configured(self) -> Self {
        self
    }
}

/// A handle that exists already: [`LayerRef::name`] reads its name.
impl LayerRef {
    /// Gives it another name.
    #[must_use]
    pub fn renamed(self, name: impl Into<String>) -> Self {
        self.configure(|s| s.name = name.into());
        self
    }

    /// As [`LayerExt::input_shape`].
    #[must_use]
    pub fn input_shape<D: Into<Option<usize>>>(self, shape: impl IntoIterator<Item = D>) -> Self {
        self.configure(|s| s.input_shape = Some(shape.into_iter().map(Into::into).collect()));
        self
    }

    /// As [`LayerExt::trainable`].
    #[must_use]
    pub fn trainable(self, trainable: bool) -> Self {
        self.set_trainable(trainable);
        self
    }
}
