//! Which format the ending of a name means, and the names that Keras has for formats.

use super::table::{FORMATS, Format, Layout};
use crate::format::{keras_h5, saved_model, tf_checkpoint, weights_h5};
use crate::{Error, Location};

/// The format of that name.
pub fn by_name(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|f| f.name == name)
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
    let name = lower(&location);
    if let Some(format) = longest(&name, whole_model) {
        return Ok(format);
    }
    // What Keras does: no ending that is known as another's means TensorFlow's own formats: a SavedModel for a whole model, else a checkpoint
    // prefix (`cp-0001`). A number is no ending (`model-0.5`).
    let ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map(|(_, ending)| ending);
    if ending.is_none_or(|ending| ending.parse::<f64>().is_ok()) {
        return named(if whole_model { saved_model::NAME } else { tf_checkpoint::NAME });
    }
    Err(Error::Usage {
        what: format!("{location}: the ending names no format"),
        advice: format!(
            "use one of {}, or name the format: {}",
            FORMATS.iter().flat_map(|f| f.endings).copied().collect::<Vec<_>>().join(", "),
            names()
        ),
    })
}

/// Returns the format that Keras' `save` writes at a path: that of its `save_format` (`keras`, `h5`, `tf`) or of a name from the table, else the
/// one that the ending means. At a checkpoint's ending it makes a SavedModel of that name.
///
/// # Errors
/// There is no such format, or the ending is of one that holds weights only.
pub fn for_model(location: &Location, name: Option<&str>) -> Result<&'static Format, Error> {
    match name {
        Some("tf") => return named(saved_model::NAME),
        Some(name) => return named(name),
        None => {}
    }
    match by_ending(location, true)? {
        format if format.whole_model => Ok(format),
        format if format.layout == Layout::Prefix => named(saved_model::NAME),
        format => Err(Error::Usage {
            what: format!("{location}: `{}` holds weights only", format.endings.first().unwrap_or(&"")),
            advice: "save the whole model as `.keras` or `.h5`, or call save_weights".into(),
        }),
    }
}

/// Returns the format that Keras' `save_weights` writes at a path: that of its `save_format` (`h5`, `tf`) or of a name from the table, else the
/// one that the ending means; a name that means none is the prefix of a TensorFlow checkpoint.
///
/// # Errors
/// There is no such format.
pub fn for_weights(location: &Location, name: Option<&str>) -> Result<&'static Format, Error> {
    let by_ending = longest(&lower(location), false);
    match name {
        Some("tf") => named(tf_checkpoint::NAME),
        Some("h5") => named(match by_ending {
            Some(format) if format.name == weights_h5::NAME => weights_h5::NAME,
            _ => keras_h5::WEIGHTS_NAME,
        }),
        Some(name) => named(name),
        None => match by_ending {
            Some(format) => format.weights_only.map_or(Ok(format), named),
            None => named(tf_checkpoint::NAME),
        },
    }
}

/// The format with the longest ending that a name has. `.h5` is two formats: the one that can hold what there is.
fn longest(name: &str, whole_model: bool) -> Option<&'static Format> {
    let endings = FORMATS.iter().flat_map(|f| f.endings.iter().map(move |ending| (ending, f)));
    let fitting = endings.filter(|(ending, _)| name.ends_with(**ending));
    fitting.max_by_key(|(ending, f)| (ending.len(), f.whole_model == whole_model)).map(|(_, f)| f)
}

fn lower(location: &Location) -> String {
    location.file_name().map(|name| name.to_lowercase()).unwrap_or_default()
}

pub(super) fn named(name: &str) -> Result<&'static Format, Error> {
    by_name(name).ok_or_else(|| Error::Usage {
        what: format!(
            "there is no format `{name}`{}",
            rhyton_error::did_you_mean(name, FORMATS.iter().map(|f| f.name))
        ),
        advice: format!("use one of {}", names()),
    })
}

pub(super) fn names() -> String {
    FORMATS.iter().map(|f| f.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `save_model` and `save_weights` of Keras 3.15 and of tf_keras 2.21 look at the ending, where one of them takes it; where they differ, what
    /// only one of them writes.
    #[test]
    fn endings_mean_what_they_mean_to_keras() {
        let model = |name: &str, format| for_model(&name.into(), format).map(|f| f.name).ok();
        let weights = |name: &str, format| for_weights(&name.into(), format).map(|f| f.name).ok();
        for (name, whole, only) in [
            ("m.keras", Some("keras"), "h5-weights"),
            ("M.Keras", Some("keras"), "h5-weights"),
            ("m.h5", Some("h5"), "h5-weights"),
            ("m.hdf5", Some("h5"), "h5-weights"),
            ("m.weights.hdf5", Some("h5"), "h5-weights"),
            ("m.weights.h5", None, "weights-h5"),
            ("m.safetensors", None, "safetensors"),
            ("m.ckpt", Some("saved-model"), "tf-checkpoint"),
            ("m", Some("saved-model"), "tf-checkpoint"),
            ("cp-0.25", Some("saved-model"), "tf-checkpoint"),
            // tf_keras' prefix of a checkpoint; of a model, a slip of the pen.
            ("m.xyz", None, "tf-checkpoint"),
        ] {
            assert_eq!(model(name, None), whole, "{name}");
            assert_eq!(weights(name, None), Some(only), "{name}");
        }
        assert_eq!(model("m.h5", Some("tf")), Some("saved-model"));
        assert_eq!(model("m", Some("h5")), Some("h5"));
        assert_eq!(weights("m.h5", Some("tf")), Some("tf-checkpoint"));
        assert_eq!(weights("m", Some("h5")), Some("h5-weights"));
        assert_eq!(weights("m.weights.h5", Some("h5")), Some("weights-h5"));
        assert_eq!((model("m", Some("h6")), weights("m", Some("h6"))), (None, None));
    }

    /// Every column that names another format names one, and every format can be read and written in one way.
    #[test]
    fn rows_agree_with_one_another() {
        for format in FORMATS {
            if let Some(name) = format.weights_only {
                assert!(by_name(name).is_some_and(|other| !other.whole_model), "{}", format.name);
            }
            assert_eq!(format.file.is_some(), format.layout == Layout::File, "{}", format.name);
            let writes = format.files.as_ref().is_some_and(|files| files.write.is_some());
            assert_eq!(writes, format.layout != Layout::File, "{}", format.name);
        }
    }
}
