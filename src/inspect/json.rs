//! What is in a file, as JSON for programs.

use rhyton_engine::types::Shape;
use serde_json::{Value, json};

use super::{Inspection, LayerFacts, bytes_of, dialect_name};

impl Inspection {
    /// The facts under names that stay: `format`, `dialect`, `keras_version`, `model` (`name`, `class`, `layers`, `parameters`), `compile`,
    /// `optimizer`, `resume`, `arrays`, `notes`, and `variables` where they are asked for. What is not known is null; a shape is a list with
    /// null for an axis that data decide. `configs`: each layer has its `config`.
    pub fn to_json(&self, variables: bool, configs: bool) -> Value {
        let dialect = self.dialect.map(dialect_name);
        let model = self.model.as_ref().map(|(name, class, layers)| {
            let layers: Vec<Value> = layers.iter().map(|layer| layer_json(layer, configs)).collect();
            let parameters = self.parameters.map(|(total, trainable)| {
                let others = trainable.map(|n| total - n.min(total));
                json!({"total": total, "trainable": trainable, "non_trainable": others})
            });
            json!({"name": name, "class": class, "layers": layers, "parameters": parameters})
        });
        let compile = self.compile.as_ref().map(|c| {
            json!({
                "optimizer": c.optimizer,
                "loss": c.loss,
                "metrics": c.metrics,
                "loss_weights": c.loss_weights,
                "weighted_metrics": c.weighted_metrics,
            })
        });
        let optimizer = self.optimizer.as_ref().map(|o| {
            let class = (!o.class.is_empty()).then_some(&o.class);
            json!({"class": class, "iteration": o.iteration, "learning_rate": o.learning_rate, "slots": o.slots})
        });
        let mut out = json!({
            "path": self.path.to_string_lossy(),
            "format": self.format,
            "dialect": dialect,
            "keras_version": self.keras_version,
            "model": model,
            "compile": compile,
            "optimizer": optimizer,
            "resume": self.resume,
            "arrays": {"count": self.arrays.len(), "bytes": self.bytes()},
            "notes": self.notes,
        });
        if variables {
            let list = self.arrays.iter().map(|a| {
                json!({
                    "path": a.path,
                    "shape": a.variable.shape,
                    "dtype": a.variable.dtype.name(),
                    "bytes": bytes_of(a),
                })
            });
            out["variables"] = list.collect();
        }
        out
    }
}

/// The facts of a layer.
fn layer_json(layer: &LayerFacts, config: bool) -> Value {
    let shape = |shape: &Option<Shape>| shape.as_ref().map(|s| s.0.clone());
    let output_shape = match layer.output_shapes.as_slice() {
        [] => Value::Null,
        [one] => json!(shape(one)),
        several => several.iter().map(|s| json!(shape(s))).collect(),
    };
    let mut out = json!({
        "name": layer.name,
        "class": layer.class,
        "wraps": layer.wraps,
        "output_shape": output_shape,
        "parameters": layer.parameters,
        "connected_to": layer.connected_to,
    });
    if !layer.layers.is_empty() {
        out["layers"] = layer.layers.iter().map(|inner| layer_json(inner, config)).collect();
    }
    if config {
        out["config"] = layer.config.clone().into();
    }
    out
}
