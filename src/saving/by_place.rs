//! Optimizers' states whose slots only the optimizer itself tells apart: by the order in which it makes them.

use rhyton_engine::graph::Variable as EngineVariable;
use rhyton_engine::optimizers::Parameter;
use rhyton_engine::train::Compiled;
use rhyton_persist::tree::{OptimizerState, Slot};

use super::from_tree::{place, words};
use crate::Error;

/// Name of Nadam's product of momenta, which stands behind its slots.
const PRODUCT: &str = "u_product";

/// Puts a state into a compiled model whose slots are `mine`; or nothing, and gives the reason, where they are not as many or of other shapes.
pub(super) fn put(
    compiled: &mut Compiled,
    parameters: &[Parameter],
    mine: &[(&'static str, usize, EngineVariable)],
    state: &OptimizerState,
) -> Result<Option<String>, Error> {
    let mut scalars = state.scalars.clone();
    let mut found: Vec<&Slot> = state.slots.iter().collect();
    let inside = compiled.optimizer.inside();
    if inside.len() != state.parts.len() {
        let (there, here) = (state.parts.len(), inside.len());
        return Ok(Some(format!("it is of {there} optimizers inside another, the model has {here}")));
    }
    for (i, (part, optimizer)) in state.parts.iter().zip(&inside).enumerate() {
        let mut slots = part.slots.as_slice();
        let has_product = optimizer.host_state().iter().any(|(name, _)| name == PRODUCT);
        if let (true, [before @ .., last]) = (has_product, slots)
            && let Some(product) = scalar(last)
        {
            scalars.push((format!("{i}/{PRODUCT}"), product));
            slots = before;
        }
        scalars.extend(part.learning_rate.map(|rate| (format!("{i}/learning_rate"), rate)));
        let used = parameters.iter().any(|p| compiled.optimizer.part_of(p) == Some(i));
        if used && part.iteration != state.iteration {
            let (own, all) = (part.iteration, state.iteration);
            return Ok(Some(format!(
                "one of the optimizers inside took {own} steps, and all together {all}"
            )));
        }
        found.extend(slots);
    }
    // A model that was never trained has none.
    if !found.is_empty() {
        let why = state.data.as_ref().map(|data| data.why.clone());
        let class = compiled.optimizer.class_name();
        if found.len() != mine.len() {
            let own = format!("it has {} slots, and {class} has {} here", found.len(), mine.len());
            return Ok(Some(why.unwrap_or(own)));
        }
        for (place, (slot, (name, of, variable))) in found.iter().zip(mine).enumerate() {
            if slot.variable.shape != variable.shape() {
                let (there, here) = (&slot.variable.shape, variable.shape());
                let own = format!(
                    "its slot {place} is of the shape {there:?}, and `{name}` of the variable {of}, which {class} has there, of {here:?}"
                );
                return Ok(Some(why.unwrap_or(own)));
            }
        }
    }
    for (slot, (_, _, variable)) in found.iter().zip(mine) {
        place(variable, &slot.variable)?;
    }
    compiled.iteration = state.iteration;
    if let Some(rate) = state.learning_rate {
        compiled.set_constant_learning_rate(rate);
    }
    compiled.optimizer.set_host_state(&scalars);
    Ok(None)
}

/// The number in a scalar slot.
fn scalar(slot: &Slot) -> Option<f32> {
    let bytes = slot.variable.value.as_ref().filter(|_| slot.variable.shape.is_empty())?;
    let words = words(bytes, slot.variable.dtype).ok()?;
    words.first().map(|word| f32::from_bits(*word))
}
