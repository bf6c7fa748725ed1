//! What is in a model file: also where its layers are not known, and in TensorFlow checkpoints of any program.

mod table;

use std::path::PathBuf;

use rhyton_engine::graph::LayerRef;
use rhyton_engine::models::Network;
use rhyton_persist::tree::{CompileConfig, Dialect, ModelConfig, Object, Stored, Tree};
use rhyton_persist::{Location, convert};
use serde_json::{Value, json};

use crate::Error;
use crate::saving::network_of;

/// A layer of a model.
#[derive(Clone, Debug)]
pub struct LayerFacts {
    /// Name.
    pub name: String,
    /// Class.
    pub class: String,
    /// `(None, 10)`; `?` where nobody knows.
    pub output_shape: String,
    /// Numbers in its variables; `None` where the arrays are not those that the configs say.
    pub parameters: Option<u64>,
}

/// An optimizer's state.
#[derive(Clone, Debug)]
pub struct OptimizerFacts {
    /// Class; empty where the file does not say.
    pub class: String,
    /// Steps that it has taken.
    pub iteration: i64,
    /// The learning rate, where the file says it.
    pub learning_rate: Option<f32>,
    /// Its slot variables, where it is known which they are.
    pub slots: Option<usize>,
}

/// What is in a file.
pub struct Inspection {
    /// The file; of a URL, without its secrets.
    pub path: PathBuf,
    /// Name of the format: `keras`, `h5`, ...
    pub format: &'static str,
    /// Dialect, where the file shows it.
    pub dialect: Option<Dialect>,
    /// Version of Keras that wrote it, where the file says.
    pub keras_version: Option<String>,
    /// Name and class of the model, and its layers.
    pub model: Option<(String, &'static str, Vec<LayerFacts>)>,
    /// Numbers in all variables of the model, and in those that training changes.
    pub parameters: Option<(u64, u64)>,
    /// What could not be said, and why.
    pub notes: Vec<String>,
    /// How the model was compiled.
    pub compile: Option<CompileConfig>,
    /// The optimizer's state.
    pub optimizer: Option<OptimizerFacts>,
    /// Whether Rhyton's own record is there, by which training goes on with the same random numbers.
    pub resume: bool,
    /// Every array of the file.
    pub arrays: Vec<Stored>,
}

/// Looks into a file. No device is touched.
///
/// # Errors
/// The file is no model file, or damaged.
pub fn inspect(path: impl Into<Location>) -> Result<Inspection, Error> {
    let path = &path.into();
    let file = rhyton_persist::open(path, None)?;
    let mut found = Inspection {
        path: path.as_path().into(),
        format: file.format,
        dialect: file.dialect,
        keras_version: file.keras_version.clone(),
        model: None,
        parameters: None,
        notes: file.no_model.iter().map(ToString::to_string).collect(),
        compile: file.compile.clone(),
        optimizer: None,
        resume: file.resume.is_some(),
        arrays: file.weights.stored()?,
    };
    let mut state = None;
    if let Some(config) = &file.model {
        let tree = match convert::whole(path, &file, None) {
            Ok(whole) => Some(whole.tree),
            Err(error) => {
                found.notes.push(error.to_string());
                None
            }
        };
        found.model = Some((config.name.clone(), class_of(config), layers(config, tree.as_ref(), path)));
        found.parameters = tree.as_ref().map(|tree| {
            let trainable = tree.trainable().iter().map(|(_, v)| size(&v.shape)).sum();
            (count(&tree.root), trainable)
        });
        state = tree.and_then(|tree| tree.optimizer);
    }
    found.optimizer = match state {
        Some(state) => Some(OptimizerFacts {
            class: state.class_name,
            iteration: state.iteration,
            learning_rate: state.learning_rate,
            slots: Some(state.slots.len()),
        }),
        None => convert::iterations(&file)?.map(|iteration| OptimizerFacts {
            class: String::new(),
            iteration,
            learning_rate: None,
            slots: None,
        }),
    };
    Ok(found)
}

fn class_of(config: &ModelConfig) -> &'static str {
    match config.kind {
        rhyton_persist::tree::ModelKind::Sequential => "Sequential",
        rhyton_persist::tree::ModelKind::Functional => "Functional",
    }
}

fn size(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |n, d| n.saturating_mul(*d as u64))
}

fn count(object: &Object) -> u64 {
    let own = object.variables.iter().map(|v| size(&v.shape));
    own.chain(object.children.iter().map(|(_, child)| count(child))).fold(0, u64::saturating_add)
}

/// As Keras lists them: a Sequential without its input layer.
fn layers(config: &ModelConfig, tree: Option<&Tree>, path: &Location) -> Vec<LayerFacts> {
    let sequential = class_of(config) == "Sequential";
    // Where all layers are known, the network knows their shapes.
    let network = network_of(config, path).ok();
    let shown = config.layers.iter().filter(|l| !(sequential && l.class_name == "InputLayer"));
    let facts = shown.enumerate().map(|(i, layer)| LayerFacts {
        name: layer.name.clone(),
        class: layer.class_name.clone(),
        output_shape: network
            .as_ref()
            .and_then(|root| output_shape(root, &layer.name))
            .or_else(|| layer.config.get("batch_shape").map(shape_text))
            .unwrap_or_else(|| "?".into()),
        parameters: tree.and_then(|t| t.root.children.get(i)).map(|(_, object)| count(object)),
    });
    facts.collect()
}

fn output_shape(root: &LayerRef, name: &str) -> Option<String> {
    let held = root.layer();
    let network = held.as_any().downcast_ref::<Network>()?;
    let calls = network.calls.iter().rev();
    let call = calls.into_iter().find(|c| network.layers.get(c.layer).is_some_and(|l| l.name() == name))?;
    let shapes: Vec<String> = call.outputs.iter().map(|(shape, _)| shape.to_string()).collect();
    Some(if let [one] = shapes.as_slice() { one.clone() } else { format!("[{}]", shapes.join(", ")) })
}

fn shape_text(shape: &Value) -> String {
    let axis = |v: &Value| v.as_u64().map_or("None".to_owned(), |n| n.to_string());
    let axes: Vec<String> = shape.as_array().into_iter().flatten().map(axis).collect();
    format!("({})", axes.join(", "))
}

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

    /// Bytes of all arrays.
    pub fn bytes(&self) -> u64 {
        self.arrays.iter().map(bytes_of).fold(0, u64::saturating_add)
    }
}

fn bytes_of(array: &Stored) -> u64 {
    size(&array.variable.shape).saturating_mul(array.variable.dtype.size() as u64)
}

fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Keras3 => "keras3",
        Dialect::TfKeras => "tf-keras",
    }
}
