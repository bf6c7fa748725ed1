//! Configs that are written as they stood in their file.

use serde_json::Value;

use super::{Context, Form, keras1, read_compile, read_model};
use crate::tree::{AsRead, CompileConfig, Dialect, Found, ModelConfig};

/// Returns what is kept of a config that was read.
pub(super) fn keep(cx: &Context<'_>, json: &Value) -> Found {
    // What is written has the words of Keras 2 for its layers, and their weights.
    if cx.dialect == Dialect::TfKeras && keras1::is_in(cx.age, json) {
        return Found::default();
    }
    Found(Some(
        AsRead { dialect: cx.dialect, full: cx.form == Form::Keras, json: json.clone(), metadata: None }
            .into(),
    ))
}

/// Returns what stood in the file where that was one of this form and dialect.
fn stood<'a>(cx: &Context<'_>, found: &'a Found) -> Option<&'a Value> {
    let read = found.0.as_deref().filter(|r| r.dialect == cx.dialect && r.full == (cx.form == Form::Keras));
    read.map(|r| &r.json)
}

/// The architecture as it stood, if it still says the same.
pub(crate) fn model(cx: &Context<'_>, model: &ModelConfig) -> Option<Value> {
    // Keras 3 does not load the `.h5` that it writes of operations, for want of their modules.
    if cx.form == Form::H5 && has_ops(model) {
        return None;
    }
    let json = stood(cx, &model.found)?;
    read_model(cx, json).is_ok_and(|read| read == *model).then(|| json.clone())
}

/// The compile config as it stood, if it still says the same, the learning rate `rate` included.
pub(super) fn compile(
    cx: &Context<'_>,
    compile: &CompileConfig,
    model: &ModelConfig,
    rate: Option<f32>,
) -> Option<Value> {
    let json = stood(cx, &compile.found)?;
    let read = read_compile(cx, json, model).ok()??;
    let config = super::optimizer_config(Some(&read));
    let changed = rate.is_some_and(|now| super::rate(config.as_ref()).is_some_and(|then| then != now));
    (read == *compile && !changed).then(|| json.clone())
}

fn has_ops(model: &ModelConfig) -> bool {
    let inner = |layer: &crate::tree::LayerConfig| layer.model.as_deref().is_some_and(has_ops);
    model.layers.iter().any(|layer| layer.is_op() || inner(layer))
}
