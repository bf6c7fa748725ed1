//! What a lookup makes of words, and of indices.

use std::borrow::Cow;
use std::ops::Range;

use super::{IndexLookup, OovMethod};
use crate::Error;
use crate::graph::{DType, Integer, LayerSettings};
use crate::host::{Elements, Values};
use crate::layers::encode::OutputMode;
use crate::layers::token::Token;

/// Most indices that are made of texts at once.
const MOST_INDICES: usize = 1 << 28;

impl<const TEXT: usize> IndexLookup<TEXT> {
    /// Indices of words.
    pub(super) fn indices(&self, input: &Values<'_>) -> Result<Vec<i64>, Error> {
        let table = self.known()?;
        let oov_start = self.oov_start() as i64;
        let mask = self.mask_token.is_at(input);
        let masked = if *self.output_mode == OutputMode::Int { 0 } else { i64::MAX };
        let found: Vec<Option<usize>> = match &input.elements {
            Elements::Text(words) => words.iter().map(|word| table.of_text(word)).collect(),
            Elements::Integers(_, numbers) => numbers.iter().map(|number| table.of_number(*number)).collect(),
            Elements::Floats(numbers) => numbers.iter().map(|v| table.of_number(*v as i64)).collect(),
        };
        let unknown = |at: usize| -> i64 {
            match (&input.elements, *self.oov_method) {
                (Elements::Integers(_, numbers), OovMethod::Floormod) => {
                    numbers[at].rem_euclid(self.num_oov_indices as i64)
                }
                (Elements::Integers(_, numbers), OovMethod::Farmhash) => {
                    self.salt.bucket(&numbers[at].to_string(), self.num_oov_indices)
                }
                (Elements::Text(words), _) => self.salt.bucket(&words[at], self.num_oov_indices),
                (Elements::Floats(numbers), OovMethod::Floormod) => {
                    (numbers[at] as i64).rem_euclid(self.num_oov_indices as i64)
                }
                (Elements::Floats(numbers), OovMethod::Farmhash) => {
                    self.salt.bucket(&(numbers[at] as i64).to_string(), self.num_oov_indices)
                }
            }
        };
        let index = |(at, (found, masks)): (usize, (Option<usize>, bool))| match (found, self.num_oov_indices)
        {
            _ if masks => Ok(masked),
            (Some(found), _) => Ok((self.token_start() + found) as i64),
            (None, 0) => {
                let word = input.texts()[at].chars().take(80).collect::<String>();
                let what = format!(
                    "{word:?} is not in the vocabulary, and num_oov_indices is 0: set it to 1 at least for words that are not known"
                );
                Err(Error::Data { what })
            }
            (None, 1) => Ok(oov_start),
            (None, _) => Ok(oov_start + unknown(at)),
        };
        found.into_iter().zip(mask).enumerate().map(index).collect()
    }

    /// Words of indices.
    pub(super) fn inverse(&self, input: &Values<'_>) -> Result<Values<'static>, Error> {
        let table = self.known()?;
        let indices: Vec<i64> = match &input.elements {
            Elements::Integers(_, indices) => indices.clone(),
            Elements::Floats(numbers) => numbers.iter().map(|v| *v as i64).collect(),
            Elements::Text(_) => return Err(self.wrong_type(DType::Text)),
        };
        let missing = || Error::Argument { what: "oov_token is null, which no index can become".into() };
        let token = |index: &i64| match (*index, self.mask_token.get()) {
            (0, Some(mask)) => Ok(mask),
            (index, _) => {
                let own = index.checked_sub(self.token_start() as i64).and_then(|i| usize::try_from(i).ok());
                let found = own.and_then(|own| table.tokens().get(own)).or(self.oov_token.get());
                found.ok_or_else(missing)
            }
        };
        let tokens = indices.iter().map(token).collect::<Result<Vec<&Token>, Error>>()?;
        let number = |token: &&Token| match token {
            Token::Number(number) => *number,
            Token::Text(_) => 0,
        };
        let elements = match TEXT {
            1 => Elements::Text(tokens.iter().map(|token| token.to_string().into()).collect()),
            _ => Elements::Integers(Integer::I64, tokens.iter().map(number).collect()),
        };
        Ok(Values { shape: input.shape.clone(), elements })
    }

    pub(super) fn wrong_type(&self, found: DType) -> Error {
        let wanted = if TEXT == 1 && !self.invert { "strings" } else { "integers" };
        let what = format!("takes {wanted}, but its input is of {}", found.name());
        Error::Shape { layer: String::new(), what }
    }

    /// Looks words up, of which each example has a number of its own: `rows` says where each begins and ends.
    pub(in crate::layers) fn ragged(
        &self,
        words: Vec<Cow<'_, str>>,
        rows: &[Range<usize>],
        settings: &LayerSettings,
        length: Option<usize>,
    ) -> Result<Values<'static>, Error> {
        let count = words.len();
        let all = Values { shape: vec![count], elements: Elements::Text(words) };
        let indices = self.indices(&all)?;
        let longest = length.unwrap_or_else(|| rows.iter().map(ExactSizeIterator::len).max().unwrap_or(0));
        if rows.len().checked_mul(longest).is_none_or(|all| all > MOST_INDICES) {
            let what = format!("{} texts of {longest} words each are more than {MOST_INDICES}", rows.len());
            return Err(Error::Data { what });
        }
        // What is behind the end of an example is nothing: 0 among indices, and in no code.
        let filler = if *self.output_mode == OutputMode::Int { 0 } else { -1 };
        let row = |range: &Range<usize>| {
            let own = indices[range.clone()].iter().copied().take(longest);
            own.chain(std::iter::repeat(filler)).take(longest).collect::<Vec<i64>>()
        };
        let padded = rows.iter().flat_map(row).collect();
        self.encoded(&[rows.len(), longest], padded, settings)
    }

    pub(super) fn encoded(
        &self,
        shape: &[usize],
        indices: Vec<i64>,
        settings: &LayerSettings,
    ) -> Result<Values<'static>, Error> {
        let encoding = self.codes(settings)?;
        if *self.output_mode != OutputMode::TfIdf {
            return encoding.encode(shape, indices);
        }
        let weights = self.known()?.weights().ok_or_else(|| Error::Argument {
            what: "idf_weights are not known: call adapt, or give them with the vocabulary".into(),
        })?;
        if weights.len() != encoding.depth {
            let what = format!("idf_weights has {} numbers for {} words", weights.len(), encoding.depth);
            return Err(Error::Argument { what });
        }
        encoding.weighted(shape, indices, Some(weights))
    }
}
