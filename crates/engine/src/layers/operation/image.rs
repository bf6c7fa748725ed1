//! Operations of `keras.ops.image` that compute with the pixels where they are.

use super::args::Args;
use super::whole::as_integer;
use super::{Made, linalg, windows};
use crate::Error;
use crate::graph::{CallContext, DType, Layer, Tensor};
use crate::layers::flatten::DataFormat;
use crate::layers::resizing::Resizing;
use crate::layers::warp::{FillMode, Warp};
use crate::layers::windows::channels_last;
use crate::ops::{Interpolation, Windows};
use crate::types::Integer;
use crate::words::Word;

operations! {
    /// Keras' module `image`.
    IMAGE "keras.src.ops.image" {
        AffineTransform("images", "transform") Own, affine;
        CropImages("images") Keeps, crop;
        ExtractPatches("images") ViaFloats, windows::extract_patches;
        GaussianBlur("images") Floats, blur;
        HSVToRGB("images") Floats, |a| {
            // TensorFlow has no gradient of it.
            let made = colours(a, to_rgb)?;
            Ok(made.into_iter().map(Tensor::stop_gradient).collect())
        };
        PadImages("images") Keeps, pad;
        PerspectiveTransform("images", "start_points", "end_points") Own, perspective;
        RGBToGrayscale("images") ViaFloats, grayscale;
        RGBToHSV("images") Floats, |a| colours(a, to_hsv);
        Resize("images") Own, resize;
        SobelEdges("images") Floats, sobel;
    }
}

/// The axes of height and width.
fn lines(a: &Args<'_>, x: Tensor) -> Result<[usize; 2], Error> {
    let rank = x.rank();
    if ![3, 4].contains(&rank) {
        return Err(a.wrong(format!("a tensor of shape {:?}", x.shape())));
    }
    Ok(match windows::format(a)? {
        DataFormat::ChannelsLast => [rank - 3, rank - 2],
        DataFormat::ChannelsFirst => [rank - 2, rank - 1],
    })
}

/// What is before and behind along an axis, and the length of what there is then; two of them say the third.
fn ends(a: &Args<'_>, names: [&str; 3], length: usize, grows: bool) -> Result<[usize; 3], Error> {
    let [before, after, target] = [a.count(names[0])?, a.count(names[1])?, a.count(names[2])?];
    let wrong =
        || a.wrong(format!("{} {before:?}, {} {after:?} and {} {target:?}", names[0], names[1], names[2]));
    let more = |target: usize| if grows { target.checked_sub(length) } else { length.checked_sub(target) };
    let made = |both: usize| if grows { length.checked_add(both) } else { length.checked_sub(both) };
    let found = match (before, after, target) {
        (Some(before), Some(after), None) => {
            before.checked_add(after).and_then(made).map(|target| [before, after, target])
        }
        (Some(before), None, Some(target)) => {
            more(target).and_then(|m| m.checked_sub(before)).map(|after| [before, after, target])
        }
        (None, Some(after), Some(target)) => {
            more(target).and_then(|m| m.checked_sub(after)).map(|before| [before, after, target])
        }
        _ => None,
    };
    found.ok_or_else(wrong)
}

fn crop(a: &Args<'_>) -> Made {
    let x = a.tensor("images")?;
    let [height, width] = lines(a, x)?;
    let of = |axis: usize, names| ends(a, names, x.shape()[axis], false);
    let [top, _, tall] = of(height, ["top_cropping", "bottom_cropping", "target_height"])?;
    let [left, _, wide] = of(width, ["left_cropping", "right_cropping", "target_width"])?;
    Ok(vec![x.slice(height, top, tall).slice(width, left, wide)])
}

fn pad(a: &Args<'_>) -> Made {
    let x = a.tensor("images")?;
    let [height, width] = lines(a, x)?;
    let of = |axis: usize, names| ends(a, names, x.shape()[axis], true);
    let [top, bottom, _] = of(height, ["top_padding", "bottom_padding", "target_height"])?;
    let [left, right, _] = of(width, ["left_padding", "right_padding", "target_width"])?;
    Ok(vec![x.pad(height, top, bottom).pad(width, left, right)])
}

/// Calls `f` with images whose channels are last, of which there may be one without a batch.
fn with_channels_last(a: &Args<'_>, x: Tensor, f: impl FnOnce(Tensor) -> Tensor) -> Result<Tensor, Error> {
    lines(a, x)?;
    let single = x.rank() == 3;
    let images = if single { super::shape::widened(x, 0) } else { x };
    let y = channels_last(windows::format(a)?, images, f);
    Ok(if single { y.reshape(y.shape()[1..].to_vec()) } else { y })
}

/// Images of another size, as the layer has it.
fn resize(a: &Args<'_>) -> Made {
    let (x, of) = (a.tensor("images")?, a.integer("images"));
    let size = a.numbers("size")?.unwrap_or_default();
    let sizes: Option<Vec<usize>> = size.iter().map(|n| usize::try_from(*n).ok()).collect();
    let Some(&[height, width]) = sizes.as_deref() else { return Err(a.wrong(format!("size = {size:?}"))) };
    let how = Word::<Interpolation>::from(a.word("interpolation", "bilinear")?).get()?;
    let fill_mode = Word::<FillMode>::from(a.word("fill_mode", "constant")?).get()?;
    let layer = Resizing::new(height, width)
        .interpolation(how)
        .antialias(a.flag("antialias", false))
        .crop_to_aspect_ratio(a.flag("crop_to_aspect_ratio", false))
        .pad_to_aspect_ratio(a.flag("pad_to_aspect_ratio", false))
        .fill_mode(fill_mode)
        .fill_value(a.float("fill_value", 0.0)?)
        .data_format(windows::format(a)?);
    layer.check()?;
    lines(a, x)?;
    let call = |x: Tensor| layer.call(x, &CallContext::new(false));
    let y = if x.rank() == 3 {
        let y = call(super::shape::widened(x, 0));
        y.reshape(y.shape()[1..].to_vec())
    } else {
        call(x)
    };
    Ok(vec![match of {
        None => y,
        Some(Integer::Bool) => return Err(a.wrong("its call with truth values")),
        Some(of) if how == Interpolation::Nearest => as_integer(y, Some(of)),
        Some(of) => {
            let [low, high] = of.bounds();
            as_integer(y.round().clip(low, high), Some(of))
        }
    }])
}

/// Images whose pixels come from elsewhere in them: eight numbers for each image, or for all, are the first of a matrix.
fn affine(a: &Args<'_>) -> Made {
    let transform = a.tensor("transform")?;
    let table = if transform.rank() == 1 { super::shape::widened(transform, 0) } else { transform };
    transformed(a, table)
}

/// Images seen from another side: where four points of each image, or of all, come to lie.
fn perspective(a: &Args<'_>) -> Made {
    let points = |name: &str| -> Result<Tensor, Error> {
        let x = a.tensor(name)?.as_type(DType::F32);
        let x = if x.rank() == 2 { super::shape::widened(x, 0) } else { x };
        match x.shape().as_slice() {
            [_, 4, 2] => Ok(x),
            other => Err(a.wrong(format!("{name} of shape {other:?}"))),
        }
    };
    let (start, end) = (points("start_points")?, points("end_points")?);
    let n = start.shape()[0];
    if end.shape()[0] != n {
        return Err(a.wrong(format!("start_points and end_points of {n} and {} images", end.shape()[0])));
    }
    // Two equations of eight unknowns for each point.
    let column = |x: Tensor, i: usize| x.slice(2, i, 1);
    let (one, zero) = (Tensor::full(&[n, 4, 1], 1.0), Tensor::full(&[n, 4, 1], 0.0));
    let (x, y) = (column(end, 0), column(end, 1));
    let row = |first: bool| {
        let own = column(start, usize::from(!first));
        let (left, right) = ([x, y, one], [zero, zero, zero]);
        let (left, right) = if first { (left, right) } else { (right, left) };
        let parts = [left.as_slice(), &right, &[-own * x, -own * y]].concat();
        super::shape::widened(Tensor::concat(&parts, 2), 2)
    };
    let equations = Tensor::concat(&[row(true), row(false)], 2).reshape([n, 8, 8]);
    let (found, _, _) = linalg::eliminated(equations, start.reshape([n, 8, 1]), 8);
    transformed(a, found.reshape([n, 8]))
}

/// Images whose pixels come from elsewhere in them, by the first eight numbers of a matrix for each.
fn transformed(a: &Args<'_>, table: Tensor) -> Made {
    let (x, of) = (a.tensor("images")?, a.integer("images"));
    let warp = Warp {
        how: Word::<Interpolation>::from(a.word("interpolation", "bilinear")?).get()?,
        fill_mode: Word::<FillMode>::from(a.word("fill_mode", "constant")?).get()?,
        fill_value: a.float("fill_value", 0.0)?,
    };
    warp.checked()?;
    if of.is_some() && warp.how != Interpolation::Nearest {
        return Err(a.wrong("its call with integers and bilinear interpolation"));
    }
    let count = if x.rank() == 4 { x.shape()[0] } else { 1 };
    match table.shape().as_slice() {
        [n, 8] if *n == 1 || *n == count => {}
        other => return Err(a.wrong(format!("a transform of shape {other:?}"))),
    }
    let part = |i: usize| table.as_type(DType::F32).slice(1, i, 1).stop_gradient();
    let rows = [[part(0), part(1), part(2)], [part(3), part(4), part(5)]];
    let dtype = x.ty().dtype;
    let y =
        with_channels_last(a, x.as_type(DType::F32), |x| warp.projective(x, rows, Some([part(6), part(7)])))?;
    Ok(vec![as_integer(y.float_as(dtype), of)])
}

fn channels(a: &Args<'_>, x: Tensor) -> Result<usize, Error> {
    let [height, width] = lines(a, x)?;
    let axis = if width + 1 < x.rank() { width + 1 } else { height - 1 };
    Ok(x.shape()[axis])
}

fn grayscale(a: &Args<'_>) -> Made {
    let x = a.tensor("images")?;
    match channels(a, x)? {
        1 => Ok(vec![x]),
        3 => Ok(vec![with_channels_last(a, x, |x| {
            let part = |i: usize, weight: f64| x.slice(3, i, 1) * weight;
            part(0, 0.2989) + part(1, 0.5870) + part(2, 0.1140)
        })?]),
        n => Err(a.wrong(format!("images with {n} channels"))),
    }
}

fn colours(a: &Args<'_>, f: fn([Tensor; 3]) -> [Tensor; 3]) -> Made {
    let x = a.tensor("images")?;
    if channels(a, x)? != 3 {
        return Err(a.wrong(format!("images of shape {:?}", x.shape())));
    }
    Ok(vec![with_channels_last(a, x, |x| {
        let made = f([0, 1, 2].map(|i| x.slice(3, i, 1)));
        Tensor::concat(&made, 3)
    })?])
}

/// Hue, saturation and value of red, green and blue, as TensorFlow computes them.
fn to_hsv([r, g, b]: [Tensor; 3]) -> [Tensor; 3] {
    let value = r.maximum(g).maximum(b);
    // Of several that are smallest TensorFlow takes blue before green for its gradient.
    let range = value - b.minimum(g).minimum(r);
    let positive = |x: Tensor| Tensor::full(&[], 0.0).less(x);
    let saturation = positive(value).select(range / positive(value).select(value, 1.0), 0.0);
    let norm = 1.0 / (positive(range).select(range, 1.0) * 6.0);
    let hue = r.equal(value).select(
        norm * (g - b),
        g.equal(value).select(norm * (b - r) + 2.0 / 6.0, norm * (r - g) + 4.0 / 6.0),
    );
    let hue = positive(range).select(hue, 0.0);
    [hue.less(0.0).select(hue + 1.0, hue), saturation, value]
}

/// Red, green and blue of hue, saturation and value.
fn to_rgb([h, s, v]: [Tensor; 3]) -> [Tensor; 3] {
    let h = h * 6.0;
    let (dr, dg, db) = ((h - 3.0).abs() - 1.0, 2.0 - (h - 2.0).abs(), 2.0 - (h - 4.0).abs());
    [dr, dg, db].map(|d| ((1.0 - s) + s * d.clip(0.0, 1.0)) * v)
}

/// Each channel by itself with one kernel, `[height, width, 1, filters]`.
fn filtered(x: Tensor, kernel: Tensor, around: [[usize; 2]; 2]) -> Tensor {
    let shape = x.shape();
    let &[n, h, w, c] = shape.as_slice() else { return x };
    let planes = x.transpose(&[0, 3, 1, 2]).reshape([n * c, h, w, 1]);
    let y = planes.conv(kernel, Windows { strides: [1, 1], dilation: [1, 1], padding: around }, 1);
    let of = y.shape();
    y.reshape([n, c, of[1], of[2], of[3]]).transpose(&[0, 2, 3, 1, 4])
}

/// Gradients along height and width, as a last axis of two.
fn sobel(a: &Args<'_>) -> Made {
    let x = a.tensor("images")?;
    let format = windows::format(a)?;
    if x.rank() != 4 {
        return Err(a.wrong(format!("images of shape {:?}", x.shape())));
    }
    let first = format == DataFormat::ChannelsFirst;
    let x = if first { x.transpose(&[0, 2, 3, 1]) } else { x };
    if x.shape()[1..3].iter().any(|n| *n < 2) {
        return Err(a.wrong(format!("images of shape {:?}", x.shape())));
    }
    // What lies beside the edge the other way round.
    let reflected = |x: Tensor, axis: usize| {
        let n = x.shape()[axis];
        Tensor::concat(&[x.slice(axis, 1, 1), x, x.slice(axis, n - 2, 1)], axis)
    };
    let x = reflected(reflected(x, 1), 2);
    // Along height, then along width.
    let rows = [-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0];
    let columns = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
    let both: Vec<f64> = rows.iter().zip(&columns).flat_map(|(r, c)| [*r, *c]).collect();
    let kernel = crate::ops::Numbers::from(both).tensor().reshape([3, 3, 1, 2]);
    let y = filtered(x, kernel, [[0, 0], [0, 0]]);
    Ok(vec![if first { y.transpose(&[0, 3, 1, 2, 4]) } else { y }])
}

/// A blur by a bell-shaped window.
fn blur(a: &Args<'_>) -> Made {
    let x = a.tensor("images")?;
    let numbers = |name: &str, default: f64| -> Result<[f64; 2], Error> {
        let Some(value) = a.value(name) else { return Ok([default; 2]) };
        let list = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        match list.iter().filter_map(|v| v.as_f64()).collect::<Vec<_>>()[..] {
            [both] => Ok([both; 2]),
            [first, second] => Ok([first, second]),
            _ => Err(a.wrong(format!("{name} = {value}"))),
        }
    };
    let (size, sigma) = (numbers("kernel_size", 3.0)?, numbers("sigma", 1.0)?);
    let size = size.map(|n| n as usize);
    if size.iter().any(|n| !(1..=64).contains(n)) || size[0] * size[1] > 1024 {
        return Err(a.wrong(format!("kernel_size = {size:?}")));
    }
    let bell = |n: usize, sigma: f64| -> Vec<f64> {
        let middle = (n as f64 - 1.0) / 2.0;
        let weights: Vec<f64> =
            (0..n).map(|i| (-0.5 * ((i as f64 - middle) / sigma).powi(2)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / sum).collect()
    };
    // In the order in which Keras has them: of a window that is no square too.
    let (first, second) = (bell(size[0], sigma[0]), bell(size[1], sigma[1]));
    let products: Vec<f64> = second.iter().flat_map(|s| first.iter().map(move |f| s * f)).collect();
    let kernel = crate::ops::Numbers::from(products).tensor().reshape([size[0], size[1], 1, 1]);
    let around = size.map(|n| [(n - 1) / 2, n / 2]);
    Ok(vec![with_channels_last(a, x, |x| {
        let shape = x.shape();
        filtered(x, kernel, around).reshape(shape)
    })?])
}
