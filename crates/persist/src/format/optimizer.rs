//! Optimizers' variables: which slots a class has, in which order files hold them, in both dialects.

mod decode;
mod encode;
mod fitting;

pub(crate) use decode::{Found, decode, decode_in_order};
pub(crate) use encode::{encode, nadam_product, outer_variables};

/// A kind of slot variable, by its name in each dialect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Keras 3: `momentum`, in `adam/dense_kernel_momentum`.
    pub(crate) keras3: &'static str,
    /// tf_keras: `m`, in `Adam/m/dense/kernel`.
    pub(crate) tf_keras: &'static str,
}

const fn kind(keras3: &'static str, tf_keras: &'static str) -> Kind {
    Kind { keras3, tf_keras }
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
    class(name).is_some_and(|c| !c.tf_keras) || matches!(name, "Muon" | "MultiOptimizer")
}

fn per_variable(layout: &[Block]) -> usize {
    layout.iter().map(|block| block.len()).sum()
}

/// Which slot stands at each place: (kind, variable), for `n` trainable variables.
pub(crate) fn order(layout: &[Block], n: usize) -> impl Iterator<Item = (&'static Kind, usize)> {
    layout.iter().flat_map(move |block| (0..n).flat_map(move |of| block.iter().map(move |kind| (kind, of))))
}
