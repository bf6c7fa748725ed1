//! Callbacks that touch files, and the engine's own.

mod checkpoint_manager;
mod history_logger;
mod model_checkpoint;
mod template;

pub use checkpoint_manager::CheckpointManager;
pub use history_logger::HistoryLogger;
pub use model_checkpoint::{ModelCheckpoint, SaveFreq};
pub use rhyton_engine::callbacks::*;
