//! Where what was trained goes.

use std::path::Path;

use rhyton::persist::formats::{self, Format};
use rhyton::prelude::*;
use rhyton::saving::{check_model, check_weights};
use rhyton::train::Snapshot;

use crate::{Failure, note};

/// Describes how the model is saved: in the format that a name means.
pub struct Saver {
    /// The dialect of the model's file: the library that wrote it can read what becomes of it.
    pub dialect: Option<Dialect>,
}

impl Saver {
    /// Options of a format.
    pub fn options(&self, format: &Format) -> SaveOptions {
        SaveOptions {
            format: Some(format.name.into()),
            dialect: self.dialect.filter(|dialect| format.dialects.contains(dialect)),
            ..SaveOptions::default()
        }
    }

    /// Saves to a path.
    pub fn save(&self, model: &Model, path: &Location, format: &Format) -> Result<(), Failure> {
        Ok(match format.whole_model {
            true => model.save_with(path, &self.options(format)),
            false => model.save_weights_with(path, &self.options(format)),
        }?)
    }

    /// Checks whether the format can hold the model.
    pub fn check(&self, model: &Snapshot, path: &Location, format: &Format) -> Result<(), Failure> {
        let check = if format.whole_model { check_model } else { check_weights };
        Ok(check(model, path, &self.options(format))?)
    }

    /// Saves what cannot go where it should: under its name in the current folder or that of temporary files, or as `.keras`, or weights alone.
    /// Says where it is, or that it is nowhere.
    pub fn rescue(&self, model: &Model, path: &Location, format: &Format) {
        let other = |ending: &str| {
            let name = path.file_name().unwrap_or("model".into());
            let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("model");
            Location::new(format!("{stem}{ending}"))
        };
        let choices = [
            (Some(format), path.clone()),
            (formats::by_name("keras"), other(".keras")),
            (formats::by_name("weights-h5"), other(".weights.h5")),
        ];
        let folders = [Path::new(""), &std::env::temp_dir()];
        let mut last = None;
        for folder in folders {
            for (format, path) in &choices {
                let place = format.and_then(|format| Some((format, spare(path, folder)?)));
                match place.map(|(format, place)| self.save(model, &place, format).map(|()| place)) {
                    Some(Ok(place)) => return note(&format!("what was trained is here instead: {place}")),
                    Some(Err(error)) => last = error.text(),
                    None => {}
                }
            }
        }
        let why = last.unwrap_or("no name is free".into());
        note(&format!(
            "what was trained is lost: it cannot be saved in the current folder or in {} either: {why}",
            folders[1].display()
        ));
    }
}

/// A place in a folder for what cannot go where it should: its name, or the next one that is free.
fn spare(path: &Location, folder: &Path) -> Option<Location> {
    let name = path.file_name()?;
    let stem_end = name.find('.').filter(|at| *at > 0).unwrap_or(name.len());
    let (stem, ending) = name.split_at(stem_end);
    let names = std::iter::once(name.to_string()).chain((2..1000).map(|k| format!("{stem}-{k}{ending}")));
    // A checkpoint's name is that of its index.
    let is_free =
        |name: &String| !folder.join(name).exists() && !folder.join(format!("{name}.index")).exists();
    names.filter(is_free).map(|name| Location::new(folder.join(name))).next()
}

/// The format that a name means.
pub fn target(path: &Location) -> Result<&'static Format, Failure> {
    Ok(formats::for_writing(path, None, true)?)
}

/// A template with a number for each `{field:format}`, whose dots are no endings.
pub fn without_fields(template: &Location) -> Location {
    let text = template.to_string();
    let plain = text.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    Location::new(plain.collect::<Vec<_>>().join("0"))
}
