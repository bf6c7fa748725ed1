//! SavedModel directories as tf_keras' `model.save` writes them: `keras_metadata.pb` has the configs, `variables/` is a TensorFlow
//! checkpoint with weights and optimizer, `saved_model.pb` has the graphs for serving.
//!
//! Graphs are programs: they are skipped, never run. Directories that no Keras model is in (of `model.export`, `tf.Module`,
//! `tf.estimator`) open too, for their arrays; [`SavedFile::no_model`] says what they are.

mod describe;
mod graph;
mod metadata;
mod objects;
mod write;

use std::io::ErrorKind;
use std::path::PathBuf;

use serde_json::Value;

use self::objects::Objects;
use super::config::{self, Context, Form};
use super::tf_checkpoint::{self, Checkpoint};
use crate::tree::{
    ByteSource as _, CompileConfig, Dialect, Gap, ModelConfig, Object, OptimizerState, SavedFile, Stored,
    Variable, WeightSource,
};
use crate::{Error, Location, limits, storage};

pub(crate) use describe::lacks_shape;
pub(crate) use write::{VARIABLES, check, own, write};

/// Name of the format.
pub(crate) const NAME: &str = "saved-model";

pub(crate) const GRAPH: &str = "saved_model.pb";
const METADATA: &str = "keras_metadata.pb";

/// Prefix of the checkpoint inside.
fn variables(folder: &Location) -> Location {
    folder.join("variables").join("variables")
}

/// Whether the path is such a directory.
pub(crate) fn holds(folder: &Location) -> bool {
    storage::is_file(&folder.join(GRAPH))
}

/// Opens a directory.
pub(crate) fn read(folder: &Location) -> Result<SavedFile, Error> {
    let path = folder.as_path();
    let (weights, resume) = match tf_checkpoint::open(&variables(folder)) {
        Ok((checkpoint, resume)) => (Weights(Some(checkpoint), path.into()), resume),
        // A graph without variables.
        Err(Error::Io { source, .. })
            if source.kind() == ErrorKind::NotFound && storage::list(folder.join("variables")).is_err() =>
        {
            (Weights(None, path.into()), None)
        }
        Err(other) => return Err(other),
    };
    let described = describe(folder);
    let (description, no_model) = match described {
        Ok(description) => (description, None),
        Err(error @ Error::Unsupported { .. }) => (Description::default(), Some(error)),
        Err(other) => return Err(other),
    };
    Ok(SavedFile {
        format: NAME,
        dialect: description.model.is_some().then_some(Dialect::TfKeras),
        keras_version: description.version,
        model: description.model,
        no_model,
        compile: description.compile,
        resume,
        weights: Box::new(weights),
        assets: Vec::new(),
    })
}

/// What the configs say.
#[derive(Default)]
struct Description {
    version: Option<String>,
    model: Option<ModelConfig>,
    compile: Option<CompileConfig>,
}

fn describe(folder: &Location) -> Result<Description, Error> {
    let file = folder.join(METADATA);
    let objects = Objects::read(folder)?;
    let found = match bytes(&file, limits::SAVED_MODEL_DECODED_BYTES)? {
        Some(bytes) => metadata::read(file.as_path(), &bytes, &objects)?,
        None => objects.metadata()?,
    };
    let context = Context::new(folder.as_path(), Dialect::TfKeras, Form::H5);
    let model = config::read_model(&context, &found.model)?;
    let compile = config::read_compile(&context, &found.training, &model)?;
    Ok(Description { version: found.version, model: Some(model), compile })
}

/// A file of the directory, of so many bytes at most; `None` where it is not there.
fn bytes(location: &Location, most: u64) -> Result<Option<Vec<u8>>, Error> {
    let file = match storage::open(location) {
        Ok(file) => file,
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        Err(other) => return Err(other),
    };
    if file.size() > most {
        return Err(Error::Format {
            path: location.as_path().into(),
            place: "the whole".into(),
            found: format!("{} bytes", file.size()),
            expected: format!("{most} at most"),
        });
    }
    file.read().map(Some)
}

/// The arrays in `variables/`; none where there is no such folder.
struct Weights(Option<Checkpoint>, PathBuf);

impl WeightSource for Weights {
    fn stored(&self) -> Result<Vec<Stored>, Error> {
        self.0.as_ref().map_or(Ok(Vec::new()), WeightSource::stored)
    }

    fn fill(&self, skeleton: &mut Object) -> Result<(), Error> {
        match &self.0 {
            Some(checkpoint) => checkpoint.fill(skeleton),
            None => Err(Error::Format {
                path: self.1.clone(),
                place: "variables".into(),
                found: "no such folder".into(),
                expected: "the checkpoint with the weights".into(),
            }),
        }
    }

    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error> {
        self.0.as_ref().map_or(Ok(Vec::new()), |checkpoint| checkpoint.complete(skeleton))
    }

    fn optimizer(&self, class_name: &str, trainable: &[Variable]) -> Result<Option<OptimizerState>, Error> {
        self.0.as_ref().map_or(Ok(None), |checkpoint| checkpoint.optimizer(class_name, trainable))
    }
}

/// What the metadata of the Keras objects say, in tf_keras' dialect.
struct Metadata {
    /// Version of Keras.
    version: Option<String>,
    /// `{"class_name", "config"}` of the model.
    model: Value,
    /// `training_config` as in `.h5`; null for a model that was not compiled.
    training: Value,
}
