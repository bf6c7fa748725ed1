//! Saving and loading: the only place that knows both the engine and the file formats.

mod by_place;
mod from_tree;
mod memory;
mod recompile;
mod resume;
mod save;
mod serving;
mod to_tree;
mod training;
pub(crate) mod warnings;
mod write;

use std::path::Path;

pub use memory::{load_model_bytes, load_model_bytes_with};
pub use recompile::{Recompile, recompile};
use rhyton_engine::graph::LayerRef;
use rhyton_engine::models::registry::{self, CustomObjects};
use rhyton_engine::train::Model;
use rhyton_persist::Location;
use rhyton_persist::convert::ConvertOptions;
use rhyton_persist::formats::Format;
pub use rhyton_persist::tree::Dialect;
use rhyton_persist::tree::{LayerConfig, SavedFile, Tree};
pub use save::{LoadWeightsOptions, SaveLoad, SaveOptions};
pub use warnings::set_warnings;
pub use write::{check_model, check_weights, write_model, write_weights};

use crate::Error;
use crate::error::usage;

/// Loads a whole model: architecture, weights, and, where it was compiled, its optimizer with its state.
///
/// An optimizer, a loss or a metric that is not known, or a state that is none of this model, is no reason not to load: the model predicts,
/// evaluates where its losses and metrics are known, and is saved with what its file said; fit says what it lacks.
///
/// ```
/// # use rhyton::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let model = Sequential::new((Dense::new(1).input_shape([2]),))?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.keras");
/// # model.save(&path)?;
/// let mut model = load_model(&path)?;
/// let x = ndarray::array![[0.0, 1.0], [1.0, 0.0]];
/// assert_eq!(model.predict(&x).verbose(0).run()?.shape(), [2, 1]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The file is damaged, or names classes that are not registered: see [`load_model_with`].
pub fn load_model(path: impl Into<Location>) -> Result<Model, Error> {
    load_model_with(path, &LoadOptions::default())
}

/// How to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// Custom objects of this file, besides those that are registered.
    pub custom_objects: CustomObjects,
    /// Leaves the compile config alone.
    pub without_compile: bool,
}

/// [`load_model`], told how: with custom objects, or without compiling.
///
/// # Errors
/// As there.
pub fn load_model_with(path: impl Into<Location>, options: &LoadOptions) -> Result<Model, Error> {
    Ok(load_model_and_dialect(path, options)?.0)
}

/// [`load_model_with`], and the dialect of the file, where it shows it: for who saves the model for the library that wrote it.
///
/// # Errors
/// As there.
pub fn load_model_and_dialect(
    path: impl Into<Location>,
    options: &LoadOptions,
) -> Result<(Model, Option<Dialect>), Error> {
    registry::custom_object_scope(&options.custom_objects, || load(&path.into(), !options.without_compile))
}

fn load(path: &Location, compile: bool) -> Result<(Model, Option<Dialect>), Error> {
    // Weights are read when they are needed, and by then the file may be another one; here it is whole.
    load_file(rhyton_persist::open(path.clone().whole(), None)?, path, compile)
}

/// The model of an open file; `path` is its name in messages.
fn load_file(mut file: SavedFile, path: &Location, compile: bool) -> Result<(Model, Option<Dialect>), Error> {
    if let Some(why) = file.no_model.take() {
        return Err(why.into());
    }
    let Some(config) = &file.model else {
        let advice = "make the model and call load_weights";
        return Err(usage(path, &format!("this {} file holds weights only", file.format), advice));
    };
    let mut model = Model::of(from_tree::model(config, path.as_path(), resume::keras2(&file))?);
    warnings::of_policies(config).iter().for_each(|text| warnings::warn(text));
    model.as_layer().set_keras2(resume::keras2(&file));
    resume::complete(&mut file);
    if let (true, Some(config)) = (compile, &file.compile) {
        training::compile(&mut model, config, path);
    }
    if model.is_built() {
        fill(&mut model, &file, path, false)?;
    }
    Ok((model, file.dialect))
}

/// Writes a model file in another format: [`rhyton_persist::convert()`], and where a SavedModel is written of layers that are known, it has the
/// graph that TensorFlow can run. Gives the name of the format.
///
/// # Errors
/// As there.
pub fn convert(
    from: impl Into<Location>,
    to: impl Into<Location>,
    model: Option<&Location>,
    options: &ConvertOptions,
) -> Result<&'static str, Error> {
    let (from, to) = (from.into(), to.into());
    let mut unserved = None;
    let finish = |format: &Format, tree: &mut Tree| {
        if let (true, Some(config)) = (format.serving, &mut tree.model) {
            // The types of variables tell, where the libraries differ in them.
            let network = from_tree::model(config, from.as_path(), false);
            let network = match network {
                Ok(network) if !serving::fits(&network, &tree.root) => {
                    from_tree::model(config, from.as_path(), true)
                }
                other => other,
            };
            if let Ok(network) = &network {
                to_tree::add_shapes(config, network);
            }
            match serving::of_tree(config, &tree.root, network) {
                Ok(serving) => tree.serving = Some(serving),
                Err(why) => unserved = Some(why),
            }
        }
    };
    let converted = rhyton_persist::convert::convert_with(&from, &to, model, options, finish)?;
    converted.notes.iter().chain(&unserved).for_each(|note| warnings::warn(note));
    Ok(converted.format)
}

/// The layer that a config describes, for who looks at its shapes.
pub(crate) fn layer_of(config: &LayerConfig) -> Result<LayerRef, Error> {
    from_tree::layer(config, Path::new(""), false)
}

/// Puts a file's arrays into a model. All mismatches of weights are found before anything is changed; an optimizer's state that is none of
/// this model is kept for who saves it, and training then says why it cannot be. `others`: see [`training::state`]. Returns what is left out.
fn fill(model: &mut Model, file: &SavedFile, path: &Location, others: bool) -> Result<Option<String>, Error> {
    let root: LayerRef = model.as_layer().clone();
    from_tree::put_words(&root, file, path)?;
    let mut skeleton = to_tree::object(&root, None);
    file.weights.fill(&mut skeleton)?;
    let state = training::state(model, file, path, others)?;
    from_tree::put(&root, &skeleton)?;
    let record = resume::record(file);
    let left_out = training::restore(model, state, record.as_ref().and_then(|r| r.optimizer), path)?;
    if let Some(record) = record {
        record.apply(model)?;
    }
    Ok(left_out)
}

/// Puts those arrays of a file into a model that fit it, as the options say; the optimizer's state stays as it is. Returns what was not loaded.
fn fill_some(
    model: &mut Model,
    file: &SavedFile,
    path: &Location,
    options: &LoadWeightsOptions,
) -> Result<Option<String>, Error> {
    let root: LayerRef = model.as_layer().clone();
    let mut skeleton = to_tree::object(&root, None);
    let filled = match options.by_name {
        true => file.weights.fill_by_name(&mut skeleton),
        false => file.weights.fill(&mut skeleton),
    };
    let skipped = match filled {
        Ok(()) => None,
        Err(rhyton_persist::Error::Mismatch { mismatches, .. }) if options.skip_mismatch => {
            Some(format!("{path}: weights that do not fit are not loaded: {}", mismatches.join("; ")))
        }
        Err(rhyton_persist::Error::Usage { what, advice }) => {
            return Err(rhyton_persist::Error::Usage { what: format!("{path}: {what}"), advice }.into());
        }
        Err(other) => return Err(other.into()),
    };
    from_tree::put(&root, &skeleton)?;
    Ok(skipped)
}

/// The newest checkpoint of a folder, of any format; `None` where there is none. Its state file `checkpoint` says which one it is, else the
/// names do: see [`latest_checkpoint`](rhyton_persist::latest_checkpoint).
///
/// # Errors
/// The state file cannot be read, or neither it nor the names say which one is the newest.
pub fn latest_checkpoint(folder: impl Into<Location>) -> Result<Option<Location>, Error> {
    Ok(rhyton_persist::latest_checkpoint(folder)?)
}

/// The path itself; of a folder of checkpoints, the newest one in it.
///
/// # Errors
/// As [`latest_checkpoint`], or the folder has none.
pub fn checkpoint_at(path: impl Into<Location>) -> Result<Location, Error> {
    let path = path.into();
    let is_folder = path.ends_in_slash() || path.local().is_some_and(Path::is_dir);
    if !is_folder || rhyton_persist::formats::FORMATS.iter().any(|format| format.holds(&path)) {
        return Ok(path);
    }
    let none = || usage(&path, "the folder has no checkpoints", "name a file");
    latest_checkpoint(&path)?.ok_or_else(none)
}
