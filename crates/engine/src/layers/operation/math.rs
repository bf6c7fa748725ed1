//! Operations of `keras.ops.math`: among them Fourier's transforms, as products with tables of sines and cosines.

use std::f64::consts::PI;

use super::Made;
use super::args::Args;
use super::{index, linalg, order, products, reduce};
use crate::Error;
use crate::graph::Tensor;
use crate::ops::{Windows, count_up};

operations! {
    /// Keras' module `math`.
    MATH "keras.src.ops.math" {
        CDist("x", "y") Floats, products::cdist;
        Erf("x") Floats, |a| a.one(Tensor::erf);
        Erfc("x") Floats, |a| a.one(Tensor::erfc);
        Erfinv("x") Floats, |a| a.one(Tensor::erfinv);
        ExtractSequences("x") Own, order::extract_sequences;
        FFT("x") Floats, fft;
        FFT2("x") Floats, fft2;
        IFFT2("x") Floats, ifft2;
        IRFFT("x") Floats, irfft;
        ISTFT("x") Floats, istft;
        InTopK("targets", "predictions") Truth, order::in_top_k;
        Logdet("x") Floats, linalg::logdet;
        Logsumexp("x") Floats, |a| a.reduced(reduce::logsumexp_of);
        RFFT("x") Floats, rfft;
        Rsqrt("x") Floats, |a| a.one(|x| 1.0 / x.sqrt());
        STFT("x") Floats, stft;
        SegmentMax("data", "segment_ids") Own, |a| index::segments(a, |x| x.max(&[1]), f64::from(f32::MIN));
        SegmentMin("data", "segment_ids") Own, |a| index::segments(a, |x| x.min(&[1]), f64::from(f32::MAX));
        SegmentProd("data", "segment_ids") Own, |a| index::segments(a, |x| x.product(&[1]), 1.0);
        SegmentSum("data", "segment_ids") Own, |a| index::segments(a, |x| x.sum(&[1]), 0.0);
        TopK("x") Own, order::top_k;
    }
}

/// The longest transform: products of two numbers of a table must be exact.
const MOST: usize = 4096;

/// Cosines, or sines, of 2π · row · column / length.
fn table(rows: usize, columns: usize, length: usize, of: fn(Tensor) -> Tensor) -> Tensor {
    let product = count_up(rows).reshape([rows, 1]) * count_up(columns);
    // Whole turns are taken off while the numbers are whole.
    of(product.fmod(Tensor::full(&[], length as f64)) * (2.0 * PI / length as f64))
}

fn times(x: Tensor, table: Tensor) -> Tensor {
    let mut shape = x.shape();
    let last = shape.len() - 1;
    let rows = crate::types::elements(&shape[..last]);
    let of = table.shape();
    shape[last] = of[1];
    x.reshape([rows, of[0]]).matmul(table).reshape(shape)
}

/// As long as it is told: cut, or with zeros behind.
fn fitted(x: Tensor, length: usize) -> Tensor {
    let last = x.rank() - 1;
    let own = x.shape()[last];
    if own > length { x.slice(last, 0, length) } else { x.pad(last, 0, length - own) }
}

fn checked(a: &Args<'_>, length: usize) -> Result<usize, Error> {
    if (1..=MOST).contains(&length) {
        return Ok(length);
    }
    Err(a.wrong(format!("a transform of {length} numbers, where up to {MOST} are,")))
}

/// The two tensors of a complex one.
fn complex(a: &Args<'_>) -> Result<(Tensor, Tensor), Error> {
    match a.list("x")?.as_slice() {
        &[real, imaginary] if real.shape() == imaginary.shape() && real.rank() > 0 => Ok((real, imaginary)),
        _ => Err(a.wrong("an x that is no pair of a real and an imaginary part")),
    }
}

/// Transforms along the last axis.
fn transformed(a: &Args<'_>, (real, imaginary): (Tensor, Tensor)) -> Result<(Tensor, Tensor), Error> {
    let n = checked(a, real.shape().last().copied().unwrap_or(0))?;
    let (cos, sin) = (table(n, n, n, Tensor::cos), table(n, n, n, Tensor::sin));
    Ok((times(real, cos) + times(imaginary, sin), times(imaginary, cos) - times(real, sin)))
}

fn fft(a: &Args<'_>) -> Made {
    let (real, imaginary) = transformed(a, complex(a)?)?;
    Ok(vec![real, imaginary])
}

fn in_two(a: &Args<'_>, (real, imaginary): (Tensor, Tensor)) -> Result<(Tensor, Tensor), Error> {
    let mut order: Vec<usize> = (0..real.rank()).collect();
    let last = order.len() - 1;
    if last == 0 {
        return Err(a.wrong("a tensor with one axis"));
    }
    order.swap(last, last - 1);
    let turned = |(r, i): (Tensor, Tensor)| (r.transpose(&order), i.transpose(&order));
    Ok(turned(transformed(a, turned(transformed(a, (real, imaginary))?))?))
}

fn fft2(a: &Args<'_>) -> Made {
    let (real, imaginary) = in_two(a, complex(a)?)?;
    Ok(vec![real, imaginary])
}

fn ifft2(a: &Args<'_>) -> Made {
    let (real, imaginary) = complex(a)?;
    let shape = real.shape();
    let count: usize = shape[shape.len().saturating_sub(2)..].iter().product();
    let (real, imaginary) = in_two(a, (real, -imaginary))?;
    let scale = 1.0 / count.max(1) as f64;
    Ok(vec![real * scale, -imaginary * scale])
}

/// The first half of the transform of real numbers.
fn real_transform(x: Tensor, n: usize) -> [Tensor; 2] {
    let (x, half) = (fitted(x, n), n / 2 + 1);
    [times(x, table(n, half, n, Tensor::cos)), -times(x, table(n, half, n, Tensor::sin))]
}

fn rfft(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let own = *x.shape().last().ok_or_else(|| a.wrong("a tensor without axes"))?;
    let n = checked(a, a.count("fft_length")?.unwrap_or(own))?;
    Ok(real_transform(x, n).to_vec())
}

/// Real numbers of the first half of their transform.
fn real_of((real, imaginary): (Tensor, Tensor), n: usize) -> Tensor {
    let half = n / 2 + 1;
    let (real, imaginary) = (fitted(real, half), fitted(imaginary, half));
    // Those in between stand for two.
    let place = count_up(half);
    let ends = place.equal(0.0).maximum((place * 2.0).equal(n as f64));
    let weight = ends.select(Tensor::full(&[], 1.0), 2.0) * (1.0 / n as f64);
    times(real * weight, table(half, n, n, Tensor::cos))
        - times(imaginary * weight, table(half, n, n, Tensor::sin))
}

fn irfft(a: &Args<'_>) -> Made {
    let (real, imaginary) = complex(a)?;
    let own = real.shape().last().copied().unwrap_or(0);
    let n = checked(a, a.count("fft_length")?.unwrap_or(2 * own.max(1) - 2))?;
    Ok(vec![real_of((real, imaginary), n)])
}

/// The sizes of frames, and the window in the middle of each; `None` for none.
fn frames(a: &Args<'_>) -> Result<([usize; 3], Option<Tensor>), Error> {
    let size = |name: &str| a.count(name).map(|n| n.unwrap_or(0));
    let (length, step, n) = (size("sequence_length")?, size("sequence_stride")?, size("fft_length")?);
    if length == 0 || step == 0 || n < length {
        return Err(a.wrong(format!("frames of {length} with steps of {step} and transforms of {n}")));
    }
    checked(a, n)?;
    let before = (n - length) / 2;
    // TensorFlow's windows of an odd length reach to their last number, periodic or not.
    let period = if length % 2 == 0 { length } else { (length - 1).max(1) };
    let bell = |a0: f64| match length {
        1 => Tensor::full(&[1], 1.0),
        _ => (count_up(length) * (2.0 * PI / period as f64)).cos() * (a0 - 1.0) + a0,
    };
    let window = match a.value("window") {
        // Null is none in the config of a file; Keras writes the word where none is given.
        None => None,
        Some(word) if word == "hann" => Some(bell(0.5)),
        Some(word) if word == "hamming" => Some(bell(0.54)),
        Some(other) if other.is_string() => return Err(a.wrong(format!("window = {other}"))),
        Some(_) => a.optional("window")?,
    };
    if let Some(window) = window
        && window.shape() != [length]
    {
        return Err(a.wrong(format!("a window of shape {:?} for frames of {length}", window.shape())));
    }
    Ok(([length, step, n], window.map(|w| w.pad(0, before, n - length - before))))
}

fn stft(a: &Args<'_>) -> Made {
    let ([_, step, n], window) = frames(a)?;
    let x = a.tensor("x")?;
    let last = x.rank().max(1) - 1;
    let (more, own) = (n / 2, x.shape().last().copied().unwrap_or(0));
    let x = if a.flag("center", true) {
        if own <= more {
            return Err(a.wrong(format!("{own} numbers for transforms of {n}")));
        }
        let ends =
            [x.slice(last, 1, more).reverse(last), x, x.slice(last, own - 1 - more, more).reverse(last)];
        Tensor::concat(&ends, last)
    } else {
        x
    };
    let cut = order::sequences(x, n, step)
        .ok_or_else(|| a.wrong(format!("{own} numbers for transforms of {n}")))?;
    let cut = window.map_or(cut, |window| cut * window);
    Ok(real_transform(cut, n).to_vec())
}

/// Frames added up where they lie.
fn istft(a: &Args<'_>) -> Made {
    let ([_, step, n], window) = frames(a)?;
    let (real, imaginary) = complex(a)?;
    let shape = real.shape();
    let &[.., count, _] = shape.as_slice() else {
        return Err(a.wrong(format!("a tensor of shape {shape:?}")));
    };
    let frames = real_of((real, imaginary), n);
    // Each number is weighed as often as windows lie over it.
    let frames = match window {
        None => frames,
        Some(window) => {
            let over = n.div_ceil(step);
            let squares = window.square().pad(0, 0, over * step - n).reshape([over, step]).sum(&[0]);
            let all = squares.reshape([1, step]).broadcast_to(&[over, step]).reshape([over * step]);
            frames * (window / all.slice(0, 0, n))
        }
    };
    let lead = &shape[..shape.len() - 2];
    let rows = crate::types::elements(lead);
    let total = n + step * (count.max(1) - 1);
    let kernel = super::shape::band(n, n, |d| d.equal(0.0)).reshape([n, 1, n]);
    let windows = Windows { strides: [step], dilation: [1], padding: [[0, 0]] };
    let y = frames.reshape([rows, count, n]).conv_transpose(kernel, windows, [total]);
    let y = y.reshape([lead, &[total]].concat());
    let center = a.flag("center", true);
    let start = if center { n / 2 } else { 0 };
    let end = match a.count("length")? {
        Some(length) => (start + length).min(total),
        None if center => total.saturating_sub(n / 2),
        None => total,
    };
    Ok(vec![y.slice(lead.len(), start, end.saturating_sub(start))])
}
