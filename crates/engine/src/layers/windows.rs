//! What layers over the axes of sequences, images and volumes share: sizes of a number for each axis, padding, the place of the channels.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::config::Field;
use super::flatten::DataFormat;
use crate::Error;
use crate::graph::{CallContext, Shape, Tensor, Variable};
use crate::ops::Windows;
use crate::words::{Word, Words};

/// A size along each of `N` axes; configs have one number for all, or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size<const N: usize>(pub [usize; N]);

/// A size along the steps of a sequence.
pub type Size1D = Size<1>;
/// A size along height and width.
pub type Size2D = Size<2>;
/// A size along depth, height and width.
pub type Size3D = Size<3>;

impl<const N: usize> From<usize> for Size<N> {
    fn from(all: usize) -> Self {
        Size([all; N])
    }
}
impl<const N: usize> From<[usize; N]> for Size<N> {
    fn from(size: [usize; N]) -> Self {
        Size(size)
    }
}
impl From<(usize, usize)> for Size<2> {
    fn from((height, width): (usize, usize)) -> Self {
        Size([height, width])
    }
}
impl From<(usize, usize, usize)> for Size<3> {
    fn from((depth, height, width): (usize, usize, usize)) -> Self {
        Size([depth, height, width])
    }
}

impl<const N: usize> Default for Size<N> {
    fn default() -> Self {
        Size([1; N])
    }
}

impl<const N: usize> Serialize for Size<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_slice().serialize(serializer)
    }
}

/// One number, or a list of them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number that is not negative, or one for each axis")]
enum OneOrMany<T> {
    One(usize),
    Many(Vec<T>),
}

/// Returns a list of `N`.
fn as_many<const N: usize, T, E: serde::de::Error>(list: Vec<T>) -> Result<[T; N], E> {
    let count = list.len();
    list.try_into().map_err(|_| E::custom(format!("{count} numbers were given for {N} axes")))
}

impl<'de, const N: usize> Deserialize<'de> for Size<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(all) => Ok(all.into()),
            OneOrMany::Many(list) => Ok(Size(as_many(list)?)),
        }
    }
}

impl<const N: usize> Field for Size<N> {}
impl<const N: usize> Field for Option<Size<N>> {}
impl Field for Word<Padding> {}
impl Field for Word<DataFormat> {}

impl<const N: usize> Size<N> {
    /// # Errors
    /// One of the numbers is zero.
    pub(super) fn positive(self, name: &str) -> Result<[usize; N], Error> {
        if self.0.contains(&0) {
            return Err(Error::Argument { what: format!("{name} is {:?}, but must be positive", self.0) });
        }
        Ok(self.0)
    }
}

/// Pixels before and after the first along each of `N` axes; configs have one number for all, one for each axis, or two for each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edges<const N: usize>(pub [[usize; 2]; N]);

impl<const N: usize> From<usize> for Edges<N> {
    fn from(all: usize) -> Self {
        Edges([[all; 2]; N])
    }
}
impl<const N: usize> From<[[usize; 2]; N]> for Edges<N> {
    fn from(edges: [[usize; 2]; N]) -> Self {
        Edges(edges)
    }
}
impl From<[usize; 2]> for Edges<1> {
    fn from(edges: [usize; 2]) -> Self {
        Edges([edges])
    }
}
impl From<(usize, usize)> for Edges<1> {
    fn from((before, after): (usize, usize)) -> Self {
        Edges([[before, after]])
    }
}

impl<const N: usize> Serialize for Edges<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Keras has two numbers for its one axis.
        if N == 1 { self.0[0].serialize(serializer) } else { self.0.as_slice().serialize(serializer) }
    }
}

impl<'de, const N: usize> Deserialize<'de> for Edges<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list: Vec<OneOrMany<usize>> = match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(all) => return Ok(all.into()),
            OneOrMany::Many(list) => list,
        };
        let of_axis = |edges| match edges {
            OneOrMany::One(both) => Ok([both; 2]),
            OneOrMany::Many(two) => as_many(two),
        };
        if N == 1 && list.len() == 2 {
            let mut of_axis = [0; 2];
            for (to, from) in of_axis.iter_mut().zip(list) {
                let OneOrMany::One(number) = from else {
                    return Err(serde::de::Error::custom("two numbers are for one axis"));
                };
                *to = number;
            }
            return Ok(Edges([of_axis; N]));
        }
        let edges = list.into_iter().map(of_axis).collect::<Result<Vec<_>, D::Error>>()?;
        Ok(Edges(as_many(edges)?))
    }
}

impl<const N: usize> Field for Edges<N> {}

/// What is done at the edges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Windows lie inside the input.
    #[default]
    Valid,
    /// The input is padded, so that there are as many windows as strides that begin inside; an odd zero goes to the end.
    Same,
    /// Zeros before the beginning alone, so that no step sees a later one: for [`Conv1D`](super::Conv1D).
    Causal,
}

impl Words for Padding {
    const OPTION: &'static str = "padding";
    const WORDS: &'static [(&'static str, Self)] = &[("valid", Padding::Valid), ("same", Padding::Same)];
}

/// The padding of a convolution over `N` axes: over steps it may be causal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConvPadding<const N: usize>(pub(super) Padding);

impl<const N: usize> Words for ConvPadding<N> {
    const OPTION: &'static str = "padding";
    const WORDS: &'static [(&'static str, Self)] = if N == 1 {
        &[
            ("valid", ConvPadding(Padding::Valid)),
            ("same", ConvPadding(Padding::Same)),
            ("causal", ConvPadding(Padding::Causal)),
        ]
    } else {
        &[("valid", ConvPadding(Padding::Valid)), ("same", ConvPadding(Padding::Same))]
    };
}

impl<const N: usize> From<Padding> for Word<ConvPadding<N>> {
    fn from(padding: Padding) -> Self {
        ConvPadding(padding).into()
    }
}

impl<const N: usize> Field for Word<ConvPadding<N>> {}

impl Padding {
    /// # Errors
    /// It is `causal`, which is for convolutions over steps alone.
    pub(super) fn not_causal(self, class: &str) -> Result<(), Error> {
        if self != Padding::Causal {
            return Ok(());
        }
        let what = format!("padding=\"causal\" is for Conv1D; {class} takes \"valid\" or \"same\"");
        Err(Error::Argument { what })
    }
}

/// Returns the windows over an input of these sizes.
pub(super) fn windows<const N: usize>(
    padding: Padding,
    input: [usize; N],
    size: [usize; N],
    strides: [usize; N],
    dilation: [usize; N],
) -> Windows<N> {
    let around = |axis: usize| {
        let stride = strides[axis].max(1);
        let reach = size[axis].saturating_sub(1).saturating_mul(dilation[axis]);
        let last = input[axis].div_ceil(stride).saturating_sub(1).saturating_mul(stride);
        let missing = last.saturating_add(reach).saturating_add(1).saturating_sub(input[axis]);
        match padding {
            Padding::Valid => [0, 0],
            Padding::Same => [missing / 2, missing - missing / 2],
            Padding::Causal => [reach, 0],
        }
    };
    Windows { strides, dilation, padding: std::array::from_fn(around) }
}

/// Returns the lengths of the `N` axes of `[n, .., c]` between the first and the last.
pub(super) fn lengths<const N: usize>(x: Tensor) -> [usize; N] {
    let shape = x.shape();
    std::array::from_fn(|axis| shape.get(axis + 1).copied().unwrap_or(1))
}

/// Returns the number of channels of an input with `N` axes between the batch and them.
///
/// # Errors
/// It has others, or the number is not known.
pub(super) fn channels<const N: usize>(
    class: &str,
    format: DataFormat,
    input: &Shape,
) -> Result<usize, Error> {
    if input.rank() != N + 2 {
        let what = format!("{class} takes inputs of rank {}, but the shape is {input}", N + 2);
        return Err(Error::Shape { layer: String::new(), what });
    }
    input.known(if format == DataFormat::ChannelsFirst { 1 } else { -1 })
}

/// Calls `f` with the channels on the last axis.
pub(super) fn channels_last(format: DataFormat, x: Tensor, f: impl FnOnce(Tensor) -> Tensor) -> Tensor {
    let rank = x.rank();
    if format == DataFormat::ChannelsLast || rank < 3 {
        return f(x);
    }
    let there: Vec<usize> = std::iter::once(0).chain(2..rank).chain([1]).collect();
    let back: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    f(x.transpose(&there)).transpose(&back)
}

/// Calls `f` with the channels on the last axis, and adds a bias to what it gives.
///
/// With the channels first, and a last axis as long as there are filters, the bias goes along that axis, as Keras 3 has it on TensorFlow: it looks for the
/// bias' axis by its length, the last one first. Keras 2 does not.
pub(super) fn with_bias(
    format: DataFormat,
    x: Tensor,
    bias: Option<&Variable>,
    cx: &CallContext,
    f: impl FnOnce(Tensor) -> Tensor,
) -> Tensor {
    let mut along_last = false;
    let y = channels_last(format, x, |x| {
        let y = f(x);
        let Some(bias) = bias else { return y };
        let shape = y.shape();
        along_last = format == DataFormat::ChannelsFirst
            && !cx.layer_is_keras2()
            && shape.len() > 2
            && shape.get(shape.len() - 2) == shape.last();
        if along_last { y } else { y + bias }
    });
    match bias {
        Some(bias) if along_last => y + bias,
        _ => y,
    }
}
