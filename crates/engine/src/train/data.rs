//! Data that go in and out of a model: `ndarray` arrays and lists of strings at the door, words inside.

mod element;

use std::borrow::Cow;

use ndarray::{Array, ArrayBase, ArrayD, Data as Storage, Dimension, IxDyn};

pub use element::Element;

use crate::Error;
use crate::host::{Elements, Values};
use crate::types::{DType, Integer};

/// One array of examples (the first axis counts them), borrowed where it can be.
#[derive(Clone, Debug)]
pub struct Data<'a> {
    /// Shape with the axis of examples.
    pub shape: Vec<usize>,
    /// Element type of the words; of strings [`DType::Text`], which have none.
    pub dtype: DType,
    /// Elements.
    pub words: Cow<'a, [u32]>,
    /// Holds what no word does.
    beside: Beside<'a>,
}

/// What elements are that have no words of their own.
#[derive(Clone, Debug)]
enum Beside<'a> {
    /// All are words.
    Nothing,
    /// Some integers were too large for a word, and all are floats now: what is wrong where they are used as integers, and the integers, where they are ones of 64 bits.
    Wide(String, Option<Cow<'a, [i64]>>),
    /// Strings.
    Text(Vec<Cow<'a, str>>),
}

impl Beside<'_> {
    /// Those of these elements.
    fn part(&self, range: std::ops::Range<usize>) -> Beside<'_> {
        match self {
            Beside::Nothing => Beside::Nothing,
            Beside::Wide(why, wide) => {
                Beside::Wide(why.clone(), wide.as_ref().map(|wide| Cow::Borrowed(&wide[range])))
            }
            Beside::Text(text) => {
                Beside::Text(text[range].iter().map(|text| Cow::Borrowed(text.as_ref())).collect())
            }
        }
    }

    fn into_owned(self) -> Beside<'static> {
        match self {
            Beside::Nothing => Beside::Nothing,
            Beside::Wide(why, wide) => Beside::Wide(why, wide.map(|wide| Cow::Owned(wide.into_owned()))),
            Beside::Text(text) => {
                Beside::Text(text.into_iter().map(|text| Cow::Owned(text.into_owned())).collect())
            }
        }
    }
}

impl<'a> Data<'a> {
    /// Of any array.
    pub fn of<A: Element, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
    where
        S: Storage<Elem = A>,
        D: Dimension,
    {
        A::data(array)
    }

    /// Of strings in row-major order, as many as the shape says.
    fn of_text(shape: Vec<usize>, text: Vec<Cow<'a, str>>) -> Data<'a> {
        Data { shape, dtype: DType::Text, words: Cow::Borrowed(&[]), beside: Beside::Text(text) }
    }

    /// Returns the strings in row-major order; `None` where these are numbers.
    pub fn text(&self) -> Option<&[Cow<'a, str>]> {
        if let Beside::Text(text) = &self.beside { Some(text) } else { None }
    }

    /// Number of examples.
    ///
    /// # Errors
    /// It is a scalar.
    pub fn examples(&self, what: &str) -> Result<usize, Error> {
        self.shape.first().copied().ok_or_else(|| Error::Data {
            what: format!("{what} must have an axis of examples, but is a single number"),
        })
    }

    /// Words of one example.
    pub fn stride(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// With as many axes as a shape has, where that is one less or more and the last axis is 1, as Keras has it.
    pub(super) fn of_rank(mut self, shape: &crate::types::Shape) -> Self {
        let (found, wanted) = (self.shape.len(), shape.rank());
        if found + 1 == wanted && shape.0.last() == Some(&Some(1)) {
            self.shape.push(1);
        } else if found == wanted + 1 && self.shape.last() == Some(&1) && found > 1 {
            self.shape.pop();
        }
        self
    }

    /// With elements of this type, as Keras casts them: floats are cut towards zero, integers to the bits of a narrower type. Integers of
    /// all types are words of int32.
    ///
    /// # Errors
    /// An element has no such number. `what` names the data.
    pub fn cast(self, dtype: DType, what: &str) -> Result<Data<'a>, Error> {
        match (self.dtype, dtype) {
            (DType::Text, DType::Text) => return Ok(self),
            (DType::Text, _) => {
                let what = format!(
                    "{what} is of strings, but the model takes {}: StringLookup, TextVectorization and Hashing make numbers of strings",
                    dtype.name()
                );
                return Err(Error::Data { what });
            }
            (_, DType::Text) => {
                return Err(Error::Data {
                    what: format!("{what} is of numbers, but the model takes strings"),
                });
            }
            _ => {}
        }
        let float = self.dtype.is_float();
        let wrong = |at: usize| {
            let found = match self.dtype {
                DType::F32 => f32::from_bits(self.words[at]).to_string(),
                _ => self.words[at].cast_signed().to_string(),
            };
            let why = match &self.beside {
                Beside::Wide(why, _) => why.clone(),
                _ => format!("element {at} is {found}"),
            };
            Error::Data { what: format!("{what}: {why}, but the model takes {}", dtype.name()) }
        };
        let to = dtype.fed();
        let words: Vec<u32> = match (float, dtype) {
            (true, DType::F32) | (false, DType::I32) => return Ok(self),
            (false, DType::F32) => self.words.iter().map(|w| (w.cast_signed() as f32).to_bits()).collect(),
            // What no word of int32 holds stays a float, as which the model holds it anyway.
            (true, DType::Whole(integer)) if !integer.is_exact() && integer != Integer::I32 => {
                let cut = |(at, w): (usize, &u32)| {
                    let cut = f32::from_bits(*w).trunc();
                    let fits =
                        cut.abs() < (integer.bits() as f32).exp2() && (cut >= 0.0 || integer.is_signed());
                    if fits { Ok(cut.to_bits()) } else { Err(at) }
                };
                let words = self.words.iter().enumerate().map(cut).collect::<Result<_, usize>>();
                return Ok(Data { words: Cow::Owned(words.map_err(wrong)?), ..self });
            }
            (_, DType::Whole(Integer::Bool)) => self
                .words
                .iter()
                .map(|w| u32::from(if float { f32::from_bits(*w) != 0.0 } else { *w != 0 }))
                .collect(),
            _ => {
                let integer = if let DType::Whole(integer) = dtype { integer } else { Integer::I32 };
                let value = |w: &u32| {
                    if float { whole(f32::from_bits(*w)) } else { Some(i64::from(w.cast_signed())) }
                };
                let word = |(at, w): (usize, &u32)| {
                    // What a cast makes of it must fit into a word.
                    let cast = value(w).map(|v| integer.wrap(v)).and_then(|v| i32::try_from(v).ok());
                    cast.filter(|v| *v >= 0 || integer.is_signed()).map(i32::cast_unsigned).ok_or(at)
                };
                match self.words.iter().enumerate().map(word).collect::<Result<Vec<u32>, usize>>() {
                    Ok(words) if !matches!(self.beside, Beside::Wide(..)) => words,
                    Ok(_) => return Err(wrong(0)),
                    Err(at) => return Err(wrong(at)),
                }
            }
        };
        Ok(Data { words: Cow::Owned(words), dtype: to, ..self })
    }

    /// Examples `from..to`.
    pub fn part(&self, from: usize, to: usize) -> Data<'_> {
        let stride = self.stride();
        let mut shape = self.shape.clone();
        if let Some(n) = shape.first_mut() {
            *n = to - from;
        }
        let range = from * stride..to * stride;
        Data {
            shape,
            dtype: self.dtype,
            words: Cow::Borrowed(self.words.get(range.clone()).unwrap_or_default()),
            beside: self.beside.part(range),
        }
    }

    /// Owning its elements.
    pub fn into_owned(self) -> Data<'static> {
        Data {
            words: Cow::Owned(self.words.into_owned()),
            shape: self.shape,
            dtype: self.dtype,
            beside: self.beside.into_owned(),
        }
    }

    /// The elements of these examples on the host, as they are for an input of a type.
    pub(crate) fn values(&self, rows: &[u32], dtype: DType) -> Values<'_> {
        let stride = self.stride();
        let mut shape = self.shape.clone();
        if let Some(n) = shape.first_mut() {
            *n = rows.len();
        }
        let places = rows.iter().flat_map(|row| {
            let first = *row as usize * stride;
            first..first + stride
        });
        let integer = |at: usize| match (&self.beside, self.dtype) {
            (Beside::Wide(_, Some(wide)), _) => wide[at],
            (_, DType::F32) => f32::from_bits(self.words[at]) as i64,
            _ => i64::from(self.words[at].cast_signed()),
        };
        let elements = match (&self.beside, dtype) {
            (Beside::Text(text), _) => {
                Elements::Text(places.map(|at| Cow::Borrowed(text[at].as_ref())).collect())
            }
            (_, DType::Whole(i)) => Elements::Integers(i, places.map(|at| i.wrap(integer(at))).collect()),
            (_, DType::I32 | DType::U32) => Elements::Integers(Integer::I64, places.map(integer).collect()),
            _ if self.dtype == DType::F32 => {
                Elements::Floats(places.map(|at| f32::from_bits(self.words[at])).collect())
            }
            _ => Elements::Floats(places.map(|at| integer(at) as f32).collect()),
        };
        Values { shape, elements }
    }

    /// All elements on the host, as they are.
    pub(crate) fn all_values(&self) -> Values<'_> {
        let rows: Vec<u32> = (0..self.shape.first().map_or(0, |n| *n as u32)).collect();
        let dtype = if matches!(self.beside, Beside::Wide(_, Some(_))) { DType::I32 } else { self.dtype };
        self.values(&rows, dtype)
    }

    /// First position of a NaN or infinity.
    pub fn first_not_finite(&self) -> Option<usize> {
        (self.dtype == DType::F32)
            .then(|| self.words.iter().position(|w| !f32::from_bits(*w).is_finite()))
            .flatten()
    }
}

/// A float cut towards zero, where a word of int32 holds that.
fn whole(x: f32) -> Option<i64> {
    let cut = f64::from(x).trunc();
    (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&cut).then_some(cut as i64)
}

/// One array or several, as `fit`, `evaluate` and `predict` take them.
pub trait IntoData<'a> {
    /// As a list.
    fn into_data(self) -> Vec<Data<'a>>;
}

impl<'a, A, S, D> IntoData<'a> for &'a ArrayBase<S, D>
where
    A: Element,
    S: Storage<Elem = A>,
    D: Dimension,
{
    fn into_data(self) -> Vec<Data<'a>> {
        vec![Data::of(self)]
    }
}
/// Strings, one for each example.
impl<'a, T: AsRef<str>> IntoData<'a> for &'a [T] {
    fn into_data(self) -> Vec<Data<'a>> {
        vec![Data::of_text(vec![self.len()], self.iter().map(|text| Cow::Borrowed(text.as_ref())).collect())]
    }
}
impl<'a, T: AsRef<str>> IntoData<'a> for &'a Vec<T> {
    fn into_data(self) -> Vec<Data<'a>> {
        self.as_slice().into_data()
    }
}
impl<'a, T: AsRef<str>, const N: usize> IntoData<'a> for &'a [T; N] {
    fn into_data(self) -> Vec<Data<'a>> {
        self.as_slice().into_data()
    }
}
impl<'a> IntoData<'a> for Data<'a> {
    fn into_data(self) -> Vec<Data<'a>> {
        vec![self]
    }
}
impl<'a> IntoData<'a> for Vec<Data<'a>> {
    fn into_data(self) -> Vec<Data<'a>> {
        self
    }
}
impl<'a, T: IntoData<'a>, const N: usize> IntoData<'a> for [T; N] {
    fn into_data(self) -> Vec<Data<'a>> {
        self.into_iter().flat_map(IntoData::into_data).collect()
    }
}
macro_rules! tuples {
    ($($t:ident $i:tt),+) => {
        impl<'a, $($t: IntoData<'a>),+> IntoData<'a> for ($($t,)+) {
            fn into_data(self) -> Vec<Data<'a>> {
                let mut all = Vec::new();
                $( all.extend(self.$i.into_data()); )+
                all
            }
        }
    };
}
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);

/// Words as an f32 array.
pub(crate) fn to_array(shape: &[usize], words: Vec<u32>) -> Result<ArrayD<f32>, Error> {
    let values: Vec<f32> = bytemuck::cast_vec(words);
    let array = Array::from_shape_vec(IxDyn(shape), values);
    array.map_err(|e| Error::State { what: format!("an output does not have its own shape {shape:?}: {e}") })
}
