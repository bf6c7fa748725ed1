//! Vocabularies of lookup layers: files of their own in `.keras`, in the config where a format has no such files.

use std::path::Path;

use serde_json::{Number, Value};

use crate::format::naming::Counter;
use crate::format::vocabulary::{self, FILE, LOOKUP, LOOKUPS, lines, paths, special, words};
use crate::format::weights_h5::IDF;
use crate::formats::{self, Format};
use crate::tree::{Asset, DType, Dialect, ModelConfig, Object, SavedFile, Tree, Variable, WriteOptions};
use crate::{Error, Location};

/// The class that puts numbers into bins, which have boundaries.
const BINS: &str = "Discretization";

/// Describes what is found for the layers, and which of it was used.
struct Files<'a> {
    assets: &'a [Asset],
    /// Weights of words by the paths of their layers.
    arrays: Vec<(String, Variable)>,
    used: Vec<String>,
}

/// Makes a tree that was read from a file ready for a format: see [`place`].
///
/// # Errors
/// As there; or the source does not have a vocabulary that its layer had.
pub(crate) fn settle(
    from: &Location,
    file: &SavedFile,
    tree: &mut Tree,
    target: &Format,
    options: &WriteOptions,
) -> Result<(), Error> {
    if let Some(model) = tree.model.as_ref().filter(|_| target.whole_model) {
        check(from.as_path(), model, "", &file.assets)?;
    }
    place(from.as_path(), tree, target, options)
}

/// Makes a tree ready for a format: vocabularies go into configs where the format has no files for them, and so do weights of words. `from` is named in
/// messages.
///
/// # Errors
/// A file of a layer has no place in the format.
pub fn place(from: &Path, tree: &mut Tree, target: &Format, options: &WriteOptions) -> Result<(), Error> {
    let dialect = options.dialect.or(target.dialects.first().copied()).unwrap_or(Dialect::TfKeras);
    summaries(&mut tree.root, tree.model.as_mut(), dialect);
    if target.assets || !target.whole_model {
        if !target.assets {
            tree.assets.clear();
        }
        return Ok(());
    }
    let Some(model) = &mut tree.model else { return Ok(()) };
    let mut arrays = Vec::new();
    weights(&tree.root, "", &mut arrays);
    let mut files = Files { assets: &tree.assets, arrays, used: Vec::new() };
    inline(from, model, "", &mut files)?;
    if let Some(asset) = tree.assets.iter().find(|asset| !files.used.contains(&asset.path)) {
        return Err(Error::Usage {
            what: format!(
                "{}: `{}` is a file of a layer, which the format {} has no place for",
                from.display(),
                asset.path,
                target.name
            ),
            advice: "convert to `.keras`".into(),
        });
    }
    tree.assets.clear();
    // The words are given now, so that tf_keras has no table for them.
    given(&mut tree.root, dialect);
    Ok(())
}

/// Keeps what tf_keras has found out about numbers that it puts into bins: in its own files instead of the boundaries that follow from it, and nowhere else.
fn summaries(object: &mut Object, mut model: Option<&mut ModelConfig>, dialect: Dialect) {
    for (_, child) in object.children.iter_mut().filter(|_| object.is_model) {
        let layers = model.as_mut().map(|model| &mut model.layers);
        let layer = layers.and_then(|layers| layers.iter_mut().find(|layer| layer.name == child.name));
        if child.class_name == BINS && !child.variables.is_empty() {
            if dialect == Dialect::Keras3 {
                child.variables.clear();
            } else if let Some(layer) = layer {
                layer.config.insert("bin_boundaries".into(), Value::Null);
            }
            continue;
        }
        summaries(child, layer.and_then(|layer| layer.model.as_deref_mut()), dialect);
    }
}

/// Checks that files of a word in each line hold the vocabularies of a model's lookups, before they are written.
///
/// # Errors
/// A word has the end of a line in it, or the last one is empty, and names the layer: Keras' files would lose it.
pub fn check_lines(path: &Path, model: &ModelConfig, assets: &[Asset]) -> Result<(), Error> {
    for (names, _, place) in vocabulary::lookups(model) {
        let file = format!("{place}/{FILE}");
        let Some(asset) = assets.iter().find(|asset| asset.path == file) else { continue };
        let size = vocabulary::layer(model, &names).and_then(|layer| layer.config.get("vocabulary_size"));
        let size = size.and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        let whole = size.is_none_or(|size| lines(path, asset).is_ok_and(|lines| lines.len() == size));
        if !whole || asset.bytes.read()?.contains(&b'\r') {
            let layer = names.last().map_or("", String::as_str);
            return Err(Error::Usage {
                what: format!(
                    "{}: the layer `{layer}` knows a word that is empty or has the end of a line in it, which a vocabulary's file cannot hold",
                    path.display()
                ),
                advice:
                    "give the layer its vocabulary when it is made, or adapt it to texts without such words"
                        .into(),
            });
        }
    }
    Ok(())
}

/// Collects the weights of words, with the paths of their layers in `.keras`.
fn weights(object: &Object, path: &str, found: &mut Vec<(String, Variable)>) {
    let mut counter = Counter::default();
    for (_, child) in object.children.iter().filter(|_| object.is_model) {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let path = format!("{prefix}layers/{}", counter.next(&child.class_name));
        let own = child.variables.iter().find(|v| v.name == IDF);
        if let Some(own) = own.filter(|_| LOOKUPS.contains(&child.class_name.as_str())) {
            found.push((path.clone(), own.clone()));
        }
        weights(child, &path, found);
    }
}

/// Says of lookups that their words are given; Keras 3 has no variable of their weights then where a format lists variables.
fn given(object: &mut Object, dialect: Dialect) {
    if LOOKUPS.contains(&object.class_name.as_str()) {
        object.has_table = false;
        object.variables.retain(|variable| variable.name != IDF || dialect == Dialect::TfKeras);
    }
    object.children.iter_mut().for_each(|(_, child)| given(child, dialect));
}

/// Checks whether a file of a format without files for layers has the vocabularies that it should have.
///
/// # Errors
/// It does not, and names the layer.
pub(crate) fn check_source(from: &Location, file: &SavedFile, model: &ModelConfig) -> Result<(), Error> {
    if has_assets(file) { Ok(()) } else { check(from.as_path(), model, "", &file.assets) }
}

/// Returns whether layers have files of their own in a file of its format.
fn has_assets(file: &SavedFile) -> bool {
    formats::by_name(file.format).is_some_and(|format| format.assets)
}

/// Names of the models around a lookup and its own, and its words.
pub type Words = (Vec<String>, Vec<String>);

/// Returns the words of each lookup of a model that has a file of them, by the names of the models around it and its own.
///
/// # Errors
/// A file cannot be read, or is no text.
pub fn vocabularies(path: &Path, model: &ModelConfig, assets: &[Asset]) -> Result<Vec<Words>, Error> {
    let mut found = Vec::new();
    for (names, _, place) in vocabulary::lookups(model) {
        let file = format!("{place}/{FILE}");
        if let Some(asset) = assets.iter().find(|asset| asset.path == file) {
            found.push((names, lines(path, asset)?));
        }
    }
    Ok(found)
}

/// Returns the files of words of a model's lookups; `words` gives those of the lookup of these names, where it has a file.
pub fn assets(model: &ModelConfig, mut words: impl FnMut(&[String]) -> Option<Vec<String>>) -> Vec<Asset> {
    let lookups = vocabulary::lookups(model).into_iter();
    lookups
        .filter_map(|(names, class, path)| Some(vocabulary::files(&class, &path, &words(&names)?)))
        .flatten()
        .collect()
}

/// Returns whether a lookup's config says that it had words beyond the special ones, and does not have them.
fn lacks_words(class: &str, config: &serde_json::Map<String, Value>) -> bool {
    if class == BINS {
        return config.get("bin_boundaries").is_none_or(Value::is_null);
    }
    let size = config.get("vocabulary_size").and_then(Value::as_u64).unwrap_or(0);
    config.get("vocabulary").is_none_or(Value::is_null) && size > special(config).len() as u64
}

/// Every vocabulary must be there.
fn check(from: &Path, model: &ModelConfig, path: &str, assets: &[Asset]) -> Result<(), Error> {
    for (i, path) in paths(model, path) {
        let Some(layer) = model.layers.get(i) else { continue };
        if let Some(inner) = &layer.model {
            check(from, inner, &path, assets)?;
        }
        let there = assets.iter().any(|a| a.path == format!("{path}/{FILE}"));
        let class = layer.class_name.as_str();
        let lookup = layer.registered_name.is_none() && (LOOKUPS.contains(&class) || class == BINS);
        if lookup && !there && lacks_words(class, &layer.config) {
            return Err(missing(from, &layer.name));
        }
    }
    Ok(())
}

fn missing(from: &Path, layer: &str) -> Error {
    Error::Usage {
        what: format!(
            "{}: what the layer `{layer}` was adapted to is not in the file in a form that can be read",
            from.display()
        ),
        advice: "save the model as `.keras`, or give the layer its vocabulary (or boundaries) when it is made, and convert from that".into(),
    }
}

fn inline(from: &Path, model: &mut ModelConfig, path: &str, files: &mut Files<'_>) -> Result<(), Error> {
    for (i, path) in paths(model, path) {
        let Some(layer) = model.layers.get_mut(i) else { continue };
        if let Some(inner) = &mut layer.model {
            inline(from, inner, &path, files)?;
        }
        if layer.registered_name.is_some() || !LOOKUPS.contains(&layer.class_name.as_str()) {
            continue;
        }
        // `TextVectorization` has everything twice: its own and that of the lookup inside it.
        let (own, inside) = (format!("{path}/{FILE}"), format!("{path}/{LOOKUP}/{FILE}"));
        if let Some(asset) = files.assets.iter().find(|asset| asset.path == own) {
            let words = words(from, asset, &layer.class_name)?;
            files.used.extend([own, inside]);
            // Of a layer that knows no words yet, the file has the special ones alone.
            let count = words.as_array().map_or(0, Vec::len);
            if count as u64 <= special(&layer.config).len() as u64 {
                continue;
            }
            layer.config.insert("vocabulary".into(), words);
            // Special words have weights too, and so have the places of words that could be there beside.
            if let Some((_, weights)) = files.arrays.iter().find(|(place, _)| *place == path)
                && let Value::Array(mut weights) = numbers(weights)?
            {
                weights.truncate(count);
                layer.config.insert(IDF.into(), weights.into());
            }
        }
    }
    Ok(())
}

/// The numbers of an array, as a list.
fn numbers(variable: &Variable) -> Result<Value, Error> {
    let Some(value) = &variable.value else { return Ok(Value::Null) };
    let value = crate::format::values::convert(value.clone(), variable.dtype, DType::F32);
    let bytes = value.map_or_else(|| Ok(Vec::new()), |value| value.read())?;
    let number =
        |b: &[u8; 4]| Number::from_f64(f32::from_le_bytes(*b).into()).map_or(Value::Null, Value::Number);
    Ok(bytes.as_chunks::<4>().0.iter().map(number).collect())
}
