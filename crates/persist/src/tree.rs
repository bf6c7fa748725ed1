//! What a model file says, as plain data, neutral between formats and dialects.
//!
//! The neutral form is Keras 3's: class names, config keys and compile config are as Keras 3.15 would write
//! them (strings for dtypes are allowed everywhere). A format translates its own dialect to and from that.
//!
//! Reading goes in two steps, because several formats name their weights by class or by order only:
//! 1. opening a file gives its [`ModelConfig`] and [`CompileConfig`] (whole-model formats);
//! 2. whoever builds the model makes a skeleton [`Object`] (names, classes, variables with shapes, no values), and
//!    [`WeightSource::fill`] puts a lazy value into each variable, or reports every mismatch at once.
//!
//! Writing takes one [`Tree`] with everything in it.

mod asset;
mod found;
mod module;
mod serving;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Error;
pub use crate::bytes::{ByteSource, Bytes};
pub use asset::Asset;
pub(crate) use found::AsRead;
pub use found::Found;
pub(crate) use module::{is_op, part as part_of_keras};
pub use serving::{Attribute, Element, Place, Port, Serving, ServingFunction, ServingNode, Source};

/// Which library's habits a file follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Keras 3.
    Keras3,
    /// Keras 2: package `tf_keras`, or `tf.keras` up to TensorFlow 2.15.
    TfKeras,
}

/// Element types that model files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DType {
    F16,
    BF16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl DType {
    /// Bytes of one element.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Keras' name: `float32`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::Bool => "bool",
        }
    }

    /// Whether values are floating-point numbers.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}

/// Shape of a skeleton's variable of which nobody knows shape and type: [`WeightSource::fill`] takes both from the file.
pub const ANY_SHAPE: &[usize] = &[usize::MAX];

/// One array of a model: a weight, a slot variable, a counter.
#[derive(Clone)]
pub struct Variable {
    /// Name inside its object: `kernel`.
    pub name: String,
    /// Whether training changes it (as configured on the layer, whatever `trainable` says now).
    pub trainable: bool,
    /// Element type.
    pub dtype: DType,
    /// Shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// The value; `None` in a skeleton.
    pub value: Option<Bytes>,
}

/// A model, a layer, or a layer inside a layer, with its variables.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Name of the layer or model: `dense_1`.
    pub name: String,
    /// Class without package: `Dense`, `ScaleShift`, `Sequential`, `Functional`, `InputLayer`.
    pub class_name: String,
    /// True for models: `children` are then `model.layers`, in that order (with InputLayers for Functional, without
    /// for Sequential, as Keras lists them).
    pub is_model: bool,
    /// Its own variables in Keras' order: trainable, then non-trainable.
    pub variables: Vec<Variable>,
    /// What `.keras` and `.weights.h5` have in place of variables of these names: a kernel with its low-rank addition.
    pub merged: Vec<Variable>,
    /// States that it carries from one batch to the next (a stateful recurrent layer's), in order. Of Keras' formats a SavedModel alone may have them: there is no value
    /// where a file has none.
    pub states: Vec<Variable>,
    /// Says whether tf_keras counts it among the layers with weights for a table of words, which is no variable.
    pub has_table: bool,
    /// Inner objects with the attribute that leads to them (`cell`, `forward_layer`, `query_dense`; for models the
    /// attribute is not used).
    pub children: Vec<(String, Object)>,
}

/// Where in a functional graph a tensor comes from: `["dense", 0, 0]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorRef {
    /// Name of the layer.
    pub layer: String,
    /// Which call of the layer, counted from 0 within this model (Keras 3's counting).
    pub node: usize,
    /// Which output of that call.
    pub tensor: usize,
}

/// An argument of a layer call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Arg {
    /// A symbolic tensor.
    Tensor(TensorRef),
    /// A list or tuple of arguments.
    List(Vec<Arg>),
    /// Anything else, as JSON.
    Value(Value),
}

/// One call of a layer in a functional model.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Call {
    /// Positional arguments.
    pub args: Vec<Arg>,
    /// Keyword arguments.
    pub kwargs: Vec<(String, Arg)>,
    /// Says whether tf_keras' file has the tensor without a list around it, which some layers do not take for the same.
    pub bare: bool,
}

/// A layer as configured. The `config` is canonical: Keras 3's keys, `batch_shape` for input layers, `name` inside.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct LayerConfig {
    /// Class without package: `Dense`, `ScaleShift`.
    pub class_name: String,
    /// `Fixtures>ScaleShift` for registered classes, else `None`.
    pub registered_name: Option<String>,
    /// Python module, as found or as Keras 3 would say (`keras.layers`); `None` for custom classes.
    pub module: Option<String>,
    /// Name of the layer.
    pub name: String,
    /// Canonical config, with `name`. For a nested model: without its layers, which are in `model`.
    pub config: Map<String, Value>,
    /// `build_config` as found: `{"input_shape": [null, 784]}`.
    pub build_config: Option<Value>,
    /// Shape of the tensor that the layer is called with first, or shapes of a list, where Keras 3's graph says so.
    pub input_shape: Option<Value>,
    /// Calls in a functional model, one per use; empty in a Sequential.
    pub calls: Vec<Call>,
    /// The inner model where this layer is one.
    pub model: Option<Box<ModelConfig>>,
}

impl LayerConfig {
    /// Returns whether it is one of Keras 3's operations, which functional models list among their layers: `Add` of `a + b`, `Reshape` of
    /// `ops.reshape`.
    #[must_use]
    pub fn is_op(&self) -> bool {
        is_op(self.module.as_deref())
    }
}

/// The kinds of models that configs describe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelKind {
    /// A list of layers, each fed by the one before.
    Sequential,
    /// A graph of layer calls.
    #[default]
    Functional,
}

/// The architecture of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Sequential or Functional.
    pub kind: ModelKind,
    /// Name of the model.
    pub name: String,
    /// Layers in Keras' order. A Sequential with a known input shape begins with an `InputLayer` here.
    pub layers: Vec<LayerConfig>,
    /// Inputs of a functional model.
    pub inputs: Vec<TensorRef>,
    /// Outputs of a functional model.
    pub outputs: Vec<TensorRef>,
    /// Whether the config gave one bare tensor (not a list) for `inputs` and `outputs`; Keras 3.15 does so for models
    /// with one.
    pub bare: (bool, bool),
    /// Other keys of the config, canonical: `trainable`, `dtype`, `build_input_shape`.
    pub config: Map<String, Value>,
    /// The config as it stood in its file.
    #[serde(skip)]
    pub found: Found,
}

impl ModelConfig {
    /// Returns the model as an object that another layer's config holds, as `TimeDistributed` holds the layer that it calls: all that is known of
    /// it is under `config`.
    #[must_use]
    pub fn to_object(&self) -> Value {
        let class = match self.kind {
            ModelKind::Sequential => "Sequential",
            ModelKind::Functional => "Functional",
        };
        // Maps have strings as keys, and numbers are finite: nothing can fail.
        let config = serde_json::to_value(self).unwrap_or_default();
        json!({"module": "keras", "class_name": class, "config": config, "registered_name": null})
    }

    /// Returns the model that [`Self::to_object`] made an object of; `None` for other objects.
    #[must_use]
    pub fn of_object(object: &Value) -> Option<Self> {
        let class = object.get("class_name")?.as_str()?;
        let config = object.get("config")?;
        let own = object.get("registered_name").is_none_or(Value::is_null);
        if own && matches!(class, "Sequential" | "Functional") && config.get("bare").is_some() {
            Self::deserialize(config).ok()
        } else {
            None
        }
    }
}

/// How a model was compiled, in Keras 3's words.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CompileConfig {
    /// A serialized optimizer `{"module", "class_name", "config", "registered_name"}`, or a string.
    pub optimizer: Value,
    /// A string, a serialized object, a list or an object by output name; null if none.
    pub loss: Value,
    /// As `loss`; a plain (not nested) list for one output.
    pub metrics: Value,
    /// Null, a list, or an object by output name.
    pub loss_weights: Value,
    /// As `metrics`.
    pub weighted_metrics: Value,
    /// Other arguments of `compile`: `run_eagerly`, `jit_compile`, and what newer versions have.
    pub other: Map<String, Value>,
    /// The config as it stood in its file.
    pub found: Found,
}

/// One slot variable of an optimizer.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Keras 3's name of the slot: `momentum`, `velocity`; empty where the file does not say.
    pub name: String,
    /// Index of its variable among the model's trainable variables; `None` where nobody knows.
    pub of: Option<usize>,
    /// Shape and value.
    pub variable: Variable,
}

/// The state of an optimizer.
#[derive(Clone, Debug, Default)]
pub struct OptimizerState {
    /// Class: `Adam`. Empty where the file does not say.
    pub class_name: String,
    /// Number of steps taken.
    pub iteration: i64,
    /// Learning rate now; `None` where a schedule computes it or the file does not say.
    pub learning_rate: Option<f32>,
    /// Slot variables in Keras' order for that class (Adam: m0 v0 m1 v1 ..).
    pub slots: Vec<Slot>,
    /// Scalars that are no slot: Nadam's `u_product`.
    pub scalars: Vec<(String, f32)>,
    /// Marks slots that are not those of a known class for the model's trainable variables: they are in the file's order, under its names.
    pub data: Option<StateData>,
    /// States of the optimizers inside one of several, in their order; the outer one has no slots then.
    pub parts: Vec<OptimizerState>,
}

/// Slots that are data alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateData {
    /// Says why.
    pub why: String,
    /// The dialect whose order they stand in, where it is known.
    pub dialect: Option<Dialect>,
    /// Says whether they stand in the order in which the optimizer of today makes them, so that who has it can tell them apart by their place.
    pub by_place: bool,
}

/// Everything that a save writes.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Architecture; required by whole-model formats.
    pub model: Option<ModelConfig>,
    /// Compile config; `None` for a model that was never compiled.
    pub compile: Option<CompileConfig>,
    /// The model's variables, every one with a value.
    pub root: Object,
    /// Optimizer state; `None` to leave it out.
    pub optimizer: Option<OptimizerState>,
    /// What Rhyton needs to go on exactly and Keras' formats have no place for (seeds, counters, metric sums). It is
    /// stored where real Keras ignores it: see each format.
    pub resume: Option<Value>,
    /// The prediction as a TensorFlow graph, which a SavedModel holds too; `None` where there is none.
    pub serving: Option<Serving>,
    /// Files of layers.
    pub assets: Vec<Asset>,
}

/// What a file says of one stored array, for listings.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Path inside the file: `layers/dense/vars/0`, `layer_with_weights-0/kernel`, `dense/dense/kernel:0`.
    pub path: String,
    /// Type, shape, lazy value. `name` is the last part of the path.
    pub variable: Variable,
}

/// A file that was opened: its configs at once, its arrays when asked for.
pub struct SavedFile {
    /// Name of the format: `keras`, `h5`, `weights-h5`, `h5-weights`, `tf-checkpoint`, `saved-model`, `safetensors`.
    pub format: &'static str,
    /// Dialect, where the file shows it.
    pub dialect: Option<Dialect>,
    /// Version of the library that wrote it, where the file says.
    pub keras_version: Option<String>,
    /// Architecture, in whole-model formats.
    pub model: Option<ModelConfig>,
    /// Where a format for whole models has none: what the file is instead, and what can be done. Its arrays can be listed.
    pub no_model: Option<Error>,
    /// Compile config, where there is one.
    pub compile: Option<CompileConfig>,
    /// See [`Tree::resume`].
    pub resume: Option<Value>,
    /// The arrays.
    pub weights: Box<dyn WeightSource>,
    /// Files of layers.
    pub assets: Vec<Asset>,
}

/// What a format does not say of a layer whose class nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The names of its variables.
    Names,
    /// Their order: which of them training changes, or which was made first.
    Order,
    /// The attributes that lead to the objects inside it.
    Attributes,
    /// Says which arrays it has elsewhere: a setting makes it save others in `.keras` and `.weights.h5`, where a layer says itself what it saves,
    /// than in the other formats.
    Form,
    /// Says which of its variables training changes.
    Trained,
}

/// The arrays of an opened file.
pub trait WeightSource: Send + Sync {
    /// Every array in the file.
    ///
    /// # Errors
    /// The file is damaged.
    fn stored(&self) -> Result<Vec<Stored>, Error>;

    /// Gives each variable of the skeleton its lazy value; checks shapes and dtypes (floats of another width are
    /// converted). All missing, unused and differing variables are in one error, which names the first difference first.
    ///
    /// # Errors
    /// A mismatch, or a damaged file.
    fn fill(&self, skeleton: &mut Object) -> Result<(), Error>;

    /// Puts a lazy value into each variable of a layer of which the file has one of the same name, whatever else is in either. Variables of other
    /// layers stay without.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with all differences between layers of one name; the others have their values. [`Error::Usage`] where layers have no names
    /// in the file.
    fn fill_by_name(&self, _skeleton: &mut Object) -> Result<(), Error> {
        Err(Error::Usage {
            what: "layers cannot be told by their names: this format does not go by them".into(),
            advice: "load the weights without `by_name`; files in `.h5` of the older kind have names".into(),
        })
    }

    /// Completes a skeleton that was made of configs alone: objects without variables and inner objects (layers of classes that
    /// nobody knows, beside those that have no weights) get what the file has for them, of [`ANY_SHAPE`]. Gives the names
    /// of the layers of which the file does not say all.
    ///
    /// # Errors
    /// The file is damaged.
    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error>;

    /// The optimizer's state, `None` where the file holds none. `class_name` is the optimizer's class (from the compile
    /// config or the model), `trainable` the model's trainable variables in order.
    ///
    /// # Errors
    /// The file is damaged.
    fn optimizer(&self, class_name: &str, trainable: &[Variable]) -> Result<Option<OptimizerState>, Error>;
}

/// How to write.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Dialect; each format has its own default (`.keras`, `.weights.h5`: Keras 3; TensorFlow checkpoint, `.h5`: tf_keras).
    pub dialect: Option<Dialect>,
    /// Number of data files of a TensorFlow checkpoint; 0 means 1.
    pub shards: usize,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.value.is_some() { "a value" } else { "no value" };
        write!(f, "{} {:?} {:?} ({value})", self.name, self.dtype, self.shape)
    }
}

impl std::fmt::Debug for SavedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedFile")
            .field("format", &self.format)
            .field("dialect", &self.dialect)
            .field("keras_version", &self.keras_version)
            .finish_non_exhaustive()
    }
}
