//! The table of formats, and the two functions that go through it.

use std::io::ErrorKind;
use std::path::Path;

use crate::container::window::Window;
use crate::format::config::{self, Form};
use crate::format::{keras_h5, keras_v3, optimizer, safetensors, saved_model, tf_checkpoint, weights_h5};
use crate::storage::{self, Session};
use crate::tree::{Dialect, Gap, SavedFile, Tree, WriteOptions};
use crate::{Error, Location, checkpoint_state};

/// One row of the table.
pub struct Format {
    /// Name: `keras`, `h5`, `weights-h5`, `h5-weights`, `tf-checkpoint`, `saved-model`, `safetensors`.
    pub name: &'static str,
    /// Endings of file names that mean this format when writing, longest match first over the whole table.
    pub endings: &'static [&'static str],
    /// Whether a file holds the architecture (else only arrays).
    pub whole_model: bool,
    /// Whether a file holds the optimizer's state.
    pub optimizer: bool,
    /// What it must be told of the layers that nobody knows; see [`Gap`].
    pub needs: &'static [Gap],
    /// What it cannot hold, for people.
    pub lacks: &'static str,
    /// Dialects that can be written, the default first.
    pub dialects: &'static [Dialect],
    /// Whether the path holds this format, by its content. Nothing there, or nothing readable, is `false`.
    pub holds: fn(&Location) -> bool,
    /// Opens a file.
    pub read: fn(&Location) -> Result<SavedFile, Error>,
    /// Writes a file, whole and durable or not at all.
    pub write: fn(&Location, &Tree, &WriteOptions) -> Result<(), Error>,
    /// Checks whether a tree can be written, for all that can be known without writing it.
    pub check: fn(&Path, &Tree, &WriteOptions) -> Result<(), Error>,
}

/// All formats.
pub static FORMATS: &[Format] = &[
    Format {
        name: keras_v3::NAME,
        endings: &[".keras"],
        whole_model: true,
        optimizer: true,
        needs: &[Gap::Order, Gap::Attributes],
        lacks: "in tf_keras' dialect, Nadam's product and the loss scale",
        dialects: &[Dialect::Keras3, Dialect::TfKeras],
        // The length of a header of safetensors may read so too.
        holds: |path| begins_with(path, b"PK") && !safetensors::holds(path) || keras_v3::is_folder(path),
        read: keras_v3::read,
        write: keras_v3::write,
        check: keras_v3::check,
    },
    Format {
        name: keras_h5::NAME,
        endings: &[".h5", ".hdf5"],
        whole_model: true,
        optimizer: true,
        needs: &[Gap::Order],
        lacks: "in tf_keras' dialect, Nadam's product and the loss scale",
        dialects: &[Dialect::TfKeras, Dialect::Keras3],
        holds: |path| is_hdf5(path) && keras_h5::holds(path, true),
        read: keras_h5::read,
        write: keras_h5::write,
        check: keras_h5::check,
    },
    Format {
        name: keras_h5::WEIGHTS_NAME,
        endings: &[".h5", ".hdf5"],
        whole_model: false,
        optimizer: false,
        needs: &[Gap::Order],
        lacks: "architecture, compile config, optimizer",
        dialects: &[Dialect::TfKeras, Dialect::Keras3],
        holds: |path| is_hdf5(path) && keras_h5::holds(path, false),
        read: keras_h5::read,
        write: keras_h5::write_weights,
        check: keras_h5::check_weights,
    },
    Format {
        name: weights_h5::NAME,
        endings: &[".weights.h5", ".weights.hdf5"],
        whole_model: false,
        optimizer: true,
        needs: &[Gap::Order, Gap::Attributes],
        lacks: "architecture, compile config",
        dialects: &[Dialect::Keras3, Dialect::TfKeras],
        // Any other HDF5 file: what is wrong with it is said when it is read.
        holds: is_hdf5,
        read: weights_h5::read,
        write: weights_h5::write,
        check: weights_h5::check,
    },
    Format {
        name: tf_checkpoint::NAME,
        endings: &[".ckpt"],
        whole_model: false,
        optimizer: true,
        needs: &[Gap::Names, Gap::Attributes],
        lacks: "architecture, compile config",
        dialects: &[Dialect::TfKeras],
        holds: tf_checkpoint::holds,
        read: tf_checkpoint::read,
        write: tf_checkpoint::write,
        check: tf_checkpoint::check,
    },
    Format {
        name: saved_model::NAME,
        // A directory: by default the name of a whole model without an ending.
        endings: &[],
        whole_model: true,
        optimizer: true,
        needs: &[Gap::Names, Gap::Attributes],
        lacks: "Keras 3's dialect",
        dialects: &[Dialect::TfKeras],
        holds: saved_model::holds,
        read: saved_model::read,
        write: saved_model::write,
        check: saved_model::check,
    },
    Format {
        name: safetensors::NAME,
        endings: &[".safetensors"],
        whole_model: false,
        optimizer: false,
        needs: &[],
        lacks: "architecture, compile config, optimizer, order of the variables",
        dialects: &[Dialect::Keras3, Dialect::TfKeras],
        holds: safetensors::holds,
        read: safetensors::read,
        write: safetensors::write,
        check: |_, _, _| Ok(()),
    },
];

/// Whether a file begins so.
fn begins_with(location: &Location, magic: &[u8]) -> bool {
    let mut head = vec![0; magic.len()];
    Window::open(location).is_ok_and(|file| file.read_at(0, &mut head).is_ok()) && head == magic
}

/// Whether a file is HDF5: its signature stands at 0 or behind a user block of 512, 1024, 2048 ... bytes. On a server only in what the
/// first look brought: looking at all these places of a large file fetches most of it.
fn is_hdf5(location: &Location) -> bool {
    let Ok(window) = Window::open(location) else { return false };
    let mut head = [0; 8];
    let blocks = (9..if location.is_remote() { 16 } else { 32 }).map(|n| 1u64 << n);
    std::iter::once(0)
        .chain(blocks)
        .take_while(|at| at.saturating_add(8) <= window.size())
        .any(|at| window.read_at(at, &mut head).is_ok() && head == *b"\x89HDF\r\n\x1a\n")
}

/// The format of that name.
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|f| f.name == name)
}

/// Opens a model file.
///
/// `format` is a name from [`FORMATS`]; without it the content decides, whatever the file is called.
///
/// # Errors
/// No such file; a format that is not known; damage; contents that are not supported.
pub fn open(path: impl Into<Location>, format: Option<&str>) -> Result<SavedFile, Error> {
    let location = path.into().session();
    let mut opened = Window::open(&location);
    // A prefix of a checkpoint is no file, a SavedModel is a folder. What else there is to say of a server, it said now.
    if location.is_remote() {
        opened = match opened {
            Err(Error::Io { source, .. }) if !storage::is_absent(&source) => {
                return Err(location.failed("open", source));
            }
            Err(error @ Error::Usage { .. }) => return Err(error),
            other => other,
        };
    }
    let format = match format {
        Some(name) => Some(named(name)?),
        None => FORMATS.iter().find(|f| (f.holds)(&location)),
    };
    if let Some(found) = format {
        location.read_whole();
        return (found.read)(&location);
    }
    if let Some(trouble) = location.opened().and_then(Session::trouble) {
        return Err(location.failed("open", trouble));
    }
    let (place, found) = match opened {
        Ok(file) => {
            let mut head = vec![0; file.size().min(8) as usize];
            let _ = file.read_at(0, &mut head);
            ("the beginning of the file", format!("the bytes {head:02x?}"))
        }
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::IsADirectory => {
            if let Some(error) = of_checkpoints(&location)? {
                return Err(error);
            }
            ("the folder", "no saved_model.pb".into())
        }
        // Without a file under that very name the system's own message is the right one.
        Err(other) => return Err(other),
    };
    Err(Error::Format {
        path: location.as_path().into(),
        place: place.into(),
        found,
        expected: format!("one of the formats {} (of a TensorFlow checkpoint, its prefix)", names()),
    })
}

/// Returns what to say of a folder of TensorFlow checkpoints, which is no checkpoint itself; `None` for other folders.
fn of_checkpoints(folder: &Location) -> Result<Option<Error>, Error> {
    let Some(state) = checkpoint_state::read(folder.clone())? else { return Ok(None) };
    let (found, expected) = match checkpoint_state::latest_checkpoint(folder.clone())? {
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
    let format = suitable(&location, format, tree, options)?;
    (format.write)(&location, tree, options)
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
    let format = suitable(&location, format, tree, options)?;
    (format.check)(location.as_path(), tree, options)
}

/// The format for writing a tree, which it can hold.
fn suitable(
    location: &Location,
    format: Option<&str>,
    tree: &Tree,
    options: &WriteOptions,
) -> Result<&'static Format, Error> {
    let format = for_writing(location, format, tree.model.is_some())?;
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
    Ok(format)
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
    let form = if format.name == keras_v3::NAME { Form::Keras } else { Form::H5 };
    if let (true, Some(model), Some(compile)) = (format.whole_model, &tree.model, &tree.compile) {
        let rate = tree.optimizer.as_ref().and_then(|o| o.learning_rate);
        match config::check_compile(location.as_path(), dialect, form, model, compile, rate) {
            Ok(false) => {}
            Ok(true) => notes.push(format!(
                "{location}: the optimizer is one of before TensorFlow 2.11, which adds epsilon to the root, and is written as today's, which Keras trains by"
            )),
            Err(why) => {
                notes.push(format!("the model is written as one that was not compiled: {why}"));
                (tree.compile, tree.optimizer) = (None, None);
            }
        }
    }
    let Some(state) = tree.optimizer.as_ref().filter(|_| format.optimizer) else { return notes };
    let graph = matches!(format.name, tf_checkpoint::NAME | saved_model::NAME);
    let named = !matches!(format.name, keras_v3::NAME | weights_h5::NAME);
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
    } else if format.name == keras_h5::NAME && state.class_name.starts_with("LossScaleOptimizer") {
        // Their loaders count the variables before the slots are made, and skip a state of another length.
        notes.push(format!(
            "{location}: the state of the {} is in the file, but Keras and tf_keras begin anew where they load one from HDF5; write `.keras` for them",
            state.class_name
        ));
    }
    notes
}

/// The format of that name; without one, that which the path's ending means.
///
/// # Errors
/// There is none.
pub fn for_writing(
    location: impl Into<Location>,
    name: Option<&str>,
    whole_model: bool,
) -> Result<&'static Format, Error> {
    match name {
        Some(name) => named(name),
        None => by_ending(location, whole_model),
    }
}

/// The format that a path's ending means when writing.
///
/// # Errors
/// No format has this ending.
pub fn by_ending(location: impl Into<Location>, whole_model: bool) -> Result<&'static Format, Error> {
    let location = location.into();
    let name = location.file_name().map(|name| name.to_lowercase()).unwrap_or_default();
    let longest = FORMATS
        .iter()
        .flat_map(|f| f.endings.iter().filter(|e| name.ends_with(*e)).map(move |e| (e.len(), f)))
        // `.h5` is two formats: the one that can hold what there is.
        .max_by_key(|(len, f)| (*len, f.whole_model == whole_model));
    if let Some((_, format)) = longest {
        return Ok(format);
    }
    // What Keras does: no ending that is known as another's means TensorFlow's own formats: a SavedModel for a whole model, else a checkpoint
    // prefix (`cp-0001`). A number is no ending (`model-0.5`).
    let ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ending)| ending);
    match (ending, by_name(if whole_model { saved_model::NAME } else { tf_checkpoint::NAME })) {
        (None, Some(format)) => Ok(format),
        (Some(e), Some(format)) if e.parse::<f64>().is_ok() => Ok(format),
        _ => Err(Error::Usage {
            what: format!("{location}: the ending names no format"),
            advice: format!(
                "use one of {}, or name the format: {}",
                FORMATS.iter().flat_map(|f| f.endings).copied().collect::<Vec<_>>().join(", "),
                names()
            ),
        }),
    }
}

fn named(name: &str) -> Result<&'static Format, Error> {
    by_name(name).ok_or_else(|| Error::Usage {
        what: format!(
            "there is no format `{name}`{}",
            rhyton_error::did_you_mean(name, FORMATS.iter().map(|f| f.name))
        ),
        advice: format!("use one of {}", names()),
    })
}

fn names() -> String {
    FORMATS.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Format({})", self.name)
    }
}
