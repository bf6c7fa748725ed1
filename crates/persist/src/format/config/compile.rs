//! How a model was compiled: optimizer, losses, metrics.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::metrics;
use super::objects::{self, Role};
use super::{Context, Form, as_found, identity, kinds};
use crate::Error;
use crate::format::naming::snake_case;
use crate::format::optimizer;
use crate::tree::{CompileConfig, Dialect, ModelConfig};

/// Arguments that one library's optimizers have and the other's have not.
const KERAS3_ONLY: [&str; 2] = ["loss_scale_factor", "gradient_accumulation_steps"];
const TF_KERAS_ONLY: [&str; 2] = ["jit_compile", OLDER];

/// Says of tf_keras' Adam whether its epsilon is smaller in the first steps.
const ADAPTIVE: &str = "adaptive_epsilon";

/// Says of an optimizer whether it is one of before TensorFlow 2.11.
const OLDER: &str = "is_legacy_optimizer";

/// Arguments of `compile` that have a place of their own in a [`CompileConfig`].
const COMMON: [&str; 6] =
    ["optimizer", "optimizer_config", "loss", "metrics", "loss_weights", "weighted_metrics"];

/// Arguments that each library's `compile` has besides, with their defaults.
fn usual(cx: &Context<'_>) -> Map<String, Value> {
    let usual = match (cx.form, cx.dialect) {
        (Form::Keras, Dialect::TfKeras) => {
            json!({"run_eagerly": null, "steps_per_execution": null, "jit_compile": null})
        }
        (Form::H5, Dialect::TfKeras) => json!({}),
        (_, Dialect::Keras3) => json!({"run_eagerly": false, "steps_per_execution": 1, "jit_compile": false}),
    };
    usual.as_object().cloned().unwrap_or_default()
}

/// The other arguments in the words of a dialect.
fn plain_other(cx: &Context<'_>, other: &Map<String, Value>) -> Map<String, Value> {
    let mut out = usual(cx);
    let known = out.clone();
    for (key, value) in other {
        // Null is the default of both.
        let others = match cx.dialect {
            Dialect::Keras3 => "pss_evaluation_shards",
            Dialect::TfKeras => "auto_scale_loss",
        };
        let foreign =
            key == others || cx.source.is_some_and(|source| source != cx.dialect) && !known.contains_key(key);
        let nothing = value.is_null() && cx.dialect == Dialect::Keras3 && known.contains_key(key);
        // `.h5` of tf_keras has no place for them.
        let no_place = cx.form == Form::H5 && cx.dialect == Dialect::TfKeras;
        if !foreign && !nothing && !no_place {
            out.insert(key.clone(), value.clone());
        }
    }
    out
}

/// Short names of losses and metrics that every version knows by the long one.
const LONG_NAMES: &[(&str, &str)] = &[
    ("mse", "mean_squared_error"),
    ("MSE", "mean_squared_error"),
    ("mae", "mean_absolute_error"),
    ("MAE", "mean_absolute_error"),
    ("mape", "mean_absolute_percentage_error"),
    ("MAPE", "mean_absolute_percentage_error"),
    ("msle", "mean_squared_logarithmic_error"),
    ("MSLE", "mean_squared_logarithmic_error"),
    ("kld", "kl_divergence"),
    ("KLD", "kl_divergence"),
    ("kullback_leibler_divergence", "kl_divergence"),
];

/// Reads a compile config, or a `training_config` of an `.h5`. `None`: the model was not compiled.
pub(crate) fn read_compile(
    cx: &Context<'_>,
    value: &Value,
    model: &ModelConfig,
) -> Result<Option<CompileConfig>, Error> {
    let place = "compile_config";
    if value.is_null() {
        return Ok(None);
    }
    let map = cx.map(place, value)?;
    kinds::check_compile(cx, place, map)?;
    let optimizer = map.get("optimizer_config").or_else(|| map.get("optimizer"));
    let Some(optimizer) = optimizer.filter(|o| !o.is_null()) else { return Ok(None) };
    // The one class whose default learning rate differs between the libraries.
    let lion = json!({"class_name": "Lion", "config": {"learning_rate": 1e-4}});
    let is_lion =
        cx.dialect == Dialect::TfKeras && optimizer.as_str().is_some_and(|o| o.eq_ignore_ascii_case("lion"));
    let optimizer = if is_lion { &lion } else { optimizer };
    let get = |key: &str| map.get(key).unwrap_or(&Value::Null);
    let single = model.outputs.len() <= 1;
    let metrics = |key: &str| {
        let metrics = canonical(cx, &format!("{place}.{key}"), Role::Metric, get(key))?;
        if cx.dialect == Dialect::TfKeras && !single {
            return Ok(metrics::without_outputs(model, metrics));
        }
        // tf_keras nests once more in `.h5`: one list per output.
        Ok::<_, Error>(match metrics {
            Value::Array(list) if single && list.len() == 1 && list.iter().all(Value::is_array) => {
                list.into_iter().next().unwrap_or_default()
            }
            other => other,
        })
    };
    Ok(Some(CompileConfig {
        optimizer: objects::canonical(cx, &format!("{place}.optimizer"), Role::Optimizer, optimizer)?,
        loss: canonical(cx, &format!("{place}.loss"), Role::Loss, get("loss"))?,
        metrics: metrics("metrics")?,
        loss_weights: get("loss_weights").clone(),
        weighted_metrics: metrics("weighted_metrics")?,
        other: map.iter().filter(|(key, _)| !COMMON.contains(&key.as_str())).map(owned).collect(),
        found: as_found::keep(cx, value),
    }))
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

/// Losses and metrics: strings, objects, lists and maps of them.
fn canonical(cx: &Context<'_>, place: &str, role: Role, value: &Value) -> Result<Value, Error> {
    match value {
        Value::Array(list) => {
            let items =
                list.iter().enumerate().map(|(i, v)| canonical(cx, &format!("{place}[{i}]"), role, v));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        Value::Object(map) if !map.get("class_name").is_some_and(Value::is_string) => {
            let items =
                map.iter().map(|(k, v)| Ok((k.clone(), canonical(cx, &format!("{place}.{k}"), role, v)?)));
            Ok(Value::Object(items.collect::<Result<_, Error>>()?))
        }
        Value::Object(map)
            if role == Role::Metric && map.get("class_name").is_some_and(|c| c == "MeanMetricWrapper") =>
        {
            let object = objects::canonical(cx, place, role, value)?;
            Ok(unwrapped_metric(&object).unwrap_or(object))
        }
        _ => objects::canonical(cx, place, role, value),
    }
}

/// TensorFlow up to 2.4 wrote `metrics=["accuracy"]` as a wrapper around the function that it resolved to.
fn unwrapped_metric(object: &Value) -> Option<Value> {
    let function = object.pointer("/config/fn")?.as_str()?;
    let class = match function {
        "sparse_categorical_accuracy" => "SparseCategoricalAccuracy",
        "categorical_accuracy" => "CategoricalAccuracy",
        "binary_accuracy" => "BinaryAccuracy",
        "mean_squared_error" => "MeanSquaredError",
        "mean_absolute_error" => "MeanAbsoluteError",
        _ => return None,
    };
    let mut config = object.get("config")?.as_object()?.clone();
    config.shift_remove("fn");
    Some(json!({"module": "keras.metrics", "class_name": class, "config": config, "registered_name": null}))
}

/// Returns whether a config is that of an optimizer of before TensorFlow 2.11: it says so, or has a decay or `lr`.
fn is_older(config: &Map<String, Value>) -> bool {
    let says = config.get(OLDER).and_then(Value::as_bool);
    says.unwrap_or_else(|| config.contains_key("decay") || config.contains_key("lr"))
}

/// The canonical form of an optimizer whose config's values are canonical already.
pub(super) fn canonical_optimizer(
    class: &str,
    registered: Option<&str>,
    module: &Value,
    config: Value,
) -> Value {
    let Value::Object(mut config) = config else {
        return json!({"module": module, "class_name": class, "config": config, "registered_name": registered});
    };
    let class = if class == "LossScaleOptimizerV3" { "LossScaleOptimizer" } else { class };
    if registered.is_some() {
        return json!({"module": module, "class_name": class, "config": config, "registered_name": registered});
    }
    if config.get("name").and_then(Value::as_str).is_none_or(|name| name == class) {
        config.insert("name".into(), snake_case(class).into());
    }
    let older = is_older(&config);
    if let Some(rate) = config.shift_remove("lr") {
        config.insert("learning_rate".into(), rate);
    }
    for key in TF_KERAS_ONLY {
        config.shift_remove(key);
    }
    if older {
        config.insert(OLDER.into(), true.into());
    }
    // tf_keras' RMSprop has 100 there, which says nothing without a moving average.
    if config.get("use_ema").is_some_and(|e| e == false) {
        config.insert("ema_overwrite_frequency".into(), Value::Null);
    }
    if class == "LossScaleOptimizer" {
        // A scale that stays as it is is tf_keras' alone.
        if config.get("dynamic") != Some(&json!(false)) {
            config.shift_remove("dynamic");
        }
    } else {
        modern(class, &mut config);
        for key in KERAS3_ONLY {
            config.entry(key).or_insert(Value::Null);
        }
    }
    json!({"module": "keras.optimizers", "class_name": class, "config": config, "registered_name": null})
}

/// Optimizers before TensorFlow 2.11 have a `decay`, which is the schedule `InverseTimeDecay` of today.
fn modern(class: &str, config: &mut Map<String, Value>) {
    // Nadam's is that of its momentum.
    let of_rate = class != "Nadam";
    let decay = if of_rate { config.shift_remove("decay") } else { None };
    let decay = decay.and_then(|d| d.as_f64()).unwrap_or(0.0);
    let rate = config.get("learning_rate").and_then(Value::as_f64);
    if let (true, Some(rate)) = (decay != 0.0, rate) {
        let schedule = json!({
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": {
                "initial_learning_rate": rate,
                "decay_steps": 1,
                "decay_rate": decay,
                "staircase": false,
                "name": "InverseTimeDecay",
            },
            "registered_name": null,
        });
        config.insert("learning_rate".into(), schedule);
    }
    if of_rate {
        config.shift_remove("schedule_decay");
    } else {
        // Which it does not heed.
        config.shift_remove("decay");
    }
    if config.get("epsilon").is_some_and(Value::is_null) {
        config.shift_remove("epsilon");
    }
}

/// The config of a model's optimizer. A string says the defaults of its class, which is what the libraries load.
pub(crate) fn optimizer_config(compile: Option<&CompileConfig>) -> Option<Value> {
    match &compile?.optimizer {
        Value::String(name) => {
            let class = optimizer::class_of_string(name)?;
            let mut config = Map::new();
            config.insert("learning_rate".into(), f64::from(class.rate).into());
            if class.name == "SGD" {
                config.insert("momentum".into(), json!(0.0));
            }
            Some(Value::Object(config))
        }
        other => other.get("config").cloned(),
    }
}

/// The learning rate that an optimizer's config says, where it is a number.
pub(crate) fn rate(config: Option<&Value>) -> Option<f32> {
    let rate =
        config?.get("learning_rate").or_else(|| config?.pointer("/inner_optimizer/config/learning_rate"))?;
    #[allow(clippy::cast_possible_truncation)]
    rate.as_f64().map(|x| x as f32)
}

/// The name that every version knows a loss or metric by.
pub(super) fn long_name(name: &str) -> &str {
    LONG_NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, long)| long)
}

/// Writes a compile config of a model; `rate`: the learning rate now, where it is known.
pub(crate) fn write_compile(
    cx: &Context<'_>,
    model: &ModelConfig,
    compile: &CompileConfig,
    rate: Option<f32>,
) -> Result<Value, Error> {
    let cx = &Context { source: compile.found.dialect().or(cx.source), ..*cx };
    let place = "compile_config";
    let optimizer = match (&compile.optimizer, rate) {
        // A string would lose the learning rate, and `.h5` has none.
        (Value::String(name), rate) => match optimizer::class_of_string(name) {
            Some(class) if rate.is_some() || cx.form == Form::H5 => {
                let object = canonical_optimizer(class.name, None, &Value::Null, json!({}));
                let map = object.as_object().cloned().unwrap_or_default();
                plain_optimizer(cx, &format!("{place}.optimizer"), &map, rate)?
            }
            _ => name.as_str().into(),
        },
        (Value::Object(map), rate) => plain_optimizer(cx, &format!("{place}.optimizer"), map, rate)?,
        (other, _) => other.clone(),
    };
    let loss = plain(cx, &format!("{place}.loss"), Role::Loss, &compile.loss)?;
    let metrics = |key: &str, metrics: &Value| {
        // tf_keras resolves the string by comparing the model's outputs with themselves when it loads an `.h5`, and so
        // gets it wrong; it writes what it resolved it to before.
        let resolved = matches!((cx.form, cx.dialect), (Form::H5, Dialect::TfKeras));
        let metrics = if resolved { resolve_accuracy(metrics, &compile.loss) } else { metrics.clone() };
        let several = resolved && model.outputs.len() > 1;
        let metrics = if several { metrics::with_outputs(model, metrics) } else { metrics };
        plain(cx, &format!("{place}.{key}"), Role::Metric, &metrics)
    };
    let weighted = metrics("weighted_metrics", &compile.weighted_metrics)?;
    let metrics = metrics("metrics", &compile.metrics)?;
    let mut out = Map::new();
    if cx.form == Form::Keras {
        out.insert("optimizer".into(), optimizer.clone());
    }
    out.insert("loss".into(), loss);
    out.insert("loss_weights".into(), compile.loss_weights.clone());
    out.insert("metrics".into(), metrics);
    out.insert("weighted_metrics".into(), weighted);
    out.extend(plain_other(cx, &compile.other));
    if cx.form == Form::H5 {
        out.insert("optimizer_config".into(), optimizer);
    }
    Ok(Value::Object(out))
}

/// Checks whether a dialect has words for a compile config. Returns whether what is written makes an optimizer of before TensorFlow 2.11, whose
/// formula is another one, one of today.
pub(crate) fn check_compile(
    path: &Path,
    dialect: Dialect,
    form: Form,
    model: &ModelConfig,
    compile: &CompileConfig,
    rate: Option<f32>,
) -> Result<bool, Error> {
    let written = super::compile_json(&Context::new(path, dialect, form), model, compile, rate)?;
    // The others have the formula of today's.
    let class = compile.optimizer.get("class_name").and_then(Value::as_str);
    let differs = class.is_some_and(|class| ["RMSprop", "Adagrad", "Nadam"].contains(&class));
    let older = |config: Option<&Value>| differs && config.and_then(Value::as_object).is_some_and(is_older);
    let optimizer = written.get("optimizer").or_else(|| written.get("optimizer_config"));
    Ok(older(compile.optimizer.get("config")) && !older(optimizer.and_then(|o| o.get("config"))))
}

/// Puts the accuracy that follows from the loss in the place of the string.
fn resolve_accuracy(metrics: &Value, loss: &Value) -> Value {
    match (metrics, loss) {
        (Value::Array(metrics), Value::Array(losses)) if metrics.iter().all(Value::is_array) => {
            let pairs = metrics.iter().zip(losses.iter().chain(std::iter::repeat(&Value::Null)));
            pairs.map(|(metrics, loss)| resolve_accuracy(metrics, loss)).collect()
        }
        (Value::Array(metrics), loss) => metrics.iter().map(|m| resolve_accuracy(m, loss)).collect(),
        (Value::Object(metrics), loss) if !metrics.contains_key("class_name") => {
            let loss = |output: &str| {
                if loss.get("class_name").is_some() { loss } else { loss.get(output).unwrap_or(loss) }
            };
            Value::Object(metrics.iter().map(|(k, m)| (k.clone(), resolve_accuracy(m, loss(k)))).collect())
        }
        (Value::String(name), loss) if matches!(name.as_str(), "accuracy" | "acc") => {
            let loss = loss.get("class_name").unwrap_or(loss).as_str().map(snake_case).unwrap_or_default();
            let function = match loss.as_str() {
                "sparse_categorical_crossentropy" => "sparse_categorical_accuracy",
                "categorical_crossentropy" | "categorical_focal_crossentropy" => "categorical_accuracy",
                "binary_crossentropy" | "binary_focal_crossentropy" => "binary_accuracy",
                _ => return metrics.clone(),
            };
            json!({
                "module": "keras.metrics",
                "class_name": "MeanMetricWrapper",
                "config": {"name": name, "dtype": "float32", "fn": function},
                "registered_name": null,
            })
        }
        _ => metrics.clone(),
    }
}

fn plain(cx: &Context<'_>, place: &str, role: Role, value: &Value) -> Result<Value, Error> {
    match value {
        // Keras 3 cannot load an `.h5` whose loss is `mse`.
        Value::String(name) => {
            let long = cx.form == Form::H5 && role == Role::Loss;
            Ok(if long { long_name(name).into() } else { name.as_str().into() })
        }
        Value::Array(list) => {
            let items = list.iter().enumerate().map(|(i, v)| plain(cx, &format!("{place}[{i}]"), role, v));
            Ok(Value::Array(items.collect::<Result<_, _>>()?))
        }
        Value::Object(map) if !map.get("class_name").is_some_and(Value::is_string) => {
            let items =
                map.iter().map(|(k, v)| Ok((k.clone(), plain(cx, &format!("{place}.{k}"), role, v)?)));
            Ok(Value::Object(items.collect::<Result<_, Error>>()?))
        }
        other => objects::plain(cx, place, role, other),
    }
}

/// An optimizer in the words of a dialect and form.
pub(super) fn plain_optimizer(
    cx: &Context<'_>,
    place: &str,
    map: &Map<String, Value>,
    rate: Option<f32>,
) -> Result<Value, Error> {
    let class = cx.text(place, map, "class_name")?;
    let registered = map.get("registered_name").and_then(Value::as_str);
    objects::refuse_namesake(cx, place, Role::Optimizer, class, registered)?;
    let module = map.get("module").cloned().unwrap_or_default();
    let empty = json!({});
    let config = map.get("config").filter(|c| !c.is_null()).unwrap_or(&empty);
    let config = cx.map(place, config)?;
    let mut out = Map::new();
    for (key, value) in config {
        let place = format!("{place}.{key}");
        let value = match (Role::of(key), value) {
            // The rate of a scaled optimizer stands in the inner one.
            (Role::Optimizer, Value::Object(inner)) => {
                // Full form inside, in `.h5` too.
                plain_optimizer(&Context { form: Form::Keras, ..*cx }, &place, inner, rate)?
            }
            (role, value) => objects::plain(cx, &place, role, value)?,
        };
        out.insert(key.clone(), value);
    }
    // Keras 3 has none of those, and the state is written as that of a newer one.
    let older = registered.is_none() && out.shift_remove(OLDER) == Some(json!(true));
    if registered.is_none() && cx.dialect == Dialect::Keras3 {
        out.shift_remove("schedule_decay");
        if out.shift_remove(ADAPTIVE) == Some(json!(true)) {
            let what = format!("`{ADAPTIVE}` = true, which Keras 3 does not have,");
            return Err(cx.unsupported(place, what, "write the tf_keras dialect"));
        }
    }
    if let Some(rate) = rate.filter(|_| class != "LossScaleOptimizer")
        && out.get("learning_rate").is_none_or(|r| !r.is_object())
    {
        out.insert("learning_rate".into(), f64::from(rate).into());
    }
    if cx.dialect == Dialect::Keras3
        && class == "LossScaleOptimizer"
        && out.get("dynamic") == Some(&json!(false))
    {
        let what = "a loss scale with `dynamic` = false, which Keras 3 does not have,";
        return Err(cx.unsupported(
            place,
            what.into(),
            "write the tf_keras dialect, or compile with an optimizer that has a loss_scale_factor",
        ));
    }
    if cx.dialect == Dialect::Keras3 || registered.is_some() {
        let class = registered.filter(|_| cx.form == Form::H5).unwrap_or(class);
        return Ok(wrapped(cx, module, class, out, registered.map_or(Value::Null, Value::from)));
    }
    if optimizer::only_keras3(class) {
        let what = format!("the optimizer {class}, which tf_keras does not have,");
        return Err(cx.unsupported(place, what, "write the Keras 3 dialect"));
    }
    if out.get("name").and_then(Value::as_str) == Some(&snake_case(class)) {
        out.insert("name".into(), class.into());
    }
    for key in KERAS3_ONLY {
        if let Some(value) = out.shift_remove(key).filter(|v| !v.is_null()) {
            let what = format!("`{key}` = {value}, which tf_keras does not have,");
            return Err(cx.unsupported(place, what, "write the Keras 3 dialect"));
        }
    }
    if class == "LossScaleOptimizer" {
        out.shift_remove("name");
        out.entry("dynamic").or_insert(json!(true));
        let module = "tf_keras.src.mixed_precision.loss_scale_optimizer";
        return Ok(wrapped(cx, module.into(), "LossScaleOptimizerV3", out, "LossScaleOptimizerV3".into()));
    }
    if older {
        return older_optimizer(cx, place, class, out);
    }
    out.insert("jit_compile".into(), json!(false));
    out.insert("is_legacy_optimizer".into(), json!(false));
    if cx.form == Form::H5 {
        return Ok(json!({"class_name": format!("Custom>{class}"), "config": out}));
    }
    Ok(wrapped(cx, module, class, out, Value::Null))
}

/// The config of an optimizer of before TensorFlow 2.11 (`tf_keras.optimizers.legacy`): without what came later, and with a `decay`.
fn older_optimizer(
    cx: &Context<'_>,
    place: &str,
    class: &str,
    mut config: Map<String, Value>,
) -> Result<Value, Error> {
    config.shift_remove("ema_momentum");
    config.shift_remove("ema_overwrite_frequency");
    for key in ["weight_decay", "use_ema", ADAPTIVE] {
        if let Some(value) = config.shift_remove(key).filter(|v| !v.is_null() && *v != json!(false)) {
            let what =
                format!("`{key}` = {value}, which an optimizer of before TensorFlow 2.11 does not have,");
            return Err(cx.unsupported(place, what, "compile the model with one of today"));
        }
    }
    config.retain(|_, value| !value.is_null());
    let rate = config.get("learning_rate").cloned().unwrap_or_default();
    let of = |key: &str| rate.pointer(&format!("/config/{key}")).cloned();
    let by_steps = rate.get("class_name").is_some_and(|class| class == "InverseTimeDecay")
        && of("decay_steps").and_then(|steps| steps.as_f64()) == Some(1.0)
        && of("staircase") != Some(json!(true));
    if class == "Nadam" {
        let decay = config.shift_remove("schedule_decay").unwrap_or(json!(0.004));
        config.insert("decay".into(), decay);
    } else if let (true, Some(first), Some(decay)) = (by_steps, of("initial_learning_rate"), of("decay_rate"))
    {
        config.insert("learning_rate".into(), first);
        config.insert("decay".into(), decay);
    } else {
        config.insert("decay".into(), json!(0.0));
    }
    let mut out = Map::new();
    out.extend((cx.form != Form::H5).then(|| ("module".to_owned(), json!("keras.optimizers.legacy"))));
    out.insert("class_name".into(), class.into());
    out.insert("config".into(), config.into());
    out.extend((cx.form != Form::H5).then(|| ("registered_name".to_owned(), Value::Null)));
    Ok(Value::Object(out))
}

fn wrapped(
    cx: &Context<'_>,
    module: Value,
    class: &str,
    config: Map<String, Value>,
    registered: Value,
) -> Value {
    // Without its module, a class of no package reads as Keras' own of that name.
    let own = || module.as_str().is_some_and(|module| identity::part(module).is_some());
    match (cx.form, registered.as_str()) {
        (Form::H5, None) => json!({"class_name": class, "config": config}),
        (Form::H5, Some(name)) if name.contains('>') || own() => {
            json!({"class_name": class, "config": config})
        }
        _ => json!({
            "module": module, "class_name": class, "config": config, "registered_name": registered,
        }),
    }
}
