//! `.keras`: a zip of `metadata.json`, `config.json` and `model.weights.h5`, in both dialects; or a folder of them, which is read too.
//!
//! What Keras has no place for is an extra group in the HDF5 file: an extra member would make Keras unpack the
//! whole archive.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::config::{self, Context, Form};
use super::{resume, weights_h5};
use crate::bytes::{Sink, Window};
use crate::container::hdf5::{Hdf5, Node};
use crate::container::json;
use crate::container::zip::{Archive, Writer};
use crate::tree::{
    Asset, ByteSource as _, Dialect, Gap, ModelConfig, Object, OptimizerState, SavedFile, Stored, Tree,
    Variable, WeightSource, WriteOptions,
};
use crate::{Error, Location, limits, storage};

/// Name of the format.
pub(crate) const NAME: &str = "keras";

const METADATA: &str = "metadata.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";
const ASSETS: &str = "assets/";

/// Opens a `.keras`.
pub(crate) fn read(file: Window) -> Result<SavedFile, Error> {
    let path = file.path().clone();
    let mut archive = Archive::open(file)?;
    let error = |place: &str, found: &str, expected: &str| Error::Format {
        path: path.to_path_buf(),
        place: place.into(),
        found: found.into(),
        expected: expected.into(),
    };
    // Keras reads files without it, and an empty one.
    let metadata = archive.json(METADATA)?.unwrap_or_default();
    let json = archive.json(CONFIG)?.ok_or_else(|| error(CONFIG, "no such member", "the architecture"))?;
    let weights = archive.member(WEIGHTS)?.ok_or_else(|| error(WEIGHTS, "no such member", "the weights"))?;
    let mut assets = Vec::new();
    for name in archive.below(ASSETS) {
        if let (Some(path), Some(bytes)) = (name.strip_prefix(ASSETS), archive.member(&name)?) {
            assets.push(Asset { path: path.into(), bytes: Arc::new(bytes) });
        }
    }
    of_parts(&path, &metadata, &json, weights, assets)
}

/// Returns whether a path is a folder that `save(.., zipped=False)` made: the members of a `.keras` as files.
pub(crate) fn is_folder(location: &Location) -> bool {
    let there = |name: &str| location.as_path().join(name).is_file();
    !location.is_remote() && there(CONFIG) && there(WEIGHTS)
}

/// Opens such a folder.
pub(crate) fn read_folder(location: &Location) -> Result<SavedFile, Error> {
    let parsed = |name: &str| -> Result<Value, Error> {
        let member = location.join(name);
        let file = storage::open(&member)?;
        if file.size() > limits::JSON_BYTES {
            return Err(Error::Format {
                path: member.as_path().into(),
                place: "the whole".into(),
                found: format!("{} bytes of text", file.size()),
                expected: format!("{} at most", limits::JSON_BYTES),
            });
        }
        json::parse(member.as_path(), "the whole", &file.read()?)
    };
    let metadata = if storage::is_file(&location.join(METADATA)) { parsed(METADATA)? } else { Value::Null };
    let mut assets = Vec::new();
    files_below(&location.join(ASSETS.trim_end_matches('/')), "", &mut assets)?;
    let weights = storage::open(&location.join(WEIGHTS))?;
    of_parts(location.as_path(), &metadata, &parsed(CONFIG)?, weights, assets)
}

/// The files of a folder and of those in it; none where there is no such folder.
///
/// # Errors
/// The folder cannot be listed, or has what is neither a file nor a folder: a link could lead to any file of this machine.
fn files_below(folder: &Location, path: &str, found: &mut Vec<Asset>) -> Result<(), Error> {
    let failed = |source| Error::Io { action: "list", path: folder.as_path().into(), source };
    let entries = match std::fs::read_dir(folder.as_path()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed)?,
    };
    let mut names: Vec<(String, bool)> = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        let refused = |found: &str, expected: &str| Error::Format {
            path: folder.as_path().into(),
            place: entry.file_name().to_string_lossy().into_owned(),
            found: found.into(),
            expected: expected.into(),
        };
        if !kind.is_dir() && !kind.is_file() {
            return Err(refused("a link, or no file at all", "the file itself"));
        }
        let name = entry.file_name().into_string();
        names.push((name.map_err(|_| refused("a name that is not UTF-8", "a plain name"))?, kind.is_dir()));
    }
    names.sort();
    if found.len().saturating_add(names.len()) > limits::ZIP_MEMBERS || path.len() > 4096 {
        return Err(Error::Format {
            path: folder.as_path().into(),
            place: "the folder".into(),
            found: format!("{} files", names.len()),
            expected: format!("{} at most", limits::ZIP_MEMBERS),
        });
    }
    for (name, is_folder) in names {
        let (location, path) = (folder.join(&name), format!("{path}{name}"));
        if is_folder {
            files_below(&location, &format!("{path}/"), found)?;
        } else {
            found.push(Asset { path, bytes: Arc::new(storage::open(&location)?) });
        }
    }
    Ok(())
}

/// Returns what the members say.
fn of_parts(
    path: &Path,
    metadata: &Value,
    json: &Value,
    weights: Window,
    assets: Vec<Asset>,
) -> Result<SavedFile, Error> {
    let version = config::keras_version(path, METADATA, metadata)?;
    let dialect = version.as_deref().and_then(config::dialect_of_version);
    let dialect = dialect.unwrap_or_else(|| config::dialect_of_config(json));
    let context = Context::new(path, dialect, Form::Keras);
    // A subclassed model has its arrays and how it was compiled, and no architecture.
    let (model, no_model) = match config::read_model(&context, json) {
        Ok(mut model) => {
            model.found = model.found.with_metadata(metadata);
            (Some(model), None)
        }
        Err(error) if config::is_subclassed(json) => (None, Some(error)),
        Err(other) => return Err(other),
    };
    let compile = match json.get("compile_config") {
        Some(compile) => {
            config::read_compile(&context, compile, model.as_ref().unwrap_or(&ModelConfig::default()))?
        }
        None => None,
    };
    let weights = Hdf5::open(weights)?;
    let resume = resume::read(&weights)?;
    let optimizer_config = config::optimizer_config(compile.as_ref());
    let rate = (dialect == Dialect::TfKeras).then(|| config::rate(optimizer_config.as_ref())).flatten();
    Ok(SavedFile {
        format: NAME,
        dialect: Some(dialect),
        keras_version: version,
        model,
        no_model,
        compile,
        resume,
        weights: Box::new(Weights { inner: weights_h5::Weights::new(weights, optimizer_config), rate }),
        assets,
    })
}

/// The members of an archive.
struct Members {
    metadata: Value,
    config: Value,
    weights: Node,
}

fn members(path: &Path, tree: &Tree, options: &WriteOptions) -> Result<Members, Error> {
    let dialect = options.dialect.unwrap_or(Dialect::Keras3);
    let context = Context::new(path, dialect, Form::Keras);
    let Some(model) = &tree.model else {
        return Err(Error::Usage {
            what: format!("{}: `.keras` holds a whole model, and there is only its weights", path.display()),
            advice: "give the architecture too, or write `.weights.h5`".into(),
        });
    };
    let stood = config::as_found::model(&context, model);
    // What stays as it was is still of the version that it was of.
    let metadata = stood.as_ref().and_then(|_| model.found.metadata().cloned());
    let mut config = stood.map_or_else(|| config::write_model(&context, model), Ok)?;
    let rate = tree.optimizer.as_ref().and_then(|o| o.learning_rate);
    if let Value::Object(config) = &mut config {
        match &tree.compile {
            Some(compile) => {
                let compile = config::compile_json(&context, model, compile, rate)?;
                config.insert("compile_config".into(), compile);
            }
            // What is empty says that nothing was compiled.
            None => {
                let empty = |c: &Value| c.is_null() || c.as_object().is_some_and(Map::is_empty);
                if config.get("compile_config").is_some_and(|c| !empty(c)) {
                    config.shift_remove("compile_config");
                }
            }
        }
    }
    let metadata = metadata.unwrap_or_else(
        || json!({"keras_version": config::version(dialect), "date_saved": crate::date::now()}),
    );
    Ok(Members { metadata, config, weights: weights_h5::node(path, tree, dialect)? })
}

/// Checks whether a tree can be written, without writing it.
pub(crate) fn check(path: &Path, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    members(path, tree, options).map(drop)
}

/// Writes a `.keras`.
pub(crate) fn write(
    path: &Path,
    tree: &Tree,
    options: &WriteOptions,
    file: &mut dyn Sink,
) -> Result<(), Error> {
    let Members { metadata, config: json, weights } = members(path, tree, options)?;
    let error = |source| Error::Io { action: "write", path: path.into(), source };
    let mut zip = Writer::new(path, file);
    for (name, json) in [(METADATA, &metadata), (CONFIG, &json)] {
        let text = config::to_json(json);
        zip.member(name, text.len() as u64, |out| out.write_all(text.as_bytes()).map_err(error))?;
    }
    // The bytes of the arrays, and a generous kilobyte for all that is around each.
    let size = weights.size().saturating_add(1 << 20);
    zip.member(WEIGHTS, size, |out| weights.write(path, out))?;
    for asset in &tree.assets {
        let bytes = asset.bytes.read()?;
        let name = format!("{ASSETS}{}", asset.path);
        zip.member(&name, bytes.len() as u64, |out| out.write_all(&bytes).map_err(error))?;
    }
    zip.finish()
}

/// The arrays inside, and the learning rate that tf_keras keeps in the config alone.
struct Weights {
    inner: weights_h5::Weights,
    rate: Option<f32>,
}

impl WeightSource for Weights {
    fn stored(&self) -> Result<Vec<Stored>, Error> {
        self.inner.stored()
    }

    fn fill(&self, skeleton: &mut Object) -> Result<(), Error> {
        self.inner.fill(skeleton)
    }

    fn complete(&self, skeleton: &mut Object) -> Result<Vec<(String, Gap)>, Error> {
        self.inner.complete(skeleton)
    }

    fn optimizer(&self, class_name: &str, trainable: &[Variable]) -> Result<Option<OptimizerState>, Error> {
        let state = self.inner.optimizer(class_name, trainable)?;
        Ok(state.map(|state| OptimizerState { learning_rate: state.learning_rate.or(self.rate), ..state }))
    }
}
