//! The table behind a lookup, and how it is learned.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::layers::token::Token;

/// Words in order, each once, and their weights.
#[derive(Clone, Debug, Default)]
pub(in crate::layers) struct Table {
    tokens: Vec<Token>,
    of_text: HashMap<String, usize>,
    of_number: HashMap<i64, usize>,
    weights: Option<Vec<f32>>,
}

impl Table {
    /// Of these words, without special ones; an error is a word that is there twice.
    pub(in crate::layers) fn new(tokens: Vec<Token>) -> Result<Self, Token> {
        let (mut of_text, mut of_number) = (HashMap::new(), HashMap::new());
        for (index, token) in tokens.iter().enumerate() {
            let before = match token {
                Token::Text(text) => of_text.insert(text.clone(), index),
                Token::Number(number) => of_number.insert(*number, index),
            };
            if before.is_some() {
                return Err(token.clone());
            }
        }
        Ok(Table { tokens, of_text, of_number, weights: None })
    }

    /// With weights, special words' first.
    pub(in crate::layers) fn weighing(self, weights: Vec<f32>) -> Self {
        Table { weights: Some(weights), ..self }
    }

    pub(in crate::layers) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(in crate::layers) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    pub(in crate::layers) fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    pub(in crate::layers) fn of_text(&self, text: &str) -> Option<usize> {
        self.of_text.get(text).copied()
    }

    pub(in crate::layers) fn of_number(&self, number: i64) -> Option<usize> {
        self.of_number.get(&number).copied()
    }
}

/// How often words come, and in how many examples.
#[derive(Debug, Default)]
pub(in crate::layers) struct Counts {
    words: HashMap<Token, [u64; 2]>,
    examples: u64,
}

impl Counts {
    /// Counts the words of an example.
    pub(in crate::layers) fn count_texts(&mut self, example: &[Cow<'_, str>]) {
        self.examples += 1;
        let mut seen = HashSet::new();
        for word in example {
            let first = seen.insert(word.as_ref());
            self.count(Token::Text(word.as_ref().to_owned()), first);
        }
    }

    /// Counts the integers of an example.
    pub(in crate::layers) fn count_numbers(&mut self, example: &[i64]) {
        self.examples += 1;
        let mut seen = HashSet::new();
        for number in example {
            let first = seen.insert(*number);
            self.count(Token::Number(*number), first);
        }
    }

    fn count(&mut self, token: Token, first: bool) {
        let counts = self.words.entry(token).or_default();
        counts[0] += 1;
        counts[1] += u64::from(first);
    }

    /// Forgets a word.
    pub(in crate::layers) fn remove(&mut self, token: &Token) {
        self.words.remove(token);
    }

    /// Returns this many words at most, the most frequent first and among equals the last of the alphabet, as Keras does; with log(1 + examples / (1 + examples
    /// with the word)) for each.
    pub(in crate::layers) fn ranked(self, most: usize) -> (Vec<Token>, Vec<f32>) {
        let mut all: Vec<(Token, [u64; 2])> = self.words.into_iter().collect();
        all.sort_by(|(a, [n, _]), (b, [m, _])| m.cmp(n).then_with(|| b.cmp(a)));
        all.truncate(most);
        let weight = |in_examples: u64| (1.0 + self.examples as f64 / (1 + in_examples) as f64).ln() as f32;
        all.into_iter().map(|(token, [_, in_examples])| (token, weight(in_examples))).unzip()
    }
}
