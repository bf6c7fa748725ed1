//! What the kinds of objects that configs name have in common: where a name is looked for, and what is said of one that is not known.
//!
//! A kind is one `impl Kind` (`kinds.rs`): its name, Keras' own objects of it, and where a user's are kept.

use std::collections::HashMap;

use super::custom::{self, CustomObjects};
use super::{kinds, of_keras};
use crate::Error;
use crate::config::Config;
use crate::graph::Spec;
use crate::names::nearest;

/// A kind of objects, with what is known when one of it is looked for (the shapes of the data, say).
pub(super) trait Kind {
    /// Its name: `loss`.
    const NAME: &'static str;
    /// How a program makes one of its own known.
    const REGISTER: &'static str;
    /// An object.
    type Object;
    /// What a user's is made with.
    type Custom: Clone;

    /// Those of users.
    fn custom(objects: &CustomObjects) -> &HashMap<String, Self::Custom>;

    /// Makes a user's object from what a config says.
    fn make(custom: Self::Custom, spec: &Spec) -> Result<Self::Object, Error>;

    /// Makes the object that Keras has under a name; `None` where it has none.
    fn builtin(&self, name: &str, config: &Config) -> Result<Option<Self::Object>, Error>;

    /// Keras' own names that are known here, for suggestions.
    fn names() -> Vec<String>;

    /// The name under which Keras may have what a config says; `None` for what is somebody's own, whatever it is called.
    fn keras_name(spec: &Spec) -> Option<&str> {
        (!spec.custom && !spec.name.contains('>')).then_some(spec.name.as_str())
    }

    /// Returns what a config says: a user's object of that name, else Keras', else the only one that some package has under it.
    ///
    /// # Errors
    /// There is none, or the config does not suit it.
    fn resolve(&self, spec: &Spec) -> Result<Self::Object, Error> {
        if let Some(own) = custom::find(&spec.name, Self::custom) {
            return Self::make(own, spec);
        }
        if let Some(name) = Self::keras_name(spec)
            && let Some(found) = self.builtin(name, &spec.config)?
        {
            return Ok(found);
        }
        match custom::find_packaged(&spec.name, Self::custom) {
            Some((_, own)) => Self::make(own, spec),
            None => Err(unknown::<Self>(&spec.name)),
        }
    }

    /// Returns whether a config names a user's object.
    fn is_own(spec: &Spec) -> bool {
        custom::find(&spec.name, Self::custom).is_some()
    }
}

/// The error that nobody knows a name, with what could be done about it.
pub(super) fn unknown<K: Kind + ?Sized>(name: &str) -> Error {
    let known = K::names();
    let how = K::REGISTER;
    let advice = if of_keras::has(K::NAME, name) && !known.iter().any(|k| k == name) {
        format!(
            "it is one of Keras' own that is not here yet; one of your own can stand in: register it with {how}"
        )
    } else {
        let guess = match nearest(name, known.iter().map(String::as_str)) {
            // Of another module than Keras' own.
            Some(namesake) if namesake == name => {
                "it is somebody's own, and not Keras' of that name: ".into()
            }
            Some(other) => format!("did you mean `{other}`? Else "),
            None => String::new(),
        };
        format!("{guess}register it with {how}, or pass it in CustomObjects when loading")
    };
    Error::Unknown { kind: K::NAME, name: name.into(), advice }
}

/// Returns whether a name is that of one of Keras' own classes that is not here yet. A class that is unknown under a name that is known here
/// is somebody's own.
pub fn is_missing(kind: &str, name: &str) -> bool {
    let names = kinds::NAMES.iter().find(|(of, _)| *of == kind).map(|(_, names)| names());
    of_keras::has(kind, name) && !names.is_some_and(|names| names.iter().any(|known| known == name))
}
