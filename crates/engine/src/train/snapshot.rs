//! [`Snapshot`]: the whole state of a model as plain host data: what saves, checkpoints and restores start from.

use std::sync::Arc;

use serde_json::Value as Json;

use super::block;
use super::compiled::CompileSpec;
use super::model::Model;
use crate::Error;
use crate::graph::{LayerRef, Variable};
use crate::optimizers::{LearningRate, SlotInfo, slot_order};

/// A variable's value.
#[derive(Clone)]
#[non_exhaustive]
pub struct Saved {
    /// The variable, for its name and shape.
    pub variable: Variable,
    /// Its elements as words.
    pub words: Arc<Vec<u32>>,
}

/// A slot's value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SavedSlot {
    /// Keras 3's name of the slot.
    pub name: &'static str,
    /// Index of its variable among the trainable ones.
    pub of: usize,
    /// Index of its optimizer in [`OptimizerSnapshot::parts`]; 0 where there are none.
    pub part: usize,
    /// Shape and elements.
    pub saved: Saved,
}

/// An optimizer's state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OptimizerSnapshot {
    /// Class.
    pub class_name: &'static str,
    /// Its config, with the learning rate as it is now.
    pub spec: Json,
    /// Steps taken.
    pub iteration: i64,
    /// The learning rate; `None` under a schedule.
    pub learning_rate: Option<f32>,
    /// Slots in the order of files.
    pub slots: Vec<SavedSlot>,
    /// Host state by Keras' names.
    pub host: Vec<(String, f32)>,
    /// The optimizers inside one of several.
    pub parts: Vec<PartSnapshot>,
}

/// An optimizer inside another one, but for its slots.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartSnapshot {
    /// Class.
    pub class_name: &'static str,
    /// Steps taken.
    pub iteration: i64,
    /// The learning rate; `None` under a schedule.
    pub learning_rate: Option<f32>,
    /// Host state by Keras' names.
    pub host: Vec<(String, f32)>,
}

/// The state of a model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The network, for its configs.
    pub root: LayerRef,
    /// Every variable once, in the order of `get_weights`.
    pub weights: Vec<Saved>,
    /// The states that layers carry from one batch to the next, in order of the layers.
    pub states: Vec<Saved>,
    /// Variables that training changes, in order.
    pub trainable: Vec<Variable>,
    /// How it was compiled.
    pub compile: Option<CompileSpec>,
    /// The optimizer's state; `None` for a model that was not compiled.
    pub optimizer: Option<OptimizerSnapshot>,
    /// Holds what the model keeps of a training that cannot go on.
    pub kept: Option<super::kept::Kept>,
    /// Seed of random layers and shuffling.
    pub seed: u64,
    /// Training steps taken: the counter of random draws.
    pub steps: u32,
    /// See [`Model::finished_epochs`].
    pub epochs: usize,
}

impl Model {
    /// Reads the whole state. All reads are enqueued before the first is waited for.
    ///
    /// # Errors
    /// The device is gone, or a lazy value cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let trainable = self.trainable_variables();
        let (variables, states) = (self.variables(), self.states());
        let slots = self.compiled.as_ref().map(|c| c.ordered_slots(&trainable)).unwrap_or_default();
        let all = variables.iter().chain(&states).chain(slots.iter().map(|(_, _, v)| v));
        let reads: Vec<_> = all.map(|v| (v.clone(), v.read())).collect();
        let mut saved = Vec::with_capacity(reads.len());
        for (variable, read) in reads {
            saved.push(Saved { variable, words: Arc::new(block::wait(read)?) });
        }
        let slot_values = saved.split_off(variables.len() + states.len());
        let states = saved.split_off(variables.len());
        let constant = |rate: &LearningRate| match rate {
            LearningRate::Constant(rate) => Some(*rate),
            LearningRate::Schedule(_) | LearningRate::Several => None,
        };
        let several = self.compiled.as_ref().is_some_and(|c| !c.optimizer.inside().is_empty());
        let parameters = if several { self.parameters() } else { Vec::new() };
        let part = |c: &super::compiled::Compiled, of: usize| {
            parameters.get(of).and_then(|p| c.optimizer.part_of(p)).unwrap_or_default()
        };
        let parts = |c: &super::compiled::Compiled| {
            let used: Vec<usize> = (0..parameters.len()).map(|of| part(c, of)).collect();
            let one = |(i, inner): (usize, &dyn crate::optimizers::Optimizer)| PartSnapshot {
                class_name: inner.class_name(),
                // Keras asks only those that have a parameter.
                iteration: if used.contains(&i) { self.iterations() } else { 0 },
                learning_rate: constant(inner.learning_rate()),
                host: inner.host_state(),
            };
            c.optimizer.inside().into_iter().enumerate().map(one).collect()
        };
        let optimizer = self.compiled.as_ref().map(|c| OptimizerSnapshot {
            class_name: c.optimizer.class_name(),
            spec: c.optimizer.spec(),
            iteration: self.iterations(),
            learning_rate: constant(c.optimizer.learning_rate()),
            slots: slots
                .iter()
                .zip(slot_values)
                .map(|((name, of, _), saved)| SavedSlot { name, of: *of, part: part(c, *of), saved })
                .collect(),
            host: self.host_state(c),
            parts: parts(c),
        });
        let compile = self.compiled.as_ref().map(|c| c.config.clone());
        let (seed, steps) = self.random_state();
        let (root, kept, epochs) = (self.root.clone(), self.kept.clone(), self.epochs);
        Ok(Snapshot {
            root,
            weights: saved,
            states,
            trainable,
            compile,
            optimizer,
            kept,
            seed,
            steps,
            epochs,
        })
    }

    /// The optimizer's host state, without recorded steps that were never submitted.
    fn host_state(&self, compiled: &super::compiled::Compiled) -> Vec<(String, f32)> {
        #[cfg(feature = "gpu")]
        if let Some(before) = self.dropped() {
            return before.optimizer.clone();
        }
        compiled.optimizer.host_state()
    }

    /// Puts the weights of a snapshot of this model back.
    ///
    /// # Errors
    /// The device is gone.
    pub fn restore_weights(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        snapshot.weights.iter().try_for_each(|s| s.variable.set(s.words.to_vec()))
    }
}

impl super::compiled::Compiled {
    /// Slots of these variables in the order of files: name, index of the variable, slot variable.
    pub fn ordered_slots(&self, trainable: &[Variable]) -> Vec<(&'static str, usize, Variable)> {
        let slots = |v: &Variable| self.slots.get(&v.id()).cloned().unwrap_or_default();
        let slots: Vec<Vec<(SlotInfo, Variable)>> = trainable.iter().map(slots).collect();
        let infos: Vec<Vec<SlotInfo>> =
            slots.iter().map(|of| of.iter().map(|(info, _)| info.clone()).collect()).collect();
        let one = |(of, i): (usize, usize)| {
            let (info, slot) = &slots[of][i];
            (info.name, of, slot.clone())
        };
        slot_order(&infos).into_iter().map(one).collect()
    }
}

debug!(Saved, |s| variable: s.variable, words: s.words.len());
