//! What a layer is: [`Layer`] for who writes one, [`LayerRef`] for who uses it.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::floats::Precision;
use super::integers::Integers;
use super::objects::{Constraint, Named, Regularizer, Resolver};
use super::{
    Adapted, Arguments, Builder, CallContext, Cell, DType, HostLayer, Learner, Recurrent, Role, Tensor,
    Variable, fail, has_learned, scoped,
};
use crate::Error;
use crate::types::{Policy, Shape, dtype_policy};

/// A layer: a serde struct of its config, whose variables are `#[serde(skip)]` fields.
///
/// Implement [`call`](Layer::call) for one input and one output, or [`call_all`](Layer::call_all) for several.
pub trait Layer: Serialize + Send + Sync + 'static {
    /// Class name as in Keras; the package of a custom class is told when it is registered.
    const CLASS: &'static str;

    /// Keys that its config must have, beside those whose absence serde refuses.
    const REQUIRED: &'static [&'static str] = &[];

    /// Binds the fields that name other objects.
    ///
    /// # Errors
    /// A name that nobody registered.
    fn bind(&mut self, _resolver: &dyn Resolver) -> Result<(), Error> {
        Ok(())
    }

    /// Makes the variables, for an input of this shape.
    ///
    /// # Errors
    /// The shape does not suit the layer.
    fn build(&mut self, _builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        Ok(())
    }

    /// [`build`](Layer::build) for several inputs.
    ///
    /// # Errors
    /// As there.
    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        match inputs {
            [input] => self.build(builder, input),
            _ => Err(Error::Shape {
                layer: String::new(),
                what: format!("{} takes one input, but was given {}", Self::CLASS, inputs.len()),
            }),
        }
    }

    /// Adds the nodes of one call.
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        if self.as_host().is_some() {
            let what = "is computed on the host before the model's computation, so no other layer can have it inside";
            fail(Error::Shape { layer: String::new(), what: what.into() });
            return x;
        }
        fail(Error::State { what: format!("{} has neither `call` nor `call_all`", Self::CLASS) });
        x
    }

    /// [`call`](Layer::call) for several inputs or outputs.
    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        match xs {
            [x] => vec![self.call(*x, cx)],
            _ => {
                let what = format!("{} takes one input, but was given {}", Self::CLASS, xs.len());
                fail(Error::Shape { layer: String::new(), what });
                xs.to_vec()
            }
        }
    }

    /// Checks whether its settings are right, as far as they alone say it; by default whether its config can be written, which a [`Word`](crate::words::Word)
    /// that is wrong refuses.
    ///
    /// # Errors
    /// Names the setting, and what would be right.
    fn check(&self) -> Result<(), Error> {
        serde_json::to_value(self).map(drop).map_err(|e| Error::Argument { what: e.to_string() })
    }

    /// Returns what it does with integers; by default they come as floats.
    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Floats
    }

    /// Returns what it does with float types: by default its policy decides.
    fn precision(&self) -> Precision {
        Precision::Policy
    }

    /// Returns the names of its arguments in Keras, in order. What a call says by other names is an error.
    fn parameters(&self) -> &'static [&'static str] {
        &["inputs"]
    }

    /// Returns the arguments that this many tensors are, where nothing else is said.
    fn arguments(&self, count: usize) -> Arguments {
        Arguments::plain(count)
    }

    /// Returns whether the mask of its first input is that of its outputs (Keras' `supports_masking`); where not, they have none.
    fn supports_masking(&self) -> bool {
        false
    }

    /// Returns the masks of its outputs, 1 where something counts and 0 elsewhere; `masks` are those of its inputs. Those that are missing are `None`.
    fn compute_mask(
        &self,
        _xs: &[Tensor],
        masks: &[Option<Tensor>],
        _cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        if self.supports_masking() { vec![masks.first().copied().flatten()] } else { vec![] }
    }

    /// Returns itself as a cell of a recurrent layer, where it is one.
    fn as_cell(&self) -> Option<&dyn Cell> {
        None
    }

    /// Returns itself as a recurrent layer, where it is one.
    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        None
    }

    /// Returns itself as a layer that is computed on the host, where it is one.
    fn as_host(&self) -> Option<&dyn HostLayer> {
        None
    }

    /// Adds a product of two small matrices to its weight, which is frozen: see [`LayerRef::enable_lora`].
    ///
    /// # Errors
    /// Its class has none, or it cannot have one now.
    fn enable_lora(
        &mut self,
        _builder: &mut Builder,
        _rank: usize,
        _alpha: Option<f64>,
    ) -> Result<(), Error> {
        let what = format!(
            "{} has no low-rank addition; Dense, EinsumDense, Embedding and Conv2D have",
            Self::CLASS
        );
        Err(Error::Argument { what })
    }

    /// Returns its weight that is adapted so, where it is.
    fn adapted(&self) -> Option<Adapted> {
        None
    }

    /// Returns itself as a layer that learns from data, where it is one.
    fn as_learner(&self) -> Option<&dyn Learner> {
        None
    }

    /// The same, to learn.
    fn as_learner_mut(&mut self) -> Option<&mut dyn Learner> {
        None
    }

    /// Returns the dtype that its config has where nobody said one, if that is not float32. `keras2`: in Keras 2.
    fn usual_dtype(&self, _keras2: bool) -> Option<&'static str> {
        None
    }

    /// Arguments of its config; by default what serde makes of the struct.
    fn config(&self) -> Map<String, Json> {
        match serde_json::to_value(self) {
            Ok(Json::Object(map)) => map,
            _ => Map::new(),
        }
    }

    /// Layers inside this one, with the attribute that leads to each (`cell`, `forward_layer`; a model's are its layers).
    fn inner(&self) -> Vec<(String, LayerRef)> {
        Vec::new()
    }
}

/// [`Layer`] without its type.
#[allow(missing_docs)]
pub trait DynLayer: Send + Sync + Any {
    fn class_name(&self) -> &'static str;
    /// Keras' module of the class.
    fn module(&self) -> &'static str {
        "keras.layers"
    }
    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error>;
    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error>;
    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor>;
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
    fn integers(&self, cx: &CallContext) -> Integers;
    fn precision(&self) -> Precision {
        Precision::AsGiven
    }
    fn parameters(&self) -> &'static [&'static str] {
        &["inputs"]
    }
    fn arguments(&self, count: usize) -> Arguments {
        Arguments::plain(count)
    }
    /// By default the outputs have the masks that they have already, as those of a model.
    fn compute_mask(
        &self,
        _xs: &[Tensor],
        outputs: &[Tensor],
        _masks: &[Option<Tensor>],
        cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        outputs.iter().map(|y| cx.mask(*y)).collect()
    }
    fn as_cell(&self) -> Option<&dyn Cell> {
        None
    }
    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        None
    }
    fn as_host(&self) -> Option<&dyn HostLayer> {
        None
    }
    fn as_learner(&self) -> Option<&dyn Learner> {
        None
    }
    fn as_learner_mut(&mut self) -> Option<&mut dyn Learner> {
        None
    }
    fn enable_lora(
        &mut self,
        _builder: &mut Builder,
        _rank: usize,
        _alpha: Option<f64>,
    ) -> Result<(), Error> {
        Err(Error::Argument { what: format!("{} has no low-rank addition", self.class_name()) })
    }
    fn adapted(&self) -> Option<Adapted> {
        None
    }
    fn usual_dtype(&self, _keras2: bool) -> Option<&'static str> {
        None
    }
    fn config(&self) -> Map<String, Json>;
    fn inner(&self) -> Vec<(String, LayerRef)>;
    fn as_any(&self) -> &dyn Any;
}

impl<L: Layer> DynLayer for L {
    fn class_name(&self) -> &'static str {
        L::CLASS
    }
    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        Layer::bind(self, resolver)
    }
    fn build_all(&mut self, builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        Layer::build_all(self, builder, inputs)
    }
    fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
        Layer::call_all(self, xs, cx)
    }
    fn check(&self) -> Result<(), Error> {
        Layer::check(self)
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        Layer::integers(self, cx)
    }
    fn precision(&self) -> Precision {
        Layer::precision(self)
    }
    fn parameters(&self) -> &'static [&'static str] {
        Layer::parameters(self)
    }
    fn arguments(&self, count: usize) -> Arguments {
        Layer::arguments(self, count)
    }
    fn compute_mask(
        &self,
        xs: &[Tensor],
        _outputs: &[Tensor],
        masks: &[Option<Tensor>],
        cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        Layer::compute_mask(self, xs, masks, cx)
    }
    fn as_cell(&self) -> Option<&dyn Cell> {
        Layer::as_cell(self)
    }
    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        Layer::as_recurrent(self)
    }
    fn as_host(&self) -> Option<&dyn HostLayer> {
        Layer::as_host(self)
    }
    fn as_learner(&self) -> Option<&dyn Learner> {
        Layer::as_learner(self)
    }
    fn as_learner_mut(&mut self) -> Option<&mut dyn Learner> {
        Layer::as_learner_mut(self)
    }
    fn enable_lora(&mut self, builder: &mut Builder, rank: usize, alpha: Option<f64>) -> Result<(), Error> {
        Layer::enable_lora(self, builder, rank, alpha)
    }
    fn adapted(&self) -> Option<Adapted> {
        Layer::adapted(self)
    }
    fn usual_dtype(&self, keras2: bool) -> Option<&'static str> {
        Layer::usual_dtype(self, keras2)
    }
    fn config(&self) -> Map<String, Json> {
        Layer::config(self)
    }
    fn inner(&self) -> Vec<(String, LayerRef)> {
        Layer::inner(self)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Returns the policy that a config says; the default where it says none. What is no policy was refused when the config was read.
pub(super) fn policy_of(dtype: Option<&Json>) -> Policy {
    dtype.and_then(|d| Policy::of(d).ok()).unwrap_or_default()
}

/// What every layer has besides its class' own config.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerSettings {
    /// Name; empty until the layer is used, when it gets one as Keras would give.
    pub name: String,
    /// Shape of its input without the batch axis, where the user gave it.
    pub input_shape: Option<Vec<Option<usize>>>,
    /// `None` in configs that do not say.
    pub dtype: Option<Json>,
    /// `Package>Class` of a registered custom class.
    pub registered: Option<String>,
    /// Whether it trains as in Keras 2 (`tf_keras`) where Keras 3 does otherwise: so that a model from a file of Keras 2 goes on as there.
    pub keras2: bool,
    /// The penalty on what it gives, as configs name it.
    pub activity_regularizer: Named<dyn Regularizer>,
}

impl LayerSettings {
    /// Adds to a layer's config what the settings say of it.
    pub fn complete(&self, config: &mut Map<String, Json>) {
        if !self.activity_regularizer.spec().is_null() {
            config.insert("activity_regularizer".into(), self.activity_regularizer.spec().clone());
        }
    }
}

#[derive(Default)]
struct Built {
    inputs: Option<Vec<Shape>>,
    variables: Vec<Variable>,
    regularized: Vec<(Variable, Arc<dyn Regularizer>)>,
    constrained: Vec<(Variable, Arc<dyn Constraint>)>,
    activity: Option<Arc<dyn Regularizer>>,
}

struct LayerCell {
    id: u64,
    class: &'static str,
    trainable: AtomicBool,
    settings: Mutex<LayerSettings>,
    layer: RwLock<Box<dyn DynLayer>>,
    built: Mutex<Built>,
}

/// A shared handle to a layer: where its name, trainability and variables live.
#[derive(Clone)]
pub struct LayerRef(Arc<LayerCell>);

impl PartialEq for LayerRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl fmt::Debug for LayerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} {}>", self.class_name(), self.name())
    }
}

impl<L: Layer> From<L> for LayerRef {
    fn from(layer: L) -> Self {
        LayerRef::new(Box::new(layer), LayerSettings::default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LayerRef {
    /// A handle around a layer.
    pub fn new(layer: Box<dyn DynLayer>, mut settings: LayerSettings) -> Self {
        let global = dtype_policy();
        // An input has a type of its own; an operation has none.
        let has_policy = layer.module() == "keras.layers"
            && layer.class_name() != "InputLayer"
            && layer.usual_dtype(false).is_none();
        if settings.dtype.is_none() && global != Policy::Float32 && has_policy {
            settings.dtype = Some(global.name().into());
        }
        static IDS: AtomicU64 = AtomicU64::new(1);
        LayerRef(Arc::new(LayerCell {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            class: layer.class_name(),
            trainable: AtomicBool::new(true),
            settings: Mutex::new(settings),
            layer: RwLock::new(layer),
            built: Mutex::new(Built::default()),
        }))
    }

    /// Number of this layer in the process.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Class name.
    pub fn class_name(&self) -> &'static str {
        self.0.class
    }

    /// Name; gives one by Keras' rule (`dense`, `dense_1`) where it has none yet.
    pub fn name(&self) -> String {
        let mut settings = lock(&self.0.settings);
        if settings.name.is_empty() {
            settings.name = crate::names::unique(&crate::names::snake_case(self.0.class));
        }
        settings.name.clone()
    }

    /// Settings. A custom class is named as it was registered.
    pub fn settings(&self) -> LayerSettings {
        let mut settings = lock(&self.0.settings).clone();
        if settings.registered.is_none() {
            settings.registered = crate::names::registered_type(self.layer().as_any().type_id());
        }
        settings
    }

    /// Returns its dtype policy.
    pub fn policy(&self) -> Policy {
        policy_of(lock(&self.0.settings).dtype.as_ref())
    }

    /// Changes settings (before the layer is used in a model).
    pub fn configure(&self, change: impl FnOnce(&mut LayerSettings)) {
        change(&mut lock(&self.0.settings));
    }

    /// Whether training changes its weights.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// Freezes or thaws it; a model that was compiled before goes by this from its next call of fit on.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.store(trainable, Ordering::Relaxed);
        for (_, inner) in self.layer().inner() {
            inner.set_trainable(trainable);
        }
    }

    /// The layer itself.
    pub fn layer(&self) -> RwLockReadGuard<'_, Box<dyn DynLayer>> {
        self.0.layer.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes this layer and those inside train as Keras 2 does, or as Keras 3: see [`LayerSettings::keras2`].
    pub fn set_keras2(&self, keras2: bool) {
        self.configure(|s| s.keras2 = keras2);
        for (_, inner) in self.layer().inner() {
            inner.set_keras2(keras2);
        }
    }

    /// Its own variables, trainable first, as Keras lists them; empty before it is built.
    pub fn own_variables(&self) -> Vec<Variable> {
        let built = lock(&self.0.built);
        let of = |role| built.variables.iter().filter(move |v| v.role() == role).cloned();
        of(Role::Trainable).chain(of(Role::NonTrainable)).collect()
    }

    /// Its variables and those of the layers inside, each once, with whether training may change it (the layer and all
    /// around it are trainable), in order of the layers.
    pub fn variables(&self) -> Vec<(Variable, bool)> {
        let here = self.is_trainable();
        let own = self.own_variables().into_iter().map(|v| {
            let t = here && v.role() == Role::Trainable;
            (v, t)
        });
        let inner = self.layer().inner();
        let mut all: Vec<(Variable, bool)> = own.collect();
        let shared = all.len();
        for (variable, trained) in inner.iter().flat_map(|(_, l)| l.variables()) {
            if !all[..shared].iter().any(|(own, _)| *own == variable) {
                all.push((variable, trained && here));
            }
        }
        all
    }

    /// Returns the states that it carries from one batch to the next itself (those of a stateful recurrent layer), in their order.
    pub fn own_states(&self) -> Vec<Variable> {
        let built = lock(&self.0.built);
        built.variables.iter().filter(|v| v.role() == Role::State).cloned().collect()
    }

    /// Returns its own states and those of the layers inside, in order of the layers. They are no weights: Keras lists and saves them with none.
    pub fn states(&self) -> Vec<Variable> {
        let inner = self.layer().inner();
        let of_inner = inner.iter().flat_map(|(_, layer)| layer.states());
        self.own_states().into_iter().chain(of_inner).collect()
    }

    /// Sets its states to zero, and those of the layers inside: the next batch begins anew.
    ///
    /// # Errors
    /// It has none, or the device is gone.
    pub fn reset_state(&self) -> Result<(), Error> {
        let states = self.states();
        if states.is_empty() {
            return Err(Error::State {
                what: format!("layer {} carries no states: make it stateful, and build it", self.name()),
            });
        }
        states.iter().try_for_each(|state| state.set(vec![0; state.len()]))
    }

    /// Shapes that it was built for.
    pub fn built_for(&self) -> Option<Vec<Shape>> {
        lock(&self.0.built).inputs.clone()
    }

    /// Binds and builds it, unless it was built.
    ///
    /// # Errors
    /// The shapes do not suit it, or it names an object that nobody registered.
    pub fn build(&self, resolver: &dyn Resolver, inputs: &[Shape]) -> Result<(), Error> {
        self.build_for(resolver, inputs, &[])
    }

    /// [`LayerRef::build`] for inputs of these types; floats where there are none.
    ///
    /// # Errors
    /// As there.
    pub fn build_for(&self, resolver: &dyn Resolver, inputs: &[Shape], types: &[DType]) -> Result<(), Error> {
        if lock(&self.0.built).inputs.is_some() {
            return Ok(());
        }
        let settings = lock(&self.0.settings).clone();
        let mut builder = Builder::of(resolver, settings, self.layer().precision());
        builder.types = types.to_vec();
        {
            let mut layer = self.0.layer.write().unwrap_or_else(PoisonError::into_inner);
            let dtype = lock(&self.0.settings).dtype.clone();
            let policy = dtype.as_ref().map_or(Ok(Policy::Float32), Policy::of);
            policy
                .and_then(|policy| match policy {
                    Policy::Text if layer.as_host().is_none() && layer.class_name() != "InputLayer" => {
                        Err("dtype \"string\" is not supported; float32 is".into())
                    }
                    _ => Ok(()),
                })
                .map_err(|what| Error::Argument { what })
                .and_then(|()| layer.check())
                .and_then(|()| layer.bind(resolver))
                .and_then(|()| layer.build_all(&mut builder, inputs))
                .map_err(|e| self.named(e))?;
        }
        let mut activity = builder.activity;
        activity.bind(resolver).map_err(|e| self.named(e))?;
        *lock(&self.0.built) = Built {
            inputs: Some(inputs.to_vec()),
            variables: builder.variables,
            regularized: builder.regularized,
            constrained: builder.constrained,
            activity: activity.get().cloned(),
        };
        Ok(())
    }

    /// Changes it after it was built: what `change` makes with the builder is the layer's too.
    ///
    /// # Errors
    /// It is not built, or `change` fails.
    pub(crate) fn extend(
        &self,
        resolver: &dyn Resolver,
        change: impl FnOnce(&mut dyn DynLayer, &mut Builder) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let settings = lock(&self.0.settings).clone();
        let mut layer = self.0.layer.write().unwrap_or_else(PoisonError::into_inner);
        let mut builder = Builder::of(resolver, settings, layer.precision());
        let changed = change(layer.as_mut(), &mut builder);
        drop(layer);
        changed.map_err(|e| self.named(e))?;
        let mut built = lock(&self.0.built);
        built.variables.extend(builder.variables);
        built.regularized.extend(builder.regularized);
        built.constrained.extend(builder.constrained);
        drop(built);
        has_learned();
        Ok(())
    }

    /// Changes what the layer learned from data; plans that know the old are made anew.
    ///
    /// # Errors
    /// It learns nothing, or `change` fails.
    pub fn learn<R>(&self, change: impl FnOnce(&mut dyn Learner) -> Result<R, Error>) -> Result<R, Error> {
        let mut layer = self.0.layer.write().unwrap_or_else(PoisonError::into_inner);
        let class = layer.class_name();
        let learner = layer.as_learner_mut().ok_or_else(|| Error::State {
            what: format!("{class} learns nothing from data: it has no adapt"),
        });
        let changed = learner.and_then(change);
        drop(layer);
        has_learned();
        changed.map_err(|e| self.named(e))
    }

    /// Returns the words of a lookup, special ones first, as Keras' `get_vocabulary` gives them; integers as decimals.
    ///
    /// # Errors
    /// It has no vocabulary, or none yet.
    pub fn get_vocabulary(&self) -> Result<Vec<String>, Error> {
        let layer = self.layer();
        layer.as_learner().and_then(Learner::known_words).ok_or_else(|| Error::State {
            what: format!("layer {} has no vocabulary: give it one, or adapt it to data", self.name()),
        })
    }

    /// Says of an error which layer it is about, where it does not say so.
    pub(crate) fn named(&self, error: Error) -> Error {
        match error {
            Error::Shape { layer, what } if layer.is_empty() => Error::Shape { layer: self.name(), what },
            Error::Argument { what } => Error::Argument { what: format!("layer {}: {what}", self.name()) },
            Error::Data { what } => Error::Data { what: format!("layer {}: {what}", self.name()) },
            other => other,
        }
    }

    /// Returns what its own weights are held to after each step of training.
    pub fn constraints(&self) -> Vec<(Variable, Arc<dyn Constraint>)> {
        lock(&self.0.built).constrained.clone()
    }

    /// Adds the penalty on what a call of this layer gives to the loss: per example, of each output.
    pub(super) fn add_activity_penalty(&self, outputs: &[Tensor], cx: &CallContext) {
        let Some(penalty) = lock(&self.0.built).activity.clone() else { return };
        for y in outputs {
            let batch = y.shape().first().copied().unwrap_or(1).max(1);
            cx.add_loss(penalty.call(*y) * (1.0 / batch as f64));
        }
    }

    /// Checks that it has no penalty on what it gives, where a layer around it runs it in another way than by a call.
    ///
    /// # Errors
    /// It has one.
    pub(crate) fn without_activity_penalty(&self, around: &str) -> Result<(), Error> {
        if lock(&self.0.settings).activity_regularizer.spec().is_null() {
            return Ok(());
        }
        let what = format!(
            "activity_regularizer of {} inside {around} is not supported: give it to the layer around",
            self.class_name()
        );
        Err(Error::Argument { what })
    }

    /// Adds this layer's weight penalties to the loss (not those of layers inside); once per step, however often it is called.
    pub fn add_penalties(&self, cx: &CallContext) {
        let mut regularized = lock(&self.0.built).regularized.clone();
        // Keras has none on what a low-rank addition stands for.
        regularized.retain(|(v, _)| v.role() == Role::Trainable);
        let name = self.name();
        scoped(&name, || {
            regularized.iter().for_each(|(v, r)| cx.add_loss(r.call(super::IntoTensor::into_tensor(v))))
        });
    }
}
