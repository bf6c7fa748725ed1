//! Callbacks, one file each.

mod early_stopping;
mod lambda;
mod mode;

pub use early_stopping::EarlyStopping;
pub use lambda::{LambdaCallback, LearningRateScheduler, StopWhen};
pub use mode::{Mode, check_verbose};
