//! Words and numbers that a vocabulary gives indices, and back.

mod indices;
mod table;
mod words;

use serde_json::{Map, Value};

use super::config::without;
use super::encode::{HostEncoding, OutputMode};
use super::hashing::{of_codes, of_indices, only};
use super::token::{IdfWeights, Salt, Special, Token, Vocabulary};
use crate::Error;
use crate::graph::{Array, DType, HostLayer, Integer, Layer, LayerSettings, Learner, Resolver, Shape};
use crate::host::{Elements, Values};
use crate::words::{Word, Words};

pub(super) use table::{Counts, Table};

/// How an integer that is not known finds its index among several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OovMethod {
    /// By its remainder.
    #[default]
    Floormod,
    /// By its hash.
    Farmhash,
}

impl Words for OovMethod {
    const OPTION: &'static str = "oov_method";
    const WORDS: &'static [(&'static str, Self)] =
        &[("floormod", OovMethod::Floormod), ("farmhash", OovMethod::Farmhash)];
}
impl super::config::Field for Word<OovMethod> {}

/// Most indices of words that are not known: each has a place in the vocabulary.
const MOST_OOV: usize = 1 << 20;
/// Most words that a code is made for.
const MOST_PADDED: usize = 1 << 24;

config! {
    /// Gives words indices by a vocabulary, or indices words; of strings a [`StringLookup`], of integers an [`IntegerLookup`].
    IndexLookup<TEXT>() {
        /// Sets whether indices become words. A [`StringLookup`] then gives strings: see [`Predict::run_text`](crate::train::Predict::run_text).
        invert: bool = false;
        /// Sets how many words there are at most, special ones included.
        max_tokens <- Option<usize> = None;
        /// Sets how many indices there are for words that are not known; with 0 such a word is an error, with several its hash decides. Default 1.
        num_oov_indices: usize = 1;
        /// Sets what indices of no word become. Default `"[UNK]"`, of integers -1.
        oov_token <- Special = if TEXT == 1 { "[UNK]".into() } else { (-1).into() };
        /// Sets the word that stands for nothing: it has index 0, and counts in no code.
        mask_token <- Special = Special::none();
        /// Sets what becomes of indices: `"int"`, `"one_hot"`, `"multi_hot"`, `"count"` or `"tf_idf"`. Default `"int"`.
        output_mode <- Word<OutputMode> = OutputMode::Int.into();
    }
    unset {}
    never { sparse }
    then {
        /// Sets whether codes have places for `max_tokens` words, however many there are.
        pad_to_max_tokens: bool = false;
        /// Sets the type of the words of an [`IntegerLookup`]: `"int64"`.
        vocabulary_dtype <- String = "int64".to_owned();
        /// Sets the weight of each word under `"tf_idf"`.
        idf_weights <- IdfWeights = IdfWeights::default();
        /// Sets the words, special ones first or left out. Without them `adapt` finds them.
        vocabulary <- Vocabulary = Vocabulary::default();
        /// Sets how many words there are, where a file says that and has them elsewhere.
        vocabulary_size <- Option<usize> = None;
        /// Sets how an integer that is not known finds its index among several: `"floormod"` or `"farmhash"`. Default `"floormod"`.
        oov_method <- Word<OovMethod> = OovMethod::Floormod.into();
        /// Sets what the hash of words that are not known is mixed with.
        salt <- Salt = Salt::default();
        /// Sets the encoding that Keras gives words back in; lookups are the same in all.
        encoding <- String = "utf-8".to_owned();
    }
    read {}
    skip { table: Option<Table> }
}

/// Gives strings indices by a vocabulary: known words those behind the special ones, others that of the unknown. It is computed on the host, before the
/// model's computation.
///
/// ```
/// # use rhyton_engine::Error;
/// # use rhyton_engine::layers::StringLookup;
/// # use rhyton_engine::train::{Adapt, Sequential};
/// let mut lookup = StringLookup::new();
/// lookup.adapt(&["red", "green", "red"])?;
/// assert_eq!(lookup.get_vocabulary(), ["[UNK]", "red", "green"]);
/// let mut model = Sequential::new((lookup,))?;
/// let indices = model.predict(&["green", "blue"]).verbose(0).run()?;
/// assert_eq!(indices, ndarray::array![2.0, 0.0].into_dyn());
/// # Ok::<(), Error>(())
/// ```
pub type StringLookup = IndexLookup<1>;

/// Gives integers indices by a vocabulary: known ones those behind the special ones, others that of the unknown. It is computed on the host, before the
/// model's computation, with integers of 64 bits.
///
/// ```
/// # use rhyton_engine::Error;
/// # use rhyton_engine::layers::IntegerLookup;
/// # use rhyton_engine::train::Sequential;
/// let mut model = Sequential::new((IntegerLookup::new().vocabulary([12, 1138, 42]),))?;
/// let indices = model.predict(&ndarray::array![42_i64, 1000]).verbose(0).run()?;
/// assert_eq!(indices, ndarray::array![3.0, 0.0].into_dyn());
/// # Ok::<(), Error>(())
/// ```
pub type IntegerLookup = IndexLookup<0>;

impl<const TEXT: usize> IndexLookup<TEXT> {
    /// Returns the words, special ones first, as Keras' `get_vocabulary` gives them; integers as decimals. None before it has them.
    pub fn get_vocabulary(&self) -> Vec<String> {
        self.words().unwrap_or_default()
    }

    /// Where the indices of unknown words begin.
    fn oov_start(&self) -> usize {
        usize::from(self.mask_token.get().is_some() && *self.output_mode == OutputMode::Int)
    }

    /// Where those of known words begin.
    pub(super) fn token_start(&self) -> usize {
        self.oov_start().saturating_add(self.num_oov_indices)
    }

    /// How many words there are, special ones included; `None` where nobody knows.
    fn size(&self) -> Option<usize> {
        let known = self.table.as_ref().map(|table| self.token_start().saturating_add(table.len()));
        known
            .or_else(|| {
                self.given().ok().flatten().map(|table| self.token_start().saturating_add(table.len()))
            })
            .or(self.vocabulary_size)
    }

    /// Returns the table.
    fn known(&self) -> Result<&Table, Error> {
        self.table.as_ref().ok_or_else(|| Error::Argument {
            what: "it has no vocabulary yet: call adapt, or give it one".into(),
        })
    }

    fn codes(&self, settings: &LayerSettings) -> Result<HostEncoding, Error> {
        let dtype = match *self.output_mode {
            OutputMode::Int => {
                DType::Whole(if settings.keras2 { of_indices(settings) } else { Integer::I64 })
            }
            _ if settings.keras2 => of_codes(settings),
            _ => DType::F32,
        };
        let depth = match (*self.output_mode, self.max_tokens.filter(|_| self.pad_to_max_tokens)) {
            (OutputMode::Int, _) => 0,
            (_, Some(most)) => most,
            (_, None) => self.size().ok_or_else(|| Error::Argument {
                what: "output_mode needs to know how many words there are: call adapt, or give a vocabulary, before the layer is used".into(),
            })?,
        };
        Ok(HostEncoding { mode: *self.output_mode, depth, dtype })
    }

    /// Learns words from counts of them.
    pub(super) fn learn_counts(&mut self, mut counts: Counts) -> Result<(), Error> {
        if self.vocabulary.get().is_some() {
            let what = "it was given its vocabulary, so it learns none";
            return Err(Error::Argument { what: what.into() });
        }
        self.check()?;
        for special in [&self.mask_token, &self.oov_token] {
            special.get().into_iter().for_each(|token| counts.remove(token));
        }
        let most = self.max_tokens.map(|most| most.saturating_sub(self.token_start()));
        let (tokens, weights) = counts.ranked(most.unwrap_or(usize::MAX));
        let size = self.token_start() + tokens.len();
        let fixed = *self.output_mode != OutputMode::Int && !self.pad_to_max_tokens;
        if let Some(before) = self.size().filter(|before| fixed && *before != size) {
            let what = format!(
                "it had {before} words and would have {size}, but the size of its codes is fixed (pad_to_max_tokens would leave room): \
                 adapt it before it is used, or adapt a new layer"
            );
            return Err(Error::Argument { what });
        }
        let mut table =
            Table::new(tokens).map_err(|twice| Error::Data { what: format!("{twice:?} twice") })?;
        if *self.output_mode == OutputMode::TfIdf {
            let mean = weights.iter().sum::<f32>() / weights.len().max(1) as f32;
            let mut all = vec![mean; self.token_start()];
            all.extend(weights);
            table = table.weighing(self.padded(all));
        }
        self.table = Some(table);
        self.vocabulary_size = Some(size);
        Ok(())
    }
}

impl<const TEXT: usize> Layer for IndexLookup<TEXT> {
    const REQUIRED: &'static [&'static str] = Self::KEYS;
    const CLASS: &'static str = if TEXT == 1 { "StringLookup" } else { "IntegerLookup" };

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, _builder: &mut crate::graph::Builder, _input: &Shape) -> Result<(), Error> {
        if self.table.is_none() {
            self.table = self.given()?;
            self.vocabulary_size = self.size().or(self.vocabulary_size);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Argument { what: what.into() });
        self.output_mode.get()?;
        let method = self.oov_method.get()?;
        if self.num_oov_indices > MOST_OOV {
            return wrong(&format!(
                "num_oov_indices is {}, but must be {MOST_OOV} at most",
                self.num_oov_indices
            ));
        }
        if self.pad_to_max_tokens && self.max_tokens.is_some_and(|most| most > MOST_PADDED) {
            return wrong(&format!("max_tokens must be {MOST_PADDED} at most with pad_to_max_tokens"));
        }
        match self.max_tokens {
            Some(0 | 1) => return wrong("max_tokens must be greater than 1"),
            None if self.pad_to_max_tokens => return wrong("pad_to_max_tokens needs max_tokens"),
            _ => {}
        }
        if self.invert && *self.output_mode != OutputMode::Int {
            return wrong("output_mode must be \"int\" with invert");
        }
        if self.idf_weights.get().is_some() && *self.output_mode != OutputMode::TfIdf {
            return wrong("idf_weights are used under output_mode \"tf_idf\" alone");
        }
        if TEXT == 0 && self.salt.get().is_some() && method == OovMethod::Floormod {
            return wrong("salt is used under oov_method \"farmhash\" alone");
        }
        if self.vocabulary_dtype != "int64" {
            return wrong(&format!("vocabulary_dtype is {:?}, but must be \"int64\"", self.vocabulary_dtype));
        }
        for (key, special) in [("mask_token", &self.mask_token), ("oov_token", &self.oov_token)] {
            if special.get().is_some_and(|token| matches!(token, Token::Text(_)) != (TEXT == 1)) {
                let wanted = if TEXT == 1 { "a string" } else { "a whole number" };
                return wrong(&format!("{key} must be {wanted}"));
            }
        }
        if let (Some(_), OutputMode::TfIdf, None) =
            (self.vocabulary.get(), *self.output_mode, self.idf_weights.get())
        {
            return wrong("idf_weights must be given with a vocabulary under output_mode \"tf_idf\"");
        }
        self.given().map(drop)
    }

    fn config(&self) -> Map<String, Value> {
        let mut config = without(if TEXT == 1 { "vocabulary_dtype" } else { "encoding" }, self);
        config.insert("vocabulary_size".into(), self.size().into());
        config
    }

    fn as_host(&self) -> Option<&dyn HostLayer> {
        Some(self)
    }

    fn as_learner(&self) -> Option<&dyn Learner> {
        Some(self)
    }

    fn as_learner_mut(&mut self) -> Option<&mut dyn Learner> {
        Some(self)
    }
}

impl<const TEXT: usize> HostLayer for IndexLookup<TEXT> {
    fn takes(&self) -> Option<DType> {
        Some(if TEXT == 1 && !self.invert { DType::Text } else { DType::Whole(Integer::I64) })
    }

    fn output_type(
        &self,
        inputs: &[(Shape, DType)],
        settings: &LayerSettings,
    ) -> Result<(Shape, DType), Error> {
        let (shape, dtype) = only(inputs)?;
        // Floats are cut to integers.
        let fits = (TEXT == 1 && !self.invert) == (*dtype == DType::Text);
        if !fits {
            return Err(self.wrong_type(*dtype));
        }
        if self.invert {
            let word = if TEXT == 1 { DType::Text } else { DType::Whole(Integer::I64) };
            return Ok((shape.clone(), word));
        }
        self.codes(settings)?.output_type(shape)
    }

    fn compute(&self, inputs: &[Values<'_>], settings: &LayerSettings) -> Result<Values<'static>, Error> {
        let input = only(inputs)?;
        if self.invert {
            return self.inverse(input);
        }
        let indices = self.indices(input)?;
        self.encoded(&input.shape, indices, settings)
    }
}

impl<const TEXT: usize> Learner for IndexLookup<TEXT> {
    fn learn(&mut self, data: &Values<'_>) -> Result<(), Error> {
        // An array of one axis has an example in each element.
        let examples = if data.shape.len() < 2 { data.len() } else { data.shape[0] };
        let each = data.len().checked_div(examples).unwrap_or(0);
        let mut counts = Counts::default();
        match (&data.elements, TEXT) {
            (Elements::Text(words), 1) => {
                words.chunks(each.max(1)).for_each(|example| counts.count_texts(example));
            }
            (Elements::Integers(_, numbers), 0) => {
                numbers.chunks(each.max(1)).for_each(|example| counts.count_numbers(example));
            }
            (Elements::Floats(_), 0) if data.is_empty() => {}
            _ => {
                let wanted = if TEXT == 1 { "strings" } else { "integers" };
                let what = format!("takes {wanted}, but was given {}", data.dtype().name());
                return Err(Error::Data { what });
            }
        }
        self.learn_counts(counts)
    }

    fn known_words(&self) -> Option<Vec<String>> {
        self.words()
    }

    fn has_words(&self) -> bool {
        true
    }

    fn is_given(&self) -> bool {
        self.vocabulary.get().is_some()
    }

    fn set_words(&mut self, words: Vec<String>) -> Result<(), Error> {
        let words: Vec<Token> = words.into_iter().map(Token::Text).collect();
        let weights = self.table.as_ref().and_then(Table::weights).map(<[f32]>::to_vec);
        let table = self.table_of(&words, None)?;
        self.vocabulary_size = Some(self.token_start().saturating_add(table.len()));
        self.table = Some(match weights {
            Some(weights) => table.weighing(weights),
            None => table,
        });
        Ok(())
    }

    fn array(&self, _keras2: bool) -> Option<(&'static str, Option<Array>)> {
        if *self.output_mode != OutputMode::TfIdf {
            return None;
        }
        let given = self.given().ok().flatten();
        let weights = self.table.as_ref().or(given.as_ref()).and_then(Table::weights);
        let array = weights.map(|weights| Array { shape: vec![weights.len()], values: weights.to_vec() });
        Some(("idf_weights", array))
    }

    fn set_array(&mut self, array: Array) -> Result<(), Error> {
        let [n] = array.shape[..] else {
            return Err(Error::Argument { what: format!("idf_weights has shape {:?}", array.shape) });
        };
        if let Some(size) =
            self.codes(&LayerSettings::default()).ok().map(|e| e.depth).filter(|size| *size != n)
        {
            let what = format!("idf_weights has {n} numbers for {size} words");
            return Err(Error::Argument { what });
        }
        self.table = Some(self.table.take().unwrap_or_default().weighing(array.values));
        Ok(())
    }
}
