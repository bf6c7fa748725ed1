//! What Rhyton needs to go on exactly and Keras' formats have no place for.

use std::fmt::Write as _;

use rhyton_engine::train::{Model, Snapshot};
use rhyton_persist::tree::{Dialect, SavedFile};
use serde_json::{Map, Value, json};

use super::training::Training;
use crate::Error;

/// Version of this record.
const VERSION: u64 = 1;

/// Where an optimizer's config says that it has the formula of those of before TensorFlow 2.11.
const LEGACY: &str = "/config/is_legacy_optimizer";

/// As files carry it. The learning rate and the optimizer's numbers on the host (Nadam's product of momenta) are here too, since
/// tf_keras' formats do not hold them all. `kept`: what the model keeps of a training that cannot go on, with its part of the file's record.
pub(super) fn to_json(snapshot: &Snapshot, include_optimizer: bool, kept: Option<&Training>) -> Value {
    let mut record = json!({
        "version": VERSION,
        "seed": snapshot.seed,
        "steps": snapshot.steps,
        "epochs": snapshot.epochs,
        "keras2": snapshot.root.settings().keras2,
    });
    if !snapshot.states.is_empty() {
        record["states"] = snapshot.states.iter().map(|s| state(s.variable.shape(), &s.words)).collect();
    }
    let optimizer = match kept {
        Some(kept) => kept.exactly.clone(),
        None => snapshot.optimizer.as_ref().map(|optimizer| {
            let host: Map<String, Value> =
                optimizer.host.iter().map(|(name, value)| (name.clone(), f64::from(*value).into())).collect();
            json!({
                "class": optimizer.class_name,
                "legacy": optimizer.spec.pointer(LEGACY) == Some(&Value::Bool(true)),
                "learning_rate": optimizer.learning_rate.map(f64::from),
                "host": host,
            })
        }),
    };
    if let Some(optimizer) = optimizer.filter(|_| include_optimizer) {
        record["optimizer"] = optimizer;
    }
    record
}

/// A state of a stateful layer: its shape, and its words as hexadecimal digits.
fn state(shape: &[usize], words: &[u32]) -> Value {
    let digits = words.iter().fold(String::with_capacity(8 * words.len()), |mut text, word| {
        let _ = write!(text, "{word:08x}");
        text
    });
    json!({"shape": shape, "words": digits})
}

/// The words of a state of this shape; `None` where they are none.
fn state_words(state: &Value, shape: &[usize]) -> Option<Vec<u32>> {
    let digits = state.get("words")?.as_str()?.as_bytes();
    let words = digits.as_chunks::<8>();
    let word = |chunk: &[u8; 8]| u32::from_str_radix(std::str::from_utf8(chunk).ok()?, 16).ok();
    let fits = state.get("shape") == Some(&json!(shape)) && words.1.is_empty();
    words
        .0
        .iter()
        .map(word)
        .collect::<Option<Vec<u32>>>()
        .filter(|w| fits && w.len() == shape.iter().product::<usize>())
}

/// Whether a model from this file trains as in Keras 2: as it did before Rhyton wrote the file, else as the library that wrote it.
pub(super) fn keras2(file: &SavedFile) -> bool {
    let recorded = file.resume.as_ref().and_then(|r| r.get("keras2")).and_then(Value::as_bool);
    recorded.unwrap_or(file.dialect == Some(Dialect::TfKeras))
}

/// Puts back what configs written anew do not say: that the optimizer trains as those of before TensorFlow 2.11.
pub(super) fn complete(file: &mut SavedFile) {
    let legacy =
        file.resume.as_ref().and_then(|r| r.pointer("/optimizer/legacy")) == Some(&Value::Bool(true));
    let optimizer = file.compile.as_mut().map(|compile| &mut compile.optimizer);
    if let Some(config) = optimizer.filter(|_| legacy).and_then(|o| o.get_mut("config")?.as_object_mut()) {
        config.insert("is_legacy_optimizer".into(), true.into());
    }
}

/// Returns a file's record; `None` for one of another version, or a damaged one, which is left alone: the model then goes on with a seed of its own.
pub(super) fn record(file: &SavedFile) -> Option<Record<'_>> {
    let record = file.resume.as_ref()?;
    let number = |key: &str| record.get(key).and_then(Value::as_u64);
    let (VERSION, seed, steps) = (number("version")?, number("seed")?, number("steps")?) else { return None };
    // Older files have no number of epochs.
    let epochs = usize::try_from(number("epochs").unwrap_or(0)).ok()?;
    let states = record.get("states").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(Record {
        seed,
        steps: u32::try_from(steps).ok()?,
        epochs,
        states,
        optimizer: record.get("optimizer"),
    })
}

/// Describes a record of a file.
pub(super) struct Record<'a> {
    seed: u64,
    steps: u32,
    epochs: usize,
    /// The states of stateful layers, in the model's order.
    states: &'a [Value],
    /// The part of the optimizer.
    pub(super) optimizer: Option<&'a Value>,
}

impl Record<'_> {
    /// Puts a record into a model, all but the part of the optimizer.
    ///
    /// # Errors
    /// The device is gone.
    pub(super) fn apply(&self, model: &mut Model) -> Result<(), Error> {
        model.set_random_state(self.seed, self.steps);
        model.set_finished_epochs(self.epochs);
        let states = model.states();
        let pairs = states.iter().zip(self.states);
        let words: Option<Vec<_>> = pairs.map(|(state, saved)| state_words(saved, state.shape())).collect();
        // Those of another model are left alone: all fit, or none does.
        if let Some(words) = words.filter(|_| states.len() == self.states.len()) {
            states.iter().zip(words).try_for_each(|(state, words)| state.set(words))?;
        }
        Ok(())
    }
}

/// Puts a record's part of the optimizer into a model, whose optimizer's state was restored.
///
/// # Errors
/// The model was not compiled.
pub(super) fn apply_optimizer(model: &mut Model, record: &Value) -> Result<(), Error> {
    let compiled = model.compiled_mut()?;
    if record.get("class").and_then(Value::as_str) != Some(compiled.optimizer.class_name()) {
        return Ok(());
    }
    if let Some(rate) = record.get("learning_rate").and_then(Value::as_f64) {
        compiled.set_constant_learning_rate(rate as f32);
    }
    let host: Vec<(String, f32)> = record
        .get("host")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_f64()? as f32)))
        .collect();
    if !host.is_empty() {
        compiled.optimizer.set_host_state(&host);
    }
    Ok(())
}
