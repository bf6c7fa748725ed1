//! The registry: from what configs say to objects, Keras' own and those of users.
//!
//! A name is looked for in the scopes of this thread ([`custom_object_scope`]), innermost first, then in what was registered for the
//! process, then among Keras' own classes.

mod catalogue;
mod custom;
mod kinds;
mod of_keras;

use std::sync::Arc;

use serde_json::{Map, Value, json};

pub use custom::{
    CustomObjects, MakeNetwork, custom_object_scope, register, register_activation, register_constraint,
    register_initializer, register_layer, register_loss, register_loss_class, register_metric,
    register_metric_class, register_optimizer, register_regularizer, register_schedule, with_networks,
};

pub use catalogue::is_missing;
use catalogue::{Kind as _, unknown};
use kinds::{
    Activations, Constraints, Initializers, Layers, Losses, Metrics, Optimizers, Regularizers, Schedules,
};

use crate::config::Config;
use crate::graph::{
    Activation, Arguments, CallContext, Constraint, Initializer, LayerRef, LayerSettings, Named, Regularizer,
    Resolver, Shape, Spec, Tensor, fail,
};
use crate::layers::{LAMBDAS, LAYERS};
use crate::losses::{Loss, LossSpec};
use crate::metrics::{Metric, MetricSpec};
use crate::optimizers::{LearningRate, LearningRateSchedule, Optimizer, OptimizerSpec};
use crate::types::{DType, Policy, Quantized};
use crate::{Error, config, losses, metrics};

/// The process-wide registry, with the scopes of the thread that asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Registry;

/// The registry.
pub fn resolver() -> Registry {
    Registry
}

/// A name without its package.
fn bare(name: &str) -> &str {
    name.rsplit('>').next().unwrap_or(name)
}

impl Resolver for Registry {
    fn activation(&self, spec: &Value) -> Result<Option<Arc<dyn Activation>>, Error> {
        Spec::of(spec)?.map(|spec| Activations.resolve(&spec)).transpose()
    }

    fn initializer(&self, spec: &Value) -> Result<Option<Arc<dyn Initializer>>, Error> {
        Spec::of(spec)?.map(|spec| Initializers.resolve(&spec)).transpose()
    }

    fn regularizer(&self, spec: &Value) -> Result<Option<Arc<dyn Regularizer>>, Error> {
        Spec::of(spec)?.map(|spec| Regularizers.resolve(&spec)).transpose()
    }

    fn constraint(&self, spec: &Value) -> Result<Option<Arc<dyn Constraint>>, Error> {
        Spec::of(spec)?.map(|spec| Constraints.resolve(&spec)).transpose()
    }

    fn layer(&self, spec: &Value) -> Result<LayerRef, Error> {
        Layers.resolve(&named(spec, "a layer")?)
    }

    fn outputs_of(
        &self,
        layer: &LayerRef,
        inputs: &[(Shape, DType)],
        arguments: &Arguments,
    ) -> Result<Vec<(Shape, DType)>, Error> {
        super::infer::output_types(self, layer, inputs, arguments)
    }
}

/// What a config that must name an object says.
fn named(value: &Value, what: &str) -> Result<Spec, Error> {
    let null = || Error::Config { object: what.into(), what: format!("found null, expected {what}") };
    Spec::of(value)?.ok_or_else(null)
}

/// A layer without weights that stands where an activation is wanted.
struct LayerActivation {
    layer: LayerRef,
    config: Map<String, Value>,
}

impl Activation for LayerActivation {
    fn spec(&self) -> Value {
        crate::graph::serialized("keras.layers", self.layer.class_name(), Value::Object(self.config.clone()))
    }

    fn call(&self, x: Tensor) -> Tensor {
        let shape = Shape(x.shape().into_iter().map(Some).collect());
        if let Err(error) = self.layer.build(&Registry, &[shape]) {
            fail(error);
            return x;
        }
        self.layer.call(&[x], &CallContext::default()).first().copied().unwrap_or(x)
    }
}

/// A layer from its class, the name it was registered by, and its whole config (with name, trainable, dtype). It is bound, but not
/// built.
///
/// # Errors
/// Nobody registered the class; the config does not suit it; a setting is not supported.
pub fn layer(
    class_name: &str,
    registered_name: Option<&str>,
    config: &Map<String, Value>,
) -> Result<LayerRef, Error> {
    if let (None, "Sequential" | "Functional") = (registered_name, class_name)
        && let Some(network) = custom::network(config)
    {
        return network;
    }
    let name = config.get("name").and_then(Value::as_str).unwrap_or_default().to_string();
    let mut own = config.clone();
    let (trainable, dtype) = (own.shift_remove("trainable"), own.get("dtype").cloned());
    own.shift_remove("name");
    let asked = registered_name.unwrap_or(class_name);
    let class = LAYERS.iter().chain(LAMBDAS).find(|c| registered_name.is_none() && c.name == asked);
    let mut activity_regularizer: Named<dyn Regularizer> = Named::default();
    let found = custom::find_class(class_name, registered_name)
        .or_else(|| class.is_none().then(|| custom::find_packaged(asked, |c| &c.layers)).flatten());
    let (made, registered) = match found {
        Some((key, make)) => {
            own.shift_remove("dtype");
            (make(own), Some(key))
        }
        None => {
            let class = class.ok_or_else(|| unknown::<Layers>(asked))?;
            for (there, here) in class.renamed {
                if let Some(value) = own.shift_remove(*there) {
                    own.entry(*here).or_insert(value);
                }
            }
            let quantized = dtype.as_ref().map_or(Ok(None), Quantized::of);
            let wrong = match quantized {
                Err(what) => Some(what),
                Ok(Some((quantized, _))) if !crate::layers::can_be_quantized(class.name, quantized) => {
                    let mode = quantized.mode();
                    Some(format!("the dtype policy of {mode}: {} cannot be quantized so", class.name))
                }
                Ok(_) => None,
            };
            if let Some(what) = wrong {
                return Err(placed(Error::Config { object: class.name.into(), what }, &name));
            }
            // An input's type is a part of what it is; of other layers the engine knows f32 alone.
            if class.name != "InputLayer" {
                own.shift_remove("dtype");
            }
            own.shift_remove("batch_input_shape");
            let penalty = own.shift_remove("activity_regularizer").unwrap_or_default();
            activity_regularizer = serde_json::from_value(penalty).map_err(|e| {
                let what = format!("activity_regularizer: {e}");
                placed(Error::Config { object: class.name.into(), what }, &name)
            })?;
            ((class.make)(own).map_err(|e| in_words_of(config, class.renamed, e)), None)
        }
    };
    let mut boxed = made.map_err(|e| placed(e, &name))?;
    let strings = class_name == "InputLayer" || boxed.as_host().is_some();
    let wrong = match dtype.as_ref().map(Policy::of) {
        Some(Err(what)) => Some(what),
        Some(Ok(Policy::Text)) if !strings => Some("the dtype \"string\": the layer computes numbers".into()),
        _ => None,
    };
    if let Some(what) = wrong {
        return Err(placed(Error::Config { object: class_name.into(), what }, &name));
    }
    boxed.bind(&Registry).map_err(|e| placed(e, &name))?;
    // A name that nobody knows is told now.
    activity_regularizer.bind(&Registry).map_err(|e| placed(e, &name))?;
    let settings = LayerSettings {
        name,
        activity_regularizer,
        // Keras 2 repeats the input's shape in the first layer.
        input_shape: config.get("batch_input_shape").and_then(shape_without_batch),
        dtype,
        registered,
        ..LayerSettings::default()
    };
    let layer = LayerRef::new(boxed, settings);
    if trainable == Some(Value::Bool(false)) {
        layer.set_trainable(false);
    }
    Ok(layer)
}

/// Returns an operation of Keras 3 that a functional model lists among its layers.
///
/// # Errors
/// It is not here.
pub fn operation(class_name: &str, config: &Map<String, Value>) -> Result<LayerRef, Error> {
    let mut own = config.clone();
    let name = own.shift_remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let Some(made) = crate::layers::operation(class_name, own) else {
        let advice = "use the layer that does the same, or convert the file: `rhyton convert` passes operations on as they are";
        return Err(Error::Unknown { kind: "operation", name: class_name.into(), advice: advice.into() });
    };
    let registered = Some(class_name.to_owned());
    let settings = LayerSettings { name, registered, ..LayerSettings::default() };
    Ok(LayerRef::new(Box::new(made), settings))
}

/// An error about a key that the config has another name for, under that name.
fn in_words_of(config: &Config, renamed: &[(&str, &str)], error: Error) -> Error {
    let Error::Config { object, what } = error else { return error };
    let other = renamed.iter().find(|(there, here)| config.contains_key(*there) && what.starts_with(here));
    let what = other.map_or(what.clone(), |(there, here)| what.replacen(here, there, 1));
    Error::Config { object, what }
}

/// Adds the layer's name to an error about its config.
fn placed(error: Error, name: &str) -> Error {
    match error {
        Error::Config { object, what } if !name.is_empty() => {
            Error::Config { object: format!("{object} (layer {name})"), what }
        }
        other => other,
    }
}

/// Checks the dtype of a loss' or metric's config.
fn check_dtype(spec: &Spec) -> Result<(), Error> {
    let wrong = |what| Error::Config { object: spec.name.clone(), what };
    let policy = spec.config.get("dtype").map_or(Ok(Policy::Float32), |d| Policy::of(d).map_err(wrong))?;
    // Keras computes and sums in whole numbers then, which gives others.
    match policy.integer() {
        Some(integer) => Err(wrong(format!("dtype {:?} is not supported here; float32 is", integer.name()))),
        None => Ok(()),
    }
}

fn shape_without_batch(shape: &Value) -> Option<Vec<Option<usize>>> {
    let axes = shape.as_array()?.get(1..)?;
    Some(axes.iter().map(|d| d.as_u64().and_then(|d| usize::try_from(d).ok())).collect())
}

/// A loss from what a config says. `None` for null. The shapes of targets and predictions decide what `"crossentropy"` and `"ce"`
/// mean.
///
/// # Errors
/// Nobody registered the name, or its config is wrong.
pub fn loss(spec: &LossSpec, y_true: &[usize], y_pred: &[usize]) -> Result<Option<Arc<dyn Loss>>, Error> {
    let value = match spec {
        LossSpec::Object(loss) => return Ok(Some(loss.clone())),
        LossSpec::Config(value) => value,
    };
    let Some(spec) = Spec::of(value)? else { return Ok(None) };
    check_dtype(&spec)?;
    Losses { y_true, y_pred }.resolve(&spec).map(Some)
}

/// A loss as it is before the data are known: what a name means whatever their shapes is found now, `"crossentropy"` and `"ce"` later, by
/// [`loss`].
///
/// # Errors
/// As [`loss`].
pub fn loss_before_data(spec: LossSpec) -> Result<LossSpec, Error> {
    let value = match &spec {
        LossSpec::Object(loss) => {
            loss.check()?;
            return Ok(spec);
        }
        LossSpec::Config(value) => value,
    };
    let waits = Spec::of(value)?
        .is_none_or(|s| Losses::keras_name(&s).is_some_and(losses::is_crossentropy) && !Losses::is_own(&s));
    if waits {
        return Ok(spec);
    }
    Ok(loss(&spec, &[], &[])?.map_or(spec, LossSpec::Object))
}

/// A metric as it is before the data are known: what a name means whatever their shapes is found now, `"accuracy"` and `"acc"` later, by
/// [`metric`].
///
/// # Errors
/// As [`metric`].
pub fn metric_before_data(spec: MetricSpec) -> Result<MetricSpec, Error> {
    let MetricSpec::Config(value) = &spec else { return Ok(spec) };
    let waits = Spec::of(value)?.is_some_and(|s| {
        value.is_string()
            && Metrics::keras_name(&s).is_some_and(metrics::waits_for_shapes)
            && !Metrics::is_own(&s)
    });
    if waits { Ok(spec) } else { Ok(MetricSpec::Object(metric(&spec, &[], &[])?)) }
}

/// A metric from what a config says. The shapes of targets and predictions decide what `"accuracy"`, `"acc"`, `"crossentropy"` and `"ce"` mean.
///
/// # Errors
/// Nobody registered the name, or its config is wrong.
pub fn metric(spec: &MetricSpec, y_true: &[usize], y_pred: &[usize]) -> Result<Arc<dyn Metric>, Error> {
    let value = match spec {
        MetricSpec::Object(metric) => return Ok(metric.clone()),
        MetricSpec::Config(value) => value,
    };
    let spec = named(value, "a metric")?;
    check_dtype(&spec)?;
    Metrics { value, y_true, y_pred }.resolve(&spec)
}

/// An optimizer from what a config says.
///
/// # Errors
/// Nobody registered the name; its config is wrong, or has a setting that is not supported.
pub fn optimizer(spec: OptimizerSpec) -> Result<Box<dyn Optimizer>, Error> {
    let value = match spec {
        OptimizerSpec::Object(optimizer) => {
            optimizer.check()?;
            return Ok(optimizer);
        }
        OptimizerSpec::Config(value) => value,
    };
    let spec = named(&value, "an optimizer")?;
    let module = value.get("module").and_then(Value::as_str);
    let legacy_module = module.is_some_and(|module| module.ends_with("optimizers.legacy"));
    Optimizers { legacy_module }.resolve(&spec)
}

/// The config of an optimizer of Keras 2's older form in today's words: `lr` is the learning rate, and `decay` makes it a schedule. All of
/// that form have one of the two, or say what they are; `by_module`: their module says it.
///
/// # Errors
/// A decay of something else than a constant rate.
fn modern(name: &str, mut given: Config, by_module: bool) -> Result<Config, Error> {
    const LEGACY: &str = "is_legacy_optimizer";
    let older = by_module || given.contains_key("lr") || given.contains_key("decay");
    if given.get(LEGACY).is_none_or(Value::is_null) {
        given.insert(LEGACY.into(), older.into());
    }
    // They take 0 for the default.
    let none = |epsilon: &Value| epsilon.is_null() || epsilon.as_f64() == Some(0.0);
    if given[LEGACY] == true && given.get("epsilon").is_some_and(none) {
        given.shift_remove("epsilon");
    }
    if let Some(rate) = given.shift_remove("lr") {
        given.entry("learning_rate").or_insert(rate);
    }
    // Nadam takes `schedule_decay` alone, whatever its config says here.
    if name.eq_ignore_ascii_case("Nadam") && given[LEGACY] == true {
        given.shift_remove("decay");
        return Ok(given);
    }
    let decay = given.shift_remove("decay").filter(|d| !d.is_null() && d.as_f64() != Some(0.0));
    let Some(decay) = decay else { return Ok(given) };
    match given.get("learning_rate") {
        Some(rate) if rate.is_number() && decay.is_number() => {
            let inner = json!({"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay});
            let schedule = json!({"class_name": "InverseTimeDecay", "config": inner});
            given.insert("learning_rate".into(), schedule);
            Ok(given)
        }
        _ => Err(config::unsupported(name, "decay", &decay)),
    }
}

/// A learning rate from what a config says: a number, or a schedule. `None` for null.
///
/// # Errors
/// Nobody registered the schedule, or its config is wrong.
pub fn learning_rate(value: &Value) -> Result<Option<LearningRate>, Error> {
    match value {
        Value::Null => Ok(None),
        Value::Number(rate) => Ok(rate.as_f64().map(LearningRate::from)),
        other => schedule(other).map(|s| Some(LearningRate::Schedule(s))),
    }
}

/// A schedule from what a config says.
///
/// # Errors
/// Nobody registered it, or its config is wrong.
pub fn schedule(value: &Value) -> Result<Arc<dyn LearningRateSchedule>, Error> {
    let null = || Error::Config {
        object: "a learning rate schedule".into(),
        what: "found null, expected a schedule".into(),
    };
    Schedules.resolve(&Spec::of(value)?.ok_or_else(null)?)
}
