//! Vocabularies of lookup layers: files of their own in `.keras`, in the config where a format has no such files.

use serde_json::{Number, Value};

use crate::format::naming::Counter;
use crate::format::weights_h5::IDF;
use crate::formats::{self, Format};
use crate::tree::{
    Asset, DType, Dialect, ModelConfig, ModelKind, Object, SavedFile, Stored, Tree, WriteOptions,
};
use crate::{Error, Location, limits};

/// Classes that have a vocabulary.
const LOOKUPS: &[&str] = &["StringLookup", "IntegerLookup", "TextVectorization"];
const VOCABULARY: &str = "vocabulary.txt";

/// Describes what is found for the layers, and which of it was used.
struct Files<'a> {
    assets: &'a [Asset],
    arrays: Vec<Stored>,
    used: Vec<String>,
}

/// Makes a tree that was read from a file ready for a format: vocabularies go into configs where the format has no files for them.
///
/// # Errors
/// A file of a layer has no place in the format, or the source does not have a vocabulary that its layer had.
pub(crate) fn settle(
    from: &Location,
    file: &SavedFile,
    tree: &mut Tree,
    target: &Format,
    options: &WriteOptions,
) -> Result<(), Error> {
    let Some(model) = tree.model.as_mut().filter(|_| target.whole_model) else { return Ok(()) };
    let mut arrays = Vec::new();
    if has_assets(file) {
        arrays = file.weights.stored()?;
        arrays.retain(|stored| stored.path.ends_with(&format!("/{IDF}")));
    }
    let mut files = Files { assets: &tree.assets, arrays, used: Vec::new() };
    if target.assets {
        return if has_assets(file) { Ok(()) } else { check(from, model, "", &files) };
    }
    if has_assets(file) {
        check(from, model, "", &files)?;
    }
    inline(from, model, "", &mut files)?;
    let assets = tree.assets.iter().map(|asset| &asset.path);
    let left = assets.chain(files.arrays.iter().map(|a| &a.path)).find(|path| !files.used.contains(path));
    if let Some(path) = left {
        return Err(Error::Usage {
            what: format!(
                "{from}: `{path}` is a file of a layer, which the format {} has no place for",
                target.name
            ),
            advice: "convert to `.keras`".into(),
        });
    }
    if !files.arrays.is_empty()
        && options.dialect.unwrap_or(target.dialects.first().copied().unwrap_or(Dialect::TfKeras))
            == Dialect::TfKeras
    {
        return Err(Error::Usage {
            what: format!(
                "{from}: weights of the words (`tf_idf`), which tf_keras reads from `.keras` alone"
            ),
            advice: "convert to `.keras`, or to Keras 3's dialect".into(),
        });
    }
    tree.assets.clear();
    without_weights(&mut tree.root);
    Ok(())
}

/// Takes the weights of words, which are in the configs now, from the variables.
fn without_weights(object: &mut Object) {
    object
        .variables
        .retain(|variable| variable.name != IDF || !LOOKUPS.contains(&object.class_name.as_str()));
    if LOOKUPS.contains(&object.class_name.as_str()) {
        object.children.clear();
    }
    object.children.iter_mut().for_each(|(_, child)| without_weights(child));
}

/// Checks whether a file of a format without files for layers has the vocabularies that it should have.
///
/// # Errors
/// It does not, and names the layer.
pub(crate) fn check_source(from: &Location, file: &SavedFile, model: &ModelConfig) -> Result<(), Error> {
    let files = Files { assets: &file.assets, arrays: Vec::new(), used: Vec::new() };
    if has_assets(file) { Ok(()) } else { check(from, model, "", &files) }
}

/// Returns whether layers have files of their own in a file of its format.
fn has_assets(file: &SavedFile) -> bool {
    formats::by_name(file.format).is_some_and(|format| format.assets)
}

/// Layers of a model with their paths in `.keras`.
fn paths(model: &ModelConfig, path: &str) -> Vec<(usize, String)> {
    let mut counter = Counter::default();
    let hidden = |class: &str| model.kind == ModelKind::Sequential && class == "InputLayer";
    let layers = model.layers.iter().enumerate().filter(|(_, layer)| !hidden(&layer.class_name));
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    layers.map(|(i, layer)| (i, format!("{prefix}layers/{}", counter.next(&layer.class_name)))).collect()
}

/// Returns whether a lookup's config says that it had words beyond the special ones, and does not have them.
fn lacks_words(class: &str, config: &serde_json::Map<String, Value>) -> bool {
    if class == "Discretization" {
        return config.get("bin_boundaries").is_none_or(Value::is_null);
    }
    let special = config.get("num_oov_indices").and_then(Value::as_u64).unwrap_or(1).saturating_add(1);
    let size = config.get("vocabulary_size").and_then(Value::as_u64).unwrap_or(0);
    config.get("vocabulary").is_none_or(Value::is_null) && size > special
}

/// Every vocabulary must be there.
fn check(from: &Location, model: &ModelConfig, path: &str, files: &Files<'_>) -> Result<(), Error> {
    for (i, path) in paths(model, path) {
        let Some(layer) = model.layers.get(i) else { continue };
        if let Some(inner) = &layer.model {
            check(from, inner, &path, files)?;
        }
        let there = files.assets.iter().any(|a| a.path == format!("{path}/{VOCABULARY}"));
        let class = layer.class_name.as_str();
        let lookup =
            layer.registered_name.is_none() && (LOOKUPS.contains(&class) || class == "Discretization");
        if lookup && !there && lacks_words(class, &layer.config) {
            return Err(missing(from, &layer.name));
        }
    }
    Ok(())
}

fn missing(from: &Location, layer: &str) -> Error {
    Error::Usage {
        what: format!("{from}: what the layer `{layer}` was adapted to is not in the file in a form that can be read"),
        advice: "save the model as `.keras`, or give the layer its vocabulary (or boundaries) when it is made, and convert from that".into(),
    }
}

fn inline(from: &Location, model: &mut ModelConfig, path: &str, files: &mut Files<'_>) -> Result<(), Error> {
    for (i, path) in paths(model, path) {
        let Some(layer) = model.layers.get_mut(i) else { continue };
        if let Some(inner) = &mut layer.model {
            inline(from, inner, &path, files)?;
        }
        if layer.registered_name.is_some() || !LOOKUPS.contains(&layer.class_name.as_str()) {
            continue;
        }
        // `TextVectorization` has everything twice: its own and that of the lookup inside it.
        let inside = format!("{path}/_lookup_layer/{VOCABULARY}");
        let own = format!("{path}/{VOCABULARY}");
        let found = files.assets.iter().find(|asset| asset.path == own);
        match found {
            Some(asset) => {
                let words = words(from, asset, &layer.class_name)?;
                layer.config.insert("vocabulary".into(), words);
                files.used.extend([own, inside]);
            }
            None if lacks_words(&layer.class_name, &layer.config) => return Err(missing(from, &layer.name)),
            None => {}
        }
        let place = format!("{path}/vars/{IDF}");
        if let Some(weights) = files.arrays.iter().find(|stored| stored.path == place) {
            layer.config.insert(IDF.into(), numbers(weights)?);
            files.used.extend([place, format!("{path}/_lookup_layer/vars/{IDF}")]);
        }
    }
    Ok(())
}

/// The lines of a vocabulary.
fn words(from: &Location, asset: &Asset, class: &str) -> Result<Value, Error> {
    let wrong = |found: String, expected: &str| Error::Format {
        path: from.as_path().into(),
        place: format!("assets/{}", asset.path),
        found,
        expected: expected.into(),
    };
    if asset.bytes.len() > limits::JSON_BYTES {
        return Err(wrong(format!("{} bytes of words", asset.bytes.len()), "a shorter vocabulary"));
    }
    let text = String::from_utf8(asset.bytes.read()?).map_err(|e| wrong(e.to_string(), "UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let word = |line: &str| match class {
        "IntegerLookup" => line
            .trim()
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| wrong(format!("{line:?}"), "a whole number")),
        _ => Ok(Value::from(line)),
    };
    text.split('\n').map(word).collect()
}

/// The numbers of an array, as a list.
fn numbers(stored: &Stored) -> Result<Value, Error> {
    let Some(value) = &stored.variable.value else { return Ok(Value::Null) };
    let value = crate::format::values::convert(value.clone(), stored.variable.dtype, DType::F32);
    let bytes = value.map_or_else(|| Ok(Vec::new()), |value| value.read())?;
    let number =
        |b: &[u8; 4]| Number::from_f64(f32::from_le_bytes(*b).into()).map_or(Value::Null, Value::Number);
    Ok(bytes.as_chunks::<4>().0.iter().map(number).collect())
}
