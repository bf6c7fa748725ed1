//! From the variables of a file to a state: passes over the list, each of which takes what it knows from the front or leaves it alone.

use std::iter::Peekable;
use std::path::Path;
use std::vec::IntoIter;

use serde_json::Value;

use super::fitting::{self, Fitting};
use super::{Block, Class, SEVERAL, class, count};
use crate::Error;
use crate::format::values;
use crate::tree::{OptimizerState, Slot, StateData, Variable};

/// A variable as a file holds it, with its name where the format has names.
pub(crate) struct Found {
    /// `Adam/m/dense/kernel:0`, `adam/learning_rate`, or empty.
    pub(crate) name: String,
    /// Shape, type and value.
    pub(crate) variable: Variable,
}

impl Found {
    pub(super) fn tail(&self) -> &str {
        let tail = self.name.rsplit('/').next().unwrap_or_default();
        tail.strip_suffix(":0").unwrap_or(tail)
    }

    fn is_scalar(&self) -> bool {
        self.variable.shape.is_empty()
    }
}

/// The state in a list of variables, in the file's order.
///
/// `config` is the optimizer's config where the file has it. The list begins with the iteration.
///
/// tf_keras' SGD has its slots without momentum too, where they are of no use; they are kept, so that such a file
/// comes back as it was, and left out of Keras 3's files.
///
/// Slots that are not known to be those of the class for the model's variables are data: see [`OptimizerState::data`].
///
/// # Errors
/// Variables that are not an optimizer's, or cannot be read.
pub(crate) fn decode(
    path: &Path,
    class_name: &str,
    config: Option<&Value>,
    trainable: &[Variable],
    found: Vec<Found>,
) -> Result<Option<OptimizerState>, Error> {
    if found.is_empty() {
        return Ok(None);
    }
    if class_name == SEVERAL {
        return several(path, class_name, found).map(Some);
    }
    let scaled = class_name.starts_with("LossScaleOptimizer");
    // Keras leaves the scale that goes with a global policy out of the config.
    let unsaid = !scaled && class(class_name).is_some() && has_scale(&found);
    let of_inner = |pointer: &str| config.and_then(|c| c.pointer(pointer));
    let (inner_name, config) = if scaled {
        let name = of_inner("/inner_optimizer/class_name").and_then(Value::as_str);
        (name.unwrap_or_default(), of_inner("/inner_optimizer/config"))
    } else {
        (class_name, config)
    };
    let known = class(inner_name);
    let first = (!scaled).then_some(known).flatten();
    let unnamed_rate = !first.is_some_and(|class| has_scalar_slots(class, trainable, found.len()));

    let mut state = OptimizerState { class_name: class_name.into(), ..OptimizerState::default() };
    // Keras up to 2.2 saves no iteration of these.
    let uncounted = matches!(class_name, "RMSprop" | "Adagrad" | "Adadelta")
        && found
            .first()
            .is_some_and(|first| !first.name.is_empty() && !is_count(first) && !first.is_scalar())
        && !found.iter().any(is_count);
    let mut cursor = Cursor { path, found: found.into_iter().peekable() };
    let legacy = uncounted || cursor.counters(&mut state, unnamed_rate)?;
    if unsaid {
        state.class_name = "LossScaleOptimizer".into();
    }
    if scaled || unsaid {
        cursor.loss_scale(&mut state)?;
    }
    let mut rest: Vec<Found> = cursor.found.collect();
    if legacy {
        drop_placeholders(&mut rest, trainable);
    }
    // A model that was compiled and never trained: Keras makes slots with the first step.
    if rest.is_empty() {
        return Ok(Some(state));
    }
    let Some(known) = known else {
        let why = match class_name {
            "" => "nothing says whose slots they are".into(),
            name => format!("the slots of {name} are not known"),
        };
        return Ok(Some(as_data(state, rest, why, !legacy)));
    };
    let layouts = fitting::layouts(known, config, &rest);
    if inner_name == "Nadam" {
        take_product(&mut rest, &layouts, trainable, &mut state)?;
        if rest.is_empty() {
            return Ok(Some(state));
        }
    }
    let file = Fitting { class_name, config, trainable, legacy };
    Ok(Some(match file.choose(&layouts, &rest) {
        Ok(choice) => OptimizerState { slots: file.slots(&choice, &layouts, rest), ..state },
        Err(why) => as_data(state, rest, why, !legacy),
    }))
}

/// As [`decode`], of a file that has the slots of the model's variables in another `order`: that of Keras up to 2.0.5, which sorts variables by
/// their names.
pub(crate) fn decode_in_order(
    path: &Path,
    class_name: &str,
    config: Option<&Value>,
    (trainable, order): (&[Variable], &[usize]),
    found: Vec<Found>,
) -> Result<Option<OptimizerState>, Error> {
    let sorted: Vec<Variable> = order.iter().filter_map(|of| trainable.get(*of).cloned()).collect();
    let mut state = decode(path, class_name, config, &sorted, found)?;
    let slots = state.as_mut().filter(|state| state.data.is_none()).map(|state| &mut state.slots);
    let Some(slots) = slots else { return Ok(state) };
    // A block of slots ends where the number of the variable falls.
    for block in slots.chunk_by_mut(|a, b| a.of <= b.of) {
        block.iter_mut().for_each(|slot| slot.of = slot.of.and_then(|of| order.get(of).copied()));
        block.sort_by_key(|slot| slot.of);
    }
    Ok(state)
}

/// The states of several optimizers, each of which begins with the steps that it counts. Whose slots they are is a matter of the names of variables.
fn several(path: &Path, class_name: &str, found: Vec<Found>) -> Result<OptimizerState, Error> {
    let mut blocks: Vec<Vec<Found>> = Vec::new();
    // Adafactor has whole numbers of 32 bits among its slots, where counters have 64.
    let counter = found.first().map(|first| first.variable.dtype);
    for one in found {
        let begins = is_count(&one) && Some(one.variable.dtype) == counter;
        match blocks.last_mut() {
            Some(block) if !begins => block.push(one),
            _ => blocks.push(vec![one]),
        }
    }
    let mut states = Vec::new();
    for block in blocks {
        let mut state = OptimizerState::default();
        let mut cursor = Cursor { path, found: block.into_iter().peekable() };
        cursor.counters(&mut state, true)?;
        let rest: Vec<Found> = cursor.found.collect();
        let why =
            format!("which optimizer of a {class_name} has which slots depends on the names of variables");
        states.push(as_data(state, rest, why, true));
    }
    let mut outer = if states.is_empty() { OptimizerState::default() } else { states.remove(0) };
    if outer.slots.is_empty() {
        // Its own rate is of no use.
        (outer.class_name, outer.learning_rate) = (class_name.into(), None);
        outer.data = None;
        outer.parts = states;
        return Ok(outer);
    }
    let why = format!("there are slots before the optimizers of a {class_name}");
    Ok(OptimizerState {
        class_name: class_name.into(),
        data: Some(StateData { why, ..StateData::default() }),
        ..outer
    })
}

/// Returns whether a variable counts steps.
fn is_count(found: &Found) -> bool {
    found.is_scalar() && !found.variable.dtype.is_float()
}

/// Returns whether variables of Keras 3 are those of an optimizer that scales the loss: its own steps and rate, the steps since the scale changed and the
/// scale, the steps of the optimizer inside.
fn has_scale(found: &[Found]) -> bool {
    let counts = [true, false, true, false, true];
    found.len() >= counts.len()
        && found.iter().zip(counts).all(|(f, count)| f.is_scalar() && is_count(f) == count)
}

/// What is left of a file's variables.
struct Cursor<'a> {
    path: &'a Path,
    found: Peekable<IntoIter<Found>>,
}

impl Cursor<'_> {
    /// Reads iteration and learning rate; with `unnamed_rate`, a float without a name is one. True where the names are those of an optimizer
    /// before TensorFlow 2.11.
    fn counters(&mut self, state: &mut OptimizerState, unnamed_rate: bool) -> Result<bool, Error> {
        let first = self.found.next();
        let value = first.as_ref().map(|f| values::scalar_int(&f.variable)).transpose()?.flatten();
        let (Some(first), Some(iteration)) = (first, value) else {
            return Err(Error::Mismatch {
                path: self.path.into(),
                mismatches: vec![
                    "the optimizer's variables begin with no whole number, which would be its iteration"
                        .into(),
                ],
            });
        };
        state.iteration = iteration;
        let legacy = !first.name.is_empty() && first.tail() != "iteration";
        let named = |f: &Found| f.tail() == "learning_rate" || unnamed_rate && f.name.is_empty();
        let is_rate = |f: &Found| f.is_scalar() && f.variable.dtype.is_float() && named(f);
        if let Some(rate) = self.found.next_if(is_rate) {
            state.learning_rate = single(&rate)?;
        }
        Ok(legacy)
    }

    /// Reads what Keras 3 puts between the counters of a loss-scaling optimizer and those of the one inside: the scale and the steps since it
    /// changed, then the inner counters, which count while the outer ones stand still. tf_keras puts nothing there.
    fn loss_scale(&mut self, state: &mut OptimizerState) -> Result<(), Error> {
        // One that took no step has none yet, and the inner counters alone follow.
        let has_scale = self.found.len() > 2;
        for name in ["step_counter", "dynamic_scale"].into_iter().filter(|_| has_scale) {
            // Neither is a slot: those follow a second iteration.
            let is_it = |f: &Found| f.is_scalar() && (f.name.is_empty() || f.tail() == name);
            if let Some(next) = self.found.next_if(is_it)
                && let Some(x) = single(&next)?
            {
                state.scalars.push((name.into(), x));
            }
        }
        if self.found.peek().is_some_and(is_count) {
            state.learning_rate = None;
            self.counters(state, true)?;
        }
        Ok(())
    }
}

/// Returns whether the slot of a scalar weight stands where a learning rate could: it looks like one, so the number of variables tells.
fn has_scalar_slots(class: &Class, trainable: &[Variable], found: usize) -> bool {
    let fits = |layout: &&[Block]| count(layout, trainable) + 1 == found;
    trainable.first().is_some_and(|t| t.shape.is_empty()) && class.layouts.iter().any(fits)
}

/// Drops the placeholders that Keras 2.1.6 and 2.2.4 add, one per weight.
fn drop_placeholders(rest: &mut Vec<Found>, trainable: &[Variable]) {
    rest.retain(|f| f.variable.shape != [1] || trainable.iter().any(|t| t.shape == [1]));
}

/// Takes Nadam's product out, where the slots are one more than they should be: it is last in Keras 3; in old files a cache stands between.
fn take_product(
    rest: &mut Vec<Found>,
    layouts: &[Vec<Block>],
    trainable: &[Variable],
    state: &mut OptimizerState,
) -> Result<(), Error> {
    let has = |slots: usize| layouts.iter().any(|layout| count(layout, trainable) == slots);
    let Some(without) = rest.len().checked_sub(1) else { return Ok(()) };
    if has(rest.len()) || !(has(without) || without == 0) {
        return Ok(());
    }
    if let Some(product) = rest.iter().rposition(Found::is_scalar).map(|at| rest.remove(at))
        && let Some(x) = single(&product)?
    {
        state.scalars.push(("u_product".into(), x));
    }
    Ok(())
}

/// Returns the number in a scalar variable in single precision, which optimizers compute in.
fn single(found: &Found) -> Result<Option<f32>, Error> {
    #[allow(clippy::cast_possible_truncation)]
    values::scalar(&found.variable).map(|x| x.map(|x| x as f32))
}

/// The state with slots of which nobody knows what they are, as they stand in the file.
fn as_data(state: OptimizerState, found: Vec<Found>, why: String, by_place: bool) -> OptimizerState {
    let slot = |found: Found| Slot {
        name: String::new(),
        of: None,
        variable: Variable { name: found.name, ..found.variable },
    };
    OptimizerState {
        slots: found.into_iter().map(slot).collect(),
        data: Some(StateData { why, dialect: None, by_place }),
        ..state
    }
}

#[cfg(test)]
mod tests;
