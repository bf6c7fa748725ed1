//! What models can do with files.

use std::io::Write;

use rhyton_engine::train::Model;
use rhyton_persist::formats::UNNAMED;
use rhyton_persist::tree::{Dialect, SavedFile};
use rhyton_persist::{Location, ReadAt};

use super::{check_model, check_weights, fill, fill_some, memory, warnings, write_model, write_weights};
use crate::Error;

/// Which weights of a file to load, where it is of another architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadWeightsOptions {
    /// Goes by the names of the model's layers: a layer without one of its name in the file keeps its weights. For files in `.h5` of the older
    /// kind, the others have no names.
    pub by_name: bool,
    /// Leaves weights as they are where those of the file are of other shapes or numbers, and warns of it.
    pub skip_mismatch: bool,
}

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

    /// [`SaveLoad::load_weights`] of a file of another architecture: what fits is loaded, and the optimizer's state is left as it is.
    ///
    /// ```
    /// # use rhyton::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("trained.h5");
    /// let (body, head) = (|| Dense::new(4).name("body").input_shape([2]), |n| Dense::new(n).name("head"));
    /// let trained = Sequential::new((body(), head(10)))?;
    /// trained.save(&path)?;
    /// let mut model = Sequential::new((body(), head(3)))?;
    /// // The head of ten classes is not loaded, and a warning says so.
    /// model.load_weights_with(&path, &LoadWeightsOptions { by_name: true, skip_mismatch: true })?;
    /// assert_eq!(model.get_weights()?[..2], trained.get_weights()?[..2]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Weights do not fit and are not to be skipped; names are asked for in a file that has none; the file is damaged. The model is then as it was.
    fn load_weights_with(
        &mut self,
        path: impl Into<Location>,
        options: &LoadWeightsOptions,
    ) -> Result<(), Error>;

    /// [`SaveLoad::save`] into memory, a socket or any other sink. The format is `keras` unless the options name another one that is one
    /// file. Nothing is written of a model that cannot be saved.
    ///
    /// ```
    /// # use rhyton::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
    /// let mut file = Vec::new();
    /// model.save_to(&mut file, &SaveOptions::default())?;
    /// assert_eq!(load_model_bytes(file)?.get_weights()?, model.get_weights()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The sink takes no more, or the format cannot hold the model.
    fn save_to(&self, sink: &mut dyn Write, options: &SaveOptions) -> Result<(), Error>;

    /// [`SaveLoad::save_weights`] into memory, a socket or any other sink. The format is `weights-h5` unless the options name another one that is
    /// one file.
    ///
    /// # Errors
    /// As [`SaveLoad::save_to`].
    fn save_weights_to(&self, sink: &mut dyn Write, options: &SaveOptions) -> Result<(), Error>;

    /// [`SaveLoad::load_weights`] from bytes in memory, or from any other [`ReadAt`].
    ///
    /// ```
    /// # use rhyton::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut model = Sequential::new((Dense::new(1).input_shape([2]),))?;
    /// let mut file = Vec::new();
    /// model.save_weights_to(&mut file, &SaveOptions::default())?;
    /// model.load_weights_bytes(file)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`SaveLoad::load_weights`].
    fn load_weights_bytes(&mut self, file: impl ReadAt + 'static) -> Result<(), Error>;
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
        load_weights(self, &rhyton_persist::open(path.clone().whole(), None)?, &path)
    }

    fn load_weights_with(
        &mut self,
        path: impl Into<Location>,
        options: &LoadWeightsOptions,
    ) -> Result<(), Error> {
        let path = path.into();
        let file = rhyton_persist::open(path.clone().whole(), None)?;
        if !options.by_name && !options.skip_mismatch {
            return load_weights(self, &file, &path);
        }
        check_built(self)?;
        fill_some(self, &file, &path, options)?.iter().for_each(|note| warnings::warn(note));
        Ok(())
    }

    fn save_to(&self, sink: &mut dyn Write, options: &SaveOptions) -> Result<(), Error> {
        memory::write_model(&self.snapshot()?, sink, options)
    }

    fn save_weights_to(&self, sink: &mut dyn Write, options: &SaveOptions) -> Result<(), Error> {
        memory::write_weights(&self.snapshot()?, sink, options)
    }

    fn load_weights_bytes(&mut self, file: impl ReadAt + 'static) -> Result<(), Error> {
        load_weights(self, &rhyton_persist::open_bytes(file, None)?, &UNNAMED.into())
    }
}

/// Puts the weights of an open file into a model; `path` is its name in messages.
fn load_weights(model: &mut Model, file: &SavedFile, path: &Location) -> Result<(), Error> {
    check_built(model)?;
    let left_out = fill(model, file, path, true)?;
    left_out.iter().for_each(|note| warnings::warn(note));
    Ok(())
}

fn check_built(model: &Model) -> Result<(), Error> {
    if model.is_built() {
        return Ok(());
    }
    let what = "load_weights needs to know the model's input shape: build it first, by input_shape, build() or its first data";
    Err(Error::State { what: what.into() })
}
