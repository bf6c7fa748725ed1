//! Callbacks made of closures.

use crate::train::{Callback, CallbackResult, Control, Logs};

/// Calls a closure after each epoch, with the epoch (from 0), the logs and what it may change.
pub struct LambdaCallback<F>(F);

impl<F: FnMut(usize, &Logs, &mut Control) -> CallbackResult> LambdaCallback<F> {
    /// Calls this after each epoch.
    pub fn on_epoch_end(f: F) -> Self {
        LambdaCallback(f)
    }
}

impl<F: FnMut(usize, &Logs, &mut Control) -> CallbackResult> Callback for LambdaCallback<F> {
    fn name(&self) -> String {
        "LambdaCallback".into()
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, control: &mut Control) -> CallbackResult {
        self.0(epoch, logs, control)
    }
}

/// Sets the learning rate before each epoch: a function of the epoch (from 0) and the rate so far.
pub struct LearningRateScheduler<F>(F);

impl<F: FnMut(usize, f32) -> f32> LearningRateScheduler<F> {
    /// By this function.
    pub fn new(schedule: F) -> Self {
        LearningRateScheduler(schedule)
    }
}

impl<F: FnMut(usize, f32) -> f32> Callback for LearningRateScheduler<F> {
    fn name(&self) -> String {
        "LearningRateScheduler".into()
    }

    fn on_epoch_begin(&mut self, epoch: usize, control: &mut Control) -> CallbackResult {
        let rate = control
            .learning_rate
            .ok_or("the optimizer has a schedule of its own; give it a plain learning rate")?;
        control.learning_rate = Some(self.0(epoch, rate));
        Ok(())
    }
}

debug!(@[F] LambdaCallback<F>, |c|);
debug!(@[F] LearningRateScheduler<F>, |c|);
