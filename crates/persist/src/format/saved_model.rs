//! SavedModel directories as tf_keras' `model.save` writes them: `keras_metadata.pb` has the configs, `variables/` is a TensorFlow
//! checkpoint with weights and optimizer, `saved_model.pb` has the graphs for serving.
//!
//! Graphs are programs: they are skipped, never run. Directories that no Keras model is in (of `model.export`, `tf.Module`,
//! `tf.estimator`) open too, for their arrays; [`SavedFile::no_model`] says what they are.

mod describe;
mod graph;
mod metadata;
mod objects;
mod tables;
mod write;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use self::objects::Objects;
use super::config::{self, Context, Form};
use super::tf_checkpoint::{self, Checkpoint};
use super::vocabulary::{self, LOOKUPS};
use crate::tree::{
    Asset, ByteSource as _, CompileConfig, Dialect, Gap, ModelConfig, Object, OptimizerState, SavedFile,
    Stored, Variable, WeightSource,
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
        assets: description.assets,
    })
}

/// What the configs say.
#[derive(Default)]
struct Description {
    version: Option<String>,
    model: Option<ModelConfig>,
    compile: Option<CompileConfig>,
    assets: Vec<Asset>,
}

fn describe(folder: &Location) -> Result<Description, Error> {
    let file = folder.join(METADATA);
    let objects = Objects::read(folder)?;
    let found = match bytes(&file, limits::SAVED_MODEL_DECODED_BYTES)? {
        Some(bytes) => metadata::read(file.as_path(), &bytes, &objects)?,
        None => objects.metadata()?,
    };
    let context = Context::new(folder.as_path(), Dialect::TfKeras, Form::H5);
    let mut model = config::read_model(&context, &found.model)?;
    given_files(folder, &mut model)?;
    let words = |(names, class, path): (Vec<String>, String, String)| {
        let layer = vocabulary::layer(&model, &names)?;
        let invert = layer.config.get("invert") == Some(&Value::Bool(true));
        let adapted = layer.config.get("vocabulary").is_none_or(Value::is_null);
        let known = objects.words(found.layers.path(&names)?, invert).filter(|_| adapted)?;
        let all = [vocabulary::special(&layer.config), known].concat();
        Some(vocabulary::files(&class, &path, &all))
    };
    let assets = vocabulary::lookups(&model).into_iter().filter_map(words).flatten().collect();
    let compile = config::read_compile(&context, &found.training, &model)?;
    Ok(Description { version: found.version, model: Some(model), compile, assets })
}

/// Puts the words of vocabularies that were given as files, which are beside the graph, into the configs.
fn given_files(folder: &Location, model: &mut ModelConfig) -> Result<(), Error> {
    for layer in &mut model.layers {
        if let Some(inner) = &mut layer.model {
            given_files(folder, inner)?;
        }
        let lookup = LOOKUPS.contains(&layer.class_name.as_str());
        let Some(Value::String(path)) = layer.config.get("vocabulary").filter(|_| lookup) else { continue };
        // Wherever it was, its name is the same here.
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let place = folder.join("assets").join(name);
        if name.is_empty() || name == ".." || !storage::is_file(&place) {
            continue;
        }
        let asset = Asset { path: name.to_owned(), bytes: Arc::new(storage::open(&place)?) };
        let words = vocabulary::words(folder.as_path(), &asset, &layer.class_name)?;
        layer.config.insert("vocabulary".into(), words);
    }
    Ok(())
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
    /// Where the layers are.
    layers: metadata::Layers,
}
