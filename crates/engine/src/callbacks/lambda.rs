//! Callbacks made of closures.

use crate::train::{Callback, CallbackResult, Control, Logs};

/// Calls a closure after each epoch, with the epoch (from 0), the logs and what it may change.
///
/// ```
/// # use rhyton_engine as rhyton;
/// # use rhyton::graph::LayerExt;
/// # use rhyton::layers::Dense;
/// # use rhyton::train::{History, Sequential};
/// # fn main() -> Result<(), rhyton::Error> {
/// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
/// # model.compile("sgd", "mse", ())?;
/// # let (x, y) = (ndarray::Array2::<f32>::ones((4, 2)), ndarray::Array2::<f32>::ones((4, 1)));
/// use rhyton::callbacks::LambdaCallback;
/// use rhyton::train::{Control, Logs};
///
/// let mut watch = LambdaCallback::on_epoch_end(|epoch, logs: &Logs, control: &mut Control| {
///     control.stop_training = epoch >= 1 || logs.loss() < 0.01;
///     Ok(())
/// });
/// let history = model.fit(&x, &y).epochs(20).callbacks([&mut watch]).verbose(0).run()?;
/// assert!(history.epoch.len() <= 2);
/// # Ok(())
/// # }
/// ```
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
///
/// ```
/// # use rhyton_engine as rhyton;
/// # use rhyton::graph::LayerExt;
/// # use rhyton::layers::Dense;
/// # use rhyton::train::{History, Sequential};
/// # fn main() -> Result<(), rhyton::Error> {
/// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
/// # model.compile("sgd", "mse", ())?;
/// # let (x, y) = (ndarray::Array2::<f32>::ones((4, 2)), ndarray::Array2::<f32>::ones((4, 1)));
/// use rhyton::callbacks::LearningRateScheduler;
///
/// let mut rate = LearningRateScheduler::new(|epoch, rate| if epoch < 2 { rate } else { rate * 0.5 });
/// model.fit(&x, &y).epochs(4).callbacks([&mut rate]).verbose(0).run()?;
/// # Ok(())
/// # }
/// ```
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

/// Stops training between two batches, those of validation too, as soon as a closure says so: at a signal, a time limit, a button.
pub struct StopWhen<F>(F);

impl<F: FnMut() -> bool> StopWhen<F> {
    /// Asks this closure after every batch, or after every few where the device takes several at once.
    pub fn new(stop: F) -> Self {
        StopWhen(stop)
    }
}

impl<F: FnMut() -> bool> Callback for StopWhen<F> {
    fn name(&self) -> String {
        "StopWhen".into()
    }

    fn stops(&mut self) -> bool {
        (self.0)()
    }
}

debug!(@[F] LambdaCallback<F>, |c|);
debug!(@[F] LearningRateScheduler<F>, |c|);
debug!(@[F] StopWhen<F>, |c|);
