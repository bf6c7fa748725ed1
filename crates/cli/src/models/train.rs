//! `train`.

use std::io::IsTerminal;

use rhyton::persist;
use rhyton::persist::formats::Format;
use rhyton::prelude::*;

use super::save::{Saver, target, without_fields};
use super::stop::Stop;
use super::{compile, data, device, pair};
use crate::arguments::{self, Servers, Watch};
use crate::{Failure, note, say};

pub fn train(arguments: &arguments::Train, servers: &Servers) -> Result<(), Failure> {
    let (run, watch) = (&arguments.run, &arguments.watch);
    rhyton::saving::set_warnings(!arguments.quiet);
    // What cannot be saved is not trained, and what the options alone show is said before anything is read.
    let path = servers.reach(&arguments.output);
    let format = target(&path)?;
    check(watch)?;
    let best = watch.save_best.as_ref().map(|best| template(best, servers)).transpose()?;
    let every = watch.checkpoint.as_ref().map(|every| template(every, servers)).transpose()?;
    let mut history = watch.history.as_ref().map(|h| HistoryLogger::new(servers.reach(h))).transpose()?;

    let (mut model, dialect) = compile::trainable(run, &arguments.compile, servers, arguments.quiet)?;
    let saver = Saver { dialect };
    // A target that cannot hold the model is known before the first step, unless the first data build the model.
    if model.is_built() {
        let snapshot = model.snapshot()?;
        saver.check(&snapshot, &path, format)?;
        for (template, format) in best.iter().chain(&every) {
            saver.check(&snapshot, &without_fields(template), format)?;
        }
    }
    let (inputs, outputs) = (model.input_names(), model.output_names());
    let mut files = vec![
        ("--inputs", run.inputs.as_slice(), inputs.as_slice()),
        ("--targets", arguments.targets.as_slice(), outputs.as_slice()),
    ];
    if !watch.validation_inputs.is_empty() {
        files.push(("--validation-inputs", &watch.validation_inputs, &inputs));
        files.push(("--validation-targets", &watch.validation_targets, &outputs));
    }
    let mut data = data(&files, servers)?;
    let validation = data.split_off(2);
    let [x, y] = pair(data);
    model.to(&device(run.device.as_deref())?)?;
    if let Some(seed) = arguments.seed {
        let (_, steps) = model.random_state();
        model.set_random_state(seed, steps);
    }

    persist::commit::create_folder(path.folder())?;

    let monitor = watch.monitor.as_deref().unwrap_or(MONITOR);
    let mode = watch.mode.as_deref().unwrap_or("auto");
    let checkpoint = |(path, format): (Location, &Format)| {
        ModelCheckpoint::new(path).save_weights_only(!format.whole_model).options(saver.options(format))
    };
    let mut every = every.map(checkpoint);
    let best = best.map(checkpoint);
    let mut best = best.map(|c| c.save_best_only(true).monitor(monitor).mode(mode));
    let early = |patience| {
        EarlyStopping::new().patience(patience).monitor(monitor).mode(mode).verbose((!arguments.quiet).into())
    };
    let mut early =
        watch.early_stopping.map(early).map(|e| e.restore_best_weights(watch.restore_best_weights));
    let mut logged = Logged { name: (best.is_some() || early.is_some()).then_some(monitor), missing: None };
    let stop = Stop::listen();
    let asked = stop.clone();
    let mut stopping = StopWhen::new(move || asked.code().is_some());
    let mut callbacks: Vec<&mut dyn Callback> = vec![&mut logged, &mut stopping];
    callbacks.extend(history.as_mut().map(|c| c as &mut dyn Callback));
    callbacks.extend(every.as_mut().map(|c| c as &mut dyn Callback));
    callbacks.extend(best.as_mut().map(|c| c as &mut dyn Callback));
    callbacks.extend(early.as_mut().map(|c| c as &mut dyn Callback));

    let before = model.iterations();
    let done = arguments.initial_epoch.unwrap_or(model.finished_epochs());
    let mut fit = model
        .fit(x, y)
        .initial_epoch(done)
        .epochs(done.saturating_add(arguments.epochs))
        .batch_size(run.batch_size)
        .shuffle(!arguments.no_shuffle)
        .verbose(match (arguments.quiet, std::io::stdout().is_terminal()) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        })
        .callbacks(callbacks);
    if !validation.is_empty() {
        let [x, y] = pair(validation);
        fit = fit.validation_data(x, y);
    }
    if let Some(share) = watch.validation_split {
        fit = fit.validation_split(share);
    }
    if arguments.no_dropout {
        fit = fit.no_dropout();
    }
    if let Some(steps) = arguments.steps {
        fit = fit.steps(steps);
    }
    let trained = fit.run();
    if let Some(missing) = logged.missing {
        return Err(Failure::Usage(missing));
    }
    let stopped = stop.code();
    let steps = model.iterations();
    if let (Some(code), true) = (stopped, steps == before && trained.is_ok()) {
        note("stopped before the first step; nothing was saved");
        return Err(Failure::Stopped(code));
    }
    let trained = match trained {
        Err(error) if steps == before => return Err(error.into()),
        other => other,
    };
    if stopped.is_some() && !arguments.quiet {
        note(&format!("stopped after step {steps}; saving to {path}"));
    }
    if let Err(error) = saver.save(&model, &path, format) {
        // The command ends with one error; the other one is said.
        if let (Err(_), Some(text)) = (&trained, error.text()) {
            note(&format!("cannot save what was trained: {text}"));
        }
        saver.rescue(&model, &path, format);
        trained?;
        return Err(error);
    }
    // Whether anybody reads that is less than how training ended.
    let said = if arguments.quiet { Ok(()) } else { say(&format!("{path}: step {steps}")) };
    trained?;
    stopped.map_or(said, |code| Err(Failure::Stopped(code)))
}

/// Names what Keras' callbacks monitor by default.
const MONITOR: &str = "val_loss";

/// Refuses options that need others.
fn check(watch: &Watch) -> Result<(), Failure> {
    let watcher = match (&watch.save_best, watch.early_stopping) {
        (Some(_), _) => "--save-best",
        (None, Some(_)) => "--early-stopping",
        (None, None) if watch.monitor.is_some() || watch.mode.is_some() => {
            return Err(Failure::Usage(
                "--monitor and --mode are for --save-best and --early-stopping; give one of them".into(),
            ));
        }
        (None, None) => return Ok(()),
    };
    let monitor = watch.monitor.as_deref().unwrap_or(MONITOR);
    let validates =
        !watch.validation_inputs.is_empty() || watch.validation_split.is_some_and(|share| share > 0.0);
    if monitor.starts_with("val_") && !validates {
        return Err(Failure::Usage(format!(
            "{watcher} looks at {monitor}, but nothing is validated on; give --validation-inputs and --validation-targets, or --validation-split, \
             or --monitor loss"
        )));
    }
    Ok(())
}

/// A template of checkpoints, and the format that its name means.
fn template(template: &Location, servers: &Servers) -> Result<(Location, &'static Format), Failure> {
    Ok((servers.reach(template), target(&without_fields(template))?))
}

/// Looks before the first step whether the monitored value will be logged.
struct Logged<'a> {
    name: Option<&'a str>,
    missing: Option<String>,
}

impl Callback for Logged<'_> {
    fn name(&self) -> String {
        "--monitor".into()
    }

    fn on_train_begin(&mut self, control: &mut Control) -> CallbackResult {
        let Some(name) = self.name.filter(|name| !control.log_names.iter().any(|n| n == name)) else {
            return Ok(());
        };
        let missing = format!(
            "--monitor: nothing that is logged is called `{name}`; there are {}",
            control.log_names.join(", ")
        );
        self.missing = Some(missing.clone());
        Err(missing.into())
    }
}
