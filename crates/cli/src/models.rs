//! `predict`, `evaluate`, `train` and `plan`: models that are run, or planned.

use std::io::IsTerminal;
use std::path::Path;

use rhyton::datasets::npy;
use rhyton::persist;
use rhyton::persist::formats::{self, Format};
use rhyton::plan::Caps;
use rhyton::prelude::*;
use rhyton::train::Data;
use serde_json::{Map, Value};

use crate::arguments::{self, Run, Servers};
use crate::{Failure, note, print, print_json};

fn device(name: Option<&str>) -> Result<Device, Failure> {
    Ok(match name {
        Some(name) => Device::named(name, "asked for")?,
        None => Device::best()?,
    })
}

/// The model, on its device, with its inputs.
fn ready(run: &Run, servers: &Servers) -> Result<(Model, Vec<Data<'static>>), Failure> {
    let inputs = arrays(&servers.reach_all(&run.inputs))?;
    let mut model = load_model(servers.reach(&run.model))?;
    if let Some(weights) = &run.weights {
        model.load_weights(servers.reach(weights))?;
    }
    let (takes, _) = model.arity();
    if model.is_built() && takes != inputs.len() {
        return Err(count("--inputs", inputs.len(), takes, "inputs"));
    }
    model.to(&device(run.device.as_deref())?)?;
    Ok((model, inputs))
}

fn arrays(paths: &[Location]) -> Result<Vec<Data<'static>>, Failure> {
    paths.iter().map(|path| Ok(npy::load_data(path)?)).collect()
}

fn count(option: &str, given: usize, wanted: usize, what: &str) -> Failure {
    Failure::Usage(format!("{option} names {given} files, but the model has {wanted} {what}"))
}

fn compiled(model: &Model, path: &Location) -> Result<(), Failure> {
    if model.is_compiled() {
        return Ok(());
    }
    Err(Failure::Usage(format!("{path}: the model was not compiled, so it has no loss; save it compiled")))
}

fn targets(model: &Model, paths: &[Location]) -> Result<Vec<Data<'static>>, Failure> {
    let targets = arrays(paths)?;
    match model.arity().1 {
        wanted if model.is_built() && wanted != targets.len() => {
            Err(count("--targets", targets.len(), wanted, "outputs"))
        }
        _ => Ok(targets),
    }
}

pub fn predict(arguments: &arguments::Predict, servers: &Servers) -> Result<(), Failure> {
    let (mut model, inputs) = ready(&arguments.run, servers)?;
    let (_, gives) = model.arity();
    if model.is_built() && gives != arguments.output.len() {
        return Err(count("--output", arguments.output.len(), gives, "outputs"));
    }
    let predictions = model.predict(inputs).batch_size(arguments.run.batch_size).verbose(0).run_all()?;
    if predictions.len() != arguments.output.len() {
        return Err(count("--output", arguments.output.len(), predictions.len(), "outputs"));
    }
    let dtypes = model.output_dtypes();
    for ((path, prediction), dtype) in
        servers.reach_all(&arguments.output).iter().zip(&predictions).zip(dtypes)
    {
        npy::save_as(path, prediction, dtype)?;
        print(&format!("{path}: {} {:?}\n", dtype.name(), prediction.shape()))?;
    }
    Ok(())
}

pub fn evaluate(arguments: &arguments::Evaluate, servers: &Servers) -> Result<(), Failure> {
    let (mut model, inputs) = ready(&arguments.run, servers)?;
    compiled(&model, &arguments.run.model)?;
    let targets = targets(&model, &servers.reach_all(&arguments.targets))?;
    let logs = model.evaluate(inputs, targets).batch_size(arguments.run.batch_size).verbose(0).run()?;
    if arguments.json {
        let values: Map<String, Value> =
            logs.0.iter().map(|(name, value)| (name.clone(), (*value).into())).collect();
        return print_json(&values.into());
    }
    print(&format!("{logs}\n"))
}

pub fn train(arguments: &arguments::Train, servers: &Servers) -> Result<(), Failure> {
    // What cannot be saved is not trained.
    let path = servers.reach(&arguments.output);
    let output = target(&path)?;
    if path.is_remote() {
        persist::commit::create_folder(path.folder())?;
    }
    let dialect = persist::open(servers.reach(&arguments.run.model), None)?.dialect;
    let options = |format: &Format| SaveOptions {
        format: Some(format.name.into()),
        // The library that wrote the model can read what becomes of it.
        dialect: dialect.filter(|dialect| format.dialects.contains(dialect)),
        ..SaveOptions::default()
    };
    let (mut model, inputs) = ready(&arguments.run, servers)?;
    compiled(&model, &arguments.run.model)?;
    let targets = targets(&model, &servers.reach_all(&arguments.targets))?;
    if let Some(seed) = arguments.seed {
        let (_, steps) = model.random_state();
        model.set_random_state(seed, steps);
    }
    // A target that cannot hold the model is known before the first step.
    if model.is_built() {
        match output.whole_model {
            true => model.check_save(&path, &options(output))?,
            false => model.check_save_weights(&path, &options(output))?,
        }
    }
    let before = model.iterations();
    let mut checkpoint = None;
    if let Some(template) = &arguments.checkpoint {
        let format = target(&without_fields(template))?;
        let callback = ModelCheckpoint::new(servers.reach(template)).save_weights_only(!format.whole_model);
        checkpoint = Some(callback.options(options(format)));
    }
    let mut fit = model
        .fit(inputs, targets)
        .epochs(arguments.epochs)
        .batch_size(arguments.run.batch_size)
        .shuffle(!arguments.no_shuffle)
        .validation_split(arguments.validation_split)
        .verbose(if std::io::stdout().is_terminal() { 1 } else { 2 });
    if let Some(checkpoint) = &mut checkpoint {
        fit = fit.callbacks([checkpoint]);
    }
    if arguments.no_dropout {
        fit = fit.no_dropout();
    }
    if let Some(steps) = arguments.steps {
        fit = fit.steps(steps);
    }
    let trained = fit.run();
    let save = |path: &Location| match output.whole_model {
        true => model.save_with(path, &options(output)),
        false => model.save_weights_with(path, &options(output)),
    };
    let done = trained.map_err(Failure::from).and_then(|_| Ok(save(&path)?));
    if done.is_err() && model.iterations() > before {
        // A server that is away is no reason to lose what was trained.
        let goes_there = path.is_remote() || arguments.checkpoint.as_ref().is_some_and(Location::is_remote);
        let here = spare(&path).filter(|_| goes_there);
        if let Some(here) = here.filter(|here| save(here).is_ok()) {
            note(&format!("what was trained is here instead: {here}"));
        }
    }
    done?;
    print(&format!("{path}: step {}\n", model.iterations()))
}

/// A place in the current folder for what cannot go where it should: its name, or the next one that is free.
fn spare(path: &Location) -> Option<Location> {
    let name = path.file_name()?;
    let stem_end = name.find('.').filter(|at| *at > 0).unwrap_or(name.len());
    let (stem, ending) = name.split_at(stem_end);
    let names = std::iter::once(name.to_string()).chain((2..1000).map(|k| format!("{stem}-{k}{ending}")));
    // A checkpoint's name is that of its index.
    let is_free = |name: &String| !Path::new(name).exists() && !Path::new(&format!("{name}.index")).exists();
    names.filter(is_free).map(Location::new).next()
}

/// The format that a name means.
fn target(path: &Location) -> Result<&'static Format, Failure> {
    Ok(formats::for_writing(path, None, true)?)
}

/// A template with a number for each `{field:format}`, whose dots are no endings.
fn without_fields(template: &Location) -> Location {
    let text = template.to_string();
    let plain = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    Location::new(plain.collect::<Vec<_>>().join("0"))
}

pub fn plan(arguments: &arguments::Plan, servers: &Servers) -> Result<(), Failure> {
    let mut model = load_model(servers.reach(&arguments.model))?;
    let caps = Caps::portable();
    let plan = if arguments.train {
        compiled(&model, &arguments.model)?;
        model.plan_training(arguments.batch_size, &caps)?
    } else {
        model.plan_prediction(arguments.batch_size, &caps)?
    };
    print(&plan.report())
}
