//! `compile`: the optimizer, the losses and the metrics.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::compiled::{CompileSpec, Compiled, OutputLoss, OutputMetric};
use super::given::{CompileOptions, by_output, losses_by_place, metrics_by_place, weights_by_place};
use super::model::Model;
use crate::Error;
use crate::graph::{Role, TensorType, Value, Variable};
use crate::losses::{IntoLoss, LossSpec, Losses};
use crate::metrics::{IntoMetrics, MetricSpec, Metrics};
use crate::models::registry;
use crate::models::{Network, NetworkKind};
use crate::names::free_name;
use crate::optimizers::{IntoOptimizer, LearningRate, Optimizer, OptimizerSpec};

/// A compile whose names are known, except those like `accuracy` that depend on the shapes of the first data.
#[derive(Clone, Debug)]
pub struct Request {
    /// Output, loss, weight.
    losses: Vec<(usize, LossSpec, f64)>,
    /// Output, metric, whether sample weights apply to it.
    metrics: Vec<(usize, MetricSpec, bool)>,
}

impl Model {
    /// Sets what training does: an optimizer, a loss (one, one per output, or pairs of an output's name and its loss), metrics. Objects,
    /// names, functions; `()` for no metrics. Compiling again keeps the weights, and starts a new optimizer.
    ///
    /// A compile that fails changes nothing: the model is as it was, with its older compile if it had one. Names whose meaning depends
    /// on the data (`accuracy`, `crossentropy`) are resolved by the first data; what they then mean fits or is an error of that call, and
    /// of each later one.
    ///
    /// ```
    /// # use rhyton_engine as rhyton;
    /// # use rhyton::layers::Dense;
    /// # use rhyton::train::Sequential;
    /// # use rhyton::graph::LayerExt;
    /// # fn main() -> Result<(), rhyton::Error> {
    /// let mut model = Sequential::new((Dense::new(1).input_shape([4]),))?;
    /// model.compile("adam", "mse", ["mae"])?;
    /// // A word that nobody knows changes nothing.
    /// let error = model.compile("adma", "mse", ()).unwrap_err().to_string();
    /// assert!(error.contains("did you mean `adam`?"), "{error}");
    /// assert!(model.is_compiled());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A name that nobody registered or an output that the model does not have; an optimizer whose settings cannot be; as many losses as the
    /// model has not outputs.
    pub fn compile(
        &mut self,
        optimizer: impl IntoOptimizer,
        loss: impl IntoLoss,
        metrics: impl IntoMetrics,
    ) -> Result<(), Error> {
        self.compile_with(optimizer, loss, metrics, CompileOptions::new())
    }

    /// [`Model::compile`] with metrics that sample weights apply to, or a weight for each output's loss.
    ///
    /// # Errors
    /// As there.
    pub fn compile_with(
        &mut self,
        optimizer: impl IntoOptimizer,
        loss: impl IntoLoss,
        metrics: impl IntoMetrics,
        options: CompileOptions,
    ) -> Result<(), Error> {
        let optimizer = registry::optimizer(optimizer.into_optimizer())?;
        self.install(optimizer, loss.into_loss(), metrics.into_metrics(), options)
    }

    /// Compiles as a config says.
    ///
    /// # Errors
    /// As [`Model::compile`].
    pub fn compile_config(
        &mut self,
        optimizer: &Json,
        loss: &Json,
        metrics: &Json,
        loss_weights: &Json,
        weighted: &Json,
    ) -> Result<(), Error> {
        let optimizer = OptimizerSpec::Config(optimizer.clone());
        self.compile_config_for(optimizer, loss, metrics, loss_weights, weighted)
    }

    /// [`Model::compile_config`] with an optimizer that need not be a config's.
    ///
    /// # Errors
    /// As there.
    pub fn compile_config_for(
        &mut self,
        optimizer: OptimizerSpec,
        loss: &Json,
        metrics: &Json,
        loss_weights: &Json,
        weighted: &Json,
    ) -> Result<(), Error> {
        let names = self.output_names();
        let losses = match by_output(loss, &names) {
            Json::Array(list) => Losses::List(list.into_iter().map(LossSpec::Config).collect()),
            one => Losses::One(LossSpec::Config(one)),
        };
        let options = CompileOptions::new()
            .loss_weights_config(&by_output(loss_weights, &names))?
            .weighted_metrics(Metrics::of(&by_output(weighted, &names)));
        let optimizer = registry::optimizer(optimizer)?;
        self.install(optimizer, losses, Metrics::of(&by_output(metrics, &names)), options)
    }

    /// Returns the names of the outputs: those of the layers that make them. One that makes several has its name several times in Keras 3; Keras 2
    /// numbers them.
    pub fn output_names(&self) -> Vec<String> {
        let names = |n: &Network| match n.kind {
            // Not built yet: the last layer will make its output.
            NetworkKind::Sequential if !n.is_built() => {
                n.layers.last().map(|l| l.name()).into_iter().collect()
            }
            _ => n.outputs.iter().map(|(c, _)| n.layers[n.calls[*c].layer].name()).collect(),
        };
        let names: Vec<String> = self.network(names).unwrap_or_default();
        if !self.root.settings().keras2 {
            return names;
        }
        let mut numbered: Vec<String> = Vec::new();
        for name in names {
            let free = free_name(name, |n| numbered.iter().any(|m| m == n));
            numbered.push(free);
        }
        numbered
    }

    /// Puts a compile in the place of the older one, once all that can be known of it is known to fit.
    fn install(
        &mut self,
        optimizer: Box<dyn Optimizer>,
        losses: Losses,
        metrics: Metrics,
        options: CompileOptions,
    ) -> Result<(), Error> {
        let names = self.output_names();
        let (loss, losses) = losses_by_place(losses, &names)?;
        let (loss_weights, weights) = weights_by_place(options.loss_weights, &names)?;
        let mut config = CompileSpec { loss, loss_weights, ..CompileSpec::default() };
        let mut request = Request { losses: Vec::new(), metrics: Vec::new() };
        for (output, spec) in losses {
            let weight = weights.get(output).copied().unwrap_or(1.0);
            request.losses.push((output, registry::loss_before_data(spec)?, weight));
        }
        for (given, weighted) in [(metrics, false), (options.weighted, true)] {
            let (written, placed) = metrics_by_place(given, &names)?;
            *if weighted { &mut config.weighted_metrics } else { &mut config.metrics } = written;
            for (output, spec) in placed {
                request.metrics.push((output, registry::metric_before_data(spec)?, weighted));
            }
        }
        // What was recorded for the old optimizer and never submitted does not count for this one.
        #[cfg(feature = "gpu")]
        self.settle();
        // Slots and sums of the old compile have no use any more, and would be part of every later plan.
        let variables = [self.variables(), self.states()].concat();
        if let Some(session) = &mut self.session {
            session.keep_only(&variables);
        }
        self.kept = None;
        self.compiled = Some(Compiled {
            optimizer,
            losses: vec![],
            metrics: vec![],
            config,
            iteration: 0,
            slots: HashMap::new(),
            sums: Default::default(),
            waiting: Some(request),
        });
        Ok(())
    }

    /// Makes objects of the names that were given; some (`accuracy`) depend on the shapes of the targets, so this waits for
    /// the first data. Where it fails nothing has changed.
    pub(super) fn resolve_compile(&mut self, targets: &[Vec<usize>]) -> Result<(), Error> {
        let Some(request) = self.compiled.as_ref().and_then(|c| c.waiting.clone()) else { return Ok(()) };
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
        let mut losses: Vec<OutputLoss> = Vec::new();
        for (output, spec, weight) in &request.losses {
            let (y_true, y_pred) = shapes[*output];
            let Some(loss) = registry::loss(spec, y_true, y_pred)? else { continue };
            let name = format!("{}_loss", names[*output]);
            losses.push(OutputLoss { output: *output, loss, weight: *weight, name });
        }
        let mut metrics: Vec<OutputMetric> = Vec::new();
        for (output, spec, weighted) in &request.metrics {
            let (y_true, y_pred) = shapes[*output];
            let metric = registry::metric(spec, y_true, y_pred)?;
            let name =
                if names.len() > 1 { format!("{}_{}", names[*output], metric.name()) } else { metric.name() };
            let name = free_name(name, |n| metrics.iter().any(|m| m.name == n));
            metrics.push(OutputMetric { output: *output, metric, weighted: *weighted, name });
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

impl Compiled {
    /// Sets a constant learning rate, where there is no schedule.
    pub fn set_constant_learning_rate(&mut self, rate: f32) {
        if let LearningRate::Constant(_) = self.optimizer.learning_rate() {
            self.optimizer.set_learning_rate(LearningRate::Constant(rate));
        }
    }
}
