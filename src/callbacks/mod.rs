//! Callbacks that touch files, and the engine's own.

mod checkpoint_manager;
mod model_checkpoint;
mod template;

pub use checkpoint_manager::CheckpointManager;
pub use model_checkpoint::{ModelCheckpoint, SaveFreq};
pub use rhyton_engine::callbacks::*;
