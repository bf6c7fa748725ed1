//! Inputs and outputs of a functional model: one tensor, or lists and objects of them, nested as they were given.

use serde_json::Value;

use super::{Context, calls, kind_of};
use crate::Error;
use crate::tree::TensorRef;

/// The tensors in Keras' order, where objects go by their sorted keys; and whether they stand in more than one plain list.
pub(super) fn read(cx: &Context<'_>, place: &str, value: &Value) -> Result<(Vec<TensorRef>, bool), Error> {
    let mut found = Vec::new();
    if !collect(value, &mut found) {
        return Err(cx.error(place, kind_of(value), "[layer, node, tensor], or lists and objects of such"));
    }
    let flat = calls::tensor_ref(value).is_some()
        || value.as_array().is_some_and(|list| list.iter().all(|v| calls::tensor_ref(v).is_some()));
    Ok((found, !flat))
}

fn collect(value: &Value, found: &mut Vec<TensorRef>) -> bool {
    if let Some(tensor) = calls::tensor_ref(value) {
        found.push(tensor);
        return true;
    }
    match value {
        Value::Array(list) => list.iter().all(|v| collect(v, found)),
        Value::Object(map) => {
            sorted(map).into_iter().all(|key| map.get(key).is_some_and(|v| collect(v, found)))
        }
        _ => false,
    }
}

fn sorted(map: &serde_json::Map<String, Value>) -> Vec<&String> {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    keys
}

/// Puts tensors in Keras' order where those of a structure stand.
pub(super) fn write(structure: &Value, tensors: &mut impl Iterator<Item = Value>) -> Value {
    if calls::tensor_ref(structure).is_some() {
        return tensors.next().unwrap_or_default();
    }
    match structure {
        Value::Array(list) => list.iter().map(|v| write(v, tensors)).collect(),
        Value::Object(map) => {
            let mut out = map.clone();
            for key in sorted(map) {
                if let (Some(to), Some(from)) = (out.get_mut(key), map.get(key)) {
                    *to = write(from, tensors);
                }
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}
