//! The words of a lookup: those given, checked, and the special ones before them.

use super::{IndexLookup, MOST_OOV, MOST_PADDED, Table};
use crate::Error;
use crate::layers::token::{Special, Token};

impl<const TEXT: usize> IndexLookup<TEXT> {
    /// The table of the words that are given.
    pub(super) fn given(&self) -> Result<Option<Table>, Error> {
        self.vocabulary.get().map(|words| self.table_of(words, self.idf_weights.get())).transpose()
    }

    /// The special words that a vocabulary may begin with.
    pub(super) fn special(&self) -> Vec<Token> {
        let none = || Token::Text("None".into());
        let mask = self.mask_token.get().cloned().unwrap_or_else(none);
        let oov = self.oov_token.get().cloned().unwrap_or_else(none);
        let mut all = vec![mask; self.oov_start()];
        // More are an error of `check`, which comes after the config is looked at.
        all.extend(vec![oov; self.num_oov_indices.min(MOST_OOV)]);
        all
    }

    /// A table of words, of which special ones may come first, and their weights.
    pub(super) fn table_of(&self, words: &[Token], weights: Option<&Vec<f64>>) -> Result<Table, Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        if words.is_empty() {
            return wrong("vocabulary is empty".into());
        }
        let words: Vec<Token> = words.iter().map(|word| self.token(word)).collect::<Result<_, _>>()?;
        let special = self.special();
        let begins = words.starts_with(&special);
        let own = if begins { &words[special.len()..] } else { &words[..] };
        let reserved = |token: &Special, key: &str| match token.get() {
            Some(token) if own.contains(token) => {
                let what = format!("vocabulary has the {key} {token:?} in a place that is not its own");
                Err(Error::Argument { what })
            }
            _ => Ok(()),
        };
        reserved(&self.mask_token, "mask_token")?;
        if self.invert {
            reserved(&self.oov_token, "oov_token")?;
        }
        if let Some(most) = self.max_tokens.filter(|most| self.token_start() + own.len() > *most) {
            let size = self.token_start() + own.len();
            return wrong(format!(
                "vocabulary has {size} words, special ones included, but max_tokens is {most}"
            ));
        }
        let table = Table::new(own.to_vec())
            .map_err(|twice| Error::Argument { what: format!("vocabulary has {twice:?} twice") })?;
        let Some(weights) = weights else { return Ok(table) };
        if weights.len() != words.len() {
            let what =
                format!("idf_weights has {} numbers, but vocabulary {} words", weights.len(), words.len());
            return wrong(what);
        }
        let mut all = Vec::new();
        if !begins {
            let mean = weights.iter().sum::<f64>() / weights.len() as f64;
            all.resize(self.token_start(), mean);
        }
        all.extend(weights);
        Ok(table.weighing(self.padded(all.into_iter().map(|w| w as f32).collect())))
    }

    /// Weights, with zeros for the words that could be there beside.
    pub(super) fn padded(&self, mut weights: Vec<f32>) -> Vec<f32> {
        if let Some(most) = self.max_tokens.filter(|_| self.pad_to_max_tokens) {
            weights.resize(most.min(MOST_PADDED), 0.0);
        }
        weights
    }

    /// A word as the class has it.
    pub(super) fn token(&self, word: &Token) -> Result<Token, Error> {
        match (TEXT, word) {
            (1, Token::Text(_)) => Ok(word.clone()),
            (1, Token::Number(number)) => {
                Err(Error::Argument { what: format!("vocabulary has {number}, which is no string") })
            }
            (_, Token::Number(_)) => Ok(word.clone()),
            (_, Token::Text(text)) => match text.trim().parse() {
                Ok(number) => Ok(Token::Number(number)),
                Err(_) => Err(Error::Argument {
                    what: format!("vocabulary has {text:?}, which is no whole number"),
                }),
            },
        }
    }

    pub(super) fn words(&self) -> Option<Vec<String>> {
        let given = self.given().ok().flatten();
        let table = self.table.as_ref().or(given.as_ref())?;
        let special = self.special().into_iter().map(|token| token.to_string());
        Some(special.chain(table.tokens().iter().map(ToString::to_string)).collect())
    }
}
