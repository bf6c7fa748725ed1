//! Tokens: what a lookup knows, numbers or strings.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::Field;
use crate::Error;
use crate::host::{Elements, Values};

/// An integer or a string, where a config has either.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a string or a whole number")]
pub enum Token {
    /// An integer.
    Number(i64),
    /// A string.
    Text(String),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Number(number) => number.fmt(f),
            Token::Text(text) => f.write_str(text),
        }
    }
}

impl From<i64> for Token {
    fn from(number: i64) -> Self {
        Token::Number(number)
    }
}
impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Token::Text(text.into())
    }
}
impl From<String> for Token {
    fn from(text: String) -> Self {
        Token::Text(text)
    }
}

given! {
    /// A token that stands for something special, or none.
    Special(Token)
}

impl<T: Into<Token>> From<T> for Special {
    fn from(token: T) -> Self {
        Special(Some(token.into()))
    }
}

impl Special {
    /// No token.
    pub fn none() -> Self {
        Special(None)
    }

    /// Returns for each element whether it is this token.
    pub(super) fn is_at(&self, values: &Values<'_>) -> Vec<bool> {
        match (self.get(), &values.elements) {
            (Some(Token::Text(token)), Elements::Text(all)) => all.iter().map(|v| v == token).collect(),
            (Some(Token::Number(token)), Elements::Integers(_, all)) => {
                all.iter().map(|v| v == token).collect()
            }
            (Some(Token::Number(token)), Elements::Floats(all)) => {
                all.iter().map(|v| *v == *token as f32).collect()
            }
            _ => vec![false; values.len()],
        }
    }
}

given! {
    /// Two numbers that a hash is mixed with, or one that stands for both; none for a hash without.
    Salt(Key)
}

/// The key of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrTwo", into = "[i64; 2]")]
pub struct Key([i64; 2]);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or two of them")]
enum OneOrTwo {
    One(i64),
    Two([i64; 2]),
}

impl From<OneOrTwo> for Key {
    fn from(key: OneOrTwo) -> Self {
        match key {
            OneOrTwo::One(n) => Key([n, n]),
            OneOrTwo::Two(two) => Key(two),
        }
    }
}
impl From<Key> for [i64; 2] {
    fn from(key: Key) -> Self {
        key.0
    }
}
impl From<i64> for Salt {
    fn from(salt: i64) -> Self {
        Salt(Some(Key([salt, salt])))
    }
}
impl From<[i64; 2]> for Salt {
    fn from(salt: [i64; 2]) -> Self {
        Salt(Some(Key(salt)))
    }
}

impl Salt {
    /// Returns the bucket of a text: by FarmHash, or by SipHash with the salt.
    pub(super) fn bucket(&self, text: &str, buckets: usize) -> i64 {
        let hash = match self.get() {
            None => crate::host::fingerprint(text.as_bytes()),
            Some(Key(key)) => crate::host::siphash(key.map(i64::cast_unsigned), text.as_bytes()),
        };
        (hash % buckets.max(1) as u64) as i64
    }
}

given! {
    /// The words of a lookup: strings, or integers; [`Vocabulary::of_file`] reads them from a text.
    Vocabulary(Vec<Token>)
}

impl<T: Into<Token>, const N: usize> From<[T; N]> for Vocabulary {
    fn from(words: [T; N]) -> Self {
        Vocabulary(Some(words.into_iter().map(Into::into).collect()))
    }
}
impl<T: Into<Token>> From<Vec<T>> for Vocabulary {
    fn from(words: Vec<T>) -> Self {
        Vocabulary(Some(words.into_iter().map(Into::into).collect()))
    }
}
impl<T: Clone + Into<Token>> From<&[T]> for Vocabulary {
    fn from(words: &[T]) -> Self {
        words.to_vec().into()
    }
}

impl Vocabulary {
    /// Reads words from a text file, one a line. Lines of an [`IntegerLookup`](super::IntegerLookup)'s are numbers.
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::layers::{StringLookup, Vocabulary};
    /// # let folder = std::env::temp_dir();
    /// # let path = folder.join(format!("rhyton_words_{}.txt", std::process::id()));
    /// # std::fs::write(&path, "red\ngreen\n").map_err(Error::other)?;
    /// let lookup = StringLookup::new().vocabulary(Vocabulary::of_file(&path)?);
    /// # std::fs::remove_file(&path).map_err(Error::other)?;
    /// # let _ = lookup;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// The file cannot be read, or is not UTF-8.
    pub fn of_file(path: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::Data { what: format!("the vocabulary {}: {e}", path.display()) })?;
        Ok(text.lines().collect::<Vec<&str>>().into())
    }
}

given! {
    /// The weight of each word under `tf_idf`.
    IdfWeights(Vec<f64>)
}

impl<const N: usize> From<[f64; N]> for IdfWeights {
    fn from(weights: [f64; N]) -> Self {
        IdfWeights(Some(weights.into()))
    }
}
impl From<Vec<f64>> for IdfWeights {
    fn from(weights: Vec<f64>) -> Self {
        IdfWeights(Some(weights))
    }
}

impl Field for Token {}
