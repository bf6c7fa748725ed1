//! Types that the elements of arrays may have.

use std::borrow::Cow;

use ndarray::{ArrayBase, Data as Storage, Dimension};

use super::{Beside, Data};
use crate::types::DType;

/// Types that arrays may have. Numbers of others than f32 and i32 are converted at the door as Keras would cast them; arrays of wider integers
/// become floats if one of them is out of the range of int32, but for layers that look integers up or hash them.
pub trait Element: Sized {
    /// An array of them as data.
    fn data<'a, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
    where
        S: Storage<Elem = Self>,
        D: Dimension;
}

/// A type of numbers.
trait Number: Copy {
    /// Type on the device.
    const DTYPE: DType;
    /// A slice as words, where they are the numbers themselves.
    fn words(slice: &[Self]) -> Option<&[u32]>;
    /// As a word; `None` where it does not fit.
    fn word(self) -> Option<u32>;
    /// As a float, rounded to the nearest.
    fn float(self) -> f32;
    /// As an integer; `None` where it is none, or does not fit.
    fn integer(self) -> Option<i64>;
}

macro_rules! element {
    ($($t:ty, $dtype:ident, |$x:ident| $word:expr, $float:expr, $integer:expr, $words:expr;)*) => {
        $(impl Number for $t {
            const DTYPE: DType = DType::$dtype;
            fn words(slice: &[Self]) -> Option<&[u32]> { $words(slice) }
            fn word(self) -> Option<u32> { let $x = self; $word }
            fn float(self) -> f32 { let $x = self; $float }
            fn integer(self) -> Option<i64> { let $x = self; $integer }
        }
        impl Element for $t {
            fn data<'a, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
            where
                S: Storage<Elem = Self>,
                D: Dimension,
            {
                of_numbers(array)
            }
        })*
    };
}

fn none<T>(_: &[T]) -> Option<&[u32]> {
    None
}

fn cast<T: bytemuck::NoUninit>(slice: &[T]) -> Option<&[u32]> {
    bytemuck::try_cast_slice(slice).ok()
}

fn small(x: impl TryInto<i32>) -> Option<u32> {
    x.try_into().ok().map(i32::cast_unsigned)
}

element! {
    f32, F32, |x| Some(x.to_bits()), x, { let _ = x; None }, cast;
    f64, F32, |x| Some((x as f32).to_bits()), x as f32, { let _ = x; None }, none;
    i32, I32, |x| Some(x.cast_unsigned()), x as f32, Some(x.into()), cast;
    u8, I32, |x| Some(u32::from(x)), x as f32, Some(x.into()), none;
    i8, I32, |x| Some(i32::from(x).cast_unsigned()), x as f32, Some(x.into()), none;
    u16, I32, |x| Some(u32::from(x)), x as f32, Some(x.into()), none;
    i16, I32, |x| Some(i32::from(x).cast_unsigned()), x as f32, Some(x.into()), none;
    u32, I32, |x| small(x), x as f32, Some(x.into()), none;
    i64, I32, |x| small(x), x as f32, Some(x), none;
    u64, I32, |x| small(x), x as f32, x.try_into().ok(), none;
    usize, I32, |x| small(x), x as f32, x.try_into().ok(), none;
    bool, I32, |x| Some(u32::from(x)), f32::from(u8::from(x)), Some(x.into()), none;
}

fn of_numbers<'a, A: Number, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
where
    S: Storage<Elem = A>,
    D: Dimension,
{
    let shape = array.shape().to_vec();
    if let Some(words) = array.as_slice().and_then(A::words) {
        return Data { shape, dtype: A::DTYPE, words: Cow::Borrowed(words), beside: Beside::Nothing };
    }
    let (words, dtype, beside) = match array.iter().map(|x| x.word()).collect::<Option<Vec<u32>>>() {
        Some(words) => (words, A::DTYPE, Beside::Nothing),
        None => {
            let bad = array.iter().position(|x| x.word().is_none()).unwrap_or(0);
            let floats = array.iter().map(|x| x.float().to_bits()).collect();
            let wide = array.iter().map(|x| x.integer()).collect::<Option<Vec<i64>>>().map(Cow::Owned);
            (floats, DType::F32, Beside::Wide(format!("element {bad} is out of the range of int32"), wide))
        }
    };
    Data { shape, dtype, words: Cow::Owned(words), beside }
}

fn of_strings<'a, A: AsRef<str>, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
where
    S: Storage<Elem = A>,
    D: Dimension,
{
    Data::of_text(array.shape().to_vec(), array.iter().map(|text| Cow::Borrowed(text.as_ref())).collect())
}

impl Element for String {
    fn data<'a, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
    where
        S: Storage<Elem = Self>,
        D: Dimension,
    {
        of_strings(array)
    }
}

impl Element for &str {
    fn data<'a, S, D>(array: &'a ArrayBase<S, D>) -> Data<'a>
    where
        S: Storage<Elem = Self>,
        D: Dimension,
    {
        of_strings(array)
    }
}
