//! [`Model`]: a network with what training needs.

use ndarray::ArrayD;

use super::block;
use super::compiled::Compiled;
use super::data::to_array;
use super::session::Session;
use crate::Error;
use crate::device::Device;
use crate::graph::{Arguments, LayerRef, LayerSettings, Role, Variable};
use crate::layers::InputLayer;
use crate::models::registry;
use crate::models::{IntoSymbols, Network, NetworkKind, Prefix};
use crate::names::did_you_mean;
use crate::random::next_seed;
use crate::types::{DType, Shape};

/// A model: Sequential or functional.
pub struct Model {
    pub(super) root: LayerRef,
    pub(super) compiled: Option<Compiled>,
    /// See [`Model::keep`].
    pub(super) kept: Option<super::kept::Kept>,
    pub(super) device: Option<Device>,
    pub(super) session: Option<Session>,
    /// Recordings that were not settled yet.
    #[cfg(feature = "gpu")]
    pub(super) advanced: Vec<super::guest::Advanced>,
    /// Seed of this model's random layers and shuffling.
    pub(super) seed: u64,
    /// Training steps taken so far: the counter of random draws.
    pub(super) steps: u32,
    /// See [`Model::finished_epochs`].
    pub(super) epochs: usize,
}

/// `Sequential::new` makes a [`Model`] of a list of layers.
#[derive(Debug)]
pub struct Sequential;

/// Layers, one after the other: a tuple of them, an array, or a `Vec<LayerRef>`, such as `layers![..]` makes.
#[diagnostic::on_unimplemented(
    note = "write `layers![..]` for more than 16 layers, or a list of mixed types"
)]
pub trait IntoLayers {
    /// As a list.
    fn into_layers(self) -> Vec<LayerRef>;
}

impl IntoLayers for Vec<LayerRef> {
    fn into_layers(self) -> Vec<LayerRef> {
        self
    }
}
impl<const N: usize> IntoLayers for [LayerRef; N] {
    fn into_layers(self) -> Vec<LayerRef> {
        self.into()
    }
}
macro_rules! tuples {
    ($($t:ident),+) => {
        impl<$($t: Into<LayerRef>),+> IntoLayers for ($($t,)+) {
            #[allow(non_snake_case)]
            fn into_layers(self) -> Vec<LayerRef> {
                let ($($t,)+) = self;
                vec![$($t.into()),+]
            }
        }
        tuples!(@rest $($t),+);
    };
    (@rest $first:ident) => {};
    (@rest $first:ident, $($t:ident),+) => { tuples!($($t),+); };
}
tuples!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P);

impl IntoLayers for () {
    fn into_layers(self) -> Vec<LayerRef> {
        vec![]
    }
}

impl Sequential {
    /// A model of layers that feed one another: a tuple of them, an array, or `layers![..]` of any number. It is built at once if the first layer
    /// knows its input shape, else by the first data.
    ///
    /// ```
    /// # use rhyton_engine as rhyton;
    /// # use rhyton::layers::{Dense, Dropout};
    /// # use rhyton::graph::LayerExt;
    /// # use rhyton::train::{NameModel, Sequential};
    /// # fn main() -> Result<(), rhyton::Error> {
    /// let model = Sequential::new((
    ///     Dense::new(512).input_shape([784]).activation("relu"),
    ///     Dropout::new(0.2),
    ///     Dense::new(10),
    /// ))
    /// .name("classifier")?;
    /// assert_eq!((model.name().as_str(), model.count_params()), ("classifier", 407_050));
    ///
    /// // Or layer by layer.
    /// let mut model = Sequential::new(())?;
    /// model.add(Dense::new(512).input_shape([784]).activation("relu"))?;
    /// model.add(Dense::new(10))?;
    /// assert_eq!(model.count_params(), 407_050);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A layer does not fit its input.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(layers: impl IntoLayers) -> Result<Model, Error> {
        sequential(layers.into_layers(), LayerSettings::default()).map(Model::of)
    }
}

/// A Sequential of layers, the first of which may be an input layer.
fn sequential(mut layers: Vec<LayerRef>, settings: LayerSettings) -> Result<LayerRef, Error> {
    let input = match layers.first() {
        Some(first) if first.class_name() == "InputLayer" => Some(layers.remove(0)),
        Some(first) => {
            let dtype = Network::sequential(layers.clone()).first_type(DType::F32);
            first.settings().input_shape.map(|shape| InputLayer::of(&shape, dtype).into())
        }
        None => None,
    };
    let mut network = Network::sequential(layers);
    if let Some(input) = input {
        let (shape, dtype) = input_type(&input)?;
        network.build_sequential(&registry::resolver(), input, shape, dtype)?;
    }
    Ok(LayerRef::new(Box::new(network), settings))
}

/// Names a model where it is made, as layers are named: `Sequential::new(layers).name("classifier")?`.
pub trait NameModel {
    /// Gives the model a name.
    ///
    /// # Errors
    /// That of making the model.
    fn name(self, name: impl Into<String>) -> Result<Model, Error>;
}

impl NameModel for Result<Model, Error> {
    fn name(self, name: impl Into<String>) -> Result<Model, Error> {
        self.inspect(|model| model.root.configure(|s| s.name = name.into()))
    }
}

/// Shape (with the batch axis) and type that an input layer declares.
///
/// # Errors
/// It is no input layer.
pub fn input_type(layer: &LayerRef) -> Result<(Shape, DType), Error> {
    let held = layer.layer();
    let input = held.as_any().downcast_ref::<InputLayer>();
    input
        .map(InputLayer::symbol_type)
        .ok_or_else(|| Error::State { what: format!("{} is no input layer", layer.name()) })
}

impl Model {
    /// A functional model between symbols: `Model::new(inputs, outputs)`, each one or a list.
    ///
    /// ```
    /// # use rhyton_engine as rhyton;
    /// # use rhyton::layers::{Concatenate, Dense};
    /// # use rhyton::graph::LayerExt;
    /// # use rhyton::train::{Apply, Model, input};
    /// # fn main() -> Result<(), rhyton::Error> {
    /// let (size, place) = (input([2]).name("size"), input([3]).name("place"));
    /// let joined = Concatenate::new().on([&size, &place]);
    /// let price = Dense::new(1).name("price").on(&joined);
    /// let kind = Dense::new(4).activation("softmax").name("kind").on(&joined);
    /// let mut model = Model::new([&size, &place], [&price, &kind])?;
    /// model.compile("adam", [("price", "mse"), ("kind", "sparse_categorical_crossentropy")], [("kind", ["accuracy"])])?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A layer on the way did not fit.
    pub fn new(inputs: impl IntoSymbols, outputs: impl IntoSymbols) -> Result<Model, Error> {
        let network = Network::functional(&inputs.into_symbols(), &outputs.into_symbols())?;
        Ok(Model::of(LayerRef::new(Box::new(network), LayerSettings::default())))
    }

    /// Adds a layer at the end of a Sequential, which is not compiled yet.
    ///
    /// # Errors
    /// The layer does not fit; the model is functional, or was compiled. It is then as it was.
    pub fn add(&mut self, layer: impl Into<LayerRef>) -> Result<&mut Self, Error> {
        let wrong = |what: &str| Err(Error::State { what: what.into() });
        if self.network(|n| n.kind)? != NetworkKind::Sequential {
            return wrong(
                "only a Sequential grows by `add`; a functional model is made of its inputs and outputs",
            );
        }
        if self.is_compiled() {
            return wrong("the model was compiled: add its layers before `compile`");
        }
        let mut layers = self.network(|n| n.layers.clone())?;
        layers.push(layer.into());
        let root = sequential(layers, self.root.settings())?;
        if !self.root.is_trainable() {
            root.set_trainable(false);
        }
        (self.root, self.session) = (root, None);
        Ok(self)
    }

    /// A model around a network.
    pub fn of(root: LayerRef) -> Model {
        Model {
            root,
            compiled: None,
            kept: None,
            device: None,
            session: None,
            #[cfg(feature = "gpu")]
            advanced: Vec::new(),
            seed: next_seed(),
            steps: 0,
            epochs: 0,
        }
    }

    /// The network as a layer: what a model that contains this one calls.
    pub fn as_layer(&self) -> &LayerRef {
        &self.root
    }

    /// Reads the network.
    pub fn network<R>(&self, f: impl FnOnce(&Network) -> R) -> Result<R, Error> {
        let held = self.root.layer();
        held.as_any()
            .downcast_ref::<Network>()
            .map(f)
            .ok_or_else(|| Error::State { what: "this model has no network".into() })
    }

    /// Name: `sequential`, `model`, or as given.
    pub fn name(&self) -> String {
        self.root.name()
    }

    /// Layers in Keras' order (a Sequential's without its input layer).
    pub fn layers(&self) -> Vec<LayerRef> {
        let list = |n: &Network| match n.kind {
            NetworkKind::Sequential => n.real_layers().cloned().collect(),
            NetworkKind::Functional => n.layers.clone(),
        };
        self.network(list).unwrap_or_default()
    }

    /// The layer of this name.
    ///
    /// # Errors
    /// There is none; the message lists those that are.
    pub fn get_layer(&self, name: &str) -> Result<LayerRef, Error> {
        let layers = self.layers();
        layers.iter().find(|l| l.name() == name).cloned().ok_or_else(|| {
            let names: Vec<String> = layers.iter().map(LayerRef::name).collect();
            let guess = did_you_mean(name, names.iter().map(String::as_str));
            Error::Argument { what: format!("no layer `{name}`; there are {}{guess}", names.join(", ")) }
        })
    }

    /// Whether its variables exist.
    pub fn is_built(&self) -> bool {
        self.network(Network::is_built).unwrap_or(false)
    }

    /// Builds a Sequential for inputs of this shape (with the batch axis), as its first data would.
    ///
    /// # Errors
    /// A layer does not fit.
    pub fn build(&mut self, shape: &[Option<usize>]) -> Result<(), Error> {
        if self.is_built() {
            return Ok(());
        }
        self.root.build(&registry::resolver(), &[Shape(shape.to_vec())])
    }

    /// Builds a Sequential for data of this type, whose examples have this shape.
    pub(super) fn build_for(&mut self, example: &[usize], dtype: DType) -> Result<(), Error> {
        let shape: Vec<Option<usize>> =
            std::iter::once(None).chain(example.iter().map(|d| Some(*d))).collect();
        self.root.build_for(&registry::resolver(), &[Shape(shape)], &[dtype])
    }

    /// Returns what of it is computed on the host.
    pub(super) fn prefix(&self) -> Result<Prefix, Error> {
        self.network(Prefix::of)?
    }

    /// Number of inputs and outputs.
    pub fn arity(&self) -> (usize, usize) {
        self.network(|n| (n.inputs.len(), n.outputs.len())).unwrap_or((0, 0))
    }

    /// Types of the outputs: [`DType::Whole`] where Keras keeps integers, whose numbers predictions have as f32.
    pub fn output_dtypes(&self) -> Vec<DType> {
        self.network(|n| n.outputs.iter().map(|o| n.symbol_type(*o).1).collect()).unwrap_or_default()
    }

    /// Every variable once, in order of the layers: trainable ones of a layer before its others.
    pub fn variables(&self) -> Vec<Variable> {
        self.flagged().into_iter().map(|(v, _)| v).collect()
    }

    /// Variables with whether training changes them.
    pub(super) fn flagged(&self) -> Vec<(Variable, bool)> {
        let mut list: Vec<(Variable, bool)> = Vec::new();
        for (variable, trainable) in self.root.variables() {
            if !list.iter().any(|(v, _)| *v == variable) {
                list.push((variable, trainable));
            }
        }
        list
    }

    /// Variables that training changes, in Keras' order.
    pub fn trainable_variables(&self) -> Vec<Variable> {
        self.flagged().into_iter().filter(|(_, t)| *t).map(|(v, _)| v).collect()
    }

    /// All weights, as Keras' `get_weights`: trainable ones of all layers and the others, in order of the layers.
    ///
    /// # Errors
    /// The device is gone, or a lazy value cannot be read.
    pub fn get_weights(&self) -> Result<Vec<ArrayD<f32>>, Error> {
        // All reads are enqueued before the first is waited for.
        let reads: Vec<_> = self.variables().into_iter().map(|v| (v.shape().to_vec(), v.read())).collect();
        reads.into_iter().map(|(shape, read)| to_array(&shape, block::wait(read)?)).collect()
    }

    /// Puts weights in, in the order of [`Model::get_weights`].
    ///
    /// # Errors
    /// Their number or a shape differs.
    pub fn set_weights(&mut self, weights: &[ArrayD<f32>]) -> Result<(), Error> {
        put("weight", &self.variables(), weights)
    }

    /// Number of parameters.
    pub fn count_params(&self) -> usize {
        self.variables().iter().map(Variable::len).sum()
    }

    /// Moves the model to a device.
    ///
    /// # Errors
    /// A variable cannot be read from where it is.
    pub fn to(&mut self, device: &Device) -> Result<&mut Self, Error> {
        if self.device.as_ref() == Some(device) {
            return Ok(self);
        }
        self.device = Some(device.clone());
        self.session = None;
        Ok(self)
    }

    /// The device that it runs on, taken now if it has none.
    ///
    /// # Errors
    /// `RHYTON_DEVICE` names one that is not there.
    pub fn device(&mut self) -> Result<Device, Error> {
        match &self.device {
            Some(device) => Ok(device.clone()),
            None => {
                let device = Device::best()?;
                self.device = Some(device.clone());
                Ok(device)
            }
        }
    }

    /// The compiled side.
    ///
    /// # Errors
    /// The model was not compiled.
    pub fn compiled(&self) -> Result<&Compiled, Error> {
        self.compiled.as_ref().ok_or_else(|| self.not_compiled())
    }

    /// Returns why there is no compiled side.
    fn not_compiled(&self) -> Error {
        self.kept.as_ref().map_or_else(not_compiled, |kept| kept.why.clone())
    }

    /// The compiled side, to change.
    ///
    /// # Errors
    /// The model was not compiled.
    pub fn compiled_mut(&mut self) -> Result<&mut Compiled, Error> {
        #[cfg(feature = "gpu")]
        self.settle();
        if self.compiled.is_none() {
            return Err(self.not_compiled());
        }
        self.compiled.as_mut().ok_or_else(not_compiled)
    }

    /// Whether it was compiled.
    pub fn is_compiled(&self) -> bool {
        self.compiled.is_some()
    }

    /// Slot variables of the optimizer by name, in the order of files; empty before it was built by training or loading.
    ///
    /// # Errors
    /// The device is gone.
    pub fn optimizer_weights(&self) -> Result<Vec<(String, ArrayD<f32>)>, Error> {
        let slots = self.compiled()?.ordered_slots(&self.trainable_variables());
        let reads: Vec<_> = slots.iter().map(|(name, _, v)| (*name, v.shape().to_vec(), v.read())).collect();
        reads
            .into_iter()
            .map(|(name, shape, read)| Ok((name.to_string(), to_array(&shape, block::wait(read)?)?)))
            .collect()
    }

    /// Steps that the optimizer has taken; 0 for a model that was not compiled.
    pub fn iterations(&self) -> i64 {
        #[cfg(feature = "gpu")]
        if let Some(before) = self.dropped() {
            return before.iteration;
        }
        self.compiled.as_ref().map_or(0, |c| c.iteration)
    }

    /// Seed and number of training steps: what makes random layers and shuffling go on exactly.
    pub fn random_state(&self) -> (u64, u32) {
        #[cfg(feature = "gpu")]
        if let Some(before) = self.dropped() {
            return (self.seed, before.steps);
        }
        (self.seed, self.steps)
    }

    /// Puts the random state back.
    pub fn set_random_state(&mut self, seed: u64, steps: u32) {
        #[cfg(feature = "gpu")]
        self.settle();
        (self.seed, self.steps) = (seed, steps);
    }

    /// Epochs that training has finished, by the numbers of `fit`: the `initial_epoch` that goes on from there. An epoch all of whose batches were trained
    /// is finished, one that was stopped between two of them is not.
    pub fn finished_epochs(&self) -> usize {
        self.epochs
    }

    /// Says how many epochs training has finished.
    pub fn set_finished_epochs(&mut self, epochs: usize) {
        self.epochs = epochs;
    }

    /// Places everything that training (or prediction) needs on the device.
    pub(super) fn session(&mut self, training: bool) -> Result<&mut Session, Error> {
        #[cfg(feature = "gpu")]
        self.settle();
        let device = self.device()?;
        self.check_sizes(&device)?;
        let (flagged, states) = (self.flagged(), self.states());
        let session = self.session.get_or_insert_with(|| Session::new(device));
        let by_role =
            |role| flagged.iter().map(|(v, _)| v.clone()).filter(|v| v.role() == role).collect::<Vec<_>>();
        session.place("parameters", &by_role(Role::Trainable))?;
        session.place("state", &by_role(Role::NonTrainable))?;
        session.place("carried", &states)?;
        if let Some(compiled) = &mut self.compiled {
            session.place("metrics", &compiled.metric_variables())?;
            if training {
                let trainable: Vec<Variable> =
                    flagged.iter().filter(|(_, t)| *t).map(|(v, _)| v.clone()).collect();
                if !compiled.has_slots(&trainable) {
                    compiled.build_slots(&super::parameters::parameters(&self.root, &trainable));
                }
                for (name, slots) in compiled.slot_arenas(&trainable) {
                    session.place(&name, &slots)?;
                }
            }
        }
        Ok(session)
    }
}

/// Puts arrays into variables: all of them, or none where one does not fit.
pub(super) fn put(what: &str, variables: &[Variable], arrays: &[ArrayD<f32>]) -> Result<(), Error> {
    if variables.len() != arrays.len() {
        let what = format!("the model has {} {what}s, but was given {}", variables.len(), arrays.len());
        return Err(Error::Argument { what });
    }
    for (i, (variable, array)) in variables.iter().zip(arrays).enumerate() {
        if variable.shape() != array.shape() {
            let what = format!(
                "{what} {i} ({}) has shape {:?}, but was given {:?}",
                variable.name(),
                variable.shape(),
                array.shape()
            );
            return Err(Error::Argument { what });
        }
    }
    let words = |array: &ArrayD<f32>| array.iter().map(|v| v.to_bits()).collect();
    variables.iter().zip(arrays).try_for_each(|(variable, array)| variable.set(words(array)))
}

fn not_compiled() -> Error {
    Error::State {
        what: "the model must be compiled first: call model.compile(optimizer, loss, metrics)".into(),
    }
}

debug!(Model, |m| name: m.name(), layers: m.layers(), compiled: m.compiled, device: m.device);

impl From<&Model> for LayerRef {
    fn from(model: &Model) -> LayerRef {
        model.root.clone()
    }
}

/// `Input(shape)`: the symbol that a functional model begins with; the shape is without the batch axis.
pub fn input<D: Into<Option<usize>>>(shape: impl IntoIterator<Item = D>) -> crate::models::Symbol {
    let shape: Vec<Option<usize>> = shape.into_iter().map(Into::into).collect();
    let layer: LayerRef = InputLayer::of(&shape, DType::F32).into();
    input_symbol(layer)
}

/// The symbol of an input of strings; the shape is without the batch axis: `text_input([1])` for a text in each example.
pub fn text_input<D: Into<Option<usize>>>(shape: impl IntoIterator<Item = D>) -> crate::models::Symbol {
    let shape: Vec<Option<usize>> = shape.into_iter().map(Into::into).collect();
    input_symbol(InputLayer::of(&shape, DType::Text))
}

/// The symbol of an input layer.
pub fn input_symbol(layer: impl Into<LayerRef>) -> crate::models::Symbol {
    let layer = layer.into();
    let (shape, dtype) = input_type(&layer).unwrap_or_default();
    crate::models::Symbol::input(layer, shape, dtype)
}

/// Calling layers on symbols: `Dense::new(64).activation("relu").on(&x)`.
pub trait Apply: Into<LayerRef> {
    /// Calls the layer on one symbol, or on a list; gives its (first) output.
    fn on(self, inputs: impl IntoSymbols) -> crate::models::Symbol {
        let mut outputs = self.on_all(inputs);
        outputs.swap_remove(0)
    }

    /// Calls the layer; gives all its outputs, at least one.
    fn on_all(self, inputs: impl IntoSymbols) -> Vec<crate::models::Symbol> {
        crate::models::Symbol::call(&registry::resolver(), &self.into(), &inputs.into_symbols())
    }

    /// Calls the layer with arguments by name, as Keras' call has them; gives all its outputs, at least one.
    fn on_with(self, inputs: impl IntoSymbols, arguments: Arguments) -> Vec<crate::models::Symbol> {
        let inputs = inputs.into_symbols();
        crate::models::Symbol::call_with(&registry::resolver(), &self.into(), &inputs, arguments)
    }
}
impl<T: Into<LayerRef>> Apply for T {}
