//! Operations over windows of images, sequences and volumes.

use super::Made;
use super::args::Args;
use crate::Error;
use crate::graph::Tensor;
use crate::layers::adaptive_pooling::{MOST, along};
use crate::layers::conv_transpose::output_lengths;
use crate::layers::flatten::DataFormat;
use crate::layers::windows::{Padding, channels_last, lengths, windows};
use crate::ops::Windows;

/// Where the channels are.
pub(super) fn format(a: &Args<'_>) -> Result<DataFormat, Error> {
    match a.word("data_format", "channels_last")?.as_str() {
        "channels_last" | "NHWC" | "NWC" | "NDHWC" => Ok(DataFormat::ChannelsLast),
        "channels_first" | "NCHW" | "NCW" | "NCDHW" => Ok(DataFormat::ChannelsFirst),
        other => Err(a.wrong(format!("data_format = {other}"))),
    }
}

fn padding(a: &Args<'_>) -> Result<Padding, Error> {
    match a.word("padding", "valid")?.to_lowercase().as_str() {
        "valid" => Ok(Padding::Valid),
        "same" => Ok(Padding::Same),
        other => Err(a.wrong(format!("padding = {other}"))),
    }
}

/// A size along each of `N` axes: one for all, or one for each; TensorFlow's own functions have one for batch and channels, too.
fn size<const N: usize>(a: &Args<'_>, name: &str, default: Option<[usize; N]>) -> Result<[usize; N], Error> {
    let given = a.numbers(name)?;
    let wrong = || a.wrong(format!("{name} = {given:?}"));
    let Some(list) = &given else { return default.ok_or_else(wrong) };
    let sizes: Option<Vec<usize>> =
        list.iter().map(|n| usize::try_from(*n).ok().filter(|n| *n > 0)).collect();
    match sizes.ok_or_else(wrong)?.as_slice() {
        [all] => Ok([*all; N]),
        each if each.len() == N => each.try_into().map_err(|_| wrong()),
        each if each.len() == N + 2 && each[0] == 1 => {
            let first = format(a)? == DataFormat::ChannelsFirst;
            let inner = if first { &each[2..] } else { &each[1..=N] };
            inner.try_into().map_err(|_| wrong())
        }
        _ => Err(wrong()),
    }
}

/// Calls a function for the number of axes that an input has between batch and channels.
macro_rules! over {
    ($a:expr, $x:expr, $f:ident $(, $more:expr)*) => {
        match $x.rank() {
            3 => $f::<1>($a, $x $(, $more)*),
            4 => $f::<2>($a, $x $(, $more)*),
            5 => $f::<3>($a, $x $(, $more)*),
            rank => Err($a.wrong(format!("a tensor with {rank} axes"))),
        }
    };
}

type Take<const N: usize> = fn(Tensor, [usize; N], Windows<N>) -> Tensor;

fn pooled<const N: usize>(a: &Args<'_>, x: Tensor, largest: bool) -> Made {
    let of = size::<N>(a, "pool_size", None)?;
    let (strides, padding, format) = (size(a, "strides", Some(of))?, padding(a)?, format(a)?);
    let take: Take<N> = if largest { Tensor::max_pool } else { Tensor::average_pool };
    let pool = |x: Tensor| take(x, of, windows(padding, lengths(x), of, strides, [1; N]));
    Ok(vec![channels_last(format, x, pool)])
}

pub(super) fn pool(a: &Args<'_>, largest: bool) -> Made {
    let x = a.tensor("inputs")?;
    over!(a, x, pooled, largest)
}

fn adapted<const N: usize>(a: &Args<'_>, x: Tensor, take: fn(Tensor, &[isize]) -> Tensor) -> Made {
    let (of, first) = (size::<N>(a, "output_size", None)?, format(a)? == DataFormat::ChannelsFirst);
    if of.iter().any(|n| *n > MOST) || x.ty().is_empty() {
        return Err(a.wrong(format!("output_size = {of:?}")));
    }
    let start = if first { 2 } else { 1 };
    Ok(vec![of.iter().enumerate().fold(x, |x, (axis, n)| along(x, start + axis, *n, take))])
}

pub(super) fn adaptive_pool(a: &Args<'_>, take: fn(Tensor, &[isize]) -> Tensor) -> Made {
    let x = a.tensor("inputs")?;
    over!(a, x, adapted, take)
}

fn kernel_size<const N: usize>(a: &Args<'_>, kernel: Tensor) -> Result<[usize; N], Error> {
    let shape = kernel.shape();
    match shape.split_last_chunk::<2>() {
        Some((size, _)) if size.len() == N => {
            size.try_into().map_err(|_| a.wrong(format!("a kernel of shape {shape:?}")))
        }
        _ => Err(a.wrong(format!("a kernel of shape {shape:?}"))),
    }
}

fn convolved<const N: usize>(a: &Args<'_>, x: Tensor, kernel: Tensor) -> Made {
    let of = kernel_size::<N>(a, kernel)?;
    let (strides, dilation) = (size(a, "strides", Some([1; N]))?, size(a, "dilation_rate", Some([1; N]))?);
    let (padding, format) = (padding(a)?, format(a)?);
    let conv = |x: Tensor| {
        let (channels, each) = (x.shape()[N + 1], kernel.shape()[N].max(1));
        x.conv(kernel, windows(padding, lengths(x), of, strides, dilation), (channels / each).max(1))
    };
    Ok(vec![channels_last(format, x, conv)])
}

pub(super) fn conv(a: &Args<'_>) -> Made {
    let (x, kernel) = (a.tensor("inputs")?, a.tensor("kernel")?);
    over!(a, x, convolved, kernel)
}

fn each_channel<const N: usize>(a: &Args<'_>, x: Tensor, kernel: Tensor, then: Option<Tensor>) -> Made {
    let of = kernel_size::<N>(a, kernel)?;
    let (strides, dilation) = (size(a, "strides", Some([1; N]))?, size(a, "dilation_rate", Some([1; N]))?);
    let (padding, format) = (padding(a)?, format(a)?);
    if let Some(then) = then {
        kernel_size::<N>(a, then)?;
    }
    let conv = |x: Tensor| {
        let y = x.depthwise_conv(kernel, windows(padding, lengths(x), of, strides, dilation));
        let points = Windows { strides: [1; N], dilation: [1; N], padding: [[0; 2]; N] };
        then.map_or(y, |then| y.conv(then, points, 1))
    };
    Ok(vec![channels_last(format, x, conv)])
}

pub(super) fn depthwise_conv(a: &Args<'_>) -> Made {
    let (x, kernel) = (a.tensor("inputs")?, a.tensor("kernel")?);
    over!(a, x, each_channel, kernel, None)
}

pub(super) fn separable_conv(a: &Args<'_>) -> Made {
    let (x, kernel) = (a.tensor("inputs")?, a.tensor("depthwise_kernel")?);
    over!(a, x, each_channel, kernel, Some(a.tensor("pointwise_kernel")?))
}

fn transposed<const N: usize>(a: &Args<'_>, x: Tensor, kernel: Tensor) -> Made {
    let of = kernel_size::<N>(a, kernel)?;
    let (strides, dilation) = (size(a, "strides", Some([1; N]))?, size(a, "dilation_rate", Some([1; N]))?);
    let (padding, format) = (padding(a)?, format(a)?);
    let more = match a.numbers("output_padding")? {
        None => None,
        Some(list) if list.iter().all(|n| *n == 0) => Some([0; N]),
        Some(_) => Some(size::<N>(a, "output_padding", None)?),
    };
    let mut fits = true;
    let conv = |x: Tensor| {
        let Some(output) = output_lengths(lengths(x), of, strides, dilation, padding, more) else {
            fits = false;
            return x;
        };
        x.conv_transpose(kernel, windows(padding, output, of, strides, dilation), output)
    };
    let y = channels_last(format, x, conv);
    if fits { Ok(vec![y]) } else { Err(a.wrong(format!("an input of shape {:?}", x.shape()))) }
}

pub(super) fn conv_transpose(a: &Args<'_>) -> Made {
    let (x, kernel) = (a.tensor("inputs")?, a.tensor("kernel")?);
    over!(a, x, transposed, kernel)
}

/// The pixels under each window: `[n, windows.., taps, channels]`.
fn patches<const N: usize>(
    x: Tensor,
    of: [usize; N],
    strides: [usize; N],
    dilation: [usize; N],
    padding: Padding,
) -> Option<Tensor> {
    let spans = windows(padding, lengths(x), of, strides, dilation);
    let padded = (0..N).fold(x, |x, axis| x.pad(axis + 1, spans.padding[axis][0], spans.padding[axis][1]));
    let shape = padded.shape();
    let count = |axis: usize| {
        let span = (of[axis] - 1) * dilation[axis] + 1;
        Some(shape[axis + 1].checked_sub(span)? / strides[axis] + 1)
    };
    let counts: Vec<usize> = (0..N).map(count).collect::<Option<_>>()?;
    let taps: usize = of.iter().product();
    let mut parts = Vec::new();
    for tap in 0..taps {
        let (mut rest, mut y) = (tap, padded);
        for axis in (0..N).rev() {
            let at = rest % of[axis] * dilation[axis];
            rest /= of[axis];
            let slice = [at, at + (counts[axis] - 1) * strides[axis] + 1, strides[axis]];
            y = super::index::sliced(y, axis + 1, slice.map(|n| i64::try_from(n).ok()))?;
        }
        parts.push(super::shape::widened(y, N + 1));
    }
    Some(Tensor::concat(&parts, N + 1))
}

/// Taps of windows of an image: more would make a graph that is no longer small.
const TAPS: usize = 1024;

/// Returns how many taps windows of this size have; the largest number where there are more than numbers.
fn taps_of(size: &[usize]) -> usize {
    size.iter().try_fold(1_usize, |all, n| all.checked_mul(*n)).unwrap_or(usize::MAX)
}

fn extracted<const N: usize>(a: &Args<'_>, x: Tensor) -> Made {
    let of = size::<N>(a, "size", None)?;
    let strides = match a.value("strides") {
        None => of,
        Some(_) => size(a, "strides", None)?,
    };
    let (dilation, padding, format) = (size(a, "dilation_rate", Some([1; N]))?, padding(a)?, format(a)?);
    let wrong = || a.wrong(format!("size = {of:?} of a tensor of shape {:?}", x.shape()));
    let single = x.rank() == N + 1;
    let images = if single { super::shape::widened(x, 0) } else { x };
    if images.rank() != N + 2 || taps_of(&of) > TAPS {
        return Err(wrong());
    }
    let mut made = None;
    let y = channels_last(format, images, |x| {
        made = patches(x, of, strides, dilation, padding);
        made.map_or(x, |y| {
            let shape = y.shape();
            y.reshape([&shape[..=N], &[shape[N + 1] * shape[N + 2]]].concat())
        })
    });
    if made.is_none() {
        return Err(wrong());
    }
    Ok(vec![if single { y.reshape(y.shape()[1..].to_vec()) } else { y }])
}

pub(super) fn extract_patches(a: &Args<'_>) -> Made {
    let x = a.tensor("images")?;
    let volume = a.numbers("size")?.is_some_and(|size| size.len() == 3) || x.rank() == 5;
    if volume { extracted::<3>(a, x) } else { extracted::<2>(a, x) }
}

/// TensorFlow's own function: sizes, strides and gaps of four numbers.
pub(super) fn tensorflow_patches(a: &Args<'_>, x: Tensor) -> Made {
    let of = size::<2>(a, "size", None)?;
    let (strides, dilation) = (size(a, "strides", None)?, size(a, "rates", Some([1, 1]))?);
    let wrong = || a.wrong(format!("sizes = {of:?} of a tensor of shape {:?}", x.shape()));
    if x.rank() != 4 || taps_of(&of) > TAPS {
        return Err(wrong());
    }
    let y = patches(x, of, strides, dilation, padding(a)?).ok_or_else(wrong)?;
    let shape = y.shape();
    Ok(vec![y.reshape([shape[0], shape[1], shape[2], shape[3] * shape[4]])])
}

/// Two numbers that may be zero.
fn pair(a: &Args<'_>, name: &str, default: i64) -> Result<[usize; 2], Error> {
    let list = a.numbers(name)?.unwrap_or_else(|| vec![default]);
    let sizes: Option<Vec<usize>> = list.iter().map(|n| usize::try_from(*n).ok()).collect();
    match sizes.as_deref() {
        Some(&[both]) => Ok([both; 2]),
        Some(&[first, second]) => Ok([first, second]),
        _ => Err(a.wrong(format!("{name} = {list:?}"))),
    }
}

/// The pixels under each window as a column, channels first.
pub(super) fn unfold(a: &Args<'_>) -> Made {
    let (x, of) = (a.tensor("x")?, pair(a, "kernel_size", 0)?);
    let (dilation, around, strides) =
        (pair(a, "dilation", 1)?, pair(a, "padding", 0)?, pair(a, "stride", 1)?);
    let shape = x.shape();
    let positive = strides.iter().chain(&dilation).all(|n| *n > 0);
    let (4, 1..=TAPS, true) = (x.rank(), taps_of(&of), positive) else {
        return Err(a.wrong(format!("kernel_size = {of:?} of a tensor of shape {shape:?}")));
    };
    let padded = x.pad(2, around[0], around[0]).pad(3, around[1], around[1]).transpose(&[0, 2, 3, 1]);
    let y = patches(padded, of, strides, dilation, Padding::Valid);
    let y = y.ok_or_else(|| a.wrong(format!("kernel_size = {of:?} of a tensor of shape {shape:?}")))?;
    let (n, all) = (y.shape(), y.transpose(&[0, 4, 3, 1, 2]));
    Ok(vec![all.reshape([n[0], shape[1] * of[0] * of[1], n[1] * n[2]])])
}

/// Columns put back under their windows and added up: a transposed convolution that takes each pixel as it is.
pub(super) fn fold(a: &Args<'_>) -> Made {
    let (x, output, of) = (a.tensor("x")?, pair(a, "output_size", 0)?, pair(a, "kernel_size", 0)?);
    let (dilation, around, strides) =
        (pair(a, "dilation", 1)?, pair(a, "padding", 0)?, pair(a, "stride", 1)?);
    let shape = x.shape();
    let wrong = || a.wrong(format!("kernel_size = {of:?} of a tensor of shape {shape:?}"));
    let taps = taps_of(&of);
    let (&[n, all, _], 1..=TAPS, true) =
        (shape.as_slice(), taps, strides.iter().chain(&dilation).all(|n| *n > 0))
    else {
        return Err(wrong());
    };
    let channels = all / taps;
    let count = |axis: usize| {
        let span = (of[axis] - 1) * dilation[axis] + 1;
        Some((output[axis] + 2 * around[axis]).checked_sub(span)? / strides[axis] + 1)
    };
    let [rows, columns] = [count(0).ok_or_else(wrong)?, count(1).ok_or_else(wrong)?];
    // Each channel is an image by itself.
    let tables = x.reshape([n * channels, taps, rows, columns]).transpose(&[0, 2, 3, 1]);
    let kernel = super::shape::band(taps, taps, |d| d.equal(0.0)).reshape([of[0], of[1], 1, taps]);
    let windows = Windows { strides, dilation, padding: around.map(|n| [n, n]) };
    let y = tables.conv_transpose(kernel, windows, output);
    Ok(vec![y.reshape([n, channels, output[0], output[1]])])
}

/// Blocks of channels as blocks of pixels, or the other way round.
pub(super) fn blocks(a: &Args<'_>, to_space: bool) -> Made {
    let (x, format) = (a.tensor("x")?, format(a)?);
    let b = a.count("block_size")?.filter(|b| *b > 1).ok_or_else(|| a.wrong("block_size"))?;
    let mut fits = x.rank() == 4;
    let y = channels_last(format, x, |x| {
        let &[n, h, w, c] = x.shape().as_slice() else { return x };
        let block = b.saturating_mul(b);
        fits = if to_space { c % block == 0 } else { h % b == 0 && w % b == 0 };
        if !fits {
            return x;
        }
        if to_space {
            let y = x.reshape([n, h, w, b, b, c / b / b]).transpose(&[0, 1, 3, 2, 4, 5]);
            return y.reshape([n, h * b, w * b, c / b / b]);
        }
        let y = x.reshape([n, h / b, b, w / b, b, c]).transpose(&[0, 1, 3, 2, 4, 5]);
        y.reshape([n, h / b, w / b, c * b * b])
    });
    if fits {
        Ok(vec![y])
    } else {
        Err(a.wrong(format!("block_size = {b} of a tensor of shape {:?}", x.shape())))
    }
}
