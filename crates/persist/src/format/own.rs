//! What layers of Keras 3 save themselves, where that is not their variables one after the other: a kernel with its low-rank addition, and before all others.

use std::sync::Arc;

use crate::tree::{Object, Variable};

/// Classes that have an order of their own in `.keras` and `.weights.h5`.
const CLASSES: [&str; 7] =
    ["Dense", "EinsumDense", "Embedding", "ReversibleEmbedding", "Conv1D", "Conv2D", "Conv3D"];

/// Returns whether a variable is a factor of a low-rank addition, which those files do not have.
fn is_factor(name: &str) -> bool {
    name.starts_with("lora_")
}

/// Returns the places of an object's variables in the order in which the layer saves them.
pub(crate) fn order(object: &Object) -> Vec<usize> {
    let mut all: Vec<usize> = (0..object.variables.len()).collect();
    // What is plain stands in that order anyway, and a class of somebody's may have the name.
    let is_special = |v: &Variable| is_factor(&v.name) || v.name.ends_with("_scale");
    let special = object.variables.iter().any(is_special) && !object.is_model;
    if special && CLASSES.contains(&object.class_name.as_str()) {
        let name = |i: &usize| object.variables[*i].name.as_str();
        all.retain(|i| !is_factor(name(i)));
        // A kernel of bytes without signs (gptq, awq) comes behind the bias.
        let first = |i: &usize| {
            let unsigned = object.variables[*i].dtype == crate::tree::DType::U8;
            match name(i) {
                "kernel" | "embeddings" if !unsigned => 0,
                "bias" => 1,
                _ => 2,
            }
        };
        all.sort_by_key(first);
    }
    all
}

/// Returns what an object's layer saves, in order.
pub(crate) fn saved(object: &Object) -> Vec<&Variable> {
    let of = |i: usize| {
        let variable = &object.variables[i];
        object.merged.iter().find(|merged| merged.name == variable.name).unwrap_or(variable)
    };
    order(object).into_iter().map(of).collect()
}

/// Sets the factors of a low-rank addition to zero, as Keras does when it has read the sum of it and the kernel.
pub(crate) fn clear_factors(object: &mut Object) {
    if !CLASSES.contains(&object.class_name.as_str()) {
        return;
    }
    for variable in object.variables.iter_mut().filter(|v| is_factor(&v.name)) {
        let bytes = variable.shape.iter().fold(variable.dtype.size(), |n, d| n.saturating_mul(*d));
        if variable.shape != crate::tree::ANY_SHAPE {
            variable.value = Some(Arc::new(super::values::Zeros(bytes)));
        }
    }
}
