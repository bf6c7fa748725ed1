//! How a model of a file was compiled: what can go on here goes on, the rest is kept for who saves it again.

use std::sync::Arc;

use rhyton_engine::optimizers::{OptimizerSpec, Unusable};
use rhyton_engine::train::{Kept, Model, Snapshot};
use rhyton_persist::convert::{optimizer_class, optimizer_state};
use rhyton_persist::tree::{CompileConfig, OptimizerState, SavedFile, StateData};
use rhyton_persist::{Error as FileError, Location};

use super::from_tree;
use crate::Error;

/// Describes what a model keeps of its file: in [`Kept::data`].
pub(super) struct Training {
    /// Says how it was compiled, where that was read and not done as it says.
    pub(super) compile: Option<CompileConfig>,
    /// The state of its optimizer.
    pub(super) state: Option<OptimizerState>,
    /// Says why there is none, though the file has one.
    pub(super) dropped: Option<String>,
    /// Number of variables that training changed when the state was read.
    trained: usize,
}

impl Training {
    /// The state for a model that now trains this many variables.
    pub(super) fn state(&self, trained: usize) -> Option<OptimizerState> {
        let mut state = self.state.clone()?;
        if trained != self.trained && state.data.is_none() {
            let why = format!("it is of {} variables, and {trained} are trained now", self.trained);
            state.data = Some(StateData { why, dialect: None });
            state.slots.iter_mut().for_each(|slot| slot.of = None);
        }
        Some(state)
    }
}

/// Compiles a model as its file says. Where something is not known it is compiled as far as evaluating it needs, or not at all.
pub(super) fn compile(model: &mut Model, config: &CompileConfig, path: &Location) {
    let optimizer = OptimizerSpec::Config(config.optimizer.clone());
    let Err(why) = compile_with(model, config, optimizer) else { return };
    let unusable = Unusable::new(config.optimizer.clone(), cannot(path, why.clone()));
    let why = match compile_with(model, config, OptimizerSpec::Object(Box::new(unusable))) {
        Ok(()) => why,
        // Losses or metrics.
        Err(why) => why,
    };
    keep(model, Some(config.clone()), cannot(path, why));
}

fn compile_with(model: &mut Model, config: &CompileConfig, optimizer: OptimizerSpec) -> Result<(), Error> {
    model.compile_config_for(
        optimizer,
        &config.loss,
        &config.metrics,
        &config.loss_weights,
        &config.weighted_metrics,
    )?;
    // What the engine has no use for goes with the model.
    model.compiled_mut()?.config.other.clone_from(&config.other);
    Ok(())
}

/// Returns what training says of a file's training that cannot go on.
fn cannot(path: &Location, why: Error) -> Error {
    match why {
        Error::Unknown { kind, name, advice } => Error::Unknown {
            kind,
            name,
            advice: format!("{advice}; or compile the model again with another"),
        },
        other => Error::State {
            what: format!(
                "{path}: the model cannot be trained as it was: {other}; compiled again it can, with its weights"
            ),
        },
    }
}

fn keep(model: &mut Model, compile: Option<CompileConfig>, why: Error) {
    let training = Training { compile, state: None, dropped: None, trained: 0 };
    model.keep(Kept { why, data: Arc::new(training) });
}

/// The training that a model keeps.
pub(super) fn kept(kept: Option<&Kept>) -> Option<Arc<Training>> {
    kept.and_then(|kept| kept.data.clone().downcast().ok())
}

/// A state as a file holds it, or why it cannot be understood.
pub(super) type Found = Result<Option<OptimizerState>, String>;

/// Reads the state of the optimizer that a model has, or had in its file. `others`: the file may be of a model that was compiled otherwise.
///
/// # Errors
/// The file is damaged.
pub(super) fn state(model: &Model, file: &SavedFile, others: bool) -> Result<Found, Error> {
    let wanted = |compile: &CompileConfig| optimizer_class(&compile.optimizer);
    let class = match (kept(model.kept()).as_ref().and_then(|kept| kept.compile.as_ref()), model.compiled()) {
        (Some(compile), _) => wanted(compile),
        (None, Ok(compiled)) => compiled.optimizer.class_name().into(),
        (None, Err(_)) => return Ok(Ok(None)),
    };
    // Weights of a model that was trained otherwise: its optimizer is none of this one's business.
    if others && file.compile.as_ref().is_some_and(|compile| wanted(compile) != class) {
        return Ok(Ok(None));
    }
    match optimizer_state(file, &class, &from_tree::trainable(model)) {
        Ok(state) => Ok(Ok(state)),
        Err(FileError::Mismatch { mismatches, .. }) => Ok(Err(mismatches.join("; "))),
        Err(other) => Err(other.into()),
    }
}

/// Puts a state into the model's optimizer, or keeps it. True where the optimizer goes on from there.
///
/// # Errors
/// The device is gone.
pub(super) fn restore(model: &mut Model, found: Found, path: &Location) -> Result<bool, Error> {
    let usable = model.compiled().is_ok_and(|compiled| compiled.optimizer.usable().is_ok());
    let why = match &found {
        Ok(None) => return Ok(false),
        Ok(Some(OptimizerState { data: Some(data), .. })) => data.why.clone(),
        Ok(Some(state)) if usable => match from_tree::put_optimizer(model, state)? {
            None => return Ok(true),
            Some(why) => why,
        },
        Ok(Some(_)) => String::new(),
        Err(why) => why.clone(),
    };
    let (state, dropped) = match found {
        Ok(state) => (state, None),
        Err(why) => (None, Some(why)),
    };
    if let (Some(state), Ok(compiled)) = (&state, model.compiled_mut()) {
        compiled.iteration = state.iteration;
    }
    if usable {
        stop(model, path, &why)?;
    }
    if let Some(before) = model.kept().cloned() {
        let compile = kept(Some(&before)).and_then(|kept| kept.compile.clone());
        let trained = model.trainable_variables().len();
        model.keep(Kept { data: Arc::new(Training { compile, state, dropped, trained }), ..before });
    }
    Ok(false)
}

/// Puts an optimizer that cannot go on in the place of one whose state is none of this model.
fn stop(model: &mut Model, path: &Location, why: &str) -> Result<(), Error> {
    let what = format!("the optimizer's state in the file is none of this model's: {why}");
    let why = cannot(path, Error::State { what });
    let compiled = model.compiled_mut()?;
    compiled.slots.clear();
    compiled.optimizer = Box::new(Unusable::new(compiled.optimizer.spec(), why.clone()));
    keep(model, None, why);
    Ok(())
}

/// Returns what saving a model leaves out of what it keeps.
pub(super) fn dropped(snapshot: &Snapshot) -> Option<String> {
    let kept = kept(snapshot.kept.as_ref())?;
    let why = kept.dropped.as_ref()?;
    Some(format!("the model `{}` is saved without its optimizer's state: {why}", snapshot.root.name()))
}
