//! Objects of users: what they are called, and where they are looked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Error;
use crate::graph::{
    Activation, Constraint, DynLayer, Initializer, Layer, LayerRef, Regularizer, Tensor, serialized_custom,
    serialized_custom_function,
};
use crate::losses::{self, Loss};
use crate::metrics::{self, Metric};
use crate::names;
use crate::optimizers::{LearningRate, LearningRateSchedule, Optimizer, Rule};

type Config = Map<String, Value>;
pub(super) type Make<T> = Arc<dyn Fn(Config) -> Result<T, Error> + Send + Sync>;
pub(super) type MakeOptimizer =
    Arc<dyn Fn(Config, Option<LearningRate>) -> Result<Box<dyn Optimizer>, Error> + Send + Sync>;

/// Makes the struct of users' objects from one list of its kinds.
macro_rules! custom_objects {
    ($(#[$doc:meta])* { $($field:ident: $made:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Default)]
        pub struct CustomObjects {
            $(pub(super) $field: HashMap<String, $made>,)*
        }

        impl fmt::Debug for CustomObjects {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut names: Vec<&String> = Vec::new();
                $(names.extend(self.$field.keys());)*
                names.sort();
                f.debug_tuple("CustomObjects").field(&names).finish()
            }
        }

        impl CustomObjects {
            fn extend(&mut self, other: CustomObjects) {
                $(self.$field.extend(other.$field);)*
            }
        }
    };
}

custom_objects!(
    /// A user's classes and functions by the names that configs know them by: `ScaleShift`, or `Package>ScaleShift` for what was
    /// registered under a package when the file was written.
    {
        layers: Make<Box<dyn DynLayer>>,
        activations: Arc<dyn Activation>,
        losses: Make<Arc<dyn Loss>>,
        metrics: Make<Arc<dyn Metric>>,
        optimizers: MakeOptimizer,
        initializers: Make<Arc<dyn Initializer>>,
        regularizers: Make<Arc<dyn Regularizer>>,
        constraints: Make<Arc<dyn Constraint>>,
        schedules: Make<Arc<dyn LearningRateSchedule>>,
    }
);

fn read<T: DeserializeOwned>(name: &str, config: Config) -> Result<T, Error> {
    crate::config::parse(name, &config)
}

/// An object of a user's class, written as registered.
struct Called<T> {
    name: String,
    object: T,
}

impl<F: Fn(Tensor) -> Tensor + Send + Sync> Activation for Called<F> {
    fn spec(&self) -> Value {
        serialized_custom_function(&self.name)
    }
    fn call(&self, x: Tensor) -> Tensor {
        (self.object)(x)
    }
}

impl Initializer for Called<Arc<dyn Initializer>> {
    fn spec(&self) -> Value {
        serialized_custom(&self.name, config_of(&self.object.spec()))
    }
    fn init(&self, shape: &[usize], seed: u64) -> Result<Vec<f32>, Error> {
        self.object.init(shape, seed)
    }
}

impl Regularizer for Called<Arc<dyn Regularizer>> {
    fn spec(&self) -> Value {
        serialized_custom(&self.name, config_of(&self.object.spec()))
    }
    fn call(&self, weight: Tensor) -> Tensor {
        self.object.call(weight)
    }
}

impl Constraint for Called<Arc<dyn Constraint>> {
    fn spec(&self) -> Value {
        serialized_custom(&self.name, config_of(&self.object.spec()))
    }
    fn call(&self, weight: Tensor) -> Tensor {
        self.object.call(weight)
    }
}

/// The config in what a user's object says of itself: a serialized object, or the config alone.
fn config_of(spec: &Value) -> Value {
    spec.get("config").filter(|_| spec.get("class_name").is_some()).unwrap_or(spec).clone()
}

impl CustomObjects {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// A layer, under its class name.
    #[must_use]
    pub fn layer<L: Layer + DeserializeOwned>(self) -> Self {
        self.layer_as::<L>(L::CLASS)
    }

    /// A layer, under another name.
    #[must_use]
    pub fn layer_as<L: Layer + DeserializeOwned>(mut self, name: &str) -> Self {
        self.layers.insert(name.into(), Arc::new(crate::layers::make::<L>));
        self
    }

    /// An activation.
    #[must_use]
    pub fn activation(mut self, name: &str, f: impl Fn(Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        self.activations.insert(name.into(), Arc::new(Called { name: name.into(), object: f }));
        self
    }

    /// A loss that is a function of targets and predictions.
    #[must_use]
    pub fn loss(mut self, name: &str, f: impl Fn(Tensor, Tensor) -> Tensor + Send + Sync + 'static) -> Self {
        let loss = losses::renamed(name, Arc::new(f));
        self.losses.insert(name.into(), Arc::new(move |_| Ok(loss.clone())));
        self
    }

    /// A loss with a config of its own. Its `spec` must name it by this name.
    #[must_use]
    pub fn loss_class<L: Loss + DeserializeOwned + 'static>(mut self, name: &str) -> Self {
        let class = name.to_string();
        let make = move |config| read::<L>(&class, config).map(|l| Arc::new(l) as Arc<dyn Loss>);
        self.losses.insert(name.into(), Arc::new(make));
        self
    }

    /// A metric that is the mean of a function of targets and predictions.
    #[must_use]
    pub fn metric(
        mut self,
        name: &str,
        f: impl Fn(Tensor, Tensor) -> Tensor + Send + Sync + 'static,
    ) -> Self {
        let metric = metrics::renamed(name, Arc::new(f));
        self.metrics.insert(name.into(), Arc::new(move |_| Ok(metric.clone())));
        self
    }

    /// A metric with a config of its own. Its `spec` must name it by this name.
    #[must_use]
    pub fn metric_class<M: Metric + DeserializeOwned + 'static>(mut self, name: &str) -> Self {
        let class = name.to_string();
        let make = move |config| read::<M>(&class, config).map(|m| Arc::new(m) as Arc<dyn Metric>);
        self.metrics.insert(name.into(), Arc::new(make));
        self
    }

    /// An optimizer, under its class name.
    #[must_use]
    pub fn optimizer<R: Rule + Default + DeserializeOwned>(self) -> Self {
        self.optimizer_as::<R>(R::CLASS)
    }

    fn optimizer_as<R: Rule + Default + DeserializeOwned>(mut self, name: &str) -> Self {
        self.optimizers.insert(name.into(), Arc::new(crate::optimizers::make::<R>));
        self
    }

    /// An initializer.
    #[must_use]
    pub fn initializer<I: Initializer + DeserializeOwned + 'static>(mut self, name: &str) -> Self {
        let class = name.to_string();
        let make = move |config| {
            let object: Arc<dyn Initializer> = Arc::new(read::<I>(&class, config)?);
            Ok(Arc::new(Called { name: class.clone(), object }) as Arc<dyn Initializer>)
        };
        self.initializers.insert(name.into(), Arc::new(make));
        self
    }

    /// A regularizer.
    #[must_use]
    pub fn regularizer<R: Regularizer + DeserializeOwned + 'static>(mut self, name: &str) -> Self {
        let class = name.to_string();
        let make = move |config| {
            let object: Arc<dyn Regularizer> = Arc::new(read::<R>(&class, config)?);
            Ok(Arc::new(Called { name: class.clone(), object }) as Arc<dyn Regularizer>)
        };
        self.regularizers.insert(name.into(), Arc::new(make));
        self
    }

    /// A constraint.
    #[must_use]
    pub fn constraint<R: Constraint + DeserializeOwned + 'static>(mut self, name: &str) -> Self {
        let class = name.to_string();
        let make = move |config| {
            let object: Arc<dyn Constraint> = Arc::new(read::<R>(&class, config)?);
            Ok(Arc::new(Called { name: class.clone(), object }) as Arc<dyn Constraint>)
        };
        self.constraints.insert(name.into(), Arc::new(make));
        self
    }

    /// A learning rate schedule. Its `spec` must name it by this name.
    #[must_use]
    pub fn schedule<S: LearningRateSchedule + DeserializeOwned + 'static>(mut self, name: &str) -> Self {
        let class = name.to_string();
        let make = move |c| read::<S>(&class, c).map(|s| Arc::new(s) as Arc<dyn LearningRateSchedule>);
        self.schedules.insert(name.into(), Arc::new(make));
        self
    }
}

static REGISTERED: LazyLock<RwLock<CustomObjects>> = LazyLock::new(RwLock::default);

thread_local! {
    static SCOPES: RefCell<Vec<CustomObjects>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` with these objects known on this thread, as `keras.utils.custom_object_scope` does.
pub fn custom_object_scope<R>(objects: &CustomObjects, f: impl FnOnce() -> R) -> R {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            SCOPES.with_borrow_mut(|scopes| scopes.pop());
        }
    }
    SCOPES.with_borrow_mut(|scopes| scopes.push(objects.clone()));
    let _guard = Guard;
    f()
}

/// Makes the network that the config of a `Sequential` or `Functional` describes.
pub type MakeNetwork = Arc<dyn Fn(&Map<String, Value>) -> Result<LayerRef, Error>>;

thread_local! {
    static NETWORKS: RefCell<Vec<MakeNetwork>> = const { RefCell::new(Vec::new()) };
}

/// Runs `f` while models that are inside layers' configs are made by `make` on this thread: how files describe them is not known here.
pub fn with_networks<R>(make: MakeNetwork, f: impl FnOnce() -> R) -> R {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            NETWORKS.with_borrow_mut(|makers| makers.pop());
        }
    }
    NETWORKS.with_borrow_mut(|makers| makers.push(make));
    let _guard = Guard;
    f()
}

/// Returns the network that a config inside a layer's describes; `None` where nobody makes one.
pub(super) fn network(config: &Map<String, Value>) -> Option<Result<LayerRef, Error>> {
    let make = NETWORKS.with_borrow(|makers| makers.last().cloned())?;
    Some(make(config))
}

/// What is known by a name: in the scopes first, then in the process; by the whole name first, then without its package.
pub(super) fn find<T: Clone>(name: &str, of: impl Fn(&CustomObjects) -> &HashMap<String, T>) -> Option<T> {
    find_any(&[name, super::bare(name)], of).map(|(_, found)| found)
}

fn find_any<T: Clone>(
    names: &[&str],
    of: impl Fn(&CustomObjects) -> &HashMap<String, T>,
) -> Option<(String, T)> {
    let inside = |objects: &CustomObjects| {
        names.iter().find_map(|n| of(objects).get(*n).map(|found| (n.to_string(), found.clone())))
    };
    let scoped = SCOPES.with_borrow(|scopes| scopes.iter().rev().find_map(inside));
    scoped.or_else(|| inside(&REGISTERED.read().unwrap_or_else(PoisonError::into_inner)))
}

/// Returns what was registered in a package under a name that a file gives without one, as files of objects that were not registered do. `None`
/// where two packages have it.
pub(super) fn find_packaged<T: Clone>(
    name: &str,
    of: impl Fn(&CustomObjects) -> &HashMap<String, T>,
) -> Option<(String, T)> {
    let inside = |objects: &CustomObjects| {
        // One package's is not another's.
        let mut found = of(objects).iter().filter(|(key, _)| !name.contains('>') && super::bare(key) == name);
        let first = found.next().map(|(key, made)| (key.clone(), made.clone()));
        first.filter(|_| found.next().is_none())
    };
    let scoped = SCOPES.with_borrow(|scopes| scopes.iter().rev().find_map(inside));
    scoped.or_else(|| inside(&REGISTERED.read().unwrap_or_else(PoisonError::into_inner)))
}

/// A layer class, with the name that its files shall have: as registered where the config said so, else as found.
pub(super) fn find_class(class: &str, registered: Option<&str>) -> Option<(String, Make<Box<dyn DynLayer>>)> {
    let full = registered.unwrap_or(class);
    let (key, make) = find_any(&[full, class, super::bare(full)], |c| &c.layers)?;
    Some((if full.contains('>') { full.into() } else { key }, make))
}

/// Makes objects known to the whole process.
pub fn register(objects: CustomObjects) {
    REGISTERED.write().unwrap_or_else(PoisonError::into_inner).extend(objects);
}

fn in_package(package: &str, class: &str) -> String {
    if package.is_empty() { class.into() } else { format!("{package}>{class}") }
}

/// Makes a layer known to the process as `package>Class`, as `register_keras_serializable(package)` does.
///
/// ```
/// # use rhyton_engine as rhyton;
/// use rhyton::Error;
/// use rhyton::graph::{Builder, CallContext, Layer, Shape, Tensor, Variable};
/// use rhyton::models::registry::{layer, register_layer};
/// use serde::{Deserialize, Serialize};
///
/// /// Multiplies by a weight: its fields are its config, its call is its formula.
/// #[derive(Serialize, Deserialize)]
/// struct Scale {
///     start: String,
///     #[serde(skip)]
///     scale: Variable,
/// }
///
/// impl Layer for Scale {
///     const CLASS: &'static str = "Scale";
///
///     fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
///         self.scale = builder.add_weight("scale", [input.known(-1)?], self.start.as_str(), true)?;
///         Ok(())
///     }
///
///     fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
///         x * &self.scale
///     }
/// }
///
/// # fn main() -> Result<(), Error> {
/// register_layer::<Scale>("Docs");
/// // As a file names it.
/// let config = serde_json::json!({"name": "scale", "start": "ones"});
/// let found = layer("Scale", Some("Docs>Scale"), config.as_object().unwrap_or(&Default::default()))?;
/// assert_eq!(found.settings().registered.as_deref(), Some("Docs>Scale"));
/// # Ok(())
/// # }
/// ```
pub fn register_layer<L: Layer + DeserializeOwned>(package: &str) {
    let name = in_package(package, L::CLASS);
    names::name_function::<L>(&name);
    register(CustomObjects::new().layer_as::<L>(&name));
}

/// Makes an activation known to the process by this name (`Package>name`): configs name it so wherever it is used.
pub fn register_activation<F: Fn(Tensor) -> Tensor + Send + Sync + 'static>(name: &str, f: F) {
    names::name_function::<F>(name);
    register(CustomObjects::new().activation(name, f));
}

/// Makes a loss known to the process by this name: configs name it so wherever it is used.
pub fn register_loss<F: Fn(Tensor, Tensor) -> Tensor + Send + Sync + 'static>(name: &str, f: F) {
    names::name_function::<F>(name);
    register(CustomObjects::new().loss(name, f));
}

/// Makes a loss with a config of its own known to the process.
pub fn register_loss_class<L: Loss + DeserializeOwned + 'static>(name: &str) {
    register(CustomObjects::new().loss_class::<L>(name));
}

/// Makes a metric known to the process by this name: configs name it so wherever it is used.
pub fn register_metric<F: Fn(Tensor, Tensor) -> Tensor + Send + Sync + 'static>(name: &str, f: F) {
    names::name_function::<F>(name);
    register(CustomObjects::new().metric(name, f));
}

/// Makes a metric with a config of its own known to the process.
pub fn register_metric_class<M: Metric + DeserializeOwned + 'static>(name: &str) {
    register(CustomObjects::new().metric_class::<M>(name));
}

/// Makes an optimizer known to the process as `package>Class`.
pub fn register_optimizer<R: Rule + Default + DeserializeOwned>(package: &str) {
    let name = in_package(package, R::CLASS);
    names::name_function::<R>(&name);
    register(CustomObjects::new().optimizer_as::<R>(&name));
}

/// Makes an initializer known to the process.
pub fn register_initializer<I: Initializer + DeserializeOwned + 'static>(name: &str) {
    names::name_function::<I>(name);
    register(CustomObjects::new().initializer::<I>(name));
}

/// Makes a regularizer known to the process.
pub fn register_regularizer<R: Regularizer + DeserializeOwned + 'static>(name: &str) {
    names::name_function::<R>(name);
    register(CustomObjects::new().regularizer::<R>(name));
}

/// Makes a constraint known to the process.
pub fn register_constraint<R: Constraint + DeserializeOwned + 'static>(name: &str) {
    names::name_function::<R>(name);
    register(CustomObjects::new().constraint::<R>(name));
}

/// Makes a learning rate schedule known to the process.
pub fn register_schedule<S: LearningRateSchedule + DeserializeOwned + 'static>(name: &str) {
    register(CustomObjects::new().schedule::<S>(name));
}
