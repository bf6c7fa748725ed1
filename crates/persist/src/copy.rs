//! Copying files and folders from place to place.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use crate::bytes::Window;
use crate::container::bundle;
use crate::error::is_absent;
use crate::format::saved_model;
use crate::storage::list;
use crate::{Error, Location, commit, limits, storage};

/// Copies a file, a folder with all that is in it, or the files of a TensorFlow checkpoint by its prefix; gives where the copy is.
///
/// A copy into a folder (`to` is one, or ends in a slash) has the name of what is copied; but a SavedModel replaces one of the same name.
/// A file, a checkpoint or a SavedModel takes its place whole or not at all; of other folders, each file does.
///
/// # Errors
/// Nothing is there, or it cannot be read or written. Of a folder, the files copied before are there.
pub fn copy(from: impl Into<Location>, to: impl Into<Location>) -> Result<Location, Error> {
    let (from, mut to) = (from.into().session(), to.into());
    let what = What::of(&from)?;
    let replaces = || matches!(what, What::SavedModel) && saved_model::holds(&to.session());
    if to.ends_in_slash() || (is_folder(&to) && !replaces()) {
        let name = from.file_name().ok_or_else(|| Error::Usage {
            what: format!("{from} has no name that the copy could have"),
            advice: "give the copy a name".into(),
        })?;
        to = to.join(&*name);
    }
    let inside = format!("{}/", from.to_string().trim_end_matches('/'));
    if format!("{to}/").starts_with(&inside) && from.is_remote() == to.is_remote() {
        return Err(Error::Usage {
            what: format!("{to} is {from} itself, or inside it"),
            advice: "copy it to another place".into(),
        });
    }
    commit::create_folder(to.folder())?;
    match what {
        What::File(file) => copy_file(&from, &file, &to)?,
        // Its files belong together.
        What::SavedModel => {
            commit::write_folder(&to, saved_model::own, |to| copy_folder(&from, to, 0))?;
        }
        What::Folder => copy_folder(&from, &to, 0)?,
        What::Checkpoint => bundle::copy(&from, &to)?,
    }
    Ok(to)
}

/// What is to be copied.
enum What {
    File(Window),
    SavedModel,
    Folder,
    Checkpoint,
}

impl What {
    fn of(from: &Location) -> Result<Self, Error> {
        let source = match storage::open(from) {
            Ok(file) => return Ok(Self::File(file)),
            Err(Error::Io { source, .. }) if is_absent(&source) => source,
            Err(other) => return Err(other),
        };
        if saved_model::holds(from) {
            return Ok(Self::SavedModel);
        }
        let is_folder = source.kind() == ErrorKind::IsADirectory;
        match list(from) {
            // On some storages a folder is no more than the files in it.
            Ok(entries) if is_folder || !entries.is_empty() => return Ok(Self::Folder),
            Err(error) if is_folder => return Err(error),
            _ => {}
        }
        match bundle::shards_in_force(from)? {
            Some(_) => Ok(Self::Checkpoint),
            None => Err(from.failed("open", source)),
        }
    }
}

fn is_folder(location: &Location) -> bool {
    match location.local() {
        Some(path) => path.is_dir(),
        None => location.file_name().is_none() || list(location).is_ok(),
    }
}

fn copy_file(from: &Location, file: &Window, to: &Location) -> Result<(), Error> {
    if let (Some(path), true) = (from.local(), to.is_remote()) {
        let file = File::open(path).map_err(|source| from.failed("open", source))?;
        return commit::send_file(to, &file);
    }
    commit::write_file(to, |target| file.copy_into(target, to.as_path()))
}

/// Whether a name in a list, which is a server's word, is one of something in the folder: not `..`, and on no system a path.
fn is_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let first = parts.next();
    matches!(first, Some(Component::Normal(part)) if part == name) && parts.next().is_none()
}

fn copy_folder(from: &Location, to: &Location, depth: usize) -> Result<(), Error> {
    if depth > limits::FOLDER_DEPTH {
        return Err(from.failed("copy", io::Error::other("folders inside folders without end")));
    }
    commit::create_folder(to)?;
    let mut entries = list(from)?;
    let is_saved_model = depth == 0 && entries.iter().any(|entry| entry.name == saved_model::GRAPH);
    // What makes the rest visible comes last: a graph, an index, a state file.
    entries.sort_by_key(|entry| {
        (entry.name == saved_model::GRAPH, entry.name == "checkpoint", entry.name.ends_with(".index"))
    });
    for entry in entries.into_iter().filter(|entry| !commit::is_temporary(&entry.name)) {
        if !is_inside(&entry.name) {
            let what =
                format!("it lists the name `{}`, which leads out of the folder", entry.name.escape_debug());
            return Err(from.failed("copy", io::Error::other(what)));
        }
        let (from, to) = (from.join(&entry.name), to.join(&entry.name));
        match entry.is_folder {
            // Where folders cannot be moved, data must not be replaced before their index.
            true if is_saved_model && entry.name == saved_model::VARIABLES => copy_variables(&from, &to)?,
            true => copy_folder(&from, &to, depth.saturating_add(1))?,
            false => copy_file(&from, &storage::open(&from)?, &to)?,
        }
    }
    Ok(())
}

/// The checkpoint inside a SavedModel.
fn copy_variables(from: &Location, to: &Location) -> Result<(), Error> {
    let name = saved_model::VARIABLES;
    commit::create_folder(to)?;
    match bundle::shards_in_force(&from.join(name))? {
        Some(_) => bundle::copy(&from.join(name), &to.join(name)),
        None => copy_folder(from, to, 1),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_that_lead_out_of_a_folder() {
        for name in ["a", "a b", "..a", "ü%2F"] {
            assert!(super::is_inside(name), "{name}");
        }
        for name in ["", ".", "..", "/", "a/", "/a", "a/b", "../a", "./a"] {
            assert!(!super::is_inside(name), "{name}");
        }
    }
}
