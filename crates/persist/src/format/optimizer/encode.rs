//! From a state to the variables of a file.

use serde_json::Value;

use super::{ACCUMULATED, EMA, Kind, SEVERAL, class, in_dialect, is_older, older_slots};
use crate::format::{naming, values};
use crate::tree::{Dialect, OptimizerState, Slot, Variable};

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
    if class_name == SEVERAL && state.data.is_none() {
        return several(state, dialect, config, trainable).concat();
    }
    let prefix = naming::snake_case(class_name);
    // Whose slots they are: a scaled optimizer's are those of the one inside, which a config may name alone.
    let scaled = class_name.starts_with("LossScaleOptimizer");
    let inner = config.and_then(|c| c.pointer("/inner_optimizer/class_name")).and_then(Value::as_str);
    let of_slots = inner.filter(|_| scaled).unwrap_or(class_name);
    let config_of_slots = match config.and_then(|c| c.pointer("/inner_optimizer/config")) {
        Some(inner) if scaled => Some(inner),
        _ => config,
    };
    let in_dialect = OptimizerState { slots: in_dialect(of_slots, &state.slots, dialect), ..state.clone() };
    let state = if state.data.is_none() { &in_dialect } else { state };
    let momentum = config_of_slots.and_then(|c| c.get("momentum")).and_then(Value::as_f64);
    let mut out = Vec::new();
    // What is data alone goes by the name that it had.
    let own_name = |slot: &Slot| state.data.is_some() && !slot.variable.name.is_empty();
    let path_of = |slot: &Slot, i: usize| match slot.of.and_then(|of| trainable.get(of)) {
        Some((path, _)) => path.clone(),
        None => format!("variable_{i}"),
    };
    let kind_of = |name: &str| {
        let scaled = config.and_then(|c| c.pointer("/inner_optimizer/class_name")).and_then(Value::as_str);
        let known = class(scaled.unwrap_or(class_name)).into_iter().flat_map(|c| c.layouts);
        let mut kinds = known.copied().flatten().copied().flatten().chain(EMA).chain(ACCUMULATED);
        kinds.find(|k: &&Kind| k.keras3 == name)
    };
    match dialect {
        Dialect::Keras3 => {
            let rate = state.learning_rate.or_else(|| {
                #[allow(clippy::cast_possible_truncation)]
                config_of_slots.and_then(|c| c.get("learning_rate")).and_then(Value::as_f64).map(|x| x as f32)
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
            // tf_keras makes them without momentum too.
            let idle = |slot: &Slot| of_slots == "SGD" && momentum == Some(0.0) && slot.name == "momentum";
            for (i, slot) in state.slots.iter().enumerate().filter(|(_, slot)| !idle(slot)) {
                if own_name(slot) {
                    out.push((slot.variable.name.clone(), slot.variable.clone()));
                    continue;
                }
                let name = if slot.name.is_empty() { format!("slot_{i}") } else { slot.name.clone() };
                let path = path_of(slot, i).replace('/', "_");
                out.push((format!("{prefix}/{path}_{name}"), slot.variable.clone()));
            }
            if of_slots == "Nadam" {
                let stored = state.scalars.iter().find(|(name, _)| name == "u_product").map(|(_, x)| *x);
                let product = stored.unwrap_or_else(|| nadam_product(state.iteration, config_of_slots));
                out.push((format!("{prefix}/variable"), values::float32("u_product", product)));
            }
        }
        // Names that are not known are none of its.
        Dialect::TfKeras if state.data.is_none() && is_older(class_name, config) => {
            out.push((format!("{class_name}/iter:0"), values::int64("iter", state.iteration)));
            if class_name == "Nadam" {
                let stored = state.scalars.iter().find(|(name, _)| name == "u_product").map(|(_, x)| *x);
                let product = stored.unwrap_or_else(|| nadam_product(state.iteration, config));
                let cache = values::float32("momentum_cache", product);
                out.push((format!("{class_name}/momentum_cache:0"), cache));
            }
            let idle = class_name == "SGD" && momentum == Some(0.0);
            for (i, (name, slot)) in older_slots(class_name, &state.slots).into_iter().enumerate() {
                if !idle {
                    let path = path_of(slot, i);
                    out.push((format!("{class_name}/{path}/{name}:0"), slot.variable.clone()));
                }
            }
        }
        Dialect::TfKeras => {
            out.push(("iteration:0".into(), values::int64("iteration", state.iteration)));
            for (i, slot) in state.slots.iter().enumerate() {
                if own_name(slot) {
                    out.push((slot.variable.name.clone(), slot.variable.clone()));
                    continue;
                }
                let name = kind_of(&slot.name).map_or_else(|| format!("slot_{i}"), |k| k.tf_keras.into());
                out.push((format!("{name}/{}:0", path_of(slot, i)), slot.variable.clone()));
            }
            let momenta = state.data.is_some() || state.slots.iter().any(|slot| slot.name == "momentum");
            if of_slots == "SGD" && !momenta {
                for (path, variable) in trainable {
                    out.push((format!("m/{path}:0"), values::zeros_like("m", variable)));
                }
            }
        }
    }
    out
}

/// The variables of one of several optimizers, then those of each inside.
fn several(
    state: &OptimizerState,
    dialect: Dialect,
    config: Option<&Value>,
    trainable: &[(String, &Variable)],
) -> Vec<Vec<(String, Variable)>> {
    let prefix = naming::snake_case(&state.class_name);
    let mut all = vec![vec![
        (format!("{prefix}/iteration"), values::int64("iteration", state.iteration)),
        (format!("{prefix}/learning_rate"), values::float32("learning_rate", 0.0)),
    ]];
    let map = config.and_then(|c| c.pointer("/optimizer_map/config"));
    let of = |key: &str| map.and_then(|m| m.get(key));
    let inner = of("optimizer_map").and_then(Value::as_object).into_iter().flat_map(|m| m.values());
    let configs: Vec<Option<&Value>> =
        inner.chain(of("default_optimizer")).map(|o| o.get("config")).collect();
    for (i, part) in state.parts.iter().enumerate() {
        let config = configs.get(i).copied().flatten();
        all.push(encode(part, dialect, config, trainable));
    }
    all
}

/// The groups of a `.weights.h5` that the optimizers inside another one have besides, where both libraries write their variables again.
pub(crate) fn inner_groups(
    state: &OptimizerState,
    dialect: Dialect,
    config: Option<&Value>,
    trainable: &[(String, &Variable)],
) -> Vec<(String, Vec<(String, Variable)>)> {
    if state.class_name.starts_with("LossScaleOptimizer") {
        // Those before them belong to the outer one alone.
        let outer = if dialect == Dialect::Keras3 { 4 } else { 0 };
        let inner = encode(state, dialect, config, trainable).into_iter().skip(outer).collect();
        return vec![("optimizer/inner_optimizer/vars".into(), inner)];
    }
    if state.class_name != SEVERAL {
        return Vec::new();
    }
    let mut names: Vec<String> = Vec::new();
    let parts = several(state, dialect, config, trainable).into_iter().skip(1);
    let place = |(part, variables): (&OptimizerState, _)| {
        let class = naming::snake_case(&part.class_name);
        let before = names.iter().filter(|name| **name == class).count();
        let name = if before == 0 { class.clone() } else { format!("{class}_{before}") };
        names.push(class);
        (format!("optimizer/optimizers/{name}/vars"), variables)
    };
    state.parts.iter().zip(parts).map(place).collect()
}

/// Nadam's running product after `iteration` steps, which tf_keras' files leave out.
pub(crate) fn nadam_product(iteration: i64, config: Option<&Value>) -> f32 {
    let beta_1 = config.and_then(|c| c.get("beta_1")).and_then(Value::as_f64).unwrap_or(0.9);
    let decay = config.and_then(|c| c.get("schedule_decay")).and_then(Value::as_f64);
    let speed = if is_older("Nadam", config) { decay.unwrap_or(0.004) } else { 1.0 };
    let mut product = 1.0f64;
    for t in 1..=iteration {
        product *= beta_1 * (1.0 - 0.5 * 0.96f64.powf(speed * t as f64));
        if product < f64::from(f32::MIN_POSITIVE) {
            break;
        }
    }
    #[allow(clippy::cast_possible_truncation)]
    {
        product as f32
    }
}
