//! Callbacks, one file each.

mod early_stopping;
mod lambda;

pub use early_stopping::EarlyStopping;
pub use lambda::{LambdaCallback, LearningRateScheduler};
