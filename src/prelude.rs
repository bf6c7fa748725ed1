//! What a program that trains, saves and loads models needs: `use rhyton::prelude::*;`.

pub use crate::callbacks::{
    CheckpointManager, EarlyStopping, LambdaCallback, LearningRateScheduler, ModelCheckpoint,
};
pub use crate::datasets::{self, Examples};
pub use crate::saving::{
    Dialect, LoadOptions, SaveLoad, SaveOptions, latest_checkpoint, load_model, load_model_with,
};
pub use crate::{Error, Location, set_random_seed};
pub use rhyton_engine::device::Device;
pub use rhyton_engine::graph::{Builder, CallContext, Layer, LayerExt, LayerRef, Shape, Tensor, Variable};
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
    Apply, Callback, CallbackResult, Control, Data, History, Logs, Model, Sequential, input,
};
