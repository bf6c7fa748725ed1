//! Training: models with compile, fit, evaluate, predict; callbacks; snapshots.

mod adapt;
mod block;
mod callback;
mod compile;
mod compiled;
mod data;
mod display;
mod evaluate;
mod feed;
mod fit;
mod given;
#[cfg(feature = "gpu")]
mod guest;
mod history;
mod kept;
mod model;
mod parameters;
mod planning;
mod predict;
mod recompile;
mod run;
mod session;
mod snapshot;
mod states;
mod summary;
mod trace;

pub use adapt::Adapt;
pub use callback::{Callback, CallbackResult, Control, Moment, Want};
pub use compiled::{CompileSpec, Compiled, OutputLoss, OutputMetric};
pub use data::{Data, Element, IntoData};
pub use evaluate::Evaluate;
pub use fit::{Fit, IntoCallbacks};
pub use given::{CompileOptions, LossWeights};
#[cfg(feature = "gpu")]
pub use guest::{BatchBuffer, Recorded, Recording};
pub use history::{History, Logs};
pub use kept::Kept;
pub use model::{
    Apply, IntoLayers, Model, NameModel, Sequential, input, input_symbol, input_type, text_input,
};
pub use predict::{Predict, Predicted};
pub use snapshot::{OptimizerSnapshot, PartSnapshot, Saved, SavedSlot, Snapshot};
