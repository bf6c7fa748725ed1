//! Models in memory: files without a path.

use std::io::Write;

use rhyton_engine::models::registry;
use rhyton_engine::train::{Model, Snapshot};
use rhyton_persist::formats::{self, Format, UNNAMED};
use rhyton_persist::tree::Tree;
use rhyton_persist::{Location, ReadAt, lookups};

use super::{LoadOptions, SaveOptions, load_file, warnings, write};
use crate::Error;

/// Loads a whole model from the bytes of its file (`Vec<u8>`, `Arc<[u8]>`, `&'static [u8]`), or from any other [`ReadAt`]: as
/// [`load_model`](super::load_model), of formats that are one file.
///
/// ```
/// # use rhyton::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let model = Sequential::new((Dense::new(1).input_shape([2]),))?;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.keras");
/// # model.save(&path)?;
/// let file: Vec<u8> = std::fs::read(&path)?;
/// let mut model = load_model_bytes(file)?;
/// # assert_eq!(model.get_weights()?, load_model(&path)?.get_weights()?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`load_model`](super::load_model).
pub fn load_model_bytes(file: impl ReadAt + 'static) -> Result<Model, Error> {
    load_model_bytes_with(file, &LoadOptions::default())
}

/// [`load_model_bytes`], told how: with custom objects, or without compiling.
///
/// # Errors
/// As there.
pub fn load_model_bytes_with(file: impl ReadAt + 'static, options: &LoadOptions) -> Result<Model, Error> {
    let file = rhyton_persist::open_bytes(file, None)?;
    let load = || load_file(file, &UNNAMED.into(), !options.without_compile);
    Ok(registry::custom_object_scope(&options.custom_objects, load)?.0)
}

/// Writes a snapshot as a whole model.
pub(super) fn write_model(
    snapshot: &Snapshot,
    sink: &mut dyn Write,
    options: &SaveOptions,
) -> Result<(), Error> {
    let format = formats::for_model(&"m.keras".into(), options.format.as_deref())?;
    let (tree, unserved) = write::whole_model(snapshot, format, options)?;
    write_tree(sink, format, tree, snapshot, options)?;
    unserved.iter().for_each(|why| warnings::warn(why));
    Ok(())
}

/// Writes a snapshot's weights.
pub(super) fn write_weights(
    snapshot: &Snapshot,
    sink: &mut dyn Write,
    options: &SaveOptions,
) -> Result<(), Error> {
    let format = formats::for_weights(&"m.weights.h5".into(), options.format.as_deref())?;
    write_tree(sink, format, write::weights(snapshot, format, options), snapshot, options)
}

fn write_tree(
    sink: &mut dyn Write,
    format: &Format,
    mut tree: Tree,
    snapshot: &Snapshot,
    options: &SaveOptions,
) -> Result<(), Error> {
    write::leave_out(&Location::from(UNNAMED), format, &mut tree, snapshot, options);
    write::check_words(std::path::Path::new(UNNAMED), &tree)?;
    lookups::place(std::path::Path::new(UNNAMED), &mut tree, format, &write::write_options(options))?;
    Ok(rhyton_persist::write_to(sink, format.name, &tree, &write::write_options(options))?)
}
