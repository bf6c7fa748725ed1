//! How a model of a file was compiled: what can go on here goes on, the rest is kept for who saves it again.

use std::sync::Arc;

use rhyton_engine::optimizers::{LossScaleOptimizer, OptimizerSpec, Unusable};
use rhyton_engine::train::{Kept, Model, Snapshot};
use rhyton_persist::convert::{optimizer_class, optimizer_state};
use rhyton_persist::tree::{CompileConfig, OptimizerState, SavedFile, StateData};
use rhyton_persist::{Error as FileError, Location};
use serde_json::Value;

use super::{from_tree, resume};
use crate::Error;

/// Describes what a model keeps of its file: in [`Kept::data`].
pub(super) struct Training {
    /// Says how it was compiled, where that was read and not done as it says.
    pub(super) compile: Option<CompileConfig>,
    /// The state of its optimizer.
    pub(super) state: Option<OptimizerState>,
    /// Says why there is none, though the file has one.
    pub(super) dropped: Option<String>,
    /// What the file's record for going on exactly says of the optimizer.
    pub(super) exactly: Option<Value>,
    /// Number of variables that training changed when the state was read.
    trained: usize,
    /// The file.
    pub(super) path: Location,
}

impl Training {
    /// The state for a model that now trains this many variables.
    pub(super) fn state(&self, trained: usize) -> Option<OptimizerState> {
        let mut state = self.state.clone()?;
        if trained != self.trained && state.data.is_none() {
            let why = format!("it is of {} variables, and {trained} are trained now", self.trained);
            state.data = Some(StateData { why, dialect: None, by_place: false });
            state.slots.iter_mut().for_each(|slot| slot.of = None);
        }
        Some(state)
    }
}

/// Compiles a model as its file says. Where something is not known it is compiled as far as evaluating it needs, or not at all.
pub(super) fn compile(model: &mut Model, config: &CompileConfig, path: &Location) {
    if let Err(why) = compile_to_evaluate(model, config, path) {
        keep(model, Some(config.clone()), cannot(path, why), path);
    }
}

/// Compiles a model, with a stand-in where the optimizer is not known.
///
/// # Errors
/// A loss or a metric is not known; the model is then as it was.
pub(super) fn compile_to_evaluate(
    model: &mut Model,
    config: &CompileConfig,
    path: &Location,
) -> Result<(), Error> {
    let optimizer = OptimizerSpec::Config(config.optimizer.clone());
    let Err(why) = compile_with(model, config, optimizer) else { return Ok(()) };
    let why = cannot(path, why);
    let unusable = Unusable::new(config.optimizer.clone(), why.clone());
    compile_with(model, config, OptimizerSpec::Object(Box::new(unusable)))?;
    keep(model, Some(config.clone()), why, path);
    Ok(())
}

pub(super) fn compile_with(
    model: &mut Model,
    config: &CompileConfig,
    optimizer: OptimizerSpec,
) -> Result<(), Error> {
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

fn keep(model: &mut Model, compile: Option<CompileConfig>, why: Error, path: &Location) {
    let path = path.clone();
    let training = Training { compile, state: None, dropped: None, exactly: None, trained: 0, path };
    model.keep(Kept { why, data: Arc::new(training) });
}

/// The training that a model keeps.
pub(super) fn kept(kept: Option<&Kept>) -> Option<Arc<Training>> {
    kept.and_then(|kept| kept.data.clone().downcast().ok())
}

/// What a file holds of an optimizer's state, for a model.
pub(super) enum Found {
    /// Nothing, or nobody asks.
    Nothing,
    /// A state.
    State(OptimizerState),
    /// A state that cannot be understood, and why.
    Unclear(String),
    /// A state of another optimizer than the model's: says so.
    Others(String),
}

/// Returns the class of the optimizer inside one that scales the loss.
fn inner_class(model: &Model) -> Option<String> {
    let spec = model.compiled().ok()?.optimizer.spec();
    Some(spec.pointer("/config/inner_optimizer/class_name")?.as_str()?.to_owned())
}

/// Reads the state of the optimizer that a model has, or had in its file. `others`: the file may be of a model that was compiled otherwise.
///
/// # Errors
/// The file is damaged.
pub(super) fn state(model: &Model, file: &SavedFile, path: &Location, others: bool) -> Result<Found, Error> {
    let wanted = |compile: &CompileConfig| optimizer_class(&compile.optimizer);
    let class: String =
        match (kept(model.kept()).as_ref().and_then(|kept| kept.compile.as_ref()), model.compiled()) {
            (Some(compile), _) => wanted(compile),
            (None, Ok(compiled)) => compiled.optimizer.class_name().into(),
            (None, Err(_)) => return Ok(Found::Nothing),
        };
    let theirs = file.compile.as_ref().map(wanted);
    let class = match inner_class(model) {
        Some(inner) if class == LossScaleOptimizer::CLASS => match &theirs {
            // The state itself tells whether it has a scale.
            None => inner,
            // A config of Keras does not name the scale that goes with a policy; its optimizer is the one inside.
            Some(theirs) if !others || *theirs == inner => theirs.clone(),
            Some(_) => class,
        },
        _ => class,
    };
    let read = |class: &str| match optimizer_state(file, class, &from_tree::trainable(model)) {
        Ok(None) => Ok(Found::Nothing),
        Ok(Some(state)) => Ok(Found::State(state)),
        Err(FileError::Mismatch { mismatches, .. }) => Ok(Found::Unclear(mismatches.join("; "))),
        Err(other) => Err(Error::from(other)),
    };
    // Weights of a model that was trained otherwise: its optimizer is none of this one's business.
    match theirs.filter(|theirs| others && *theirs != class) {
        None => read(&class),
        Some(theirs) => Ok(match read(&theirs)? {
            Found::Nothing => Found::Nothing,
            _ => Found::Others(format!(
                "{path}: the state of its optimizer {theirs} is left out: the model has {class}, whose state (step {}) stays",
                model.iterations()
            )),
        }),
    }
}

/// Puts a state into the model's optimizer, or keeps it. `exactly`: see [`Training::exactly`]. Returns what of the file is left out.
///
/// # Errors
/// The device is gone.
pub(super) fn restore(
    model: &mut Model,
    found: Found,
    exactly: Option<&Value>,
    path: &Location,
) -> Result<Option<String>, Error> {
    let usable = model.compiled().is_ok_and(|compiled| compiled.optimizer.usable().is_ok());
    let why = match &found {
        Found::Nothing => return Ok(None),
        Found::Others(note) => return Ok(Some(note.clone())),
        Found::State(OptimizerState { data: Some(data), .. }) if !(usable && data.by_place) => {
            data.why.clone()
        }
        Found::State(state) if usable => match from_tree::put_optimizer(model, state)? {
            None => {
                exactly.map_or(Ok(()), |record| resume::apply_optimizer(model, record))?;
                return Ok(None);
            }
            Some(why) => why,
        },
        Found::State(_) => String::new(),
        Found::Unclear(why) => why.clone(),
    };
    let (state, dropped) = match found {
        Found::State(state) => (Some(state), None),
        _ => (None, Some(why.clone())),
    };
    if let (Some(state), Ok(compiled)) = (&state, model.compiled_mut()) {
        compiled.iteration = state.iteration;
    }
    if usable {
        stop(model, path, &why)?;
    }
    if let Some(before) = model.kept().cloned() {
        let compile = kept(Some(&before)).and_then(|kept| kept.compile.clone());
        let (trained, path) = (model.trainable_variables().len(), path.clone());
        let training = Training { compile, state, dropped, exactly: exactly.cloned(), trained, path };
        model.keep(Kept { data: Arc::new(training), ..before });
    }
    Ok(None)
}

/// Puts an optimizer that cannot go on in the place of one whose state is none of this model.
fn stop(model: &mut Model, path: &Location, why: &str) -> Result<(), Error> {
    let what = format!("the optimizer's state in the file is none of this model's: {why}");
    let why = cannot(path, Error::State { what });
    let compiled = model.compiled_mut()?;
    compiled.slots.clear();
    compiled.optimizer = Box::new(Unusable::new(compiled.optimizer.spec(), why.clone()));
    keep(model, None, why, path);
    Ok(())
}

/// Returns what saving a model leaves out of what it keeps.
pub(super) fn dropped(snapshot: &Snapshot) -> Option<String> {
    let kept = kept(snapshot.kept.as_ref())?;
    let why = kept.dropped.as_ref()?;
    Some(format!("the model `{}` is saved without its optimizer's state: {why}", snapshot.root.name()))
}
