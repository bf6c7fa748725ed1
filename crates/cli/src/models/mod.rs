//! `predict`, `evaluate`, `train` and `plan`: models that are run, or planned.

mod compile;
mod predict;
mod save;
mod stop;
mod train;

use rhyton::datasets::arrays::{self, Source};
use rhyton::persist::shown;
use rhyton::plan::Caps;
use rhyton::prelude::*;
use rhyton::saving::{LoadWeightsOptions, checkpoint_at, load_model_and_dialect};
use rhyton::train::Data;
use serde_json::{Map, Value};

pub use predict::predict;
pub use train::train;

use crate::arguments::{self, Compile, Run, Servers};
use crate::{Failure, print, print_json, say};

fn device(name: Option<&str>) -> Result<Device, Failure> {
    Ok(match name {
        Some(name) => Device::named(name, "asked for")?,
        None => Device::best()?,
    })
}

/// A model, without how it was compiled where nobody asks for that; and the dialect of its file.
fn loaded(path: Location, compile: bool) -> Result<(Model, Option<Dialect>), Failure> {
    let shown = path.to_string();
    let options = LoadOptions { without_compile: !compile, ..LoadOptions::default() };
    load_model_and_dialect(path, &options).map_err(|error| Failure::Of(shown, error))
}

/// The model with its weights; on no device yet.
fn model(run: &Run, servers: &Servers, compile: bool) -> Result<Model, Failure> {
    let (mut model, _) = loaded(servers.reach(&run.model), compile)?;
    load_weights(&mut model, run, servers)?;
    Ok(model)
}

/// Loads the weights that replace the model's.
fn load_weights(model: &mut Model, run: &Run, servers: &Servers) -> Result<(), Failure> {
    if let Some(weights) = &run.weights {
        let options = LoadWeightsOptions { by_name: run.by_name, skip_mismatch: run.skip_mismatch };
        model.load_weights_with(checkpoint_at(servers.reach(weights))?, &options)?;
    }
    Ok(())
}

/// Files of arrays as the command line names them; `names` are those of the model's inputs or outputs.
fn sources(texts: &[String], names: &[String], servers: &Servers) -> Vec<Source> {
    let reached = |source: Source| Source { place: servers.reach(&source.place), ..source };
    texts.iter().map(|text| reached(Source::parse(text, names))).collect()
}

/// Files of inputs or targets: their number and names are checked first, then all of them are read.
fn data(
    files: &[(&str, &[String], &[String])],
    servers: &Servers,
) -> Result<Vec<Vec<Data<'static>>>, Failure> {
    let wanted: Vec<_> = files
        .iter()
        .map(|(option, texts, names)| (*option, sources(texts, names, servers), *names))
        .collect();
    for (option, sources, names) in &wanted {
        arrays::check(sources, names, option)?;
    }
    wanted.iter().map(|(option, sources, names)| Ok(arrays::load(sources, names, option)?)).collect()
}

fn compiled(model: &Model, path: &Location) -> Result<(), Failure> {
    if model.is_compiled() {
        return Ok(());
    }
    if let Some(kept) = model.kept() {
        return Err(kept.why.clone().into());
    }
    let advice = "`train` and `evaluate` take one: --loss";
    Err(Failure::Usage(format!("{path}: the model was not compiled, so it has no loss; {advice}")))
}

pub fn evaluate(arguments: &arguments::Evaluate, servers: &Servers) -> Result<(), Failure> {
    let run = &arguments.run;
    let mut model = model(run, servers, true)?;
    let losses = Compile { losses: arguments.losses.clone(), ..Compile::default() };
    compile::apply(&losses, &mut model, &run.model, true)?;
    let (inputs, outputs) = (model.input_names(), model.output_names());
    let data =
        data(&[("--inputs", &run.inputs, &inputs), ("--targets", &arguments.targets, &outputs)], servers)?;
    let [x, y] = pair(data);
    model.to(&device(run.device.as_deref())?)?;
    let logs = model.evaluate(x, y).batch_size(run.batch_size).verbose(0).run()?;
    if arguments.json {
        let values: Map<String, Value> =
            logs.0.iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
        return print_json(&values.into());
    }
    say(&logs.to_string())
}

/// Inputs and targets, the first two of a list.
fn pair(data: Vec<Vec<Data<'static>>>) -> [Vec<Data<'static>>; 2] {
    let mut data = data.into_iter();
    [data.next().unwrap_or_default(), data.next().unwrap_or_default()]
}

pub fn plan(arguments: &arguments::Plan, servers: &Servers) -> Result<(), Failure> {
    let (mut model, _) = loaded(servers.reach(&arguments.model), arguments.train)?;
    let caps = Caps::portable();
    let plan = if arguments.train {
        compiled(&model, &arguments.model)?;
        model.plan_training(arguments.batch_size, &caps)?
    } else {
        model.plan_prediction(arguments.batch_size, &caps)?
    };
    print(&plan.report().lines().map(|line| format!("{}\n", shown::plain(line))).collect::<String>())
}
