//! Optimizers' variables: which slots a class has, in which order files hold them, in both dialects.

use std::path::Path;

use serde_json::Value;

use super::values;
use crate::Error;
use crate::tree::{Dialect, OptimizerState, Slot, Variable};

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

fn per_variable(layout: Layout) -> usize {
    layout.iter().map(|block| block.len()).sum()
}

/// Which slot stands at each place: (kind, variable), for `n` trainable variables.
pub(crate) fn order(layout: Layout, n: usize) -> impl Iterator<Item = (&'static Kind, usize)> {
    layout.iter().flat_map(move |block| (0..n).flat_map(move |of| block.iter().map(move |kind| (kind, of))))
}

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
/// # Errors
/// Variables that are not those of this optimizer and model.
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
    let layouts = known.map_or(&[] as &[Layout], |c| c.layouts);

    // Nadam's product, last in Keras 3; in old files a cache between.
    if class_name == "Nadam" && rest.len() != 2 * n {
        let last = rest.iter().rposition(|f| f.is_scalar() && (rest.len() == 2 * n + 1 || rest.len() == 1));
        if let Some(u) = last.map(|i| rest.remove(i))
            && let Some(x) = values::scalar(&u.variable)?
        {
            #[allow(clippy::cast_possible_truncation)]
            state.scalars.push(("u_product".into(), x as f32));
        }
    }
    // A model that was compiled and never trained: Keras makes slots with the first step.
    if rest.is_empty() {
        return Ok(Some(state));
    }
    let names: Vec<String> = rest.iter().map(|f| f.name.clone()).collect();
    let fitting: Vec<Layout> =
        layouts.iter().copied().filter(|l| per_variable(l) * n == rest.len()).collect();
    let layout = match fitting.as_slice() {
        [] => None,
        [one] => Some(*one),
        // RMSprop with two slots: momentum, or the centered average; the config or the names tell.
        several => {
            let centered = config.and_then(|c| c.get("centered")).and_then(Value::as_bool);
            let named = names
                .last()
                .filter(|n| !n.is_empty())
                .map(|n| n.contains("average_gradient") || n.contains("mg:"));
            centered.or(named).and_then(|c| several.iter().copied().find(|l| l.contains(&AVERAGE) == c))
        }
    };
    let places: Vec<(&str, Option<usize>)> = match (layout, fitting.first()) {
        (Some(layout), _) if legacy => {
            let kinds: Vec<&Kind> = layout.iter().copied().flatten().collect();
            kinds.iter().flat_map(|k| (0..n).map(|of| (k.keras3, Some(of)))).collect()
        }
        (Some(layout), _) => order(layout, n).map(|(k, of)| (k.keras3, Some(of))).collect(),
        (None, Some(layout)) => order(layout, n).map(|(_, of)| ("", Some(of))).collect(),
        // A model that was compiled and never trained has no slots yet.
        (None, None) if known.is_none() || (rest.is_empty() && state.iteration == 0) => {
            rest.iter().map(|_| ("", None)).collect()
        }
        (None, None) => {
            let sizes: Vec<String> = layouts.iter().map(|l| (per_variable(l) * n).to_string()).collect();
            return Err(Error::Mismatch {
                path: path.into(),
                mismatches: vec![format!(
                    "the optimizer's state: {} slot variables in the file, {} of {class_name} for the model's {n} trainable \
                     variables",
                    rest.len(),
                    sizes.join(" or ")
                )],
            });
        }
    };
    let mut mismatches = Vec::new();
    for (i, ((name, of), mut found)) in places.into_iter().zip(rest).enumerate() {
        if let Some(of) = of.and_then(|of| trainable.get(of))
            && of.shape != found.variable.shape
        {
            mismatches.push(format!(
                "the optimizer's variable {i} {}: the file has the shape {:?}, `{}` has {:?}",
                found.name, found.variable.shape, of.name, of.shape
            ));
        }
        found.variable.name = name.into();
        state.slots.push(Slot { name: name.into(), of, variable: found.variable });
    }
    if !mismatches.is_empty() {
        return Err(Error::Mismatch { path: path.into(), mismatches });
    }
    if legacy && let Some(layout) = layout {
        interleave(&mut state.slots, layout);
    }
    Ok(Some(state))
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
        return Err(Error::Format {
            path: path.into(),
            place: "the optimizer's variables".into(),
            found: "no whole number at the beginning".into(),
            expected: "the iteration".into(),
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

/// From all m, all v to m0 v0 m1 v1.
fn interleave(slots: &mut [Slot], layout: Layout) {
    let block =
        |name: &str| layout.iter().position(|b| b.iter().any(|k| k.keras3 == name)).unwrap_or(usize::MAX);
    let place =
        |name: &str| layout.iter().copied().flatten().position(|k| k.keras3 == name).unwrap_or(usize::MAX);
    slots.sort_by_key(|s| (block(&s.name), s.of, place(&s.name)));
}

/// The variables to write for a state, in order, named as the dialect names them in an `.h5` file.
///
/// `trainable` are the model's trainable variables with paths (`dense/kernel`), `config` the optimizer's config where
/// there is one.
pub(crate) fn encode(
    state: &OptimizerState,
    dialect: Dialect,
    config: Option<&Value>,
    trainable: &[(String, &Variable)],
) -> Vec<(String, Variable)> {
    let class_name = state.class_name.as_str();
    let prefix = super::naming::snake_case(class_name);
    let momentum = config.and_then(|c| c.get("momentum")).and_then(Value::as_f64);
    let mut out = Vec::new();
    let path_of = |slot: &Slot, i: usize| match slot.of.and_then(|of| trainable.get(of)) {
        Some((path, _)) => path.clone(),
        None => format!("variable_{i}"),
    };
    let kind_of = |name: &str| {
        let kinds =
            class(class_name).into_iter().flat_map(|c| c.layouts).copied().flatten().copied().flatten();
        kinds.into_iter().find(|k| k.keras3 == name)
    };
    match dialect {
        Dialect::Keras3 => {
            let inner = config.and_then(|c| c.pointer("/inner_optimizer/config"));
            let scaled = class_name.starts_with("LossScaleOptimizer");
            let config_of_rate = if scaled { inner } else { config };
            let rate = state.learning_rate.or_else(|| {
                #[allow(clippy::cast_possible_truncation)]
                config_of_rate.and_then(|c| c.get("learning_rate")).and_then(Value::as_f64).map(|x| x as f32)
            });
            if scaled {
                let scalar = |name: &str| state.scalars.iter().find(|(n, _)| n == name).map(|(_, x)| *x);
                let initial =
                    config.and_then(|c| c.get("initial_scale")).and_then(Value::as_f64).unwrap_or(32_768.0);
                #[allow(clippy::cast_possible_truncation)]
                let (steps, initial) = (scalar("step_counter").unwrap_or(0.0) as i64, initial as f32);
                let scale = scalar("dynamic_scale").unwrap_or(initial);
                // The outer counters stand still.
                out.push((format!("{prefix}/iteration"), values::int64("iteration", 0)));
                out.push((format!("{prefix}/learning_rate"), values::float32("learning_rate", 0.0)));
                out.push((format!("{prefix}/step_counter"), values::int64("step_counter", steps)));
                out.push((format!("{prefix}/dynamic_scale"), values::float32("dynamic_scale", scale)));
            }
            let prefix = if scaled { "inner" } else { prefix.as_str() };
            out.push((format!("{prefix}/iteration"), values::int64("iteration", state.iteration)));
            if let Some(rate) = rate {
                out.push((format!("{prefix}/learning_rate"), values::float32("learning_rate", rate)));
            }
            if !(class_name == "SGD" && momentum == Some(0.0)) {
                for (i, slot) in state.slots.iter().enumerate() {
                    let name = if slot.name.is_empty() { format!("slot_{i}") } else { slot.name.clone() };
                    let path = path_of(slot, i).replace('/', "_");
                    out.push((format!("{prefix}/{path}_{name}"), slot.variable.clone()));
                }
            }
            if class_name == "Nadam" {
                let stored = state.scalars.iter().find(|(name, _)| name == "u_product").map(|(_, x)| *x);
                let product = stored.unwrap_or_else(|| nadam_product(state.iteration, config));
                out.push((format!("{prefix}/variable"), values::float32("u_product", product)));
            }
        }
        Dialect::TfKeras => {
            out.push(("iteration:0".into(), values::int64("iteration", state.iteration)));
            for (i, slot) in state.slots.iter().enumerate() {
                let name = kind_of(&slot.name).map_or_else(|| format!("slot_{i}"), |k| k.tf_keras.into());
                out.push((format!("{name}/{}:0", path_of(slot, i)), slot.variable.clone()));
            }
            if class_name == "SGD" && state.slots.is_empty() {
                for (path, variable) in trainable {
                    out.push((format!("m/{path}:0"), values::zeros_like("m", variable)));
                }
            }
        }
    }
    out
}

/// How many of the variables that [`encode`] gives belong to the outer optimizer of a scaled one alone.
pub(crate) fn outer_variables(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Keras3 => 4,
        Dialect::TfKeras => 0,
    }
}

/// Nadam's running product after `iteration` steps, which tf_keras' files leave out.
pub(crate) fn nadam_product(iteration: i64, config: Option<&Value>) -> f32 {
    let beta_1 = config.and_then(|c| c.get("beta_1")).and_then(Value::as_f64).unwrap_or(0.9);
    let mut product = 1.0f64;
    for t in 1..=iteration {
        product *= beta_1 * (1.0 - 0.5 * 0.96f64.powf(t as f64));
        if product < f64::from(f32::MIN_POSITIVE) {
            break;
        }
    }
    #[allow(clippy::cast_possible_truncation)]
    {
        product as f32
    }
}
