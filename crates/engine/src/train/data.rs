//! Data that go in and out of a model: `ndarray` arrays at the door, words inside.

use std::borrow::Cow;

use ndarray::{Array, ArrayBase, ArrayD, Data as Storage, Dimension, IxDyn};

use crate::Error;
use crate::types::{DType, Integer};

/// One array of examples (the first axis counts them), borrowed where it can be.
#[derive(Clone, Debug)]
pub struct Data<'a> {
    /// Shape with the axis of examples.
    pub shape: Vec<usize>,
    /// Element type of the words.
    pub dtype: DType,
    /// Elements.
    pub words: Cow<'a, [u32]>,
    /// Holds what is wrong where they are used as integers: some were too large for a word, and all are floats now.
    error: Option<String>,
}

/// Number types that arrays may have. Others than f32 and i32 are converted at the door as Keras would cast them; arrays of wider integers
/// become floats if one of them is out of the range of int32.
pub trait Element: Copy {
    /// Type on the device.
    const DTYPE: DType;
    /// Whether the words are the numbers themselves.
    const PLAIN: bool = false;
    /// As a word; `None` where it does not fit.
    fn word(self) -> Option<u32>;
    /// As a float, rounded to the nearest.
    fn float(self) -> f32;
}

macro_rules! element {
    ($($t:ty, $dtype:ident, $plain:literal, |$x:ident| $word:expr, $float:expr;)*) => {
        $(impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            const PLAIN: bool = $plain;
            fn word(self) -> Option<u32> { let $x = self; $word }
            fn float(self) -> f32 { let $x = self; $float }
        })*
    };
}
element! {
    f32, F32, true, |x| Some(x.to_bits()), x;
    f64, F32, false, |x| Some((x as f32).to_bits()), x as f32;
    i32, I32, true, |x| Some(x.cast_unsigned()), x as f32;
    u8, I32, false, |x| Some(u32::from(x)), x as f32;
    i8, I32, false, |x| Some(i32::from(x).cast_unsigned()), x as f32;
    u16, I32, false, |x| Some(u32::from(x)), x as f32;
    i16, I32, false, |x| Some(i32::from(x).cast_unsigned()), x as f32;
    u32, I32, false, |x| i32::try_from(x).ok().map(i32::cast_unsigned), x as f32;
    i64, I32, false, |x| i32::try_from(x).ok().map(i32::cast_unsigned), x as f32;
    u64, I32, false, |x| i32::try_from(x).ok().map(i32::cast_unsigned), x as f32;
    usize, I32, false, |x| i32::try_from(x).ok().map(i32::cast_unsigned), x as f32;
    bool, I32, false, |x| Some(u32::from(x)), f32::from(u8::from(x));
}

impl<'a> Data<'a> {
    /// Of any array.
    pub fn of<A, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
    where
        A: Element + words::Words,
        S: Storage<Elem = A>,
        D: Dimension,
    {
        let shape = array.shape().to_vec();
        if A::PLAIN
            && let Some(slice) = array.as_slice()
        {
            return Data { shape, dtype: A::DTYPE, words: Cow::Borrowed(A::as_words(slice)), error: None };
        }
        let (words, dtype, error) = match array.iter().map(|x| x.word()).collect::<Option<Vec<u32>>>() {
            Some(words) => (words, A::DTYPE, None),
            None => {
                let bad = array.iter().position(|x| x.word().is_none()).unwrap_or(0);
                let floats = array.iter().map(|x| x.float().to_bits()).collect();
                (floats, DType::F32, Some(format!("element {bad} is out of the range of int32")))
            }
        };
        Data { shape, dtype, words: Cow::Owned(words), error }
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

    /// With elements of this type, as Keras casts them: floats are cut towards zero, integers to the bits of a narrower type. Integers of
    /// all types are words of int32.
    ///
    /// # Errors
    /// An element has no such number. `what` names the data.
    pub fn cast(self, dtype: DType, what: &str) -> Result<Data<'a>, Error> {
        let float = self.dtype.is_float();
        let wrong = |at: usize| {
            let found = match self.dtype {
                DType::F32 => f32::from_bits(self.words[at]).to_string(),
                _ => self.words[at].cast_signed().to_string(),
            };
            let why = self.error.clone().unwrap_or(format!("element {at} is {found}"));
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
                    Ok(words) if self.error.is_none() => words,
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
        Data {
            shape,
            dtype: self.dtype,
            words: Cow::Borrowed(&self.words[from * stride..to * stride]),
            error: self.error.clone(),
        }
    }

    /// Owning its elements.
    pub fn into_owned(self) -> Data<'static> {
        Data {
            words: Cow::Owned(self.words.into_owned()),
            shape: self.shape,
            dtype: self.dtype,
            error: self.error,
        }
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

/// Slices of plain numbers as words.
mod words {
    /// Types that may lend their slices as words.
    pub trait Words: Sized {
        /// The same memory; called for plain 4-byte types only.
        fn as_words(slice: &[Self]) -> &[u32];
    }
    macro_rules! words {
        ($plain:ty, $($other:ty),*) => {
            $(impl Words for $other { fn as_words(_: &[Self]) -> &[u32] { &[] } })*
            words!(@plain $plain);
        };
        (@plain $t:ty) => { impl Words for $t { fn as_words(slice: &[Self]) -> &[u32] { bytemuck::cast_slice(slice) } } };
    }
    words!(f32, f64, u8, i8, u16, i16, u32, i64, u64, usize, bool);
    words!(@plain i32);
}

/// One array or several, as `fit`, `evaluate` and `predict` take them.
pub trait IntoData<'a> {
    /// As a list.
    fn into_data(self) -> Vec<Data<'a>>;
}

impl<'a, A, S, D> IntoData<'a> for &'a ArrayBase<S, D>
where
    A: Element + words::Words,
    S: Storage<Elem = A>,
    D: Dimension,
{
    fn into_data(self) -> Vec<Data<'a>> {
        vec![Data::of(self)]
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
