//! Vocabularies as files of layers: where `.keras` has them, and what is in them.

use serde_json::{Map, Value};

use super::naming::Counter;
use crate::tree::{Asset, LayerConfig, ModelConfig, ModelKind};
use crate::{Error, limits};

/// Classes that have a vocabulary.
pub(crate) const LOOKUPS: &[&str] = &["StringLookup", "IntegerLookup", "TextVectorization"];
/// The class that has a lookup inside, whose files and arrays `.keras` has twice.
pub(crate) const WITH_LOOKUP: &str = "TextVectorization";
/// The attribute that leads to the lookup inside.
pub(crate) const LOOKUP: &str = "_lookup_layer";
/// Name of the file.
pub(crate) const FILE: &str = "vocabulary.txt";

/// Returns the layers of a model by their numbers, with their paths in `.keras`; `path` is that of the model.
pub(crate) fn paths(model: &ModelConfig, path: &str) -> Vec<(usize, String)> {
    let mut counter = Counter::default();
    let hidden = |class: &str| model.kind == ModelKind::Sequential && class == "InputLayer";
    let layers = model.layers.iter().enumerate().filter(|(_, layer)| !hidden(&layer.class_name));
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    layers.map(|(i, layer)| (i, format!("{prefix}layers/{}", counter.next(&layer.class_name)))).collect()
}

/// Returns every lookup of a model with the names of the models around it and its own, its class, and its path in `.keras`.
pub(crate) fn lookups(model: &ModelConfig) -> Vec<(Vec<String>, String, String)> {
    fn walk(
        model: &ModelConfig,
        around: &[String],
        path: &str,
        found: &mut Vec<(Vec<String>, String, String)>,
    ) {
        for (i, path) in paths(model, path) {
            let Some(layer) = model.layers.get(i) else { continue };
            let names = [around, std::slice::from_ref(&layer.name)].concat();
            match &layer.model {
                Some(inner) => walk(inner, &names, &path, found),
                None if layer.registered_name.is_none() && LOOKUPS.contains(&layer.class_name.as_str()) => {
                    found.push((names, layer.class_name.clone(), path));
                }
                None => {}
            }
        }
    }
    let mut found = Vec::new();
    walk(model, &[], "", &mut found);
    found
}

/// Returns the files of a lookup's words.
pub(crate) fn files(class: &str, path: &str, words: &[String]) -> Vec<Asset> {
    let bytes: crate::tree::Bytes = std::sync::Arc::new(words.join("\n").into_bytes());
    let inside = (class == WITH_LOOKUP).then(|| format!("{path}/{LOOKUP}/{FILE}"));
    let all = inside.into_iter().chain([format!("{path}/{FILE}")]);
    all.map(|path| Asset { path, bytes: bytes.clone() }).collect()
}

/// Returns the lines of a vocabulary. `path` is that of the file that it is in.
///
/// # Errors
/// It cannot be read, is no text, or is too long.
pub(crate) fn lines(path: &std::path::Path, asset: &Asset) -> Result<Vec<String>, Error> {
    let wrong = |found: String, expected: &str| Error::Format {
        path: path.into(),
        place: format!("assets/{}", asset.path),
        found,
        expected: expected.into(),
    };
    if asset.bytes.len() > limits::JSON_BYTES {
        return Err(wrong(format!("{} bytes of words", asset.bytes.len()), "a shorter vocabulary"));
    }
    let text = String::from_utf8(asset.bytes.read()?).map_err(|e| wrong(e.to_string(), "UTF-8"))?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // Keras takes empty lines at the end for none. The first one may be the word of what is masked.
    while lines.len() > 1 && lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    Ok(lines)
}

/// The words of a vocabulary, as a config has them.
///
/// # Errors
/// As [`lines`], or a line of integers is none.
pub(crate) fn words(from: &std::path::Path, asset: &Asset, class: &str) -> Result<Value, Error> {
    let wrong = |found: String| Error::Format {
        path: from.into(),
        place: format!("assets/{}", asset.path),
        found,
        expected: "a whole number".into(),
    };
    let word = |line: String| match class {
        "IntegerLookup" => {
            line.trim().parse::<i64>().map(Value::from).map_err(|_| wrong(format!("{line:?}")))
        }
        _ => Ok(Value::from(line)),
    };
    lines(from, asset)?.into_iter().map(word).collect()
}

/// Returns the special words that a lookup's vocabulary begins with in a file.
pub(crate) fn special(config: &Map<String, Value>) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cuts = config.contains_key("standardize");
    // The lookup inside `TextVectorization` has no keys of its own.
    let mask = match config.get("mask_token") {
        None if cuts => Some(String::new()),
        mask => mask.filter(|mask| !mask.is_null()).map(text),
    };
    let indices = config.get("output_mode").is_none_or(|mode| mode == "int");
    let oov = config.get("oov_token").map_or_else(|| "[UNK]".to_owned(), text);
    let count = config.get("num_oov_indices").and_then(Value::as_u64).unwrap_or(1);
    let count = usize::try_from(count).unwrap_or(0).min(1 << 20);
    mask.into_iter().filter(|_| indices).chain(std::iter::repeat_n(oov, count)).collect()
}

/// Returns the layer of a name in the models of names around it.
pub(crate) fn layer<'m>(model: &'m ModelConfig, names: &[String]) -> Option<&'m LayerConfig> {
    let (name, rest) = names.split_first()?;
    let layer = model.layers.iter().find(|layer| layer.name == *name)?;
    if rest.is_empty() { Some(layer) } else { self::layer(layer.model.as_ref()?, rest) }
}
