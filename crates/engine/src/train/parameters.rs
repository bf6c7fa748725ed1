//! What an optimizer knows of a model's variables: their paths, and whose habits they follow.

use super::block;
use super::model::Model;
use crate::Error;
use crate::graph::{LayerRef, Variable};
use crate::models::{Network, NetworkKind};
use crate::optimizers::Parameter;

/// The variables that training changes, as an optimizer sees them, in Keras' order.
pub(super) fn parameters(root: &LayerRef, trainable: &[Variable]) -> Vec<Parameter> {
    let mut found = Vec::new();
    walk(root, "", &mut found);
    let of = |variable: &Variable| {
        let known = found.iter().find(|p| p.variable == *variable).cloned();
        known.unwrap_or_else(|| Parameter::new(variable))
    };
    trainable.iter().map(of).collect()
}

/// The variables of a layer that is at this path. The names of functional models are no part of it, as their layers are built before them; a Sequential builds
/// its own.
fn walk(layer: &LayerRef, around: &str, found: &mut Vec<Parameter>) {
    let below = |name: &str| if around.is_empty() { name.to_owned() } else { format!("{around}/{name}") };
    let kind = layer.layer().as_any().downcast_ref::<Network>().map(|network| network.kind);
    let path = match kind {
        Some(NetworkKind::Functional) => String::new(),
        Some(NetworkKind::Sequential) => layer.name(),
        None => below(&layer.name()),
    };
    let keras2 = layer.settings().keras2;
    for variable in layer.own_variables() {
        let path = format!("{path}/{}", variable.name());
        found.push(Parameter { variable, path, keras2 });
    }
    let inner = layer.layer().inner();
    inner.iter().for_each(|(_, inner)| walk(inner, &path, found));
}

impl Model {
    /// The variables that training changes, as its optimizer sees them, in Keras' order.
    pub fn parameters(&self) -> Vec<Parameter> {
        parameters(&self.root, &self.trainable_variables())
    }

    /// Gives weights the values that they have when training ends: their averages, where the optimizer keeps such (Keras' `finalize_variable_values`).
    ///
    /// # Errors
    /// The device is gone.
    pub(super) fn finalize_weights(&mut self) -> Result<(), Error> {
        let Some(compiled) = self.compiled.as_ref().filter(|compiled| compiled.iteration > 0) else {
            return Ok(());
        };
        let mut reads = Vec::new();
        for variable in self.trainable_variables() {
            let slots = compiled.slots.get(&variable.id()).into_iter().flatten();
            let average = slots.filter(|(info, _)| info.finalizes).map(|(_, slot)| slot.read()).next();
            reads.extend(average.map(|read| (variable, read)));
        }
        reads.into_iter().try_for_each(|(variable, read)| variable.set(block::wait(read)?))
    }
}
