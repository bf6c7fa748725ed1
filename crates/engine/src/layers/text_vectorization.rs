//! Texts cut into words, and the words looked up.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::encode::OutputMode;
use super::hashing::only;
use super::lookup::{Counts, StringLookup};
use super::token::{IdfWeights, Special, Vocabulary};
use crate::Error;
use crate::graph::{
    Array, Builder, DType, HostLayer, Integer, Layer, LayerSettings, Learner, Resolver, Shape,
};
use crate::host::{Elements, Values};
use crate::words::{Word, Words};

/// What is done with a text before it is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standardize {
    /// Letters of ASCII become small, and its punctuation is left out.
    #[default]
    LowerAndStripPunctuation,
    /// Letters of ASCII become small.
    Lower,
    /// Punctuation of ASCII is left out.
    StripPunctuation,
    /// Nothing.
    None,
}

impl Words for Standardize {
    const OPTION: &'static str = "standardize";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("lower_and_strip_punctuation", Standardize::LowerAndStripPunctuation),
        ("lower", Standardize::Lower),
        ("strip_punctuation", Standardize::StripPunctuation),
    ];
    const NULL: Option<Self> = Some(Standardize::None);
}

/// How a text is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// At white space of ASCII.
    #[default]
    Whitespace,
    /// Into characters.
    Character,
    /// Not at all: each string is one word.
    None,
}

impl Words for Split {
    const OPTION: &'static str = "split";
    const WORDS: &'static [(&'static str, Self)] =
        &[("whitespace", Split::Whitespace), ("character", Split::Character)];
    const NULL: Option<Self> = Some(Split::None);
}
impl super::config::Field for Word<Standardize> {}
impl super::config::Field for Word<Split> {}

/// Numbers of words that are joined to one: all up to a number, or those of a list.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
pub enum Ngrams {
    /// 1, 2 and so on up to it.
    UpTo(usize),
    /// Those of a list.
    Of(Vec<usize>),
}

impl From<usize> for Ngrams {
    fn from(n: usize) -> Self {
        Ngrams::UpTo(n)
    }
}
impl<const N: usize> From<[usize; N]> for Ngrams {
    fn from(list: [usize; N]) -> Self {
        Ngrams::Of(list.into())
    }
}

given! {
    /// Numbers of words that are joined to one; none for words as they are.
    Widths(Ngrams)
}
impl<T: Into<Ngrams>> From<T> for Widths {
    fn from(ngrams: T) -> Self {
        Widths(Some(ngrams.into()))
    }
}

config! {
    /// Cuts texts into words and gives these indices by a vocabulary, or codes of all words of a text: what
    /// [`StringLookup`](super::StringLookup) makes of them, with `""` as its `mask_token`. It is computed on the host, before the model's computation.
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::graph::LayerExt;
    /// # use rhyton_engine::layers::{Dense, Embedding, GlobalAveragePooling1D, TextVectorization};
    /// # use rhyton_engine::train::{Adapt, Sequential};
    /// let texts = ["A fine film.", "Not a fine one!"];
    /// let mut vectorize = TextVectorization::new().max_tokens(1000).output_sequence_length(5);
    /// vectorize.adapt(&texts)?;
    /// let mut model = Sequential::new((vectorize, Embedding::new(1000, 8), GlobalAveragePooling1D::new(), Dense::new(1)))?;
    /// model.compile("adam", "mse", ())?;
    /// model.fit(&texts, &ndarray::array![[1.0], [0.0]]).verbose(0).run()?;
    /// assert_eq!(model.predict(&["What a film"]).verbose(0).run()?.shape(), [1, 1]);
    /// # Ok::<(), Error>(())
    /// ```
    TextVectorization() {
        /// Sets how many words there are at most, special ones included.
        max_tokens <- Option<usize> = None;
        /// Sets what is done with a text first: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"`, or [`Standardize::None`].
        standardize <- Word<Standardize> = Standardize::LowerAndStripPunctuation.into();
        /// Sets how a text is cut: `"whitespace"`, `"character"`, or [`Split::None`].
        split <- Word<Split> = Split::Whitespace.into();
        /// Sets how many words are joined to one: all numbers up to one, or a list of numbers.
        ngrams <- Widths = Widths::default();
        /// Sets what becomes of the words: `"int"`, `"multi_hot"`, `"count"` or `"tf_idf"`. Default `"int"`.
        output_mode <- Word<OutputMode> = OutputMode::Int.into();
        /// Sets how many indices each text has; without it as many as the longest of a batch.
        output_sequence_length <- Option<usize> = None;
        /// Sets whether codes have places for `max_tokens` words, however many there are.
        pad_to_max_tokens: bool = false;
    }
    unset {}
    never { sparse, ragged }
    then {
        /// Sets the words, special ones first or left out. Without them `adapt` finds them.
        vocabulary <- Vocabulary = Vocabulary::default();
        /// Sets the weight of each word under `"tf_idf"`.
        idf_weights <- IdfWeights = IdfWeights::default();
        /// Sets the encoding that Keras gives words back in; texts are UTF-8 in all.
        encoding <- String = "utf-8".to_owned();
        /// Sets how many words there are, where a file says that and has them elsewhere.
        vocabulary_size <- Option<usize> = None;
    }
    read {}
    skip { lookup: Option<Box<StringLookup>> }
}

/// White space, as TensorFlow cuts strings at it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

impl TextVectorization {
    /// Returns the words, special ones first, as Keras' `get_vocabulary` gives them. None before it has them.
    pub fn get_vocabulary(&self) -> Vec<String> {
        self.inner().get_vocabulary()
    }

    /// The lookup inside.
    fn inner(&self) -> Cow<'_, StringLookup> {
        match &self.lookup {
            Some(lookup) => Cow::Borrowed(lookup),
            None => Cow::Owned(self.made()),
        }
    }

    fn made(&self) -> StringLookup {
        // The size that a file says counts special words that were there when nothing was known.
        let size = self.vocabulary_size;
        let lookup = StringLookup::new()
            .max_tokens(self.max_tokens)
            .pad_to_max_tokens(self.pad_to_max_tokens)
            .mask_token(Special::from(""))
            .output_mode(self.output_mode.clone())
            .vocabulary(self.vocabulary.clone())
            .idf_weights(self.idf_weights.clone())
            .encoding(self.encoding.clone());
        let start = lookup.token_start();
        lookup.vocabulary_size(size.filter(|size| *size > start))
    }

    /// The lookup inside, to change.
    fn inner_mut(&mut self) -> &mut StringLookup {
        let made = self.made();
        self.lookup.get_or_insert_with(|| Box::new(made))
    }

    /// How many words are joined to one.
    fn widths(&self) -> Option<Vec<usize>> {
        self.ngrams.get().map(|ngrams| match ngrams {
            Ngrams::UpTo(n) => (1..=*n).collect(),
            Ngrams::Of(list) => list.clone(),
        })
    }

    fn standardized<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (lower, strip) = match *self.standardize {
            Standardize::None => return Cow::Borrowed(text),
            Standardize::Lower => (true, false),
            Standardize::StripPunctuation => (false, true),
            Standardize::LowerAndStripPunctuation => (true, true),
        };
        let kept = text.chars().filter(|c| !strip || !c.is_ascii_punctuation());
        Cow::Owned(kept.map(|c| if lower { c.to_ascii_lowercase() } else { c }).collect())
    }

    /// The words of a text.
    fn cut(&self, text: &str) -> Vec<Cow<'static, str>> {
        let text = self.standardized(text);
        let words: Vec<String> = match *self.split {
            Split::Whitespace => text.split(is_space).filter(|w| !w.is_empty()).map(str::to_owned).collect(),
            Split::Character => text.chars().map(String::from).collect(),
            Split::None => vec![text.into_owned()],
        };
        self.joined(words).into_iter().map(Cow::Owned).collect()
    }

    fn joined(&self, words: Vec<String>) -> Vec<String> {
        let Some(widths) = self.widths() else { return words };
        let of = |width: usize| words.windows(width.max(1)).map(|w| w.join(" ")).collect::<Vec<_>>();
        widths.into_iter().flat_map(of).collect()
    }

    /// The words of each example, and where they begin and end.
    fn words(&self, input: &Values<'_>) -> Result<Cuts, Error> {
        let Elements::Text(texts) = &input.elements else {
            let what = format!("takes strings, but its input is of {}", input.dtype().name());
            return Err(Error::Shape { layer: String::new(), what });
        };
        let (mut words, mut rows) = (Vec::new(), Vec::new());
        let examples = input.shape.first().copied().unwrap_or(0);
        let each = texts.len().checked_div(examples).unwrap_or(0);
        for example in 0..examples {
            let first = words.len();
            let texts = &texts[example * each..(example + 1) * each];
            if *self.split == Split::None {
                let whole = texts.iter().map(|text| self.standardized(text).into_owned()).collect();
                words.extend(self.joined(whole).into_iter().map(Cow::Owned));
            } else {
                texts.iter().for_each(|text| words.extend(self.cut(text)));
            }
            rows.push(first..words.len());
        }
        Ok((words, rows))
    }

    /// Checks the shape of inputs, without the batch.
    fn check_shape(&self, shape: &[Option<usize>]) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Shape { layer: String::new(), what: what.into() });
        match (*self.split, shape) {
            (Split::None, [_]) => Ok(()),
            (Split::None, _) => wrong("takes inputs of shape (batch, n) where split is null"),
            (_, [] | [Some(1)]) => Ok(()),
            _ => wrong("takes a text for each example, inputs of shape (batch,) or (batch, 1)"),
        }
    }
}

/// Most words that are joined to one.
const MOST_NGRAMS: usize = 4096;

/// The words of several examples, and where those of each begin and end.
type Cuts = (Vec<Cow<'static, str>>, Vec<std::ops::Range<usize>>);

impl Layer for TextVectorization {
    const CLASS: &'static str = "TextVectorization";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: &str| Err(Error::Argument { what: what.into() });
        self.standardize.get()?;
        self.split.get()?;
        let mode = self.output_mode.get()?;
        if mode == OutputMode::OneHot && *self.split != Split::None {
            return wrong(
                "output_mode is \"one_hot\", which has codes of no fixed shape: take \"multi_hot\"",
            );
        }
        if mode != OutputMode::Int && self.output_sequence_length.is_some() {
            return wrong("output_sequence_length is used under output_mode \"int\" alone");
        }
        if let Some(Ngrams::UpTo(n)) =
            self.ngrams.get().filter(|ngrams| matches!(ngrams, Ngrams::UpTo(n) if *n > MOST_NGRAMS))
        {
            return Err(Error::Argument {
                what: format!("ngrams is {n}, but must be {MOST_NGRAMS} at most"),
            });
        }
        if self.widths().is_some_and(|widths| widths.contains(&0)) {
            return wrong("ngrams must be positive");
        }
        self.made().check()
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.inner_mut().build(builder, input)
    }

    fn config(&self) -> Map<String, Value> {
        let Ok(Value::Object(mut config)) = serde_json::to_value(self) else { return Map::new() };
        let lookup = self.inner().config();
        // Keras counts the special words even where there are no others.
        let size = lookup.get("vocabulary_size").filter(|size| !size.is_null()).cloned();
        let size = size.unwrap_or_else(|| self.inner().token_start().into());
        config.insert("vocabulary_size".into(), size);
        config
    }

    fn usual_dtype(&self, keras2: bool) -> Option<&'static str> {
        keras2.then_some("string")
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

impl HostLayer for TextVectorization {
    fn takes(&self) -> Option<DType> {
        Some(DType::Text)
    }

    fn output_type(
        &self,
        inputs: &[(Shape, DType)],
        settings: &LayerSettings,
    ) -> Result<(Shape, DType), Error> {
        let (shape, dtype) = only(inputs)?;
        if *dtype != DType::Text {
            let what = format!("takes strings, but its input is of {}", dtype.name());
            return Err(Error::Shape { layer: String::new(), what });
        }
        let batch = shape.0.first().copied().flatten();
        self.check_shape(shape.0.get(1..).unwrap_or_default())?;
        // Words of a text have no fixed number, unless a string is one.
        let cut = *self.split != Split::None || self.ngrams.get().is_some();
        let count = if cut { None } else { shape.0.get(1).copied().flatten() };
        if *self.output_mode == OutputMode::Int {
            let length = self.output_sequence_length.or(count);
            return Ok((Shape(vec![batch, length]), DType::Whole(Integer::I64)));
        }
        // Codes have the type of floats whatever the dtype says, which is that of strings in Keras 2.
        let settings = LayerSettings { dtype: None, ..settings.clone() };
        self.inner().output_type(&[(Shape(vec![batch, count]), DType::Text)], &settings)
    }

    fn compute(&self, inputs: &[Values<'_>], settings: &LayerSettings) -> Result<Values<'static>, Error> {
        let input = only(inputs)?;
        let axes: Vec<Option<usize>> = input.shape.iter().skip(1).copied().map(Some).collect();
        self.check_shape(&axes)?;
        let (words, rows) = self.words(input)?;
        let settings = LayerSettings { dtype: None, ..settings.clone() };
        self.inner().ragged(words, &rows, &settings, self.output_sequence_length)
    }
}

impl Learner for TextVectorization {
    fn learn(&mut self, data: &Values<'_>) -> Result<(), Error> {
        // A list of texts has one for each example.
        let mut shape = data.shape.clone();
        if shape.len() < 2 {
            shape.push(1);
        }
        let axes: Vec<Option<usize>> = shape.iter().skip(1).copied().map(Some).collect();
        self.check_shape(&axes)?;
        let (words, rows) = self.words(&Values { shape, elements: data.elements.clone() })?;
        let mut counts = Counts::default();
        rows.into_iter().for_each(|row| counts.count_texts(&words[row]));
        self.inner_mut().learn_counts(counts)
    }

    fn known_words(&self) -> Option<Vec<String>> {
        self.inner().known_words()
    }

    fn has_words(&self) -> bool {
        true
    }

    fn is_given(&self) -> bool {
        self.vocabulary.get().is_some()
    }

    fn set_words(&mut self, words: Vec<String>) -> Result<(), Error> {
        self.inner_mut().set_words(words)
    }

    fn array(&self, keras2: bool) -> Option<(&'static str, Option<Array>)> {
        self.inner().array(keras2)
    }

    fn set_array(&mut self, array: Array) -> Result<(), Error> {
        self.inner_mut().set_array(array)
    }
}
