//! What a program that trains, saves and loads models needs: `use rhyton::prelude::*;`. Nothing in it is called as something of `ndarray::*` is.
//!
//! The modules [`layers`](mod@layers), [`losses`](mod@losses) and [`metrics`](mod@metrics) bring what has no name of its own here, and the macros of the same names: `layers![..]`,
//! `losses![..]`, `metrics![..]`; and [`callbacks!`](crate::callbacks!).

pub use crate::callbacks::{
    CheckpointManager, EarlyStopping, HistoryLogger, LambdaCallback, LearningRateScheduler, ModelCheckpoint,
    StopWhen,
};
pub use crate::datasets::{self, Examples};
pub use crate::saving::{
    Dialect, LoadOptions, LoadWeightsOptions, SaveLoad, SaveOptions, latest_checkpoint, load_model,
    load_model_bytes, load_model_with,
};
pub use crate::{Error, Location, callbacks, layers, losses, metrics, set_random_seed};
pub use rhyton_engine::device::Device;
/// The shape of a layer's input: [`Shape`](crate::types::Shape), a name that ndarray has too.
pub use rhyton_engine::graph::Shape as TensorShape;
pub use rhyton_engine::graph::{
    Arguments, Builder, CallContext, Layer, LayerExt, LayerRef, Tensor, Variable,
};
pub use rhyton_engine::layers::classes::*;
pub use rhyton_engine::layers::{DataFormat, Padding};
pub use rhyton_engine::losses::{
    BinaryCrossentropy, CategoricalCrossentropy, Huber, Loss, MeanAbsoluteError, MeanSquaredError,
    SparseCategoricalCrossentropy,
};
pub use rhyton_engine::metrics::{BinaryAccuracy, CategoricalAccuracy, Metric, SparseCategoricalAccuracy};
pub use rhyton_engine::models::registry::{CustomObjects, custom_object_scope, register_layer};
pub use rhyton_engine::optimizers::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lion, Nadam, RMSprop, SGD, schedules,
};
pub use rhyton_engine::train::{
    Adapt, Apply, Callback, CallbackResult, CompileOptions, Control, History, Logs, Model, NameModel,
    Sequential, input, text_input,
};
