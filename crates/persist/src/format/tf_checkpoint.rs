//! TensorFlow checkpoints as tf_keras' `save_weights` writes them: a tensor bundle whose object graph says which variable is which.
//!
//! Values are found by the names of the graph's edges (`layer_with_weights-0`, `kernel`), as TensorFlow finds them; the keys of the tensors may
//! be anything. A compiled model's optimizer is in the file too. What Rhyton needs to go on exactly ([`Tree::resume`]) is one more string tensor,
//! which is not in the graph: TensorFlow does not mind those.
//!
//! Reading also takes what other programs write: several data files, sliced tensors, `layer-N` edges alone, the slot
//! variables of `tf_keras.optimizers.legacy` and of TensorFlow before 2.11, and `tf.train.Checkpoint(model=.., optimizer=..)`.
//! [`WeightSource::stored`](crate::tree::WeightSource::stored) lists any TensorFlow checkpoint.

mod draft;
mod graph;
mod layers;
mod optimizer;
mod read;
#[cfg(test)]
mod tests;
mod write;

use serde_json::Value;

use crate::container::bundle::{self, Bundle, data_type};
use crate::container::json;
use crate::container::sstable;
use crate::tree::{DType, Dialect, SavedFile, Tree, WriteOptions};
use crate::{Error, Location, checkpoint_state, commit, limits, storage};
pub(super) use draft::{Draft, Numbered, Object as DraftObject};
use graph::Graph;
pub(super) use read::Checkpoint;
pub(super) use write::{child_of, layer_edge, model_draft, variable_of};

/// Name of the format.
pub(crate) const NAME: &str = "tf-checkpoint";
/// Key of the object graph.
const GRAPH: &str = "_CHECKPOINTABLE_OBJECT_GRAPH";
/// Name of the attribute that a variable's node has.
const VALUE: &str = "VARIABLE_VALUE";
/// End of the keys of variables.
const SUFFIX: &str = "/.ATTRIBUTES/VARIABLE_VALUE";
/// Key of [`Tree::resume`].
const RESUME: &str = "rhyton/.ATTRIBUTES/RESUME";

/// Whether there is a checkpoint of that prefix, or the path is that of its index.
pub(crate) fn holds(location: &Location) -> bool {
    let Ok(index) = storage::open(&bundle::index_path(&prefix_of(location))) else { return false };
    let mut ending = [0; sstable::MAGIC.len()];
    let at = index.size().checked_sub(ending.len() as u64);
    at.is_some_and(|at| index.read_at(at, &mut ending).is_ok()) && ending == sstable::MAGIC
}

/// The prefix: the path itself, or without `.index` where the path is that of an index.
fn prefix_of(location: &Location) -> Location {
    location
        .without_suffix(".index")
        .filter(|_| storage::is_file(location))
        .unwrap_or_else(|| location.clone())
}

/// Opens a checkpoint.
pub(crate) fn read(location: &Location) -> Result<SavedFile, Error> {
    let (source, resume) = open(&prefix_of(location))?;
    let dialect = source.model().map(|_| Dialect::TfKeras);
    Ok(SavedFile {
        format: NAME,
        dialect,
        keras_version: None,
        model: None,
        no_model: None,
        compile: None,
        resume,
        weights: Box::new(source),
        assets: Vec::new(),
    })
}

/// Opens the checkpoint of a prefix: its arrays, and [`Tree::resume`].
pub(super) fn open(prefix: &Location) -> Result<(Checkpoint, Option<Value>), Error> {
    let bundle = Bundle::open(prefix)?;
    let graph = match bundle.info(GRAPH) {
        Some(_) => Some(Graph::read(&bundle)?),
        None => None,
    };
    let resume = match bundle.string(RESUME, limits::JSON_BYTES)? {
        Some(text) => Some(json::parse(bundle.path(), &format!("tensor {RESUME}"), &text)?),
        None => None,
    };
    Ok((Checkpoint { bundle, graph }, resume))
}

/// Writes a checkpoint and then the state file `checkpoint` beside it.
pub(crate) fn write(location: &Location, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    let name = location.file_name().filter(|_| location.as_path().to_str().is_some());
    let Some(name) = name else {
        return Err(Error::Usage {
            what: format!("{location} is no checkpoint prefix"),
            advice: "end it in a name, in UTF-8".into(),
        });
    };
    let tensors = write::tensors(location.as_path(), tree, true)?;
    let folder = location.folder();
    commit::create_folder(&folder)?;
    bundle::write(location, &tensors, options.shards)?;
    checkpoint_state::write(&folder, &checkpoint_state::CheckpointState::of(name))
}

/// Checks whether a tree can be written, without writing it.
pub(crate) fn check(path: &std::path::Path, tree: &Tree, _options: &WriteOptions) -> Result<(), Error> {
    write::tensors(path, tree, true).map(drop)
}

/// Writes the checkpoint inside a SavedModel, whose folder is there.
pub(super) fn write_inside(prefix: &Location, tree: &Tree, shards: usize) -> Result<(), Error> {
    bundle::write(prefix, &write::tensors(prefix.as_path(), tree, false)?, shards)
}

/// TensorFlow's number of an element type.
pub(super) fn number_of(dtype: DType) -> i32 {
    match dtype {
        DType::F16 => data_type::HALF,
        DType::BF16 => data_type::BFLOAT16,
        DType::F32 => data_type::FLOAT,
        DType::F64 => data_type::DOUBLE,
        DType::I8 => data_type::INT8,
        DType::I16 => data_type::INT16,
        DType::I32 => data_type::INT32,
        DType::I64 => data_type::INT64,
        DType::U8 => data_type::UINT8,
        DType::U16 => data_type::UINT16,
        DType::U32 => data_type::UINT32,
        DType::U64 => data_type::UINT64,
        DType::Bool => data_type::BOOL,
    }
}

/// The element type of TensorFlow's number; `None` for strings, complex numbers and others that no model has.
fn dtype_of(number: i32) -> Option<DType> {
    use DType::*;
    [F16, BF16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Bool]
        .into_iter()
        .find(|&t| number_of(t) == number)
}
