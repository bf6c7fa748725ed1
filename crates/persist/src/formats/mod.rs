//! The table of formats, and what goes through it: opening and writing, at a path or URL or in memory.
//!
//! * `table`: the rows; `endings`: which of them a name means; `newest`: which checkpoint of a folder is the newest.

mod endings;
mod newest;
mod table;

use std::io::{ErrorKind, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use crate::bytes::{ReadAt, Window};
use crate::error::is_absent;
use crate::format::{config, optimizer};
use crate::place::Session;
use crate::tree::{Dialect, SavedFile, Tree, WriteOptions};
use crate::{Error, Location, checkpoint_state, storage};
pub use endings::{by_ending, by_name, for_model, for_weights, for_writing};
use endings::{named, names};
pub use newest::{latest_checkpoint, latest_checkpoint_anywhere};
pub(crate) use table::Arrays;
pub use table::{FORMATS, Format, Layout};

/// What messages call a file that has no path.
pub const UNNAMED: &str = "(a file in memory)";

/// Opens a model file.
///
/// `format` is a name from [`FORMATS`]; without it the content decides, whatever the file is called.
///
/// # Errors
/// No such file; a format that is not known; damage; contents that are not supported.
pub fn open(path: impl Into<Location>, format: Option<&str>) -> Result<SavedFile, Error> {
    let location = path.into().session();
    let mut opened = storage::open(&location);
    // A prefix of a checkpoint is no file, a SavedModel is a folder. What else there is to say of a server, it said now.
    if location.is_remote() {
        opened = match opened {
            Err(Error::Io { source, .. }) if !is_absent(&source) => {
                return Err(location.failed("open", source));
            }
            Err(error @ Error::Usage { .. }) => return Err(error),
            other => other,
        };
    }
    let format = match format {
        Some(name) => Some(named(name)?),
        None => FORMATS.iter().find(|f| f.holds(&location)),
    };
    if let Some(found) = format {
        location.read_whole();
        return found.read(&location);
    }
    if let Some(trouble) = location.opened().and_then(Session::trouble) {
        return Err(location.failed("open", trouble));
    }
    let (place, found) = match opened {
        Ok(file) => return Err(unknown(&file)),
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::IsADirectory => {
            if let Some(error) = of_checkpoints(&location)? {
                return Err(error);
            }
            ("the folder", "no saved_model.pb".into())
        }
        // Without a file under that very name the system's own message is the right one.
        Err(other) => return Err(other),
    };
    Err(Error::Format { path: location.as_path().into(), place: place.into(), found, expected: expected() })
}

/// Opens a model file that is in memory, or that any other [`ReadAt`] reads: `.keras`, HDF5 or safetensors, each of which is one file.
///
/// `format` is a name from [`FORMATS`]; without it the content decides.
///
/// ```
/// use rhyton_persist::tree::{Tree, WriteOptions};
/// use rhyton_persist::{open_bytes, write_to};
///
/// # fn main() -> Result<(), rhyton_persist::Error> {
/// let mut bytes = Vec::new();
/// write_to(&mut bytes, "weights-h5", &Tree::default(), &WriteOptions::default())?;
/// assert_eq!(open_bytes(bytes, None)?.format, "weights-h5");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`open`]; [`Error::Usage`] for a format that is several files.
pub fn open_bytes(file: impl ReadAt + 'static, format: Option<&str>) -> Result<SavedFile, Error> {
    let path: Arc<Path> = Path::new(UNNAMED).into();
    let failed = |source| Error::Io { action: "read", path: UNNAMED.into(), source };
    let window = Window::over(Arc::new(file), path).map_err(failed)?;
    let found = match format {
        Some(name) => Some(named(name)?.as_file()?),
        None => FORMATS.iter().filter_map(|f| f.file.as_ref()).find(|file| (file.holds)(&window)),
    };
    match found {
        Some(file) => (file.read)(window),
        None => Err(unknown(&window)),
    }
}

/// What to say of a file of no format.
fn unknown(file: &Window) -> Error {
    let mut head = vec![0; file.size().min(8) as usize];
    let _ = file.read_at(0, &mut head);
    Error::Format {
        path: file.path().to_path_buf(),
        place: "the beginning of the file".into(),
        found: format!("the bytes {head:02x?}"),
        expected: expected(),
    }
}

fn expected() -> String {
    format!("one of the formats {} (of a TensorFlow checkpoint, its prefix)", names())
}

/// Returns what to say of a folder of TensorFlow checkpoints, which is no checkpoint itself; `None` for other folders.
fn of_checkpoints(folder: &Location) -> Result<Option<Error>, Error> {
    let Some(state) = checkpoint_state::read(folder.clone())? else { return Ok(None) };
    let (found, expected) = match latest_checkpoint(folder.clone())? {
        Some(newest) => ("checkpoints".into(), format!("the prefix of one; the newest is {newest}")),
        None => {
            let found = format!("a state file that names the checkpoint {:?}", state.model_checkpoint_path);
            (found, "that checkpoint, or another, in it".into())
        }
    };
    Ok(Some(Error::Format { path: folder.as_path().into(), place: "the folder".into(), found, expected }))
}

/// Writes a model file.
///
/// `format` is a name from [`FORMATS`]; without it the ending of the path decides: `.keras`; `.weights.h5`; `.h5` or
/// `.hdf5` (the whole model where the tree has one, else weights only); `.safetensors`; `.ckpt`: TensorFlow checkpoint; none: SavedModel
/// where the tree has the whole model, else TensorFlow checkpoint.
///
/// # Errors
/// A format or ending that is not known, a tree that lacks what the format needs, or the system's refusal. The old
/// file is then as it was.
pub fn write(
    path: impl Into<Location>,
    format: Option<&str>,
    tree: &Tree,
    options: &WriteOptions,
) -> Result<(), Error> {
    let location = path.into();
    let format = for_writing(&location, format, tree.model.is_some())?;
    check_suits(format, tree, options)?;
    format.write(&location, tree, options)
}

/// Writes a model file to any sink: one of `.keras`, HDF5 or safetensors, each of which is one file. `format` is a name from [`FORMATS`].
///
/// The bytes are those that [`write()`] puts into a file. They are made in a temporary file first, since some formats are not written from
/// beginning to end; so nothing is sent of a model that cannot be written.
///
/// # Errors
/// As [`write()`]; [`Error::Usage`] for a format that is several files.
pub fn write_to(
    sink: &mut dyn Write,
    format: &str,
    tree: &Tree,
    options: &WriteOptions,
) -> Result<(), Error> {
    let format = named(format)?;
    check_suits(format, tree, options)?;
    let file = format.as_file()?;
    let path = Path::new(UNNAMED);
    let failed = |source| Error::Io { action: "write", path: path.into(), source };
    let here = |source| Error::Io { action: "write a temporary file in", path: std::env::temp_dir(), source };
    let mut made = tempfile::tempfile().map_err(here)?;
    (file.write)(path, tree, options, &mut made)?;
    made.rewind().map_err(here)?;
    std::io::copy(&mut made, sink).map_err(failed)?;
    sink.flush().map_err(failed)
}

/// Checks whether [`write()`] can write a model file, for all that can be known without writing it.
///
/// # Errors
/// As there.
pub fn check(
    path: impl Into<Location>,
    format: Option<&str>,
    tree: &Tree,
    options: &WriteOptions,
) -> Result<(), Error> {
    let location = path.into();
    let format = for_writing(&location, format, tree.model.is_some())?;
    check_suits(format, tree, options)?;
    (format.check)(location.as_path(), tree, options)
}

/// Checks whether a format holds what a tree has, in the dialect that is asked for.
fn check_suits(format: &Format, tree: &Tree, options: &WriteOptions) -> Result<(), Error> {
    if let Some(dialect) = options.dialect
        && !format.dialects.contains(&dialect)
    {
        return Err(Error::Usage {
            what: format!("the format {} has no {dialect:?} dialect", format.name),
            advice: format!("leave the dialect out or use {:?}", format.dialects),
        });
    }
    if format.whole_model && tree.model.is_none() {
        return Err(Error::Usage {
            what: format!("the format {} holds a whole model, and there is only its weights", format.name),
            advice: "give the architecture too, or write `.weights.h5`".into(),
        });
    }
    Ok(())
}

/// Takes out of a tree what a format cannot say of how the model was compiled and of its optimizer's state, and says what and why.
pub fn leave_out(
    location: &Location,
    format: &Format,
    tree: &mut Tree,
    options: &WriteOptions,
) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(dialect) = options.dialect.or(format.dialects.first().copied()) else { return notes };
    if let (true, Some(model), Some(compile)) = (format.whole_model, &tree.model, &tree.compile) {
        let rate = tree.optimizer.as_ref().and_then(|o| o.learning_rate);
        match config::check_compile(location.as_path(), dialect, format.form, model, compile, rate) {
            Ok(false) => {}
            Ok(true) => notes.push(format!(
                "{location}: the optimizer is one of before TensorFlow 2.11, which has another formula, and is written as today's, which Keras trains by"
            )),
            Err(why) => {
                notes.push(format!("the model is written as one that was not compiled: {why}"));
                (tree.compile, tree.optimizer) = (None, None);
            }
        }
    }
    let Some(state) = tree.optimizer.as_ref().filter(|_| format.optimizer) else { return notes };
    let graph = format.arrays == Arrays::Graph;
    let named = format.arrays != Arrays::Walked;
    let why = match &state.data {
        _ if dialect == Dialect::TfKeras && optimizer::only_keras3(&state.class_name) => {
            Some(format!("tf_keras has no {}", state.class_name))
        }
        // In the file's own order, it means what it meant there alone.
        Some(data) if data.dialect.map_or(named, |from| from != dialect) => Some(data.why.clone()),
        Some(data) if graph && state.slots.iter().any(|slot| slot.of.is_none()) => Some(data.why.clone()),
        _ => None,
    };
    if let Some(why) = why {
        notes.push(format!("{location}: the optimizer's state is left out: {why}"));
        tree.optimizer = None;
    } else if format.arrays == Arrays::Named && state.class_name.starts_with("LossScaleOptimizer") {
        // Their loaders count the variables before the slots are made, and skip a state of another length.
        notes.push(format!(
            "{location}: the state of the {} is in the file, but Keras and tf_keras begin anew where they load one from HDF5; write `.keras` for them",
            state.class_name
        ));
    }
    notes
}
