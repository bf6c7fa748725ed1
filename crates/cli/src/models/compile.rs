//! The options that compile a model.

use rhyton::prelude::*;
use serde_json::{Map, Value, json};

use crate::arguments::Compile;
use crate::{Failure, note};

/// Keras' default of `compile`.
const OPTIMIZER: &str = "rmsprop";

/// Compiles the model as the options say; what they do not say stays as the file has it. `quiet`: says nothing of what starts anew.
pub fn apply(options: &Compile, model: &mut Model, path: &Location, quiet: bool) -> Result<(), Failure> {
    let names = model.output_names();
    let loss = options.losses.loss.as_deref().map(|text| by_output("--loss", text, &names)).transpose()?;
    let loss = loss.map(one_each);
    let metrics =
        options.losses.metrics.as_deref().map(|text| by_output("--metrics", text, &names)).transpose()?;
    let metrics = metrics.map(lists);
    let optimizer = options.optimizer.as_deref().map(|text| spec("--optimizer", text)).transpose()?;
    let usage = |error: rhyton::Error| Failure::Usage(error.to_string());
    match model.compiled().ok().map(|compiled| compiled.config.clone()) {
        None => {
            let Some(loss) = loss else {
                return super::compiled(model, path);
            };
            let optimizer = optimizer.unwrap_or_else(|| json!(OPTIMIZER));
            let metrics = metrics.unwrap_or_default();
            model.compile_config(&optimizer, &loss, &metrics, &Value::Null, &Value::Null).map_err(usage)?;
        }
        Some(old) => {
            let (loss, metrics) = (loss.unwrap_or(old.loss.clone()), metrics.unwrap_or(old.metrics.clone()));
            let (weights, weighted) = (&old.loss_weights, &old.weighted_metrics);
            match optimizer {
                Some(optimizer) => {
                    let steps = model.iterations();
                    model.compile_config(&optimizer, &loss, &metrics, weights, weighted).map_err(usage)?;
                    model.compiled_mut()?.config.other.clone_from(&old.other);
                    if steps > 0 && !quiet {
                        note(&format!(
                            "--optimizer: the state of the old optimizer (step {steps}) is left out"
                        ));
                    }
                }
                None if loss != old.loss || metrics != old.metrics => {
                    model.recompile_config(&loss, &metrics, weights, weighted).map_err(usage)?;
                }
                None => {}
            }
        }
    }
    if let Some(rate) = options.learning_rate {
        model.set_learning_rate(rate).map_err(|e| Failure::Usage(format!("--learning-rate: {e}")))?;
    }
    Ok(())
}

/// A name, or JSON.
fn spec(option: &str, text: &str) -> Result<Value, Failure> {
    match text.trim_start().starts_with(['{', '[']) {
        true => serde_json::from_str(text)
            .map_err(|e| Failure::Usage(format!("{option}: the JSON is wrong: {e}"))),
        false => Ok(text.trim().into()),
    }
}

/// Describes what an option says: JSON, names for all, or names by output.
enum Parts {
    Whole(Value),
    List(Vec<Value>),
    Named(Vec<(String, Value)>),
}

fn by_output(option: &str, text: &str, outputs: &[String]) -> Result<Parts, Failure> {
    if let whole @ (Value::Object(_) | Value::Array(_)) = spec(option, text)? {
        return Ok(Parts::Whole(whole));
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(Failure::Usage(format!("{option}: a name is empty in `{text}`")));
    }
    if !text.contains('=') {
        return Ok(Parts::List(parts.into_iter().map(Value::from).collect()));
    }
    let named = parts.into_iter().map(|part| match part.split_once('=') {
        Some((output, name)) if outputs.iter().any(|o| o == output) => Ok((output.to_owned(), name.into())),
        Some((output, _)) => {
            let there = outputs.join(", ");
            Err(Failure::Usage(format!("{option}: the model has no output `{output}`; it has {there}")))
        }
        None => Err(Failure::Usage(format!("{option}: `{part}` is for no output; write OUTPUT={part}"))),
    });
    Ok(Parts::Named(named.collect::<Result<_, _>>()?))
}

/// As `compile(loss=...)` takes it: one for each output.
fn one_each(parts: Parts) -> Value {
    match parts {
        Parts::Whole(value) => value,
        Parts::List(list) => match <[Value; 1]>::try_from(list) {
            Ok([one]) => one,
            Err(list) => list.into(),
        },
        Parts::Named(named) => Value::Object(named.into_iter().collect()),
    }
}

/// As `compile(metrics=...)` takes them: any number for each output.
fn lists(parts: Parts) -> Value {
    match parts {
        Parts::Whole(value @ Value::Object(_)) if value.get("class_name").is_some() => {
            Value::Array(vec![value])
        }
        Parts::Whole(value) => value,
        Parts::List(list) => list.into(),
        Parts::Named(named) => {
            let mut out: Map<String, Value> = Map::new();
            for (output, metric) in named {
                if let Some(list) = out.entry(output).or_insert_with(|| json!([])).as_array_mut() {
                    list.push(metric);
                }
            }
            Value::Object(out)
        }
    }
}
