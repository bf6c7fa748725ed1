//! From snapshots to files: which format, what goes into it and what is left out.

use rhyton_engine::train::Snapshot;
use rhyton_persist::formats::{self, Format};
use rhyton_persist::tree::{Tree, WriteOptions};
use rhyton_persist::{Location, commit, lookups};

use super::{SaveOptions, serving, to_tree, training, warnings};
use crate::Error;

/// Writes a snapshot as a whole model.
///
/// # Errors
/// As [`SaveLoad::save`](super::SaveLoad::save).
pub fn write_model(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    let format = formats::for_model(path, options.format.as_deref())?;
    let (tree, unserved) = whole_model(snapshot, format, options)?;
    write_tree(path, format, tree, snapshot, options)?;
    unserved.iter().for_each(|why| warnings::warn(why));
    Ok(())
}

/// Checks whether a snapshot can be written as a whole model.
///
/// # Errors
/// As [`SaveLoad::check_save`](super::SaveLoad::check_save).
pub fn check_model(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    to_tree::check_names(&snapshot.root)?;
    let format = formats::for_model(path, options.format.as_deref())?;
    check_tree(path, format, to_tree::tree(snapshot, !options.without_optimizer), options)
}

/// Writes a snapshot's weights.
///
/// # Errors
/// As [`SaveLoad::save`](super::SaveLoad::save).
pub fn write_weights(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    let format = formats::for_weights(path, options.format.as_deref())?;
    write_tree(path, format, weights(snapshot, format, options), snapshot, options)
}

/// Checks whether a snapshot's weights can be written.
///
/// # Errors
/// As [`SaveLoad::check_save`](super::SaveLoad::check_save).
pub fn check_weights(snapshot: &Snapshot, path: &Location, options: &SaveOptions) -> Result<(), Error> {
    let format = formats::for_weights(path, options.format.as_deref())?;
    check_tree(path, format, weights(snapshot, format, options), options)
}

/// What a format is given of a whole model, and why it gets no serving graph, where it takes one.
pub(super) fn whole_model(
    snapshot: &Snapshot,
    format: &Format,
    options: &SaveOptions,
) -> Result<(Tree, Option<String>), Error> {
    to_tree::check_names(&snapshot.root)?;
    let mut tree = to_tree::tree(snapshot, !options.without_optimizer);
    warnings::warn_of_closures(&tree);
    let mut unserved = None;
    if format.serving {
        match serving::serving(&snapshot.root) {
            Ok(serving) => tree.serving = Some(serving),
            Err(why) => unserved = Some(why),
        }
    }
    Ok((tree, unserved))
}

/// What a format is given of weights.
pub(super) fn weights(snapshot: &Snapshot, format: &Format, options: &SaveOptions) -> Tree {
    let mut tree = to_tree::tree(snapshot, !options.without_optimizer);
    if !options.without_optimizer {
        training::dropped(snapshot).iter().for_each(|note| warnings::warn(note));
    }
    // Where the optimizer is written, its form depends on which layers are frozen, and on whether its rate is a schedule: formats
    // see that in the configs.
    if !format.optimizer && !format.whole_model {
        (tree.optimizer, tree.model, tree.compile) = (None, None, None);
    }
    tree
}

/// Writes a tree, without what the format cannot say; makes the folder that it goes to.
/// Checks that files hold the words that layers learned.
pub(super) fn check_words(path: &std::path::Path, tree: &Tree) -> Result<(), Error> {
    Ok(tree.model.as_ref().map_or(Ok(()), |model| lookups::check_lines(path, model, &tree.assets))?)
}

fn write_tree(
    path: &Location,
    format: &Format,
    mut tree: Tree,
    snapshot: &Snapshot,
    options: &SaveOptions,
) -> Result<(), Error> {
    leave_out(path, format, &mut tree, snapshot, options);
    check_words(path.as_path(), &tree)?;
    lookups::place(path.as_path(), &mut tree, format, &write_options(options))?;
    commit::create_folder(path.folder())?;
    Ok(rhyton_persist::write(path, Some(format.name), &tree, &write_options(options))?)
}

fn check_tree(path: &Location, format: &Format, mut tree: Tree, options: &SaveOptions) -> Result<(), Error> {
    formats::leave_out(path, format, &mut tree, &write_options(options));
    check_words(path.as_path(), &tree)?;
    lookups::place(path.as_path(), &mut tree, format, &write_options(options))?;
    Ok(formats::check(path, Some(format.name), &tree, &write_options(options))?)
}

/// Takes out of a tree what a format cannot say of a training, and warns of it.
pub(super) fn leave_out(
    path: &Location,
    format: &Format,
    tree: &mut Tree,
    snapshot: &Snapshot,
    options: &SaveOptions,
) {
    if !options.without_optimizer && tree.compile.is_some() {
        training::dropped(snapshot).iter().for_each(|note| warnings::warn(note));
    }
    let notes = formats::leave_out(path, format, tree, &write_options(options));
    notes.iter().for_each(|note| warnings::warn(note));
}

pub(super) fn write_options(options: &SaveOptions) -> WriteOptions {
    WriteOptions { dialect: options.dialect, shards: options.shards }
}
