//! Objects that configs name: activations, initializers, regularizers, constraints; and what turns names into objects.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{Arguments, DType, LayerRef, Shape, Tensor};
use crate::Error;

/// A serialized Keras object: `{"module", "class_name", "config", "registered_name"}`.
pub fn serialized(module: &str, class_name: &str, config: Value) -> Value {
    json!({"module": module, "class_name": class_name, "config": config, "registered_name": null})
}

/// A serialized custom object, `name` being `Package>Class`.
pub fn serialized_custom(name: &str, config: Value) -> Value {
    let class = name.rsplit('>').next().unwrap_or(name);
    json!({"module": null, "class_name": class, "config": config, "registered_name": name})
}

/// What a config says of an object: its name and arguments, in any of Keras' forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// `Package>Class` for registered objects, else the class or function name.
    pub name: String,
    /// Arguments; empty for a bare name.
    pub config: Map<String, Value>,
    /// Says whether the config says that it is somebody's own, though Keras may have one of that name.
    pub custom: bool,
}

/// Returns whether a module is Keras', or Python's own, where Keras says that its functions are.
fn is_keras(module: &str) -> bool {
    let package = module.split('.').next().unwrap_or_default();
    matches!(package, "keras" | "tf_keras" | "tensorflow" | "builtins")
}

impl Spec {
    /// Reads `"relu"`, `{"class_name", "config", ..}`, `{"class_name": "function", "config": "name", ..}`.
    /// `None` for null.
    ///
    /// # Errors
    /// It is neither.
    pub fn of(value: &Value) -> Result<Option<Spec>, Error> {
        let object = match value {
            Value::Null => return Ok(None),
            Value::String(name) => {
                return Ok(Some(Spec { name: name.clone(), config: Map::new(), custom: false }));
            }
            Value::Object(object) => object,
            other => return Err(config_error(other)),
        };
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let class = text("class_name").ok_or_else(|| config_error(value))?;
        let of_others = text("module").is_some_and(|module| !is_keras(module));
        match object.get("config") {
            Some(Value::String(function)) => {
                let registered = text("registered_name").filter(|n| *n != "function");
                let custom = of_others || registered.is_some();
                Ok(Some(Spec { name: registered.unwrap_or(function).into(), config: Map::new(), custom }))
            }
            config => {
                let registered = text("registered_name");
                Ok(Some(Spec {
                    name: registered.unwrap_or(class).into(),
                    config: config.and_then(Value::as_object).cloned().unwrap_or_default(),
                    custom: of_others || registered.is_some(),
                }))
            }
        }
    }
}

fn config_error(value: &Value) -> Error {
    let shown: String = value.to_string().chars().take(80).collect();
    Error::Config {
        object: "a serialized object".into(),
        what: format!("found {shown}, expected a name or an object with class_name and config"),
    }
}

/// An activation: elementwise or not, a function of one tensor.
pub trait Activation: Send + Sync {
    /// As configs name it: `"relu"`, or a serialized object.
    fn spec(&self) -> Value;
    /// Adds its nodes.
    fn call(&self, x: Tensor) -> Tensor;
}

/// A way to make a variable's first value.
pub trait Initializer: Send + Sync {
    /// As configs name it.
    fn spec(&self) -> Value;
    /// The value for this shape. `seed` is drawn from the process-wide source; an initializer with a seed of its own
    /// ignores it.
    ///
    /// # Errors
    /// The shape does not suit it.
    fn init(&self, shape: &[usize], seed: u64) -> Result<Vec<f32>, Error>;
}

/// A penalty on a weight.
pub trait Regularizer: Send + Sync {
    /// As configs name it.
    fn spec(&self) -> Value;
    /// The penalty, a scalar.
    fn call(&self, weight: Tensor) -> Tensor;
}

/// What a weight is made to be after each step of training.
pub trait Constraint: Send + Sync {
    /// Returns it as configs name it.
    fn spec(&self) -> Value;
    /// Returns the weight as it has to be, in its shape.
    fn call(&self, weight: Tensor) -> Tensor;
}

/// What turns what a config says into objects: the registry.
pub trait Resolver {
    /// An activation; `None` for null.
    ///
    /// # Errors
    /// Nobody registered the name, or its config is wrong.
    fn activation(&self, spec: &Value) -> Result<Option<Arc<dyn Activation>>, Error>;
    /// An initializer.
    ///
    /// # Errors
    /// As above.
    fn initializer(&self, spec: &Value) -> Result<Option<Arc<dyn Initializer>>, Error>;
    /// A regularizer.
    ///
    /// # Errors
    /// As above.
    fn regularizer(&self, spec: &Value) -> Result<Option<Arc<dyn Regularizer>>, Error>;
    /// A constraint.
    ///
    /// # Errors
    /// As above.
    fn constraint(&self, spec: &Value) -> Result<Option<Arc<dyn Constraint>>, Error>;
    /// A layer, for layers that hold others; bound, but not built.
    ///
    /// # Errors
    /// As above.
    fn layer(&self, spec: &Value) -> Result<LayerRef, Error> {
        let name = spec.get("class_name").and_then(Value::as_str).unwrap_or_default().to_string();
        Err(Error::Unknown { kind: "layer", name, advice: "this resolver makes no layers".into() })
    }
    /// Builds a layer for inputs, and returns shapes and types of its outputs: for layers that call others one after the other.
    ///
    /// # Errors
    /// The inputs do not suit it.
    fn outputs_of(
        &self,
        layer: &LayerRef,
        _inputs: &[(Shape, DType)],
        _arguments: &Arguments,
    ) -> Result<Vec<(Shape, DType)>, Error> {
        let advice = "this resolver builds no layers".into();
        Err(Error::Unknown { kind: "layer", name: layer.name(), advice })
    }
}

/// A field of a config that names another object: as read (unbound), or bound to the object.
pub struct Named<T: ?Sized> {
    spec: Value,
    object: Option<Arc<T>>,
}

impl<T: ?Sized> Clone for Named<T> {
    fn clone(&self) -> Self {
        Named { spec: self.spec.clone(), object: self.object.clone() }
    }
}

/// Two are the same where configs say the same of them.
impl<T: ?Sized> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl<T: ?Sized> Default for Named<T> {
    fn default() -> Self {
        Named { spec: Value::Null, object: None }
    }
}

impl<T: ?Sized> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.spec)
    }
}

impl<T: ?Sized> Serialize for Named<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.spec.serialize(serializer)
    }
}

impl<'de, T: ?Sized> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spec = Value::deserialize(deserializer)?;
        Spec::of(&spec).map_err(serde::de::Error::custom)?;
        Ok(Named { spec, object: None })
    }
}

impl<T: ?Sized> Named<T> {
    /// As a config says, unbound.
    pub fn unbound(spec: Value) -> Self {
        Named { spec, object: None }
    }

    /// The object, once bound.
    pub fn get(&self) -> Option<&Arc<T>> {
        self.object.as_ref()
    }

    /// What the config says.
    pub fn spec(&self) -> &Value {
        &self.spec
    }
}

/// Returns what an object says of itself, under the name that its class was registered by.
fn as_registered<O: 'static>(spec: Value) -> Value {
    match (crate::names::registered::<O>(), spec) {
        (Some(name), Value::Object(mut map)) if map.get("class_name").is_some_and(|c| c != "function") => {
            serialized_custom(&name, map.remove("config").unwrap_or_default())
        }
        (_, spec) => spec,
    }
}

macro_rules! named {
    ($trait:ident, $method:ident) => {
        impl Named<dyn $trait> {
            /// Binds it through the registry, unless it is bound.
            ///
            /// # Errors
            /// Nobody registered the name, or its config is wrong.
            pub fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
                if self.object.is_none() {
                    self.object = resolver.$method(&self.spec)?;
                    if let Some(object) = &self.object {
                        self.spec = object.spec();
                    }
                }
                Ok(())
            }
        }
        impl<O: $trait + 'static> From<O> for Named<dyn $trait> {
            fn from(object: O) -> Self {
                Named { spec: as_registered::<O>(object.spec()), object: Some(Arc::new(object)) }
            }
        }
        impl From<&str> for Named<dyn $trait> {
            fn from(name: &str) -> Self {
                Named::unbound(Value::String(name.into()))
            }
        }
    };
}
named!(Activation, activation);
named!(Initializer, initializer);
named!(Regularizer, regularizer);
named!(Constraint, constraint);

impl Named<dyn Activation> {
    /// Calls the activation; none is the identity.
    pub fn apply(&self, x: Tensor) -> Tensor {
        self.object.as_ref().map_or(x, |a| a.call(x))
    }
}

impl<F: Fn(Tensor) -> Tensor + Send + Sync> Activation for (&'static str, F) {
    fn spec(&self) -> Value {
        serialized_custom_function(self.0)
    }
    fn call(&self, x: Tensor) -> Tensor {
        self.1(x)
    }
}

/// A function by its registered name, as Keras 3 writes it.
pub fn serialized_custom_function(name: &str) -> Value {
    // A closure is `<lambda>`, in no package.
    if name.contains('>') && !name.starts_with('<') {
        json!({"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"})
    } else {
        Value::String(name.into())
    }
}
