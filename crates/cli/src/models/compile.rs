//! The options that compile a model.

use rhyton::persist::convert::optimizer_class;
use rhyton::prelude::*;
use rhyton::saving::{Recompile, recompile};
use serde_json::{Map, Value, json};

use super::{load_weights, loaded};
use crate::arguments::{Compile, Run, Servers};
use crate::{Failure, note};

/// Keras' default of `compile`.
const OPTIMIZER: &str = "rmsprop";

/// Compiles the model as the options say; what they do not say stays as the file has it. `quiet`: says nothing of what starts anew.
pub fn apply(options: &Compile, model: &mut Model, path: &Location, quiet: bool) -> Result<(), Failure> {
    let names = model.output_names();
    let parts = |option: &str, text: &Option<String>| {
        text.as_deref().map(|text| by_output(option, text, &names)).transpose()
    };
    let changes = Recompile {
        optimizer: options.optimizer.as_deref().map(|text| spec("--optimizer", text)).transpose()?,
        loss: parts("--loss", &options.losses.loss)?.map(one_each).transpose()?,
        metrics: parts("--metrics", &options.losses.metrics)?.map(lists),
    };
    let wrong = |error: rhyton::Error| match &error {
        // Said by the file: nobody typed it.
        rhyton::Error::Unknown { name, .. } if !options.say(name) => Failure::Of(path.to_string(), error),
        _ => Failure::Usage(error.to_string()),
    };
    if is_new(model) {
        let Recompile { optimizer, loss, metrics } = changes;
        let Some(loss) = loss else { return super::compiled(model, path) };
        let (optimizer, metrics) = (optimizer.unwrap_or(OPTIMIZER.into()), metrics.unwrap_or_default());
        return model.compile_config(&optimizer, &loss, &metrics, &Value::Null, &Value::Null).map_err(wrong);
    }
    if changes == Recompile::default() {
        return super::compiled(model, path);
    }
    let left_out = recompile(model, &changes).map_err(wrong)?;
    if let (Some(steps), false) = (left_out, quiet) {
        note(&format!("--optimizer: the state of the old optimizer (step {steps}) is left out"));
    }
    Ok(())
}

/// The model to train, with its weights and compiled as the options say, on no device yet; and the dialect of its file.
pub fn trainable(
    run: &Run,
    options: &Compile,
    servers: &Servers,
    quiet: bool,
) -> Result<(Model, Option<Dialect>), Failure> {
    let (mut model, dialect) = loaded(servers.reach(&run.model), true)?;
    // The optimizer of a model that has one goes on with the state that the weights bring, or makes room for another.
    let new = is_new(&model);
    if !new {
        load_weights(&mut model, run, servers)?;
    }
    apply(options, &mut model, &run.model, quiet)?;
    if let (true, Some(weights)) = (new, &run.weights) {
        let chosen = model.compiled()?.optimizer.spec();
        load_weights(&mut model, run, servers)?;
        if model.compiled()?.optimizer.usable().is_err() {
            let class = optimizer_class(&chosen);
            let steps =
                recompile(&mut model, &Recompile { optimizer: Some(chosen), ..Recompile::default() })?;
            if !quiet {
                let steps = steps.map_or(String::new(), |steps| format!(" (step {steps})"));
                note(&format!("{weights}: the optimizer's state{steps} is none of {class} and is left out"));
            }
        }
    }
    if !new && options.optimizer.is_none() {
        start_anew(&mut model, &run.model, quiet)?;
    }
    set_rate(options, &mut model)?;
    Ok((model, dialect))
}

/// Lets an optimizer begin anew where the state that the file has of it is not one of this model, and says so, as Keras does. One that cannot be made stays
/// as it is: training says why it cannot be.
fn start_anew(model: &mut Model, path: &Location, quiet: bool) -> Result<(), Failure> {
    let Ok(compiled) = model.compiled() else { return Ok(()) };
    let optimizer = &compiled.optimizer;
    let (Err(why), spec) = (optimizer.usable(), optimizer.spec()) else { return Ok(()) };
    let Ok(steps) = recompile(model, &Recompile { optimizer: Some(spec), ..Recompile::default() }) else {
        return Ok(());
    };
    if !quiet {
        let steps = steps.map_or(String::new(), |steps| format!(" (step {steps})"));
        note(&format!("{path}: the optimizer begins anew, without its state{steps}: {why}"));
    }
    Ok(())
}

/// Returns whether nobody ever compiled the model.
fn is_new(model: &Model) -> bool {
    !model.is_compiled() && model.kept().is_none()
}

/// Sets the learning rate that the options say, which a state may have brought another one for.
fn set_rate(options: &Compile, model: &mut Model) -> Result<(), Failure> {
    let wrong = |error| Failure::Usage(format!("--learning-rate: {error}"));
    if let Some(rate) = options.learning_rate {
        return model.set_learning_rate(rate).map_err(wrong);
    }
    let chosen = options.optimizer.as_deref().map(|text| spec("--optimizer", text)).transpose()?;
    let rate = chosen.as_ref().and_then(|chosen| chosen.pointer("/config/learning_rate")?.as_f64());
    rate.map_or(Ok(()), |rate| model.set_learning_rate(rate as f32).map_err(wrong))
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
        Some((output, _)) if outputs.iter().filter(|o| *o == output).count() > 1 => Err(Failure::Usage(
            format!("{option}: several outputs are named `{output}`; give JSON: a list, one for each output"),
        )),
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
fn one_each(parts: Parts) -> Result<Value, Failure> {
    Ok(match parts {
        Parts::Whole(value) => value,
        Parts::List(list) => match <[Value; 1]>::try_from(list) {
            Ok([one]) => one,
            Err(list) => list.into(),
        },
        Parts::Named(named) => {
            let mut out: Map<String, Value> = Map::new();
            for (output, loss) in named {
                let twice = format!("--loss: output `{output}` is named twice");
                if out.insert(output, loss).is_some() {
                    return Err(Failure::Usage(twice));
                }
            }
            out.into()
        }
    })
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
