//! What is in a model file: also where its layers are not known, and in TensorFlow checkpoints of any program.

mod json;
mod layers;
mod rules;
mod shapes;
mod table;

use std::path::PathBuf;

pub use layers::LayerFacts;
use rhyton_persist::tree::{CompileConfig, Dialect, Gap, Stored};
use rhyton_persist::{Error as FileError, Location, convert};

use crate::Error;

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
    /// Numbers in all variables of the model, and in those that training changes, where the file says which they are.
    pub parameters: Option<(u64, Option<u64>)>,
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
        found.notes.extend(crate::saving::warnings::of_policies(config));
        let whole = match convert::whole(path, &file, None) {
            Ok(whole) => Some(whole),
            // Damage is no matter of taste.
            Err(error @ (FileError::Format { .. } | FileError::Io { .. })) => return Err(error.into()),
            Err(error) => {
                found.notes.push(error.to_string());
                None
            }
        };
        if let Some(whole) = &whole {
            let data = whole.tree.optimizer.as_ref().and_then(|state| state.data.as_ref());
            let why = whole.optimizer.as_ref().or(data.map(|data| &data.why));
            found.notes.extend(why.map(|why| format!("the optimizer's state does not fit: {why}")));
            let trainable = trained(whole).map(|all| all.iter().map(|shape| layers::size(shape)).sum());
            found.parameters = Some((layers::count(&whole.tree.root), trainable));
        }
        let tree = whole.map(|whole| whole.tree);
        found.model = Some((
            config.name.clone(),
            layers::class_of(config),
            layers::layers(config, tree.as_ref().map(|tree| &tree.root)),
        ));
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
            class: file.compile.as_ref().map(|c| convert::optimizer_class(&c.optimizer)).unwrap_or_default(),
            iteration,
            learning_rate: None,
            slots: None,
        }),
    };
    Ok(found)
}

/// Shapes of the variables that training changes; `None` where nobody knows which they are.
fn trained(whole: &convert::Whole) -> Option<Vec<Vec<usize>>> {
    let all = whole.trainable();
    let of = |name: &str| all.iter().any(|(path, _)| path.split('/').any(|part| part == name));
    let unsure = whole.gaps.iter().any(|(layer, gap)| *gap == Gap::Trained && of(layer));
    (!unsure).then(|| all.into_iter().map(|(_, variable)| variable.shape.clone()).collect())
}

impl Inspection {
    /// Bytes of all arrays.
    pub fn bytes(&self) -> u64 {
        self.arrays.iter().map(bytes_of).fold(0, u64::saturating_add)
    }
}

fn bytes_of(array: &Stored) -> u64 {
    layers::size(&array.variable.shape).saturating_mul(array.variable.dtype.size() as u64)
}

fn dialect_name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Keras3 => "keras3",
        Dialect::TfKeras => "tf-keras",
    }
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text(false, false, false))
    }
}
