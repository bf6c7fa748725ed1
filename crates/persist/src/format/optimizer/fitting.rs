//! Which layout of a class the slots of a file have.

use serde_json::Value;

use super::decode::Found;
use super::{ACCUMULATED, Block, Class, EMA, Kind, Layout, count, order};
use crate::tree::{Slot, Variable};

/// Describes which slot of which variable stands at each place.
type Places = Vec<(&'static Kind, usize)>;

/// The layouts that a class may have: as the config says whether averages and sums of gradients stand before its slots; without a config as
/// the names say it.
pub(super) fn layouts(class: &Class, config: Option<&Value>, found: &[Found]) -> Vec<Vec<Block>> {
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

/// What is known of a file when its slots are told apart.
pub(super) struct Fitting<'a> {
    pub(super) class_name: &'a str,
    /// Config of the optimizer that has the slots.
    pub(super) config: Option<&'a Value>,
    pub(super) trainable: &'a [Variable],
    /// Whether it is of before TensorFlow 2.11, where each kind of slot stood for all variables, then the next.
    pub(super) legacy: bool,
}

/// The layouts that the slots of a file may have.
pub(super) struct Choice {
    /// The one to go by.
    places: Places,
    /// All that fit; where nothing tells which one it is, a slot has a name only if all agree on it.
    candidates: Vec<Places>,
}

impl Fitting<'_> {
    /// Finds the layouts that fit in number and shapes, or says what differs from the first.
    pub(super) fn choose(&self, layouts: &[Vec<Block>], found: &[Found]) -> Result<Choice, String> {
        let n = self.trainable.len();
        let of_size = layouts.iter().filter(|l| count(l, self.trainable) == found.len());
        let of_size: Vec<Places> = of_size.map(|l| self.places(l)).collect();
        if layouts.is_empty() {
            return Err(format!("which slots {} has depends on the names of variables", self.class_name));
        }
        let Some(first) = of_size.first() else {
            let sizes: Vec<String> = layouts.iter().map(|l| count(l, self.trainable).to_string()).collect();
            return Err(format!(
                "{} slot variables in the file, {} of {} for the model's {n} trainable variables",
                found.len(),
                sizes.join(" or "),
                self.class_name
            ));
        };
        let why = self.differences(first, found);
        let mut fitting = of_size;
        fitting.retain(|places| self.differences(places, found).is_empty());
        match fitting.as_slice() {
            [] => Err(why.join("; ")),
            [one] => Ok(Choice { places: one.clone(), candidates: Vec::new() }),
            [first, ..] => Ok(match self.told(&fitting, found) {
                Some(told) => Choice { places: told.clone(), candidates: Vec::new() },
                None => Choice { places: first.clone(), candidates: fitting },
            }),
        }
    }

    /// RMSprop with two slots: momentum, or the centered average; the config or the names tell.
    fn told<'p>(&self, fitting: &'p [Places], found: &[Found]) -> Option<&'p Places> {
        let centered = self.config.and_then(|c| c.get("centered")).and_then(Value::as_bool);
        let named = || {
            let name = found.last().map(|f| f.name.as_str()).filter(|name| !name.is_empty())?;
            Some(name.contains("average_gradient") || name.contains("mg:"))
        };
        let centered = centered.or_else(named)?;
        let has_average = |places: &Places| places.iter().any(|(kind, _)| kind.keras3 == "average_gradient");
        fitting.iter().find(|places| has_average(places) == centered)
    }

    /// Names the slots of a file, in today's order.
    ///
    /// Where nothing tells, a slot is called what all say that it is, or not at all: the model's own settings decide.
    pub(super) fn slots(&self, choice: &Choice, layouts: &[Vec<Block>], found: Vec<Found>) -> Vec<Slot> {
        let Choice { places, candidates } = choice;
        let sure = |place: usize, kind: &Kind| {
            candidates.iter().all(|other| other.get(place).is_some_and(|(k, _)| *k == kind))
        };
        let slots = places.iter().zip(found).enumerate().map(|(place, ((kind, of), found))| {
            let name = if sure(place, kind) { kind.keras3 } else { "" };
            Slot {
                name: name.into(),
                of: Some(*of),
                variable: Variable { name: name.into(), ..found.variable },
            }
        });
        let mut slots: Vec<Slot> = slots.collect();
        if self.legacy {
            let order = sorted(places, layouts, self.trainable);
            let place =
                |slot: &Slot| order.iter().position(|(k, of)| k.keras3 == slot.name && Some(*of) == slot.of);
            slots.sort_by_cached_key(|slot| place(slot).unwrap_or(usize::MAX));
        }
        slots
    }

    /// The places of a layout in the file.
    fn places(&self, layout: &[Block]) -> Places {
        let mut places: Places = order(layout, self.trainable).collect();
        if self.legacy && self.class_name != "Ftrl" {
            let kinds: Vec<&'static Kind> = layout.iter().copied().flatten().collect();
            places.sort_by_key(|(kind, of)| (kinds.iter().position(|k| k == kind), *of));
        }
        places
    }

    fn differences(&self, places: &Places, found: &[Found]) -> Vec<String> {
        let mut out = Vec::new();
        for (i, ((kind, of), found)) in places.iter().zip(found).enumerate() {
            if let Some(of) = self.trainable.get(*of)
                && kind.shape(&of.shape).as_ref() != Some(&found.variable.shape)
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
}

/// The same places in today's order.
fn sorted(places: &Places, layouts: &[Vec<Block>], trainable: &[Variable]) -> Places {
    let orders = layouts.iter().map(|layout| order(layout, trainable).collect::<Places>());
    let same =
        |order: &Places| order.len() == places.len() && places.iter().all(|place| order.contains(place));
    orders.into_iter().find(same).unwrap_or_else(|| places.clone())
}
