//! The table of formats.

use std::path::Path;

use crate::bytes::{Sink, Window};
use crate::format::config::Form;
use crate::format::{keras_h5, keras_v3, safetensors, saved_model, tf_checkpoint, weights_h5};
use crate::tree::{Dialect, Gap, SavedFile, Tree, WriteOptions};
use crate::{Error, Location, commit, storage};

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
    /// Whether layers have files of their own in it (vocabularies), and arrays under names of their own.
    pub assets: bool,
    /// Whether it takes the prediction as a TensorFlow graph: see [`Tree::serving`].
    pub serving: bool,
    /// What is at a path of this format.
    pub layout: Layout,
    /// The format that holds the weights alone under the same endings, where `save_weights` writes another one there.
    pub weights_only: Option<&'static str>,
    /// What it must be told of the layers that nobody knows; see [`Gap`].
    pub needs: &'static [Gap],
    /// What it cannot hold, for people.
    pub lacks: &'static str,
    /// Dialects that can be written, the default first.
    pub dialects: &'static [Dialect],
    /// How configs are written.
    pub(crate) form: Form,
    /// How arrays are found again.
    pub(crate) arrays: Arrays,
    /// How it is read and written where it is one file.
    pub(crate) file: Option<File>,
    /// How it is read and written where it is several files.
    pub(crate) files: Option<Files>,
    /// Checks whether a tree can be written, for all that can be known without writing it.
    pub check: fn(&Path, &Tree, &WriteOptions) -> Result<(), Error>,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A file. It can also be read from bytes in memory, and written to any sink.
    File,
    /// Nothing: the path is what the names of several files begin with.
    Prefix,
    /// A directory.
    Directory,
}

/// How the arrays of an object are found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrays {
    /// By their order: Keras walks the objects, and each says itself what it saves.
    Walked,
    /// By their order in lists of names.
    Named,
    /// By the edges of a graph of objects; a slot of an optimizer by its variable.
    Graph,
}

/// A format that is one file.
pub(crate) struct File {
    /// Whether bytes are of this format. Nothing readable is `false`.
    pub(crate) holds: fn(&Window) -> bool,
    /// Opens a file.
    pub(crate) read: fn(Window) -> Result<SavedFile, Error>,
    /// Writes a file; the path is its name in messages.
    pub(crate) write: fn(&Path, &Tree, &WriteOptions, &mut dyn Sink) -> Result<(), Error>,
}

/// A format that is several files.
pub(crate) struct Files {
    /// Whether the path holds this format. Nothing there, or nothing readable, is `false`.
    pub(crate) holds: fn(&Location) -> bool,
    /// Opens the files.
    pub(crate) read: fn(&Location) -> Result<SavedFile, Error>,
    /// Writes the files, whole and durable or not at all; `None` where they are read alone.
    pub(crate) write: Option<WriteFiles>,
}

/// Writes several files.
type WriteFiles = fn(&Location, &Tree, &WriteOptions) -> Result<(), Error>;

impl Format {
    /// Returns whether a path holds this format, by its content. Nothing there, or nothing readable, is `false`.
    pub fn holds(&self, location: &Location) -> bool {
        let as_file = |file: &File| storage::open(location).is_ok_and(|window| (file.holds)(&window));
        self.file.as_ref().is_some_and(as_file)
            || self.files.as_ref().is_some_and(|files| (files.holds)(location))
    }

    /// Opens what is at a path.
    pub(crate) fn read(&self, location: &Location) -> Result<SavedFile, Error> {
        match (&self.file, &self.files) {
            (Some(_), Some(files)) if (files.holds)(location) => (files.read)(location),
            (Some(file), _) => (file.read)(storage::open(location)?),
            (None, Some(files)) => (files.read)(location),
            (None, None) => Err(self.impossible("read from a path")),
        }
    }

    /// Writes what belongs at a path, whole and durable or not at all.
    pub(crate) fn write(
        &self,
        location: &Location,
        tree: &Tree,
        options: &WriteOptions,
    ) -> Result<(), Error> {
        match (&self.file, &self.files) {
            (Some(file), _) => {
                commit::write_file(location, |target| (file.write)(location.as_path(), tree, options, target))
            }
            (None, Some(Files { write: Some(write), .. })) => write(location, tree, options),
            _ => Err(self.impossible("written to a path")),
        }
    }

    /// Returns how it is read from bytes alone and written to a sink.
    pub(crate) fn as_file(&self) -> Result<&File, Error> {
        self.file.as_ref().ok_or_else(|| self.impossible("one file, as bytes in memory are"))
    }

    fn impossible(&self, what: &str) -> Error {
        let path = match self.layout {
            Layout::Directory => "the path of its directory",
            Layout::Prefix => "the prefix of its files",
            Layout::File => "another format",
        };
        Error::Usage {
            what: format!("the format {} cannot be {what}", self.name),
            advice: format!("give {path}, or use `keras`, which is one file"),
        }
    }
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Format({})", self.name)
    }
}

/// All formats.
pub static FORMATS: &[Format] = &[
    Format {
        name: keras_v3::NAME,
        endings: &[".keras"],
        whole_model: true,
        optimizer: true,
        assets: true,
        serving: false,
        layout: Layout::File,
        // What Keras 2 writes there.
        weights_only: Some(keras_h5::WEIGHTS_NAME),
        needs: &[Gap::Order, Gap::Attributes],
        lacks: "in tf_keras' dialect, Nadam's product and the loss scale",
        dialects: &[Dialect::Keras3, Dialect::TfKeras],
        form: Form::Keras,
        arrays: Arrays::Walked,
        file: Some(File {
            // The length of a header of safetensors may read so too.
            holds: |file| begins_with(file, b"PK") && !safetensors::holds(file),
            read: keras_v3::read,
            write: keras_v3::write,
        }),
        files: Some(Files { holds: keras_v3::is_folder, read: keras_v3::read_folder, write: None }),
        check: keras_v3::check,
    },
    Format {
        name: keras_h5::NAME,
        endings: &[".h5", ".hdf5"],
        whole_model: true,
        optimizer: true,
        assets: false,
        serving: false,
        layout: Layout::File,
        weights_only: Some(keras_h5::WEIGHTS_NAME),
        needs: &[Gap::Order],
        lacks: "in tf_keras' dialect, Nadam's product and the loss scale",
        dialects: &[Dialect::TfKeras, Dialect::Keras3],
        form: Form::H5,
        arrays: Arrays::Named,
        file: Some(File {
            holds: |file| is_hdf5(file) && keras_h5::holds(file, true),
            read: keras_h5::read,
            write: keras_h5::write,
        }),
        files: None,
        check: keras_h5::check,
    },
    Format {
        name: keras_h5::WEIGHTS_NAME,
        endings: &[".h5", ".hdf5"],
        whole_model: false,
        optimizer: false,
        assets: false,
        serving: false,
        layout: Layout::File,
        weights_only: None,
        needs: &[Gap::Order],
        lacks: "architecture, compile config, optimizer",
        dialects: &[Dialect::TfKeras, Dialect::Keras3],
        form: Form::H5,
        arrays: Arrays::Named,
        file: Some(File {
            holds: |file| is_hdf5(file) && keras_h5::holds(file, false),
            read: keras_h5::read,
            write: keras_h5::write_weights,
        }),
        files: None,
        check: keras_h5::check_weights,
    },
    Format {
        name: weights_h5::NAME,
        endings: &[".weights.h5"],
        whole_model: false,
        optimizer: true,
        assets: false,
        serving: false,
        layout: Layout::File,
        weights_only: None,
        needs: &[Gap::Order, Gap::Attributes],
        lacks: "architecture, compile config",
        dialects: &[Dialect::Keras3, Dialect::TfKeras],
        form: Form::H5,
        arrays: Arrays::Walked,
        // Any other HDF5 file: what is wrong with it is said when it is read.
        file: Some(File { holds: is_hdf5, read: weights_h5::read, write: weights_h5::write }),
        files: None,
        check: weights_h5::check,
    },
    Format {
        name: tf_checkpoint::NAME,
        endings: &[".ckpt"],
        whole_model: false,
        optimizer: true,
        assets: false,
        serving: false,
        layout: Layout::Prefix,
        weights_only: None,
        needs: &[Gap::Names, Gap::Attributes],
        lacks: "architecture, compile config",
        dialects: &[Dialect::TfKeras],
        form: Form::H5,
        arrays: Arrays::Graph,
        file: None,
        files: Some(Files {
            holds: tf_checkpoint::holds,
            read: tf_checkpoint::read,
            write: Some(tf_checkpoint::write),
        }),
        check: tf_checkpoint::check,
    },
    Format {
        name: saved_model::NAME,
        // By default the name of a whole model without an ending.
        endings: &[],
        whole_model: true,
        optimizer: true,
        assets: false,
        serving: true,
        layout: Layout::Directory,
        weights_only: Some(tf_checkpoint::NAME),
        needs: &[Gap::Names, Gap::Attributes],
        lacks: "Keras 3's dialect",
        dialects: &[Dialect::TfKeras],
        form: Form::H5,
        arrays: Arrays::Graph,
        file: None,
        files: Some(Files {
            holds: saved_model::holds,
            read: saved_model::read,
            write: Some(saved_model::write),
        }),
        check: saved_model::check,
    },
    Format {
        name: safetensors::NAME,
        endings: &[".safetensors"],
        whole_model: false,
        optimizer: false,
        assets: false,
        serving: false,
        layout: Layout::File,
        weights_only: None,
        needs: &[],
        lacks: "architecture, compile config, optimizer, order of the variables",
        dialects: &[Dialect::Keras3, Dialect::TfKeras],
        form: Form::H5,
        arrays: Arrays::Named,
        file: Some(File { holds: safetensors::holds, read: safetensors::read, write: safetensors::write }),
        files: None,
        check: |_, _, _| Ok(()),
    },
];

/// Returns whether a file begins so.
fn begins_with(file: &Window, magic: &[u8]) -> bool {
    let mut head = vec![0; magic.len()];
    file.read_at(0, &mut head).is_ok() && head == magic
}

/// Returns whether a file is HDF5: its signature stands at 0 or behind a user block of 512, 1024, 2048 ... bytes. On a server only in what the
/// first look brought: looking at all these places of a large file fetches most of it.
fn is_hdf5(file: &Window) -> bool {
    let mut head = [0; 8];
    let blocks = (9..32).map(|n| 1u64 << n);
    std::iter::once(0)
        .chain(blocks)
        .map_while(|at| file.slice(at, 8))
        .take_while(Window::is_at_hand)
        .any(|part| part.read_at(0, &mut head).is_ok() && head == *b"\x89HDF\r\n\x1a\n")
}
