//! The arrays that a model takes or gives, in files: one file for each, by name or in order, or one for all.
//!
//! ```no_run
//! use rhyton::datasets::arrays::{self, Source};
//!
//! let names = ["numbers".to_string(), "words".to_string()];
//! // Matched by name, so in any order; `data.npz` would hold both.
//! let sources = [Source::parse("words=w.npy", &names), Source::parse("numbers=data.npz:n", &names)];
//! let inputs = arrays::load(&sources, &names, "inputs")?;
//! # Ok::<(), rhyton::Error>(())
//! ```

use rhyton_engine::train::{Data, IntoData as _, Predicted};
use rhyton_engine::types::DType;
use rhyton_persist::Location;

use super::cells::Cells;
use super::{DatasetError, csv, npy};
use crate::Error;
use crate::error::usage;

/// A file of arrays, as a user names it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Says which input or output it is for, where that is said.
    pub name: Option<String>,
    /// The file.
    pub place: Location,
    /// Says which array of a `.npz` file.
    pub member: Option<String>,
}

/// Kinds of files of arrays, by the endings of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `.npy`: one array.
    Npy,
    /// `.npz`: arrays by name.
    Npz,
    /// `.csv`: a table.
    Csv,
    /// `.txt`: a text in each line.
    Txt,
}

impl Source {
    /// `FILE`, `NAME=FILE` where there is an input or output of that name, with `:ARRAY` behind the name of a `.npz` file.
    pub fn parse(text: &str, names: &[String]) -> Self {
        let named = text.split_once('=').filter(|(name, _)| names.iter().any(|n| n == name));
        let (name, path) = named.map_or((None, text), |(name, path)| (Some(name.to_owned()), path));
        let in_archive = path.rfind(".npz:").map(|at| path.split_at(at + ".npz".len()));
        let (path, member) = match in_archive {
            Some((path, member)) => (path, Some(member[1..].to_owned())),
            None => (path, None),
        };
        Source { name, place: Location::new(path), member }
    }

    /// The kind that the file's name says; [`Kind::Npy`] where it says none.
    pub fn kind(&self) -> Kind {
        self.known_kind().unwrap_or(Kind::Npy)
    }

    fn known_kind(&self) -> Option<Kind> {
        let name = self.place.file_name().map(|name| name.to_lowercase()).unwrap_or_default();
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("npy") => Some(Kind::Npy),
            Some("npz") => Some(Kind::Npz),
            Some("csv") => Some(Kind::Csv),
            Some("txt") => Some(Kind::Txt),
            _ => None,
        }
    }
}

fn refuse(what: String, advice: impl Into<String>) -> Error {
    rhyton_persist::Error::Usage { what, advice: advice.into() }.into()
}

/// Puts the files into the order of `names`: all are named, or none is. Where nobody knows the names (`names` is empty), any number is right.
fn ordered<'s>(sources: &'s [Source], names: &[String], what: &str) -> Result<Vec<&'s Source>, Error> {
    let listed = names.join(", ");
    let count = |n: usize| {
        let (given, files) = (sources.len(), if sources.len() == 1 { "file" } else { "files" });
        refuse(
            format!("{what}: {given} {files}, but the model has {n}: {listed}"),
            "give one for each, in that order, or as NAME=FILE",
        )
    };
    // A name that the model does not have reads as the name of a file.
    if let Some(source) =
        sources.iter().find(|s| s.name.is_none() && s.place.local().is_some_and(|p| !p.exists()))
        && let Some((name, _)) = source.place.to_string().split_once('=')
        && !names.is_empty()
        && !name.contains(['/', '\\', '.', ':'])
    {
        return Err(refuse(format!("{what}: the model has no `{name}`"), format!("it has {listed}")));
    }
    if !names.is_empty() && sources.len() != names.len() {
        return Err(count(names.len()));
    }
    if sources.iter().all(|s| s.name.is_none()) {
        return Ok(sources.iter().collect());
    }
    let mut found = Vec::new();
    for name in names {
        let mut mine = sources.iter().filter(|s| s.name.as_ref() == Some(name));
        match (mine.next(), mine.next()) {
            (Some(one), None) => found.push(one),
            (None, _) => {
                return Err(refuse(
                    format!("{what}: nothing for `{name}`"),
                    format!("name all or none: {listed}"),
                ));
            }
            (Some(_), Some(_)) => {
                return Err(refuse(
                    format!("{what}: two files for `{name}`"),
                    format!("give one for each: {listed}"),
                ));
            }
        }
    }
    Ok(found)
}

/// Returns whether one archive stands for all.
fn archive(sources: &[Source]) -> Option<&Source> {
    let [one] = sources else { return None };
    (one.name.is_none() && one.member.is_none() && one.kind() == Kind::Npz).then_some(one)
}

/// Checks the number of the files and their names; nothing is read. `what` is for messages: `inputs`, `targets`.
///
/// # Errors
/// [`rhyton_persist::Error::Usage`]: too many or too few, or a name that is not there.
pub fn check(sources: &[Source], names: &[String], what: &str) -> Result<(), Error> {
    if archive(sources).is_some() {
        return Ok(());
    }
    ordered(sources, names, what).map(drop)
}

/// The arrays of files, in the order of `names`. A `.npz` file alone holds all of them, by these names or, where none of these names is there and it has as
/// many arrays as there are names, in order.
///
/// # Errors
/// As [`check`], a file that cannot be read or is damaged, or arrays that are not there.
pub fn load(sources: &[Source], names: &[String], what: &str) -> Result<Vec<Data<'static>>, Error> {
    if let Some(one) = archive(sources) {
        let mut archive = npy::Npz::open(&one.place)?;
        let there = archive.names();
        let members = match names {
            [] => there,
            _ if names.iter().all(|name| there.contains(name)) => names.to_vec(),
            // Names of which some are the model's are meant as names: by place, arrays would go to others than theirs.
            _ if there.len() == names.len() && !names.iter().any(|name| there.contains(name)) => there,
            _ => {
                let what = format!(
                    "{}: {what} of the model are {}, but the file has {}",
                    one.place,
                    names.join(", "),
                    there.join(", ")
                );
                return Err(refuse(what, "name the array: FILE.npz:ARRAY"));
            }
        };
        return members.iter().map(|name| Ok(archive.data(name)?)).collect();
    }
    ordered(sources, names, what)?.into_iter().map(one).collect()
}

fn one(source: &Source) -> Result<Data<'static>, Error> {
    Ok(match source.kind() {
        Kind::Npy => npy::load_data(&source.place)?,
        Kind::Csv => csv::load_data(&source.place)?,
        Kind::Txt => lines(&source.place)?,
        Kind::Npz => {
            let mut archive = npy::Npz::open(&source.place)?;
            let member = match (&source.member, archive.names().as_slice()) {
                (Some(member), _) => member.clone(),
                (None, [only]) => only.clone(),
                (None, names) => {
                    let what = format!("{}: which array is meant of {}", source.place, names.join(", "));
                    return Err(refuse(what, "name it: FILE.npz:ARRAY"));
                }
            };
            archive.data(&member)?
        }
    })
}

/// Returns whether one file takes all outputs side by side.
fn takes_all(targets: &[Source]) -> bool {
    matches!(targets, [one] if one.name.is_none() && !matches!(one.kind(), Kind::Npy | Kind::Txt))
}

/// Checks where outputs shall go: their number, names and endings; nothing is written.
///
/// # Errors
/// As [`check`], or an ending that is none of `.npy`, `.npz`, `.csv`.
pub fn check_targets(targets: &[Source], names: &[String], what: &str) -> Result<(), Error> {
    for target in targets {
        if matches!(target.known_kind(), None | Some(Kind::Txt)) || target.member.is_some() {
            return Err(usage(
                &target.place,
                "the ending names no format of arrays",
                "use .npy, .npz or .csv",
            ));
        }
    }
    if takes_all(targets) { Ok(()) } else { ordered(targets, names, what).map(drop) }
}

/// Names that differ: a layer that makes two outputs gives both its name.
fn unique(names: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in names {
        let free = (1..).map(|i| format!("{name}_{i}")).find(|n| !out.contains(n) && !names.contains(n));
        out.push(if out.contains(name) { free.unwrap_or_default() } else { name.clone() });
    }
    out
}

/// Describes what was written: the file, and the type and the shape of an array in it.
pub type Written = (Location, DType, Vec<usize>);

/// Writes a model's outputs with their types: each to its file, or all to one `.npz` (by their names) or `.csv` (side by side). Folders are
/// made. Gives what was written.
///
/// # Errors
/// As [`check_targets`], or the system refuses.
pub fn save(
    targets: &[Source],
    names: &[String],
    outputs: &[(Predicted, DType)],
    what: &str,
) -> Result<Vec<Written>, Error> {
    let named = named(names, outputs);
    let mut written = Vec::new();
    let mut put = |target: &Source, arrays: &[(String, Cells<'_>)]| {
        rhyton_persist::commit::create_folder(target.place.folder())?;
        match target.kind() {
            Kind::Npz => npy::save_npz_cells(&target.place, arrays)?,
            Kind::Csv => csv::save_cells(&target.place, arrays)?,
            Kind::Npy | Kind::Txt => {
                arrays.iter().try_for_each(|(_, array)| npy::save_cells(&target.place, *array))?;
            }
        }
        let facts =
            |(_, array): &(String, Cells<'_>)| (target.place.clone(), array.dtype(), array.shape().to_vec());
        written.extend(arrays.iter().map(facts));
        Ok::<_, Error>(())
    };
    match targets {
        [one] if takes_all(targets) => put(one, &named)?,
        _ => {
            for (target, array) in ordered(targets, names, what)?.into_iter().zip(named) {
                put(target, &[array])?;
            }
        }
    }
    Ok(written)
}

/// Writes a model's outputs side by side as a table: see [`csv::write`].
///
/// # Errors
/// The output refuses.
pub fn write_table(
    out: impl std::io::Write,
    names: &[String],
    outputs: &[(Predicted, DType)],
) -> std::io::Result<()> {
    // A table may have two columns of one name.
    let cells = names.iter().cloned().zip(outputs.iter().map(|(output, dtype)| Cells::of(output, *dtype)));
    csv::write_cells(out, &cells.collect::<Vec<_>>())
}

fn named<'a>(names: &[String], outputs: &'a [(Predicted, DType)]) -> Vec<(String, Cells<'a>)> {
    let cells = outputs.iter().map(|(output, dtype)| Cells::of(output, *dtype));
    unique(names).into_iter().zip(cells).collect()
}

/// The lines of a text, one for each example.
fn lines(place: &Location) -> Result<Data<'static>, Error> {
    let bytes = npy::read(place)?;
    let text = String::from_utf8(bytes).map_err(|e| {
        DatasetError::format(place.as_path(), "the text", e.utf8_error().to_string(), "UTF-8")
    })?;
    let lines: Vec<&str> = text.lines().collect();
    let data = lines.as_slice().into_data().into_iter().next().map(Data::into_owned);
    data.ok_or_else(|| refuse(format!("{place}: no lines"), "give a line for each example"))
}
