//! `compile`: the optimizer, the losses and the metrics.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::compiled::{CompileSpec, Compiled, OutputLoss, OutputMetric};
use super::model::Model;
use crate::Error;
use crate::graph::{Role, TensorType, Value, Variable};
use crate::losses::{IntoLoss, LossSpec, Losses};
use crate::metrics::{IntoMetrics, MetricSpec, Metrics};
use crate::models::registry;
use crate::optimizers::{IntoOptimizer, LearningRate, Optimizer, OptimizerSpec};

/// A compile that waits for the first data, since names like `accuracy` depend on their shapes.
#[derive(Clone)]
pub struct Request {
    losses: Losses,
    loss_weights: Vec<f64>,
    metrics: Metrics,
    weighted: Metrics,
}

impl Model {
    /// Sets what training does: an optimizer, a loss (one, or one per output), metrics. Objects, names, functions; `()` for no metrics.
    /// Compiling again keeps the weights, and starts a new optimizer.
    ///
    /// What does not fit is told by the next call of fit or evaluate, or at once by [`Model::try_compile`].
    pub fn compile(&mut self, optimizer: impl IntoOptimizer, loss: impl IntoLoss, metrics: impl IntoMetrics) {
        if let Err(error) = self.try_compile(optimizer, loss, metrics) {
            self.failed_compile = Some(error);
        }
    }

    /// [`Model::compile`], telling at once what does not fit.
    ///
    /// # Errors
    /// A name that nobody registered, or as many losses as the model has not outputs.
    pub fn try_compile(
        &mut self,
        optimizer: impl IntoOptimizer,
        loss: impl IntoLoss,
        metrics: impl IntoMetrics,
    ) -> Result<(), Error> {
        self.compile_with(optimizer, loss, metrics, (), &[])
    }

    /// [`Model::try_compile`] with metrics that sample weights apply to, and a weight for each output's loss.
    ///
    /// # Errors
    /// As there.
    pub fn compile_with(
        &mut self,
        optimizer: impl IntoOptimizer,
        loss: impl IntoLoss,
        metrics: impl IntoMetrics,
        weighted_metrics: impl IntoMetrics,
        loss_weights: &[f64],
    ) -> Result<(), Error> {
        let optimizer = registry::optimizer(optimizer.into_optimizer())?;
        let request = Request {
            losses: loss.into_loss(),
            loss_weights: loss_weights.to_vec(),
            metrics: metrics.into_metrics(),
            weighted: weighted_metrics.into_metrics(),
        };
        self.install(optimizer, request)
    }

    /// Compiles as a config says.
    ///
    /// # Errors
    /// As [`Model::try_compile`].
    pub fn compile_config(
        &mut self,
        optimizer: &Json,
        loss: &Json,
        metrics: &Json,
        loss_weights: &Json,
        weighted: &Json,
    ) -> Result<(), Error> {
        let names = self.output_names();
        let losses = by_output(loss, &names);
        let specs: Vec<LossSpec> = match &losses {
            Json::Array(list) => list.iter().cloned().map(LossSpec::Config).collect(),
            one => vec![LossSpec::Config(one.clone())],
        };
        let weights = match by_output(loss_weights, &names) {
            Json::Array(list) => list.iter().map(|w| w.as_f64().unwrap_or(1.0)).collect(),
            _ => vec![],
        };
        let request = Request {
            losses: Losses { specs, list: losses.is_array() },
            loss_weights: weights,
            metrics: Metrics::of(&by_output(metrics, &names)),
            weighted: Metrics::of(&by_output(weighted, &names)),
        };
        self.install(registry::optimizer(OptimizerSpec::Config(optimizer.clone()))?, request)
    }

    /// Names of the layers that make the outputs.
    pub fn output_names(&self) -> Vec<String> {
        let names = |n: &crate::models::Network| {
            n.outputs.iter().map(|(c, _)| n.layers[n.calls[*c].layer].name()).collect()
        };
        self.network(names).unwrap_or_default()
    }

    fn install(&mut self, optimizer: Box<dyn Optimizer>, request: Request) -> Result<(), Error> {
        // What was recorded for the old optimizer and never submitted does not count for this one.
        #[cfg(feature = "gpu")]
        self.settle();
        self.failed_compile = None;
        self.compiled = Some(Compiled {
            optimizer,
            losses: vec![],
            metrics: vec![],
            config: spec(&request),
            iteration: 0,
            slots: HashMap::new(),
            sums: Default::default(),
            waiting: Some(request),
        });
        Ok(())
    }

    /// Makes objects of the names that were given; some (`accuracy`) depend on the shapes of the targets, so this waits for
    /// the first data.
    pub(super) fn resolve_compile(&mut self, targets: &[Vec<usize>]) -> Result<(), Error> {
        let Some(request) = self.compiled.as_mut().and_then(|c| c.waiting.clone()) else { return Ok(()) };
        let batch = targets.first().and_then(|t| t.first()).copied().unwrap_or(1);
        let outputs = self.network(|n| {
            n.outputs.iter().map(|o| n.symbol_type(*o).0.concrete(|| batch)).collect::<Vec<_>>()
        })?;
        let names = self.output_names();
        let shapes: Vec<(&[usize], &[usize])> = outputs
            .iter()
            .enumerate()
            .map(|(i, o)| (targets.get(i).unwrap_or(o).as_slice(), o.as_slice()))
            .collect();
        let losses = losses(&request, &names, &shapes)?;
        let mut metrics: Vec<OutputMetric> = Vec::new();
        for (given, weighted) in [(&request.metrics, false), (&request.weighted, true)] {
            for (output, spec) in placed(given, names.len())? {
                let metric = registry::metric(spec, shapes[output].0, shapes[output].1)?;
                let name = if names.len() > 1 {
                    format!("{}_{}", names[output], metric.name())
                } else {
                    metric.name()
                };
                let taken = |n: &str| metrics.iter().any(|m| m.name == n);
                let free = (1..).map(|i| format!("{name}_{i}")).find(|n| !taken(n));
                let name = if taken(&name) { free.unwrap_or(name) } else { name };
                metrics.push(OutputMetric { output, metric, weighted, name });
            }
        }
        let size = Compiled::sum_count(&losses, &metrics);
        let sums = [(); 2].map(|()| {
            Variable::new("sums", TensorType::f32([size]), Role::Metric, Value::Host(Arc::new(vec![0; size])))
        });
        if let Some(compiled) = &mut self.compiled {
            (compiled.losses, compiled.metrics, compiled.sums, compiled.waiting) =
                (losses, metrics, sums, None);
        }
        Ok(())
    }
}

/// A config that is an object by output name, as a list in order of the outputs; a list of one for a model with one output as the
/// thing itself.
fn by_output(value: &Json, names: &[String]) -> Json {
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

fn losses(
    request: &Request,
    names: &[String],
    shapes: &[(&[usize], &[usize])],
) -> Result<Vec<OutputLoss>, Error> {
    let specs = &request.losses.specs;
    if specs.len() != names.len() && specs.len() != 1 {
        return Err(Error::Argument {
            what: format!("the model has {} outputs, but {} losses were given", names.len(), specs.len()),
        });
    }
    let mut losses = Vec::new();
    for (output, name) in names.iter().enumerate() {
        let spec = &specs[if specs.len() == 1 { 0 } else { output }];
        let Some(loss) = registry::loss(spec, shapes[output].0, shapes[output].1)? else { continue };
        let weight = request.loss_weights.get(output).copied().unwrap_or(1.0);
        losses.push(OutputLoss { output, loss, weight, name: format!("{name}_loss") });
    }
    Ok(losses)
}

/// Metrics with the number of their output.
fn placed(metrics: &Metrics, outputs: usize) -> Result<Vec<(usize, &MetricSpec)>, Error> {
    match metrics {
        Metrics::Flat(specs) if outputs <= 1 => Ok(specs.iter().map(|s| (0, s)).collect()),
        Metrics::Flat(specs) if specs.is_empty() || specs.len() == outputs => {
            Ok(specs.iter().enumerate().collect())
        }
        Metrics::PerOutput(lists) if lists.len() == outputs => {
            Ok(lists.iter().enumerate().flat_map(|(i, list)| list.iter().map(move |s| (i, s))).collect())
        }
        Metrics::PerOutput(lists) if outputs == 1 => Ok(lists.iter().flatten().map(|s| (0, s)).collect()),
        other => {
            let what = format!(
                "the model has {outputs} outputs, but the metrics {other:?} are for another number; give a list for each"
            );
            Err(Error::Argument { what })
        }
    }
}

fn spec(request: &Request) -> CompileSpec {
    let losses: Vec<Json> = request.losses.specs.iter().map(LossSpec::spec).collect();
    let loss = match losses.as_slice() {
        [one] if !request.losses.list => one.clone(),
        _ => Json::Array(losses),
    };
    let loss_weights =
        if request.loss_weights.is_empty() { Json::Null } else { request.loss_weights.clone().into() };
    CompileSpec {
        loss,
        metrics: request.metrics.spec(),
        loss_weights,
        weighted_metrics: request.weighted.spec(),
    }
}

impl Compiled {
    /// Sets a constant learning rate, where there is no schedule.
    pub fn set_constant_learning_rate(&mut self, rate: f32) {
        if let LearningRate::Constant(_) = self.optimizer.learning_rate() {
            self.optimizer.set_learning_rate(LearningRate::Constant(rate));
        }
    }
}
