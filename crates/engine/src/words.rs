//! Options that are one of a few words: `"same"`, `"channels_first"`, `"max"`.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;
use crate::names::{did_you_mean, one_of};

/// Describes what an option's words stand for.
pub trait Words: Copy + Default + PartialEq + 'static {
    /// The option, as Keras names it.
    const OPTION: &'static str;
    /// Its words.
    const WORDS: &'static [(&'static str, Self)];
    /// Other words that files have for the same.
    const ALIASES: &'static [(&'static str, Self)] = &[];
    /// Holds what null in a file means; an error where it is `None`.
    const NULL: Option<Self> = None;

    /// Returns what a number means; `None` where it means nothing.
    fn of_number(_number: usize) -> Option<Self> {
        None
    }
}

/// A word of an option, or the value that it stands for: what builders take, `padding("same")` or `padding(Padding::Same)`. A wrong word is
/// kept until the option is used, and is then an error that lists the right ones.
#[derive(Clone, PartialEq)]
pub struct Word<T> {
    value: T,
    wrong: Option<Box<str>>,
}

impl<T: Words> Word<T> {
    /// The value.
    ///
    /// # Errors
    /// The word that was given is none of the option's.
    pub fn get(&self) -> Result<T, Error> {
        match &self.wrong {
            None => Ok(self.value),
            Some(wrong) => Err(Error::Argument { what: refusal::<T>(wrong) }),
        }
    }

    /// The word of the value.
    pub fn word(&self) -> &str {
        let known = T::WORDS.iter().find(|(_, value)| *value == self.value);
        self.wrong.as_deref().unwrap_or(known.map_or("", |(word, _)| word))
    }
}

fn refusal<T: Words>(found: &str) -> String {
    let words = || T::WORDS.iter().map(|(word, _)| *word);
    format!("{} is {found:?}, but must be {}{}", T::OPTION, one_of(words()), did_you_mean(found, words()))
}

/// The value; of a wrong word the default, which nobody sees: what has the option refuses to be used.
impl<T> Deref for Word<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Words> Default for Word<T> {
    fn default() -> Self {
        T::default().into()
    }
}

impl<T> fmt::Debug for Word<T>
where
    T: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wrong {
            None => self.value.fmt(f),
            Some(wrong) => wrong.fmt(f),
        }
    }
}

impl<T: Words> From<T> for Word<T> {
    fn from(value: T) -> Self {
        Word { value, wrong: None }
    }
}

impl<T: Words> From<&str> for Word<T> {
    fn from(word: &str) -> Self {
        // In any case, as Keras reads paddings and data formats, though not reductions and modes.
        let mut known = T::WORDS.iter().chain(T::ALIASES);
        match known.find(|(known, _)| known.eq_ignore_ascii_case(word)) {
            Some((_, value)) => Word { value: *value, wrong: None },
            None => Word { value: T::default(), wrong: Some(word.into()) },
        }
    }
}

impl<T: Words> From<usize> for Word<T> {
    fn from(number: usize) -> Self {
        T::of_number(number).map_or_else(|| Word::from(number.to_string()), Word::from)
    }
}

impl<T: Words> From<String> for Word<T> {
    fn from(word: String) -> Self {
        word.as_str().into()
    }
}

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.wrong {
            // What null stands for may have no word.
            None if T::NULL == Some(self.value) && self.word().is_empty() => serializer.serialize_none(),
            None => serializer.serialize_str(self.word()),
            Some(wrong) => Err(serde::ser::Error::custom(refusal::<T>(wrong))),
        }
    }
}

impl<'de, T: Words> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = |found: &str| serde::de::Error::custom(refusal::<T>(found));
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(word) => {
                let read = Word::from(word);
                read.wrong.as_deref().map_or(Ok(()), |wrong| Err(refused(wrong)))?;
                Ok(read)
            }
            serde_json::Value::Null => T::NULL.map(Word::from).ok_or_else(|| refused("null")),
            other => Err(refused(&other.to_string().chars().take(40).collect::<String>())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Word, Words};

    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    enum Side {
        #[default]
        Left,
        Right,
    }

    impl Words for Side {
        const OPTION: &'static str = "side";
        const WORDS: &'static [(&'static str, Side)] = &[("left", Side::Left), ("right", Side::Right)];
    }

    #[test]
    fn words_are_read_and_wrong_ones_are_told() {
        assert_eq!(Word::<Side>::from("RIGHT").get().unwrap(), Side::Right);
        assert_eq!(*Word::from(Side::Right), Side::Right);
        assert_eq!(Word::<Side>::default().word(), "left");
        let wrong = Word::<Side>::from("rihgt");
        let said = "side is \"rihgt\", but must be \"left\" or \"right\"; did you mean `right`?";
        assert_eq!(wrong.get().unwrap_err().to_string(), said);
        assert_eq!(serde_json::to_value(&wrong).unwrap_err().to_string(), said);
        assert_eq!(serde_json::to_string(&Word::from(Side::Right)).unwrap(), "\"right\"");
        assert!(serde_json::from_str::<Word<Side>>("null").is_err());
        let error = serde_json::from_str::<Word<Side>>("\"up\"").unwrap_err().to_string();
        assert!(error.starts_with("side is \"up\", but must be"), "{error}");
        assert!(serde_json::from_str::<Word<Side>>("3").is_err());
    }
}
