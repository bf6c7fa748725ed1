//! What is in a file, as JSON for programs.

use serde_json::{Value, json};

use super::{Inspection, bytes_of, dialect_name};

impl Inspection {
    /// The facts under names that stay: `format`, `dialect`, `keras_version`, `model` (`name`, `class`, `layers`, `parameters`), `compile`,
    /// `optimizer`, `resume`, `arrays`, `notes`, and `variables` where they are asked for. What is not known is null.
    pub fn to_json(&self, variables: bool) -> Value {
        let dialect = self.dialect.map(dialect_name);
        let model = self.model.as_ref().map(|(name, class, layers)| {
            let layers: Vec<Value> = layers
                .iter()
                .map(|l| {
                    let shape = (l.output_shape != "?").then_some(&l.output_shape);
                    json!({"name": l.name, "class": l.class, "output_shape": shape, "parameters": l.parameters})
                })
                .collect();
            let parameters = self.parameters.map(|(total, trainable)| {
                json!({"total": total, "trainable": trainable, "non_trainable": total - trainable.min(total)})
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
