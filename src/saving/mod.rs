//! Saving and loading: the only place that knows both the engine and the file formats.

mod from_tree;
mod recompile;
mod resume;
mod serving;
mod to_tree;
mod training;
pub(crate) mod warnings;

use std::path::Path;

pub use recompile::{Recompile, recompile};
use rhyton_engine::graph::LayerRef;
use rhyton_engine::models::registry::{self, CustomObjects};
use rhyton_engine::train::{Model, Snapshot};
use rhyton_persist::Location;
use rhyton_persist::convert::ConvertOptions;
use rhyton_persist::formats::{self, Format};
pub use rhyton_persist::tree::Dialect;
use rhyton_persist::tree::{LayerConfig, SavedFile, Tree, WriteOptions};
pub use warnings::set_warnings;

use crate::Error;
use crate::error::usage;

/// How to save: what Keras guesses or has no word for.
#[derive(Clone, Debug, Default)]
pub struct SaveOptions {
    /// Format by name: `keras`, `h5`, `saved-model`; of weights alone `weights-h5`, `h5-weights`, `tf-checkpoint`; or as Keras' `save_format`
    /// has it: `keras`, `h5`, `tf`. By default the path's ending says.
    pub format: Option<String>,
    /// Which library shall read it; by default Keras 3 for `.keras` and `.weights.h5`, else tf_keras.
    pub dialect: Option<Dialect>,
    /// Leaves the optimizer's state out.
    pub without_optimizer: bool,
    /// Data files of a TensorFlow checkpoint; 0 means 1.
    pub shards: usize,
}

/// What models can do with files. In the prelude. A path may be a URL too: see [`Location`].
pub trait SaveLoad {
    /// Saves the whole model: architecture, weights, compile config, optimizer and its state. The path's ending says the format:
    /// `.keras`, `.h5`, or a SavedModel directory where there is none, which TensorFlow can run too. A model with an op that TensorFlow
    /// cannot be told is saved without that signature, and a warning says so.
    ///
    /// ```
    /// # use rhyton::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = |name: &str| folder.path().join(name);
    /// model.save(path("model.keras"))?;
    /// model.save(path("model.h5"))?;
    /// model.save(path("saved_model"))?;
    /// assert_eq!(load_model(path("model.h5"))?.get_weights()?, model.get_weights()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The file cannot be written; the old one is then as it was.
    fn save(&self, path: impl Into<Location>) -> Result<(), Error>;

    /// [`SaveLoad::save`], told how.
    ///
    /// # Errors
    /// As there.
    fn save_with(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error>;

    /// Saves the weights: a TensorFlow checkpoint (no ending, or `.ckpt`; with the optimizer, as Keras does), `.weights.h5`
    /// (with it too), or `.h5` (without).
    ///
    /// # Errors
    /// As [`SaveLoad::save`].
    fn save_weights(&self, path: impl Into<Location>) -> Result<(), Error>;

    /// [`SaveLoad::save_weights`], told how.
    ///
    /// # Errors
    /// As there.
    fn save_weights_with(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error>;

    /// Checks whether [`SaveLoad::save_with`] can write the model there, for all that can be known without writing it. What cannot be saved need not be
    /// trained.
    ///
    /// # Errors
    /// The format cannot hold the model, and why.
    fn check_save(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error>;

    /// [`SaveLoad::check_save`], of [`SaveLoad::save_weights_with`].
    ///
    /// # Errors
    /// As there.
    fn check_save_weights(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error>;

    /// Loads weights from any file that holds them; the optimizer's state too where the file has it and the model is compiled
    /// with the same class of optimizer.
    ///
    /// ```
    /// # use rhyton::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = |name: &str| folder.path().join(name);
    /// model.save_weights(path("model.weights.h5"))?;
    /// model.load_weights(path("model.weights.h5"))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The file is of another architecture (all differences are named, the first one first), or damaged. The model is then as it was.
    fn load_weights(&mut self, path: impl Into<Location>) -> Result<(), Error>;
}

impl SaveLoad for Model {
    fn save(&self, path: impl Into<Location>) -> Result<(), Error> {
        self.save_with(path, &SaveOptions::default())
    }

    fn save_with(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error> {
        write_model(&self.snapshot()?, &path.into(), options)
    }

    fn save_weights(&self, path: impl Into<Location>) -> Result<(), Error> {
        self.save_weights_with(path, &SaveOptions::default())
    }

    fn save_weights_with(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error> {
        write_weights(&self.snapshot()?, &path.into(), options)
    }

    fn check_save(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error> {
        check_model(&self.snapshot()?, &path.into(), options)
    }

    fn check_save_weights(&self, path: impl Into<Location>, options: &SaveOptions) -> Result<(), Error> {
        check_weights(&self.snapshot()?, &path.into(), options)
    }

    fn load_weights(&mut self, path: impl Into<Location>) -> Result<(), Error> {
        let path = path.into();
        let file = rhyton_persist::open(path.clone().whole(), None)?;
        if !self.is_built() {
            let what = "load_weights needs to know the model's input shape: build it first, by input_shape, build() or its first data";
            return Err(Error::State { what: what.into() });
        }
        let left_out = fill(self, &file, &path, true)?;
        left_out.iter().for_each(|note| warnings::warn(note));
        Ok(())
    }
}

fn write_options(options: &SaveOptions) -> WriteOptions {
    WriteOptions { dialect: options.dialect, shards: options.shards }
}

/// Writes a snapshot as a whole model.
///
/// # Errors
/// As [`SaveLoad::save`].
pub fn write_model(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    let (format, mut tree) = for_model(snapshot, path, options)?;
    warnings::warn_of_closures(&tree);
    let mut unserved = None;
    if format == "saved-model" {
        match serving::serving(&snapshot.root) {
            Ok(serving) => tree.serving = Some(serving),
            Err(why) => unserved = Some(why),
        }
    }
    write_tree(path, format, tree, snapshot, options)?;
    unserved.iter().for_each(|why| warnings::warn(why));
    Ok(())
}

/// Checks whether a snapshot can be written as a whole model.
///
/// # Errors
/// As [`SaveLoad::check_save`].
pub fn check_model(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    let (format, tree) = for_model(snapshot, path, options)?;
    check_tree(path, format, tree, options)
}

/// The format of a whole model, and what it is given.
fn for_model<'a>(
    snapshot: &Snapshot,
    path: &Location,
    options: &'a SaveOptions,
) -> Result<(&'a str, Tree), Error> {
    to_tree::check_names(&snapshot.root)?;
    let format = match options.format.as_deref() {
        // Keras' name.
        Some("tf") => "saved-model",
        Some(name) => name,
        None => whole_model_format(path)?,
    };
    Ok((format, to_tree::tree(snapshot, !options.without_optimizer)))
}

/// Writes a tree, without what the format cannot say; makes the folder that it goes to.
fn write_tree(
    path: &Location,
    format: &str,
    mut tree: Tree,
    snapshot: &Snapshot,
    options: &SaveOptions,
) -> Result<(), Error> {
    if !options.without_optimizer && tree.compile.is_some() {
        training::dropped(snapshot).iter().for_each(|note| warnings::warn(note));
    }
    leave_out(path, format, &mut tree, options)?.iter().for_each(|note| warnings::warn(note));
    rhyton_persist::commit::create_folder(path.folder())?;
    Ok(rhyton_persist::write(path, Some(format), &tree, &write_options(options))?)
}

fn check_tree(path: &Location, format: &str, mut tree: Tree, options: &SaveOptions) -> Result<(), Error> {
    leave_out(path, format, &mut tree, options)?;
    Ok(formats::check(path, Some(format), &tree, &write_options(options))?)
}

/// Takes out of a tree what a format cannot say of a training that could not go on.
fn leave_out(
    path: &Location,
    format: &str,
    tree: &mut Tree,
    options: &SaveOptions,
) -> Result<Vec<String>, Error> {
    let target = formats::for_writing(path, Some(format), true)?;
    Ok(formats::leave_out(path, target, tree, &write_options(options)))
}

fn ends_with(path: &Location, endings: &[&str]) -> bool {
    let name = path.file_name().map(|name| name.to_lowercase()).unwrap_or_default();
    endings.iter().any(|e| name.ends_with(e))
}

fn whole_model_format(path: &Location) -> Result<&'static str, Error> {
    if ends_with(path, &[".keras"]) {
        return Ok("keras");
    }
    if ends_with(path, &[".weights.h5"]) {
        return Err(usage(
            path,
            "`.weights.h5` holds weights only",
            "save the whole model as `.keras` or `.h5`, or call save_weights",
        ));
    }
    if ends_with(path, &[".h5", ".hdf5"]) {
        return Ok("h5");
    }
    match rhyton_persist::formats::by_ending(path, true)? {
        format if format.whole_model => Ok(format.name),
        // Of a checkpoint's ending Keras makes a folder of that name.
        _ => Ok("saved-model"),
    }
}

/// Writes a snapshot's weights.
///
/// # Errors
/// As [`SaveLoad::save`].
pub fn write_weights(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    let (format, tree) = for_weights(snapshot, path, options);
    write_tree(path, format, tree, snapshot, options)
}

/// Checks whether a snapshot's weights can be written.
///
/// # Errors
/// As [`SaveLoad::check_save`].
pub fn check_weights(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    let (format, tree) = for_weights(snapshot, path, options);
    check_tree(path, format, tree, options)
}

/// The format of weights, and what it is given.
fn for_weights<'a>(snapshot: &Snapshot, path: &Location, options: &'a SaveOptions) -> (&'a str, Tree) {
    let mut tree = to_tree::tree(snapshot, !options.without_optimizer);
    if !options.without_optimizer {
        training::dropped(snapshot).iter().for_each(|note| warnings::warn(note));
    }
    let format = match options.format.as_deref() {
        // Keras' names.
        Some("tf") => "tf-checkpoint",
        Some("h5") if ends_with(path, &[".weights.h5"]) => "weights-h5",
        Some("h5") => "h5-weights",
        Some(name) => name,
        None if ends_with(path, &[".weights.h5"]) => "weights-h5",
        None if ends_with(path, &[".h5", ".hdf5", ".keras"]) => "h5-weights",
        None => "tf-checkpoint",
    };
    // Where the optimizer is written, its form depends on which layers are frozen, and on whether its rate is a schedule: formats
    // see that in the configs.
    if format == "h5-weights" {
        (tree.optimizer, tree.model, tree.compile) = (None, None, None);
    }
    (format, tree)
}

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
    let mut file = rhyton_persist::open(path.clone().whole(), None)?;
    if let Some(why) = file.no_model.take() {
        return Err(why.into());
    }
    let Some(config) = &file.model else {
        let advice = "make the model and call load_weights";
        return Err(usage(path, &format!("this {} file holds weights only", file.format), advice));
    };
    let mut model = Model::of(from_tree::model(config, path.as_path())?);
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
        if let ("saved-model", Some(config)) = (format.name, &mut tree.model) {
            let network = from_tree::model(config, from.as_path());
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
    from_tree::layer(config, Path::new(""))
}

/// Puts a file's arrays into a model. All mismatches of weights are found before anything is changed; an optimizer's state that is none of
/// this model is kept for who saves it, and training then says why it cannot be. `others`: see [`training::state`]. Returns what is left out.
fn fill(model: &mut Model, file: &SavedFile, path: &Location, others: bool) -> Result<Option<String>, Error> {
    let root: LayerRef = model.as_layer().clone();
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

/// The newest checkpoint of a folder, of any format; `None` where there is none. Its state file `checkpoint` says which one it is, else the
/// names do: see [`latest_checkpoint`](rhyton_persist::checkpoint_state::latest_checkpoint).
///
/// # Errors
/// The state file cannot be read, or neither it nor the names say which one is the newest.
pub fn latest_checkpoint(folder: impl Into<Location>) -> Result<Option<Location>, Error> {
    Ok(rhyton_persist::checkpoint_state::latest_checkpoint(folder)?)
}

/// The path itself; of a folder of checkpoints, the newest one in it.
///
/// # Errors
/// As [`latest_checkpoint`], or the folder has none.
pub fn checkpoint_at(path: impl Into<Location>) -> Result<Location, Error> {
    let path = path.into();
    let is_folder = path.ends_in_slash() || path.local().is_some_and(Path::is_dir);
    if !is_folder || rhyton_persist::formats::FORMATS.iter().any(|format| (format.holds)(&path)) {
        return Ok(path);
    }
    let none = || usage(&path, "the folder has no checkpoints", "name a file");
    latest_checkpoint(&path)?.ok_or_else(none)
}
