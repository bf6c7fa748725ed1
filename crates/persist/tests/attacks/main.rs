//! Hostile and damaged files: always an error of one line, never a panic, never memory beyond what the file itself holds.

#[path = "../common/mod.rs"]
mod common;

mod checkpoints;
mod configs;
mod containers;
mod files;
mod hdf5;
mod messages;
mod mutations;
mod saved_models;
mod watch;
mod zips;

use std::path::{Path, PathBuf};

use common::{Case, filled};
use rhyton_persist::tree::Object;
use rhyton_persist::{Error, open};
use watch::Watch;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Reads all that a file has: configs, every array, a filled skeleton, the optimizer.
fn read_all(path: &Path, case: &Case, skeleton: &Object) -> Result<(), Error> {
    let file = open(path, None)?;
    for stored in file.weights.stored()? {
        if let Some(value) = stored.variable.value {
            value.read()?;
        }
    }
    let mut root = skeleton.clone();
    file.weights.fill(&mut root)?;
    for variable in common::variables(&root) {
        if let Some(value) = &variable.value {
            value.read()?;
        }
    }
    file.weights.optimizer(&case.optimizer_class(), &case.trainable())?;
    Ok(())
}

fn case() -> Case {
    Case::all(&data("")).into_iter().find(|c| c.name == "opt_sgdm/keras3").unwrap()
}

fn files() -> Vec<(Case, PathBuf)> {
    let wanted = ["opt_sgdm/keras3", "opt_sgdm/tf_keras", "custom/tf_keras"];
    let cases = Case::all(&data("")).into_iter().filter(|c| wanted.contains(&c.name.as_str()));
    let mut out = Vec::new();
    for case in cases {
        for (_, path) in case.files().into_iter().filter(|(_, path)| path.is_file()) {
            let again = Case::all(&data("")).into_iter().find(|c| c.name == case.name).unwrap();
            out.push((again, path));
        }
    }
    out
}

/// The members of a `.keras` file.
fn members(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    (0..archive.len())
        .map(|i| {
            let mut member = archive.by_index(i).unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
            (member.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

/// The `.keras` file of [`case`].
fn keras() -> PathBuf {
    case().files().into_iter().find(|(key, _)| *key == "keras").unwrap().1
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The refusal of a file: one line of bounded length that begins with the file.
fn refused(path: &Path, what: &str) -> String {
    let watch = Watch::start();
    let file = open(path, None).and_then(|file| {
        for stored in file.weights.stored()? {
            stored.variable.value.map(|value| value.read()).transpose()?;
        }
        Ok(())
    });
    watch.check(what);
    let error = file.err().unwrap_or_else(|| panic!("{what} was read")).to_string();
    assert_one_line(&error);
    error
}

fn assert_one_line(message: &str) {
    assert!(!message.chars().any(char::is_control) && message.len() < 10_000, "{message:?}");
}

fn dense() -> Object {
    let mut layer = Object { name: "dense".into(), class_name: "Dense".into(), ..Object::default() };
    layer.variables = vec![filled("kernel", &[2, 3], 0.0), filled("bias", &[3], 0.0)];
    Object {
        name: "sequential".into(),
        class_name: "Sequential".into(),
        is_model: true,
        variables: Vec::new(),
        merged: Vec::new(),
        states: Vec::new(),
        has_table: false,
        children: vec![("dense".into(), layer)],
    }
}

fn fill(name: &str) -> Result<Object, Error> {
    let watch = Watch::start();
    let file = open(data("attacks").join(name), None)?;
    let mut root = dense();
    file.weights.fill(&mut root)?;
    for variable in common::variables(&root) {
        variable.value.as_ref().unwrap().read()?;
    }
    watch.check(name);
    Ok(root)
}
