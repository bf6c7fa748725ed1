//! Runs steps: training, evaluation and prediction over gathered batches.

use rhyton_kernels::dispatch::{STEP_COLUMNS, STEP_WORDS};

use super::block;
use super::feed::Feed;
use super::model::Model;
use super::parameters::parameters;
use super::session::{Key, Mode};
use super::trace::{self, StepTypes};
use crate::Error;
use crate::device::StepRow;
use crate::graph::{Variable, times_learned};
use crate::random::split;

/// Shape and words of an output.
type Output = (Vec<usize>, Vec<u32>);

impl Model {
    fn key(&self, mode: Mode, types: StepTypes) -> Key {
        let trainable = match mode {
            Mode::Train { .. } => self.trainable_variables().iter().map(Variable::id).collect(),
            _ => vec![],
        };
        Key { mode, types, trainable, learned: times_learned() }
    }

    /// How many steps of this batch size one submit may hold.
    pub(super) fn steps_per_submit(&mut self, mode: Mode, feed: &Feed, batch: usize) -> Result<usize, Error> {
        if feed.varies() {
            // Each step has a plan of its own; what is on the device is placed all the same.
            self.session(matches!(mode, Mode::Train { .. }))?;
            return Ok(1);
        }
        let key = self.key(mode, feed.types(batch));
        let steps = self.with_plan(&key, |ready, _| Ok(ready.steps))?;
        let waits = matches!(mode, Mode::Train { .. }) && self.compiled()?.optimizer.skips();
        Ok(if waits { 1 } else { steps })
    }

    /// The plan of a key, made if need be.
    pub(super) fn with_plan<R>(
        &mut self,
        key: &Key,
        f: impl FnOnce(&mut super::session::Ready, &crate::device::Device) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.session(matches!(key.mode, Mode::Train { .. }))?;
        let trainable = self.trainable_variables();
        let (root, compiled) = (&self.root, &self.compiled);
        let make = || match (key.mode, compiled) {
            (Mode::Predict, _) => trace::prediction(root, &key.types),
            (_, None) => Err(Error::State {
                what: "the model must be compiled first: call model.compile(optimizer, loss, metrics)".into(),
            }),
            (Mode::Evaluate, Some(c)) => Ok((trace::evaluation(root, c, &key.types)?, vec![])),
            (Mode::Train { no_dropout }, Some(c)) => {
                let parameters = parameters(root, &trainable);
                Ok((trace::training(root, c, &key.types, &parameters, no_dropout)?, vec![]))
            }
        };
        let Some(session) = self.session.as_mut() else {
            return Err(Error::State { what: "the model is on no device".into() });
        };
        let device = session.device.clone();
        f(session.ready(key, make)?, &device)
    }

    /// The step row of the next training step; counts the step.
    pub(super) fn next_row(&mut self) -> Result<StepRow, Error> {
        let mut row = [0; STEP_WORDS];
        row[0] = self.steps;
        row[1..3].copy_from_slice(&split(self.seed));
        let compiled = self.compiled_mut()?;
        let (iteration, rate) = (compiled.iteration, compiled.learning_rate());
        let columns = compiled.optimizer.scalars(iteration, rate);
        if columns.len() > STEP_WORDS - STEP_COLUMNS {
            return Err(Error::State {
                what: format!(
                    "the optimizer has {} step columns, but a row holds {}",
                    columns.len(),
                    STEP_WORDS - STEP_COLUMNS
                ),
            });
        }
        row[STEP_COLUMNS..].iter_mut().zip(columns).for_each(|(w, c)| *w = (c as f32).to_bits());
        compiled.iteration += 1;
        self.steps = self.steps.wrapping_add(1);
        Ok(row)
    }

    /// Trains on these examples, `batch` at a time: one submit. Their number is a multiple of `batch`.
    pub(super) fn train_steps(
        &mut self,
        feed: &Feed,
        rows: &[u32],
        batch: usize,
        no_dropout: bool,
        space: &mut Vec<Vec<u32>>,
    ) -> Result<(), Error> {
        let steps = rows.len() / batch;
        let types = feed.gather(rows, batch, space)?;
        let key = self.key(Mode::Train { no_dropout }, types);
        // The plan is made before rows are counted: a model that cannot be planned keeps its state.
        self.with_plan(&key, |_, _| Ok(()))?;
        let table: Vec<StepRow> = (0..steps).map(|_| self.next_row()).collect::<Result<_, _>>()?;
        self.with_plan(&key, |ready, device| ready.run(device, space, &table))?;
        self.hear_of_gradients()
    }

    /// Tells an optimizer that skips steps whether the gradients of the last one were finite. Keras 2 counts a step that was skipped, Keras 3 does not.
    fn hear_of_gradients(&mut self) -> Result<(), Error> {
        let counts = self.root.settings().keras2;
        let compiled = self.compiled_mut()?;
        if compiled.optimizer.skips() {
            let words = block::wait(compiled.finite.read())?;
            let finite = words.first().is_some_and(|w| f32::from_bits(*w) == 1.0);
            compiled.optimizer.stepped(finite, counts);
            compiled.iteration -= i64::from(!finite && !counts);
        }
        Ok(())
    }

    /// Evaluates on all examples of a feed; gives the sums.
    pub(super) fn evaluate_feed(&mut self, feed: &Feed, batch: usize) -> Result<Vec<f64>, Error> {
        Ok(self.evaluate_until(feed, batch, &mut || false)?.unwrap_or_default())
    }

    /// [`Model::evaluate_feed`], unless `stops` says so between two submits.
    pub(super) fn evaluate_until(
        &mut self,
        feed: &Feed,
        batch: usize,
        stops: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<f64>>, Error> {
        self.session(false)?;
        self.clear_sums(1)?;
        let mut stopped = false;
        self.each_submit(Mode::Evaluate, feed, batch, |model, key, steps, space| {
            stopped = stopped || stops();
            if !stopped {
                let table = vec![[0; STEP_WORDS]; steps];
                model.with_plan(key, |ready, device| ready.run(device, space, &table))?;
            }
            Ok(!stopped)
        })?;
        if stopped { Ok(None) } else { self.read_sums(1).map(Some) }
    }

    /// Outputs for all examples of a feed: for each output its shape, with the examples, and its words.
    pub(super) fn predict_feed(&mut self, feed: &Feed, batch: usize) -> Result<Vec<Output>, Error> {
        let mut results: Vec<Output> = Vec::new();
        self.each_submit(Mode::Predict, feed, batch, |model, key, steps, space| {
            let table = vec![[0; STEP_WORDS]; steps];
            let (reads, shapes) = model.with_plan(key, |ready, device| {
                ready.run(device, space, &table)?;
                let read = |o: &super::session::Window| {
                    (device.backend().read(&o.memory, 0, steps * o.stride), o.stride, o.words)
                };
                Ok((ready.outputs.iter().map(read).collect::<Vec<_>>(), ready.shapes.clone()))
            })?;
            if results.is_empty() {
                results = shapes.iter().map(|shape| (shape.clone(), Vec::new())).collect();
            }
            for ((read, stride, words), (shape, (first, result))) in
                reads.into_iter().zip(shapes.iter().zip(&mut results))
            {
                if shape.get(1..) != first.get(1..) {
                    let what = format!(
                        "an output has shape {:?} for some examples and {:?} for others, as it is as long as the longest text of a batch: set \
                         output_sequence_length, or a batch_size of all examples",
                        first.get(1..).unwrap_or_default(),
                        shape.get(1..).unwrap_or_default()
                    );
                    return Err(Error::Data { what });
                }
                let slots = block::wait(read)?;
                slots.chunks_exact(stride).for_each(|slot| result.extend_from_slice(&slot[..words]));
            }
            Ok(true)
        })?;
        for (shape, words) in &mut results {
            if let Some((first, rest)) = shape.split_first_mut() {
                let stride = rest.iter().product::<usize>();
                *first = words.len().checked_div(stride).unwrap_or(feed.examples);
            }
        }
        Ok(results)
    }

    /// Calls `f` with the number of steps of each submit in order, gathered; the last, smaller batch by itself. `f` says whether to go on.
    fn each_submit(
        &mut self,
        mode: Mode,
        feed: &Feed,
        batch: usize,
        mut f: impl FnMut(&mut Model, &Key, usize, &mut Vec<Vec<u32>>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let batch = batch.clamp(1, feed.examples);
        let all: Vec<u32> = (0..u32::try_from(feed.examples).unwrap_or(u32::MAX)).collect();
        let whole = feed.examples / batch * batch;
        let mut space = Vec::new();
        let per_submit = self.steps_per_submit(mode, feed, batch)?;
        let submits = all[..whole].chunks(per_submit * batch).map(|rows| (rows, batch));
        let rest = Some((&all[whole..], feed.examples - whole)).filter(|(rows, _)| !rows.is_empty());
        for (rows, batch) in submits.chain(rest) {
            let types = feed.gather(rows, batch, &mut space)?;
            let key = self.key(mode, types);
            if !f(self, &key, rows.len() / batch, &mut space)? {
                break;
            }
        }
        Ok(())
    }

    /// Sets the sums of training (0) or evaluation (1) to zero.
    pub(super) fn clear_sums(&mut self, which: usize) -> Result<(), Error> {
        let sums = self.compiled()?.sums[which].clone();
        sums.set(vec![0; sums.len()])
    }

    /// Reads the sums of training (0) or evaluation (1), after all that was submitted.
    pub(super) fn read_sums(&self, which: usize) -> Result<Vec<f64>, Error> {
        let words = block::wait(self.compiled()?.sums[which].read())?;
        Ok(words.into_iter().map(|w| f64::from(f32::from_bits(w))).collect())
    }
}
