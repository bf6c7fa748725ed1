//! What is worth a word: said once on the standard error.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rhyton_engine::types::Policy;
use rhyton_persist::tree::{ModelConfig, Tree};
use serde_json::Value;

/// Tells whether nothing is said.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Says nothing more of what is worth a word in loading and saving (such as a part of an optimizer that a format cannot hold), or says it again: for a
/// program whose standard error is for errors alone.
pub fn set_warnings(on: bool) {
    SILENT.store(!on, Ordering::Relaxed);
}

/// Says something on the standard error, once: a callback may save every epoch.
pub(super) fn warn(text: &str) {
    if SILENT.load(Ordering::Relaxed) {
        return;
    }
    static SAID: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.get_or_insert_default().insert(text.into()) {
        eprintln!("Warning: {}", rhyton_persist::shown::line(text));
    }
}

/// Returns what to say of dtype policies of a model: that others than float32 are computed as float32, and which are no dtypes at all.
pub(crate) fn of_policies(config: &ModelConfig) -> Vec<String> {
    let mut found: Vec<(&'static str, Vec<String>)> = Vec::new();
    let mut wrong = Vec::new();
    walk(config, &mut |what, dtype| match Policy::of(dtype) {
        Ok(policy) => {
            if let Some(name) = policy.narrowed() {
                match found.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, layers)) => layers.push(what),
                    None => found.push((name, vec![what])),
                }
            }
        }
        Err(why) => wrong.push(format!("{what}: {why}")),
    });
    let said = found.into_iter().map(|(name, layers)| {
        let more = layers.len().saturating_sub(3);
        let mut shown = layers.into_iter().take(3).collect::<Vec<_>>().join(", ");
        if more > 0 {
            shown += &format!(" and {more} more");
        }
        format!("{name} is computed as float32: numbers differ from those of Keras by as much as {name} rounds ({shown})")
    });
    said.chain(wrong).collect()
}

/// Calls `f` with every dtype of a config, and whose it is.
fn walk(config: &ModelConfig, f: &mut dyn FnMut(String, &Value)) {
    if let Some(dtype) = config.config.get("dtype") {
        f(format!("model `{}`", config.name.escape_debug()), dtype);
    }
    for layer in &config.layers {
        match (&layer.model, layer.config.get("dtype")) {
            (Some(model), _) => walk(model, f),
            (None, Some(dtype)) => f(format!("layer `{}`", layer.name.escape_debug()), dtype),
            (None, None) => {}
        }
    }
}

/// Says which of a model's objects are closures: a file has no name for them that could be found again.
pub(super) fn warn_of_closures(tree: &Tree) {
    fn has(value: &Value) -> bool {
        match value {
            Value::String(text) => text == "<lambda>",
            Value::Array(list) => list.iter().any(has),
            Value::Object(map) => map.values().any(has),
            _ => false,
        }
    }
    let mut closures = Vec::new();
    if let Some(compile) = &tree.compile {
        for (what, value) in [
            ("loss", &compile.loss),
            ("metrics", &compile.metrics),
            ("weighted_metrics", &compile.weighted_metrics),
        ] {
            if has(value) {
                closures.push(format!("the {what}"));
            }
        }
    }
    fn layers(config: &ModelConfig, closures: &mut Vec<String>) {
        for layer in &config.layers {
            if let Some(model) = &layer.model {
                layers(model, closures);
            } else if layer.config.values().any(has) {
                closures.push(format!("layer `{}`", layer.name.escape_debug()));
            }
        }
    }
    if let Some(model) = &tree.model {
        layers(model, &mut closures);
    }
    if !closures.is_empty() {
        warn(&format!(
            "a closure has no name that a file can give ({}): what is saved says `<lambda>`, and is found again only if it is registered by a \
             name, such as with register_loss(\"Package>name\", function)",
            closures.join(", ")
        ));
    }
}
