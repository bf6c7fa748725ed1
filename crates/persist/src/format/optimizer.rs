//! Optimizers' variables: which slots a class has, in which order files hold them, in both dialects.

mod decode;
mod encode;
mod fitting;

pub(crate) use decode::{Found, decode, decode_in_order};
pub(crate) use encode::{encode, inner_groups, nadam_product};

use std::sync::Arc;

use serde_json::Value;

use super::values;
use crate::tree::{Bytes, DType, Dialect, Slot, Variable};

/// A kind of slot variable, by its name in each dialect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Keras 3: `momentum`, in `adam/dense_kernel_momentum`.
    pub(crate) keras3: &'static str,
    /// tf_keras: `m`, in `Adam/m/dense/kernel`.
    pub(crate) tf_keras: &'static str,
    /// Which variables have it, and of which shape.
    pub(crate) of: Of,
}

/// Which variables have a kind of slot, and of which shape.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// All, of their own.
    Variables,
    /// Those with two axes or more, without the last.
    Rows,
    /// The same, without the last but one.
    Columns,
    /// As [`Of::Rows`], and a number for each of the others.
    RowsOrNumber,
    /// As [`Of::Columns`], and a number for each of the others.
    ColumnsOrNumber,
}

const fn kind(keras3: &'static str, tf_keras: &'static str) -> Kind {
    Kind { keras3, tf_keras, of: Of::Variables }
}

impl Kind {
    /// The shape of the slot of a variable of this shape; `None` where it has none.
    pub(crate) fn shape(&self, of: &[usize]) -> Option<Vec<usize>> {
        match (&self.of, of) {
            (Of::Variables, _) => Some(of.to_vec()),
            (Of::Rows | Of::RowsOrNumber, [lead @ .., rows, _]) => Some([lead, &[*rows]].concat()),
            (Of::Columns | Of::ColumnsOrNumber, [lead @ .., _, columns]) => {
                Some([lead, &[*columns]].concat())
            }
            (Of::RowsOrNumber | Of::ColumnsOrNumber, _) => Some(Vec::new()),
            (Of::Rows | Of::Columns, _) => None,
        }
    }
}

/// The slots as files of a dialect have them: tf_keras keeps no numbers in the place of Adafactor's rows and columns of vectors, Keras 3 does.
pub(crate) fn in_dialect(class: &str, slots: &[Slot], dialect: Dialect) -> Vec<Slot> {
    let is_mean = |slot: &Slot| class == "Adafactor" && matches!(&*slot.name, "r" | "c");
    let number = |name: &str, of: Option<usize>| {
        let value = Some(Arc::new(vec![0_u8; 4]) as Bytes);
        let variable = Variable { dtype: DType::I32, value, ..values::float32(name, 0.0) };
        Slot { name: name.into(), of, variable }
    };
    let mut out: Vec<Slot> = Vec::new();
    for slot in slots.iter().filter(|slot| !(is_mean(slot) && slot.variable.shape.is_empty())) {
        // They stand right before what is a vector's alone.
        let has_means = out.last().is_some_and(|last| is_mean(last) && last.of == slot.of);
        if dialect == Dialect::Keras3 && class == "Adafactor" && slot.name == "velocity" && !has_means {
            out.extend(["r", "c"].map(|name| number(name, slot.of)));
        }
        out.push(slot.clone());
    }
    out
}

/// Slots that follow each other for each variable: `[m, v]` is m0 v0 m1 v1 ...
pub(crate) type Block = &'static [Kind];

/// Blocks that follow each other.
pub(crate) type Layout = &'static [Block];

/// A class of optimizers.
pub(crate) struct Class {
    /// Name: `Adam`.
    pub(crate) name: &'static str,
    /// What it may hold, depending on its config.
    pub(crate) layouts: &'static [Layout],
    /// Whether there is one in tf_keras.
    pub(crate) tf_keras: bool,
    /// The learning rate that a class named by a string has.
    pub(crate) rate: f32,
}

const M: Kind = kind("momentum", "m");
const V: Kind = kind("velocity", "v");
const VHAT: Kind = kind("velocity_hat", "vhat");
const RMS: Block = &[kind("velocity", "velocity")];
const MOMENTUM: Block = &[kind("momentum", "momentum")];
const AVERAGE: Block = &[kind("average_gradient", "average_gradient")];

/// Averages of the variables (`use_ema`), which stand before the slots of any class.
const EMA: Block = &[kind("average", "average")];
/// Sums of gradients (`gradient_accumulation_steps`), which stand behind those and before the slots.
const ACCUMULATED: Block = &[kind("gradient_accumulator", "gradient_accumulator")];

/// The classes whose slots are known.
pub(crate) const CLASSES: &[Class] = &[
    Class { name: "SGD", layouts: &[&[], &[&[M]]], tf_keras: true, rate: 0.01 },
    Class { name: "Adam", layouts: &[&[&[M, V]], &[&[M, V], &[VHAT]]], tf_keras: true, rate: 0.001 },
    Class { name: "AdamW", layouts: &[&[&[M, V]], &[&[M, V], &[VHAT]]], tf_keras: true, rate: 0.001 },
    Class { name: "Nadam", layouts: &[&[&[M, V]]], tf_keras: true, rate: 0.001 },
    Class { name: "Adamax", layouts: &[&[&[M, kind("norm", "u")]]], tf_keras: true, rate: 0.001 },
    Class {
        name: "RMSprop",
        layouts: &[&[RMS], &[RMS, MOMENTUM], &[RMS, AVERAGE], &[RMS, MOMENTUM, AVERAGE]],
        tf_keras: true,
        rate: 0.001,
    },
    Class {
        name: "Adagrad",
        layouts: &[&[&[kind("accumulator", "accumulator")]]],
        tf_keras: true,
        rate: 0.001,
    },
    Class {
        name: "Adadelta",
        layouts: &[&[&[
            kind("accumulated_grad", "accumulated_grad"),
            kind("accumulated_delta_var", "accumulated_delta_var"),
        ]]],
        tf_keras: true,
        rate: 0.001,
    },
    Class {
        name: "Ftrl",
        layouts: &[&[&[kind("accumulator", "accumulator"), kind("linear", "linear")]]],
        tf_keras: true,
        rate: 0.001,
    },
    Class { name: "Lion", layouts: &[&[&[M]]], tf_keras: true, rate: 0.001 },
    Class {
        name: "Adafactor",
        layouts: &[
            &[&[
                Kind { keras3: "r", tf_keras: "r", of: Of::RowsOrNumber },
                Kind { keras3: "c", tf_keras: "c", of: Of::ColumnsOrNumber },
                V,
            ]],
            &[&[
                Kind { keras3: "r", tf_keras: "r", of: Of::Rows },
                Kind { keras3: "c", tf_keras: "c", of: Of::Columns },
                V,
            ]],
        ],
        tf_keras: true,
        rate: 0.001,
    },
    // Which variables have a velocity depends on their names: an optimizer tells its slots apart.
    Class { name: "Muon", layouts: &[], tf_keras: false, rate: 0.001 },
    Class { name: "Lamb", layouts: &[&[&[M, V]]], tf_keras: false, rate: 0.001 },
    Class { name: "ScheduleFreeAdamW", layouts: &[&[&[M, V]]], tf_keras: false, rate: 0.0025 },
];

/// The class of that name.
pub(crate) fn class(name: &str) -> Option<&'static Class> {
    CLASSES.iter().find(|c| c.name == name)
}

/// The class that a string in `compile` means: `adam`, `Adam`, `rmsprop`.
pub(crate) fn class_of_string(name: &str) -> Option<&'static Class> {
    CLASSES.iter().find(|c| c.name.eq_ignore_ascii_case(name))
}

/// Returns whether Keras 3 has an optimizer of that name and tf_keras has not.
pub(crate) fn only_keras3(name: &str) -> bool {
    class(name).is_some_and(|c| !c.tf_keras) || name == SEVERAL
}

/// The class that is of several optimizers.
pub(crate) const SEVERAL: &str = "MultiOptimizer";

/// The classes that there are of before TensorFlow 2.11 (`tf_keras.optimizers.legacy`), each with the names of its slots there and today's.
const OLDER: &[(&str, &[(&str, &str)])] = &[
    ("SGD", &[("momentum", "momentum")]),
    ("Adam", &[("m", "momentum"), ("v", "velocity"), ("vhat", "velocity_hat")]),
    ("Adamax", &[("m", "momentum"), ("v", "norm")]),
    ("Nadam", &[("m", "momentum"), ("v", "velocity")]),
    ("RMSprop", &[("rms", "velocity"), ("momentum", "momentum"), ("mg", "average_gradient")]),
    ("Adagrad", &[("accumulator", "accumulator")]),
    ("Adadelta", &[("accum_grad", "accumulated_grad"), ("accum_var", "accumulated_delta_var")]),
    ("Ftrl", &[("accumulator", "accumulator"), ("linear", "linear")]),
];

/// Returns whether a config is that of an optimizer of before TensorFlow 2.11, which stays one in the files of tf_keras.
pub(crate) fn is_older(class: &str, config: Option<&Value>) -> bool {
    let says = config.and_then(|c| c.get("is_legacy_optimizer"));
    says == Some(&Value::Bool(true)) && OLDER.iter().any(|(older, _)| *older == class)
}

/// Slots of such an optimizer in the order of its own, with their names there. Each kind stands for all variables, then the next; Ftrl's stand by the variable.
pub(crate) fn older_slots<'a>(class: &str, slots: &'a [Slot]) -> Vec<(&'static str, &'a Slot)> {
    let kinds = OLDER.iter().find(|(older, _)| *older == class).map_or(&[] as &[_], |(_, kinds)| kinds);
    let place = |slot: &Slot| kinds.iter().position(|(_, today)| *today == slot.name);
    let mut all: Vec<(usize, &Slot)> = slots.iter().filter_map(|slot| Some((place(slot)?, slot))).collect();
    all.sort_by_key(|(kind, slot)| if class == "Ftrl" { (0, slot.of, *kind) } else { (*kind, slot.of, 0) });
    all.into_iter().filter_map(|(kind, slot)| Some((kinds.get(kind)?.0, slot))).collect()
}

/// Today's name of a slot of such an optimizer.
pub(crate) fn name_today(class: &str, older: &str) -> Option<&'static str> {
    let kinds = OLDER.iter().find(|(known, _)| *known == class).map(|(_, kinds)| kinds)?;
    kinds.iter().find(|(name, _)| *name == older).map(|(_, today)| *today)
}

/// Number of slots of these trainable variables.
fn count(layout: &[Block], trainable: &[Variable]) -> usize {
    order(layout, trainable).count()
}

/// Which slot stands at each place: (kind, variable), for these trainable variables.
pub(crate) fn order(
    layout: &[Block],
    trainable: &[Variable],
) -> impl Iterator<Item = (&'static Kind, usize)> {
    let has =
        |(kind, of): &(&Kind, usize)| trainable.get(*of).is_some_and(|t| kind.shape(&t.shape).is_some());
    let of_block = move |block: &Block| {
        let block: Block = block;
        (0..trainable.len()).flat_map(move |of| block.iter().map(move |kind| (kind, of)))
    };
    layout.iter().flat_map(of_block).filter(has)
}
