//! [`Inner`]: a layer inside a layer's config.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::Error;
use crate::graph::{LayerRef, Resolver};

/// A layer that another one's config holds: as read, or the layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inner {
    spec: Value,
    layer: Option<LayerRef>,
}

impl Inner {
    /// Of a layer that is there.
    pub fn of(layer: LayerRef) -> Self {
        Inner { spec: Value::Null, layer: Some(layer) }
    }

    /// Makes the layer that the config says, unless there is one.
    ///
    /// # Errors
    /// Nobody knows its class, or its config is wrong.
    pub fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        if self.layer.is_none() && !self.spec.is_null() {
            self.layer = Some(resolver.layer(&self.spec)?);
        }
        Ok(())
    }

    /// The layer, once bound.
    pub fn get(&self) -> Option<&LayerRef> {
        self.layer.as_ref()
    }

    /// Returns whether the config has one.
    pub fn is_given(&self) -> bool {
        self.layer.is_some() || !self.spec.is_null()
    }

    /// The same layer's config with changes, as a layer of its own.
    pub fn changed(&self, change: impl FnOnce(&mut Map<String, Value>)) -> Self {
        let mut spec = self.to_spec();
        if let Some(config) = spec.get_mut("config").and_then(Value::as_object_mut) {
            change(config);
        }
        Inner { spec, layer: None }
    }

    fn to_spec(&self) -> Value {
        match &self.layer {
            Some(layer) => spec_of(layer),
            None => self.spec.clone(),
        }
    }
}

/// A layer as configs hold it.
pub(crate) fn spec_of(layer: &LayerRef) -> Value {
    let settings = layer.settings();
    let mut config = Map::new();
    config.insert("name".into(), layer.name().into());
    // Keras' Pipeline takes neither.
    if layer.class_name() != "Pipeline" {
        config.insert("trainable".into(), layer.is_trainable().into());
        config.insert("dtype".into(), settings.dtype.clone().unwrap_or_else(|| "float32".into()));
    }
    config.extend(layer.layer().config());
    settings.complete(&mut config);
    let module = settings.registered.is_none().then_some("keras.layers");
    json!({"module": module, "class_name": layer.class_name(), "config": config, "registered_name": settings.registered})
}

impl Serialize for Inner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_spec().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Inner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spec = Value::deserialize(deserializer)?;
        if spec.is_null() || spec.get("class_name").is_some_and(Value::is_string) {
            return Ok(Inner { spec, layer: None });
        }
        Err(serde::de::Error::custom("expected a layer, with class_name and config"))
    }
}
