//! Training and prediction recorded into an encoder of the caller's: a model as a guest in a GPU app.
//!
//! Nothing is read back and nothing is submitted here. Batches come from the app's own buffers (contiguous, row-major, usage
//! `COPY_SRC`), predictions go into one (usage `COPY_DST`); both are copied on the device, within the encoder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::model::Model;
use super::session::{Key, Mode, Ready, Window};
use crate::Error;
use crate::device::gpu::{Buffer, Encoder, Gpu, GpuReplay};
use crate::device::{Device, StepRow};
use crate::graph::{Variable, times_learned};

/// A part of a buffer of the app's: the elements of a batch from this offset (in elements of 4 bytes) on.
#[derive(Clone, Copy, Debug)]
pub struct BatchBuffer<'b> {
    /// The buffer.
    pub buffer: &'b Buffer,
    /// First element.
    pub offset: usize,
}

impl<'b> From<&'b Buffer> for BatchBuffer<'b> {
    fn from(buffer: &'b Buffer) -> Self {
        BatchBuffer { buffer, offset: 0 }
    }
}

const OPEN: u8 = 0;
const SUBMITTED: u8 = 1;
const DROPPED: u8 = 2;

/// Host state that recorded steps have advanced.
pub(super) struct Advanced {
    state: Arc<AtomicU8>,
    pub steps: u32,
    pub iteration: i64,
    pub optimizer: Vec<(String, f32)>,
}

/// The end of a recording: tell it of the submit with [`Recorded::submitted`]. A token that is dropped instead rolls the model's
/// counters back, as if nothing had been recorded.
#[derive(Debug)]
#[must_use = "call `submitted()` after the encoder was submitted, else the counters are rolled back"]
pub struct Recorded {
    state: Arc<AtomicU8>,
}

impl Recorded {
    /// The encoder was submitted.
    pub fn submitted(self) {
        self.state.store(SUBMITTED, Ordering::Release);
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = self.state.compare_exchange(OPEN, DROPPED, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Steps being recorded into one encoder.
pub struct Recording<'m, 'e> {
    model: &'m mut Model,
    encoder: &'e mut Encoder,
    state: Arc<AtomicU8>,
    finished: bool,
}

/// A recording that is left (by an error) is rolled back like a dropped token.
impl Drop for Recording<'_, '_> {
    fn drop(&mut self) {
        if !self.finished {
            self.state.store(DROPPED, Ordering::Release);
        }
    }
}

impl Model {
    /// Starts recording into an encoder of the app's. The model must be on the app's device: `Device::from_wgpu`.
    ///
    /// # Errors
    /// The model is on another device, or was not built.
    pub fn record<'m, 'e>(&'m mut self, encoder: &'e mut Encoder) -> Result<Recording<'m, 'e>, Error> {
        self.settle();
        if !self.is_built() {
            return Err(Error::State {
                what: "a model is recorded after it was built: give its first layer an input_shape".into(),
            });
        }
        gpu(&self.device()?)?;
        let state = Arc::new(AtomicU8::new(OPEN));
        let (iteration, optimizer) = match &self.compiled {
            Some(c) => (c.iteration, c.optimizer.host_state()),
            None => (0, vec![]),
        };
        self.advanced.push(Advanced { state: state.clone(), steps: self.steps, iteration, optimizer });
        Ok(Recording { model: self, encoder, state, finished: false })
    }

    /// The state before the recordings that were never submitted: what the next call rolls back to. `None` where there is nothing
    /// to roll back.
    pub(super) fn dropped(&self) -> Option<&Advanced> {
        let state = |a: &Advanced| a.state.load(Ordering::Acquire);
        let settled = self.advanced.iter().rev().take_while(|a| state(a) != OPEN);
        settled.filter(|a| state(a) == DROPPED).last()
    }

    /// Rolls back what was recorded and never submitted.
    pub(super) fn settle(&mut self) {
        while let Some(last) = self.advanced.last() {
            match last.state.load(Ordering::Acquire) {
                DROPPED => {
                    self.steps = last.steps;
                    if let Some(compiled) = &mut self.compiled {
                        compiled.iteration = last.iteration;
                        compiled.optimizer.set_host_state(&last.optimizer);
                    }
                }
                SUBMITTED => {}
                _ => break,
            }
            self.advanced.pop();
        }
    }

    /// Sets the sums of the metrics of recorded (and fitted) steps to zero.
    ///
    /// # Errors
    /// The model was not compiled, or the device is gone.
    pub fn reset_metrics(&mut self) -> Result<(), Error> {
        self.compiled()?;
        if self.compiled()?.sums[0].is_built() { self.clear_sums(0) } else { Ok(()) }
    }

    /// Loss and metrics of the steps since the last reset. Waits for the device.
    ///
    /// # Errors
    /// As [`Model::reset_metrics`].
    pub fn metrics(&self) -> Result<super::Logs, Error> {
        Ok(super::Logs(self.compiled()?.logs(&self.read_sums(0)?)))
    }
}

fn gpu(device: &Device) -> Result<&Gpu, Error> {
    device.backend().as_any().downcast_ref::<Gpu>().ok_or_else(|| Error::Device {
        device: device.backend().name().into(),
        what: "only a GPU records into an encoder; put the model on the app's device with Device::from_wgpu"
            .into(),
    })
}

impl Recording<'_, '_> {
    /// Records one training step on a batch that lies in the app's buffers: one per input, one per target. Class numbers are i32; one
    /// that is out of range makes the loss NaN, and reads nothing.
    ///
    /// # Errors
    /// The model is not compiled, or the buffers do not hold the batch. Nothing is recorded then.
    pub fn train_step(&mut self, x: &[BatchBuffer], y: &[BatchBuffer], batch: usize) -> Result<(), Error> {
        if self.model.compiled()?.optimizer.skips() {
            return Err(Error::State {
                what: "an optimizer that scales the loss waits for each step, so its steps cannot be recorded: compile with another one".into(),
            });
        }
        let types = self.model.step_types(batch, true)?;
        let trainable = self.model.trainable_variables().iter().map(Variable::id).collect();
        let key = Key { mode: Mode::Train { no_dropout: false }, types, trainable, learned: times_learned() };
        self.model.with_plan(&key, |_, _| Ok(()))?;
        let row = self.model.next_row()?;
        let encoder = &mut *self.encoder;
        self.model.with_plan(&key, |ready, device| {
            copy_in(device, encoder, ready, &[x, y].concat())?;
            replay(ready)?.record(encoder, &[row])
        })
    }

    /// Records the prediction of a batch into the app's buffers, one per output.
    ///
    /// # Errors
    /// The buffers do not hold the batch or the outputs. Nothing is recorded then.
    pub fn predict(&mut self, x: &[BatchBuffer], outputs: &[BatchBuffer], batch: usize) -> Result<(), Error> {
        let types = self.model.step_types(batch, false)?;
        let key = Key { mode: Mode::Predict, types, trainable: vec![], learned: times_learned() };
        let encoder = &mut *self.encoder;
        let row: StepRow = [0; rhyton_kernels::dispatch::STEP_WORDS];
        self.model.with_plan(&key, |ready, device| {
            if outputs.len() != ready.outputs.len() {
                let what = format!(
                    "the model has {} outputs, but {} buffers were given",
                    ready.outputs.len(),
                    outputs.len()
                );
                return Err(Error::Argument { what });
            }
            copy_in(device, encoder, ready, x)?;
            replay(ready)?.record(encoder, &[row])?;
            let gpu = gpu(device)?;
            for (Window { memory, words, .. }, to) in ready.outputs.iter().zip(outputs) {
                gpu.record_copy_out(encoder, (memory, 0), (to.buffer, to.offset), *words)?;
            }
            Ok(())
        })
    }

    /// Ends the recording. Submit the encoder, then tell the token.
    pub fn finish(mut self) -> Recorded {
        self.finished = true;
        Recorded { state: self.state.clone() }
    }
}

fn replay(ready: &mut Ready) -> Result<&mut GpuReplay, Error> {
    let replay = ready.replay.as_any().downcast_mut::<GpuReplay>();
    replay.ok_or_else(|| Error::State { what: "this plan was made for another device".into() })
}

/// Copies a batch into the first slot of the windows.
fn copy_in(
    device: &Device,
    encoder: &mut Encoder,
    ready: &Ready,
    buffers: &[BatchBuffer],
) -> Result<(), Error> {
    let gpu = gpu(device)?;
    if buffers.len() != ready.inputs.len() {
        let what = format!(
            "a step takes {} buffers (inputs, then targets), but {} were given",
            ready.inputs.len(),
            buffers.len()
        );
        return Err(Error::Argument { what });
    }
    for (Window { memory, words, .. }, from) in ready.inputs.iter().zip(buffers) {
        gpu.record_copy_in(encoder, (from.buffer, from.offset), (memory, 0), *words)?;
    }
    Ok(())
}

debug!(Recording<'_, '_>, |r| model: r.model, finished: r.finished);
