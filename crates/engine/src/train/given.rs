//! What `compile` was given, put in the order of the model's outputs.

use serde_json::Value as Json;

use crate::Error;
use crate::losses::{LossSpec, Losses};
use crate::metrics::{IntoMetrics, MetricSpec, Metrics};
use crate::names::did_you_mean;

/// Describes what [`Model::compile_with`](super::Model::compile_with) takes besides the optimizer, the losses and the metrics.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    pub(super) loss_weights: LossWeights,
    pub(super) weighted: Metrics,
    /// Says that the loss is not scaled where the policy would have it.
    pub(super) unscaled: bool,
}

impl CompileOptions {
    /// Nothing besides: losses weigh 1, no metric heeds sample weights.
    pub fn new() -> Self {
        CompileOptions::default()
    }

    /// Sets how much each output's loss counts: one number per output, or pairs of an output's name and its number. Default 1.
    #[must_use]
    pub fn loss_weights(mut self, weights: impl Into<LossWeights>) -> Self {
        self.loss_weights = weights.into();
        self
    }

    /// Sets whether a model of the policy `mixed_float16` scales its loss ([`LossScaleOptimizer`](crate::optimizers::LossScaleOptimizer)). Default true.
    #[must_use]
    pub fn auto_scale_loss(mut self, on: bool) -> Self {
        self.unscaled = !on;
        self
    }

    /// Metrics that sample weights apply to; in all the forms that `compile` takes.
    #[must_use]
    pub fn weighted_metrics(mut self, metrics: impl IntoMetrics) -> Self {
        self.weighted = metrics.into_metrics();
        self
    }

    /// As a config has them, in order of the outputs.
    pub(super) fn loss_weights_config(mut self, value: &Json) -> Result<Self, Error> {
        let number = |w: &Json| match w {
            Json::Null => Ok(1.0),
            other => other.as_f64().ok_or_else(|| Error::Config {
                object: "compile".into(),
                what: format!("loss_weights: found {other}, expected numbers"),
            }),
        };
        self.loss_weights = match value {
            Json::Null => LossWeights::None,
            Json::Array(list) if list.is_empty() => LossWeights::None,
            Json::Array(list) => LossWeights::List(list.iter().map(number).collect::<Result<_, _>>()?),
            one => LossWeights::List(vec![number(one)?]),
        };
        Ok(self)
    }
}

/// Describes how much each output's loss counts.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum LossWeights {
    /// All alike.
    #[default]
    None,
    /// One for each output, in their order.
    List(Vec<f64>),
    /// By the names of the outputs; the others have 1.
    ByOutput(Vec<(String, f64)>),
}

impl<const N: usize> From<[f64; N]> for LossWeights {
    fn from(weights: [f64; N]) -> Self {
        LossWeights::List(weights.into())
    }
}
impl From<&[f64]> for LossWeights {
    fn from(weights: &[f64]) -> Self {
        LossWeights::List(weights.into())
    }
}
impl From<Vec<f64>> for LossWeights {
    fn from(weights: Vec<f64>) -> Self {
        LossWeights::List(weights)
    }
}
impl<S: Into<String>, const N: usize> From<[(S, f64); N]> for LossWeights {
    fn from(weights: [(S, f64); N]) -> Self {
        LossWeights::from(Vec::from(weights))
    }
}
impl<S: Into<String>> From<Vec<(S, f64)>> for LossWeights {
    fn from(weights: Vec<(S, f64)>) -> Self {
        LossWeights::ByOutput(weights.into_iter().map(|(name, weight)| (name.into(), weight)).collect())
    }
}

/// A config that is an object by output name, as a list in order of the outputs.
pub(super) fn by_output(value: &Json, names: &[String]) -> Json {
    let by_name = |map: &serde_json::Map<String, Json>| {
        !map.contains_key("class_name") && map.keys().all(|k| names.contains(k))
    };
    match value {
        Json::Object(map) if by_name(map) => {
            names.iter().map(|n| map.get(n).cloned().unwrap_or(Json::Null)).collect()
        }
        other => other.clone(),
    }
}

/// Things by output name, in order of the outputs.
fn in_order<T>(what: &str, given: Vec<(String, T)>, names: &[String]) -> Result<Vec<Option<T>>, Error> {
    let mut placed: Vec<Option<T>> = names.iter().map(|_| None).collect();
    for (name, thing) in given {
        let Some(place) = names.iter().position(|n| *n == name) else {
            let guess = did_you_mean(&name, names.iter().map(String::as_str));
            let what = format!("{what}: the model has no output `{name}`; it has {}{guess}", listed(names));
            return Err(Error::Argument { what });
        };
        if names.iter().filter(|n| **n == name).count() > 1 {
            let what =
                format!("{what}: several outputs are named `{name}`; give a list, one for each output");
            return Err(Error::Argument { what });
        }
        if placed[place].replace(thing).is_some() {
            let what = format!("{what}: output `{name}` is named twice");
            return Err(Error::Argument { what });
        }
    }
    Ok(placed)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { format!("`{}`", names.join("`, `")) }
}

fn wrong_number(what: &str, given: usize, names: &[String]) -> Error {
    let (n, s) = (names.len(), if names.len() == 1 { "" } else { "s" });
    let what = format!("the model has {n} output{s} ({}), but {given} {what} were given", listed(names));
    Error::Argument { what }
}

/// Losses as files say them, and each with the number of its output.
pub(super) fn losses_by_place(
    losses: Losses,
    names: &[String],
) -> Result<(Json, Vec<(usize, LossSpec)>), Error> {
    let list = match losses {
        Losses::One(spec) => {
            let all = (0..names.len()).map(|output| (output, spec.clone())).collect();
            return Ok((spec.spec(), all));
        }
        Losses::List(list) => list,
        Losses::ByOutput(given) => {
            let none = || LossSpec::Config(Json::Null);
            in_order("losses", given, names)?.into_iter().map(|l| l.unwrap_or_else(none)).collect()
        }
    };
    // A list of one is that one, for all outputs.
    if list.len() != names.len() && list.len() != 1 {
        return Err(wrong_number("losses", list.len(), names));
    }
    let written = list.iter().map(LossSpec::spec).collect();
    let place = |output: usize| (output, list[if list.len() == 1 { 0 } else { output }].clone());
    Ok((written, (0..names.len()).map(place).collect()))
}

/// Weights of the losses as files say them, and one for each output, or none.
pub(super) fn weights_by_place(weights: LossWeights, names: &[String]) -> Result<(Json, Vec<f64>), Error> {
    let list = match weights {
        LossWeights::None => return Ok((Json::Null, vec![])),
        LossWeights::List(list) if list.is_empty() => return Ok((Json::Null, vec![])),
        LossWeights::List(list) => list,
        LossWeights::ByOutput(given) => {
            in_order("loss_weights", given, names)?.into_iter().map(|w| w.unwrap_or(1.0)).collect()
        }
    };
    if list.len() != names.len() {
        return Err(wrong_number("loss_weights", list.len(), names));
    }
    if let Some(wrong) = list.iter().find(|w| !w.is_finite()) {
        return Err(Error::Argument { what: format!("loss_weights must be finite, but one is {wrong}") });
    }
    Ok((list.clone().into(), list))
}

/// Metrics as files say them, and each with the number of its output.
pub(super) fn metrics_by_place(
    metrics: Metrics,
    names: &[String],
) -> Result<(Json, Vec<(usize, MetricSpec)>), Error> {
    let outputs = names.len();
    let metrics = match metrics {
        Metrics::ByOutput(given) => {
            let lists = in_order("metrics", given, names)?.into_iter().map(Option::unwrap_or_default);
            Metrics::PerOutput(lists.collect())
        }
        other => other,
    };
    let written = metrics.spec();
    let placed = match metrics {
        Metrics::Flat(specs) if outputs <= 1 => specs.into_iter().map(|s| (0, s)).collect(),
        Metrics::Flat(specs) if specs.is_empty() || specs.len() == outputs => {
            specs.into_iter().enumerate().collect()
        }
        Metrics::PerOutput(lists) if lists.len() == outputs => {
            let of = |(i, list): (usize, Vec<MetricSpec>)| list.into_iter().map(move |s| (i, s));
            lists.into_iter().enumerate().flat_map(of).collect()
        }
        Metrics::PerOutput(lists) if outputs == 1 => lists.into_iter().flatten().map(|s| (0, s)).collect(),
        Metrics::Flat(specs) => {
            let what = format!(
                "the model has {outputs} outputs ({}), but the list of metrics has {}; give metrics by the outputs' names, or a list for each",
                listed(names),
                specs.len()
            );
            return Err(Error::Argument { what });
        }
        other => return Err(wrong_number("lists of metrics", other.into_list().len(), names)),
    };
    Ok((written, placed))
}
