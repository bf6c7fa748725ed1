//! What layers with windows over height and width share: sizes of one or two numbers, padding, the place of the channels.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::flatten::DataFormat;
use crate::Error;
use crate::graph::{Shape, Tensor};
use crate::ops::Windows;
use crate::words::Words;

/// A size along height and width; configs have one number for both, or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size2D(pub [usize; 2]);

impl From<usize> for Size2D {
    fn from(both: usize) -> Self {
        Size2D([both; 2])
    }
}
impl From<[usize; 2]> for Size2D {
    fn from(size: [usize; 2]) -> Self {
        Size2D(size)
    }
}
impl From<(usize, usize)> for Size2D {
    fn from((height, width): (usize, usize)) -> Self {
        Size2D([height, width])
    }
}

impl Serialize for Size2D {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Size2D {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a whole number that is not negative, or two of them")]
        enum Given {
            One(usize),
            Two([usize; 2]),
        }
        Ok(match Given::deserialize(deserializer)? {
            Given::One(both) => both.into(),
            Given::Two(size) => size.into(),
        })
    }
}

impl Size2D {
    pub(super) fn one() -> Self {
        Size2D([1; 2])
    }

    pub(super) fn two() -> Self {
        Size2D([2; 2])
    }

    /// # Errors
    /// One of the numbers is zero.
    pub(super) fn positive(self, name: &str) -> Result<[usize; 2], Error> {
        if self.0.contains(&0) {
            return Err(Error::Argument { what: format!("{name} is {:?}, but must be positive", self.0) });
        }
        Ok(self.0)
    }
}

/// What is done at the edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Windows lie inside the input.
    #[default]
    Valid,
    /// The input is padded, so that there are as many windows as strides that begin inside; an odd zero goes to the end.
    Same,
}

impl Words for Padding {
    const OPTION: &'static str = "padding";
    const WORDS: &'static [(&'static str, Self)] = &[("valid", Padding::Valid), ("same", Padding::Same)];
}

/// The windows over an input of height and width `input`.
pub(super) fn windows(
    padding: Padding,
    input: [usize; 2],
    size: [usize; 2],
    strides: [usize; 2],
    dilation: [usize; 2],
) -> Windows {
    let around = |axis: usize| {
        let stride = strides[axis].max(1);
        let span = size[axis].saturating_sub(1).saturating_mul(dilation[axis]).saturating_add(1);
        let last = input[axis].div_ceil(stride).saturating_sub(1).saturating_mul(stride);
        let missing = last.saturating_add(span).saturating_sub(input[axis]);
        match padding {
            Padding::Valid => [0, 0],
            Padding::Same => [missing / 2, missing - missing / 2],
        }
    };
    Windows { strides, dilation, padding: [around(0), around(1)] }
}

/// Number of channels of an input of four axes.
///
/// # Errors
/// It has others, or the number is not known.
pub(super) fn channels(class: &str, format: DataFormat, input: &Shape) -> Result<usize, Error> {
    if input.rank() != 4 {
        let what = format!("{class} takes inputs of rank 4, but the shape is {input}");
        return Err(Error::Shape { layer: String::new(), what });
    }
    input.known(if format == DataFormat::ChannelsFirst { 1 } else { 3 })
}

/// Calls `f` with the channels on the last axis.
pub(super) fn channels_last(format: DataFormat, x: Tensor, f: impl FnOnce(Tensor) -> Tensor) -> Tensor {
    match format {
        DataFormat::ChannelsLast => f(x),
        DataFormat::ChannelsFirst => f(x.transpose(&[0, 2, 3, 1])).transpose(&[0, 3, 1, 2]),
    }
}
