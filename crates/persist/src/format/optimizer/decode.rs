//! From the variables of a file to a state.

use std::path::Path;

use serde_json::Value;

use super::{ACCUMULATED, Block, Class, EMA, Kind, Layout, class, order, per_variable};
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
    fn tail(&self) -> &str {
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
    let found = found.into_iter();
    let mut state = OptimizerState { class_name: class_name.into(), ..OptimizerState::default() };
    let scaled = class_name.starts_with("LossScaleOptimizer");
    let known = class(class_name);
    // A scalar weight's slot looks like a learning rate; then the number of variables tells.
    let full = |c: &Class| c.layouts.iter().any(|l| per_variable(l) * trainable.len() + 1 == found.len());
    let scalar_slot = trainable.first().is_some_and(|t| t.shape.is_empty()) && known.is_some_and(full);
    let mut found = found.peekable();
    let legacy = read_counters(path, &mut found, &mut state, !scalar_slot)?;
    if scaled {
        // Keras 3 puts the scale and then the inner optimizer's counters, tf_keras nothing.
        for name in ["step_counter", "dynamic_scale"] {
            // Neither is a slot: those follow a second iteration.
            if found.peek().is_some_and(|f| f.is_scalar() && (f.name.is_empty() || f.tail() == name))
                && let Some(next) = found.next()
                && let Some(x) = values::scalar(&next.variable)?
            {
                #[allow(clippy::cast_possible_truncation)]
                state.scalars.push((name.into(), x as f32));
            }
        }
        // The outer counters of Keras 3 stand still; the inner ones count.
        if !state.scalars.is_empty() {
            state.learning_rate = None;
            read_counters(path, &mut found, &mut state, true)?;
        }
    }
    let mut rest: Vec<Found> = found.collect();
    if legacy {
        // Keras 2.1.6 and 2.2.4 add a placeholder per weight.
        rest.retain(|f| f.variable.shape != [1] || trainable.iter().any(|t| t.shape == [1]));
    }
    let n = trainable.len();
    let inner = config.and_then(|c| c.pointer("/inner_optimizer/class_name")).and_then(Value::as_str);
    let known = if scaled { inner.and_then(class) } else { known };
    // A model that was compiled and never trained: Keras makes slots with the first step.
    if rest.is_empty() {
        return Ok(Some(state));
    }
    let Some(known) = known else {
        let why = match class_name {
            "" => "nothing says whose slots they are".into(),
            name => format!("the slots of {name} are not known"),
        };
        return Ok(Some(as_data(state, rest, why)));
    };
    let config = if scaled { config.and_then(|c| c.pointer("/inner_optimizer/config")) } else { config };
    let layouts = layouts(known, config, &rest);
    // Nadam's product, last in Keras 3; in old files a cache between.
    if class_name == "Nadam" && !layouts.iter().any(|l| rest.len() == per_variable(l) * n) {
        let one_more = layouts.iter().any(|l| rest.len() == per_variable(l) * n + 1) || rest.len() == 1;
        let last = rest.iter().rposition(|f| f.is_scalar() && one_more);
        if let Some(u) = last.map(|i| rest.remove(i))
            && let Some(x) = values::scalar(&u.variable)?
        {
            #[allow(clippy::cast_possible_truncation)]
            state.scalars.push(("u_product".into(), x as f32));
        }
        if rest.is_empty() {
            return Ok(Some(state));
        }
    }
    let mut fitting =
        layouts.iter().filter(|l| per_variable(l) * n == rest.len()).map(|l| places(l, n, legacy));
    let Some(first) = fitting.next() else {
        let sizes: Vec<String> = layouts.iter().map(|l| (per_variable(l) * n).to_string()).collect();
        let why = format!(
            "{} slot variables in the file, {} of {class_name} for the model's {n} trainable variables",
            rest.len(),
            sizes.join(" or ")
        );
        return Ok(Some(as_data(state, rest, why)));
    };
    let mut all: Vec<Places> = std::iter::once(first).chain(fitting).collect();
    let first = differences(&all[0], &rest, trainable);
    all.retain(|places| differences(places, &rest, trainable).is_empty());
    let (places, told) = match all.as_slice() {
        [] => return Ok(Some(as_data(state, rest, first.join("; ")))),
        [one] => (one, true),
        // RMSprop with two slots: momentum, or the centered average; the config or the names tell.
        several => {
            let centered = config.and_then(|c| c.get("centered")).and_then(Value::as_bool);
            let named = rest
                .last()
                .map(|f| f.name.as_str())
                .filter(|n| !n.is_empty())
                .map(|n| n.contains("average_gradient") || n.contains("mg:"));
            let has_average =
                |places: &Places| places.iter().any(|(kind, _)| kind.keras3 == "average_gradient");
            let told = centered.or(named).and_then(|c| several.iter().find(|l| has_average(l) == c));
            (told.unwrap_or(&several[0]), told.is_some())
        }
    };
    // Where nothing tells, a slot is called what all say that it is, or not at all: the model's own settings decide.
    let sure = |place: usize, kind: &Kind| {
        let same = |other: &Places| other.get(place).is_some_and(|(k, _)| *k == kind);
        told || all.iter().all(same)
    };
    let slots = places.iter().zip(rest).enumerate().map(|(place, ((kind, of), found))| {
        let name = if sure(place, kind) { kind.keras3 } else { "" };
        Slot { name: name.into(), of: Some(*of), variable: Variable { name: name.into(), ..found.variable } }
    });
    state.slots = slots.collect();
    if legacy {
        let order = sorted(places, &layouts, n);
        let place =
            |slot: &Slot| order.iter().position(|(k, of)| k.keras3 == slot.name && Some(*of) == slot.of);
        state.slots.sort_by_cached_key(|slot| place(slot).unwrap_or(usize::MAX));
    }
    Ok(Some(state))
}

/// Describes which slot of which variable stands at each place.
type Places = Vec<(&'static Kind, usize)>;

/// The layouts that a class may have: as the config says whether averages and sums of gradients stand before its slots; without a config as
/// the names say it.
fn layouts(class: &Class, config: Option<&Value>, found: &[Found]) -> Vec<Vec<Block>> {
    let named = |block: Block| found.iter().any(|f| block.iter().any(|kind| f.name.contains(kind.keras3)));
    let averages = match config.and_then(|c| c.get("use_ema")) {
        Some(says) => says == &Value::Bool(true),
        None => found.iter().any(|f| {
            f.tail().ends_with("_average") || f.name.contains("/average/") || f.name.starts_with("average/")
        }),
    };
    let sums = match config.and_then(|c| c.get("gradient_accumulation_steps")) {
        Some(says) => !says.is_null(),
        None => named(ACCUMULATED),
    };
    let before = [(averages, EMA), (sums, ACCUMULATED)];
    let before: Vec<Block> = before.into_iter().filter(|(there, _)| *there).map(|(_, block)| block).collect();
    // What the config leaves no choice about.
    let told = |key: &str, slot: &str, layout: &Layout| {
        let has = layout.iter().copied().flatten().any(|kind| kind.keras3 == slot);
        config.and_then(|c| c.get(key)).and_then(Value::as_bool).is_none_or(|says| says == has)
    };
    let fits = |layout: &&Layout| {
        told("amsgrad", "velocity_hat", layout) && told("centered", "average_gradient", layout)
    };
    let layouts = class.layouts.iter().filter(fits);
    layouts.map(|layout| before.iter().chain(*layout).copied().collect()).collect()
}

/// The places of a layout in a file. Before TensorFlow 2.11 each kind of slot stood for all variables, then the next.
fn places(layout: &[Block], n: usize, legacy: bool) -> Places {
    if !legacy {
        return order(layout, n).collect();
    }
    let kinds: Vec<&'static Kind> = layout.iter().copied().flatten().collect();
    kinds.into_iter().flat_map(|kind| (0..n).map(move |of| (kind, of))).collect()
}

/// The same places in today's order.
fn sorted(places: &Places, layouts: &[Vec<Block>], n: usize) -> Places {
    let orders = layouts.iter().map(|layout| order(layout, n).collect::<Places>());
    let same =
        |order: &Places| order.len() == places.len() && places.iter().all(|place| order.contains(place));
    orders.into_iter().find(same).unwrap_or_else(|| places.clone())
}

fn differences(places: &Places, found: &[Found], trainable: &[Variable]) -> Vec<String> {
    let mut out = Vec::new();
    for (i, ((_, of), found)) in places.iter().zip(found).enumerate() {
        if let Some(of) = trainable.get(*of)
            && of.shape != found.variable.shape
        {
            let name = if found.name.is_empty() { String::new() } else { format!(" {}", found.name) };
            out.push(format!(
                "the optimizer's variable {i}{name}: the file has the shape {:?}, `{}` has {:?}",
                found.variable.shape, of.name, of.shape
            ));
        }
    }
    out
}

/// The state with slots of which nobody knows what they are, as they stand in the file.
fn as_data(state: OptimizerState, found: Vec<Found>, why: String) -> OptimizerState {
    let slot = |found: Found| Slot {
        name: String::new(),
        of: None,
        variable: Variable { name: found.name, ..found.variable },
    };
    OptimizerState {
        slots: found.into_iter().map(slot).collect(),
        data: Some(StateData { why, dialect: None }),
        ..state
    }
}

/// Reads iteration and learning rate. True where the names are those of an optimizer before TensorFlow 2.11.
fn read_counters(
    path: &Path,
    found: &mut std::iter::Peekable<std::vec::IntoIter<Found>>,
    state: &mut OptimizerState,
    unnamed_rate: bool,
) -> Result<bool, Error> {
    let first = found.next();
    let value = first.as_ref().map(|f| values::scalar_int(&f.variable)).transpose()?.flatten();
    let (Some(first), Some(iteration)) = (first, value) else {
        return Err(Error::Mismatch {
            path: path.into(),
            mismatches: vec![
                "the optimizer's variables begin with no whole number, which would be its iteration".into(),
            ],
        });
    };
    state.iteration = iteration;
    let legacy = !first.name.is_empty() && first.tail() != "iteration";
    let named = |f: &Found| f.tail() == "learning_rate" || unnamed_rate && f.name.is_empty();
    let is_rate = |f: &Found| f.is_scalar() && f.variable.dtype.is_float() && named(f);
    if let Some(rate) = found.next_if(is_rate)
        && let Some(x) = values::scalar(&rate.variable)?
    {
        #[allow(clippy::cast_possible_truncation)]
        {
            state.learning_rate = Some(x as f32);
        }
    }
    Ok(legacy)
}
