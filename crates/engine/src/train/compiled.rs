//! What `compile` keeps: the optimizer with its slots, the losses, the metrics.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::block;
use super::compile::Request;
use crate::graph::{Role, TensorType, Value, Variable};
use crate::losses::Loss;
use crate::metrics::{Direction, Metric};
use crate::optimizers::{Optimizer, Parameter, SlotInfo};

/// A loss of one output.
#[derive(Clone)]
#[non_exhaustive]
pub struct OutputLoss {
    /// Number of the output.
    pub output: usize,
    /// The loss.
    pub loss: Arc<dyn Loss>,
    /// Its weight in the total.
    pub weight: f64,
    /// Name in logs; only models with several outputs show them.
    pub name: String,
}

/// A metric of one output.
#[derive(Clone)]
#[non_exhaustive]
pub struct OutputMetric {
    /// Number of the output.
    pub output: usize,
    /// The metric.
    pub metric: Arc<dyn Metric>,
    /// Whether sample weights apply to it.
    pub weighted: bool,
    /// Name in logs.
    pub name: String,
}

/// A compiled model's training side.
pub struct Compiled {
    /// The optimizer.
    pub optimizer: Box<dyn Optimizer>,
    /// Losses.
    pub losses: Vec<OutputLoss>,
    /// Metrics.
    pub metrics: Vec<OutputMetric>,
    /// As they were given, for files: losses, metrics, loss weights, weighted metrics.
    pub config: CompileSpec,
    /// Steps that the optimizer has taken.
    pub iteration: i64,
    /// Slots of each trainable variable, by its id.
    pub slots: HashMap<u64, Vec<(SlotInfo, Variable)>>,
    /// Sums of the metrics of training and of evaluation.
    pub sums: [Variable; 2],
    /// Whether the gradients of the last step were all finite (1) or not (0), where the optimizer asks.
    pub finite: Variable,
    /// What was given and is not resolved yet.
    pub(super) waiting: Option<Request>,
}

/// What compile configs say.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct CompileSpec {
    pub loss: Json,
    pub metrics: Json,
    pub loss_weights: Json,
    pub weighted_metrics: Json,
    /// Arguments of a file's `compile` that mean nothing here: `jit_compile`.
    pub other: serde_json::Map<String, Json>,
}

/// A slot of a variable, whose value is made when it is first needed.
fn slot(info: &SlotInfo, of: &Variable) -> Variable {
    let mut ty = of.ty().unwrap_or_else(|| TensorType::f32([]));
    ty.shape = info.shape.clone().unwrap_or(ty.shape);
    let (count, initial, of) = (ty.len(), info.initial.to_bits(), info.from_parameter.then(|| of.clone()));
    let make = move || match &of {
        Some(of) => block::wait(of.read()),
        None => Ok(vec![initial; count]),
    };
    Variable::new(info.name, ty, Role::Slot, Value::Lazy(Arc::new(make)))
}

debug!(Compiled, |c| optimizer: c.optimizer.spec(), config: c.config, iteration: c.iteration);

impl Compiled {
    /// Slots of the parameters that have none yet.
    pub fn build_slots(&mut self, parameters: &[Parameter]) {
        for parameter in parameters {
            let optimizer = &self.optimizer;
            self.slots.entry(parameter.variable.id()).or_insert_with(|| {
                let slots = optimizer.slots(parameter).into_iter();
                slots.map(|info| (info.clone(), slot(&info, &parameter.variable))).collect()
            });
        }
    }

    /// Whether all of these variables have their slots.
    pub(super) fn has_slots(&self, trainable: &[Variable]) -> bool {
        trainable.iter().all(|variable| self.slots.contains_key(&variable.id()))
    }

    /// The slots of these variables by kind, with the names of the arenas that they are placed in.
    pub(super) fn slot_arenas(&self, trainable: &[Variable]) -> Vec<(String, Vec<Variable>)> {
        let mut kinds: Vec<(usize, &str, Vec<Variable>)> = Vec::new();
        for (info, slot) in trainable.iter().filter_map(|v| self.slots.get(&v.id())).flatten() {
            match kinds.iter_mut().find(|(group, name, _)| (*group, *name) == (info.group, info.name)) {
                Some((_, _, slots)) => slots.push(slot.clone()),
                None => kinds.push((info.group, info.name, vec![slot.clone()])),
            }
        }
        let class = self.optimizer.class_name().to_lowercase();
        kinds.into_iter().map(|(_, name, slots)| (format!("{class}/{name}"), slots)).collect()
    }

    /// Returns the variables that steps write besides weights and slots.
    pub fn metric_variables(&self) -> Vec<Variable> {
        self.sums.iter().chain([&self.finite]).filter(|v| v.is_built()).cloned().collect()
    }

    /// Number of sums: the total loss and its count, the outputs' losses where there are several, the metrics.
    pub fn sum_count(losses: &[OutputLoss], metrics: &[OutputMetric]) -> usize {
        let outputs = if losses.len() > 1 { 2 * losses.len() } else { 0 };
        2 + outputs + metrics.iter().map(|m| m.metric.size()).sum::<usize>()
    }

    /// Logs from sums, in the guide's order: loss, the outputs' losses, metrics.
    pub fn logs(&self, sums: &[f64]) -> Vec<(String, f64)> {
        let mean = |at: usize| if sums[at + 1] == 0.0 { 0.0 } else { sums[at] / sums[at + 1] };
        let mut logs = vec![("loss".to_string(), mean(0))];
        let mut at = 2;
        if self.losses.len() > 1 {
            for loss in &self.losses {
                logs.push((loss.name.clone(), mean(at)));
                at += 2;
            }
        }
        for metric in &self.metrics {
            let size = metric.metric.size();
            logs.push((metric.name.clone(), metric.metric.result(&sums[at..at + size])));
            at += size;
        }
        logs
    }

    /// Names of [`Compiled::logs`].
    pub fn log_names(&self) -> Vec<String> {
        let sums = vec![0.0; Self::sum_count(&self.losses, &self.metrics)];
        self.logs(&sums).into_iter().map(|(name, _)| name).collect()
    }

    /// Returns which values of [`Compiled::logs`] are better. Losses fall.
    pub fn directions(&self) -> Vec<Option<Direction>> {
        let outputs = if self.losses.len() > 1 { self.losses.len() } else { 0 };
        let losses = std::iter::repeat_n(Some(Direction::Down), 1 + outputs);
        losses.chain(self.metrics.iter().map(|m| m.metric.direction())).collect()
    }

    /// The learning rate at the next step.
    pub fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate().at(self.iteration)
    }
}

debug!(OutputLoss, |l| output: l.output, loss: l.loss.spec(), weight: l.weight, name: l.name);
debug!(OutputMetric, |m| output: m.output, metric: m.metric.spec(), weighted: m.weighted, name: m.name);
