//! What Rhyton needs to go on exactly and Keras' formats have no place for.

use rhyton_engine::train::{Model, Snapshot};
use serde_json::{Value, json};

/// Version of this record.
const VERSION: u64 = 1;

/// As files carry it.
pub(super) fn to_json(snapshot: &Snapshot) -> Value {
    json!({"version": VERSION, "seed": snapshot.seed, "steps": snapshot.steps})
}

/// Puts it into a model; a record of another version, or a damaged one, is left alone: the model then goes on with a seed
/// of its own.
pub(super) fn apply(model: &mut Model, resume: &Value) {
    let number = |key: &str| resume.get(key).and_then(Value::as_u64);
    if let (Some(VERSION), Some(seed), Some(steps)) = (number("version"), number("seed"), number("steps"))
        && let Ok(steps) = u32::try_from(steps)
    {
        model.set_random_state(seed, steps);
    }
}
