//! What functions of TensorFlow compute that no row of Keras' tables does, or does with other arguments. Their names are in `functions.rs`.

use serde_json::Value;

use super::args::Args;
use super::shape::flat;
use super::whole::as_integer;
use super::{Made, elementwise, index, products, reduce, shape, windows};
use crate::Error;
use crate::activations as act;
use crate::graph::Tensor;
use crate::layers::flatten::DataFormat;
use crate::types::{DType, Integer};

operations! {
    /// What Keras' tables have not, or have with other arguments.
    OWN "tensorflow" {
        AddN("xs") Computes, |a| Ok(vec![a.list("xs")?.into_iter().reduce(|x, y| x + y).unwrap_or_else(Tensor::nowhere)]);
        ArgMax("x") Own, |a| numbers(a, reduce::extreme_at(a, false)?, "output_type", Integer::I64);
        ArgMin("x") Own, |a| numbers(a, reduce::extreme_at(a, true)?, "output_type", Integer::I64);
        BandPart("x") Keeps, band_part;
        BiasAdd("x", "bias") Computes, bias_add;
        BroadcastTo("x") Keeps, broadcast_to;
        CountNonzero("x") Own, |a| numbers(a, reduce::count_nonzero(a)?, "dtype", Integer::I64);
        Crelu("x") Cuts, |a| {
            let x = a.tensor("x")?;
            Ok(vec![Tensor::concat(&[x.relu(), (-x).relu()], a.axis("axis", -1, x.rank())?)])
        };
        Diagonal("x") Keeps, |a| Ok(vec![shape::of_diagonal(matrices(a)?, a.number("k", 0)?)]);
        EmbeddingLookup("params", "ids") Own, embedding;
        EuclideanNorm("x") Refuses, |a| a.reduced(|x, axes| x.square().sum_keep(axes).sqrt());
        ExtractPatches("images") Keeps, patches;
        Fill("dims", "value") Keeps, |a| Ok(vec![a.tensor("value")?.broadcast_to(&sizes(a, "dims")?)]);
        FlipImage("x") Keeps, |a| flip_image(a, 2);
        FlipImageUpDown("x") Keeps, |a| flip_image(a, 3);
        Gather("x", "indices") Own, gather;
        GatherNd("x", "indices") Own, gather_nd;
        Gelu("x") Floats, |a| { let approximate = a.flag("approximate", false); a.one(|x| act::gelu(x, approximate)) };
        L2Normalize("x") Floats, l2_normalize;
        LocalResponse("x") Floats, local_response;
        MatMul("x1", "x2") ViaFloats, matmul;
        MatrixTranspose("x") Keeps, |a| {
            let _ = a.flag("conjugate", false);
            a.one(transposed)
        };
        MatrixTrace("x") Computes, |a| Ok(vec![shape::of_diagonal(matrices(a)?, 0).sum(&[-1])]);
        MultiplyNoNan("x1", "x2") Floats, |a| a.two(|x, y| {
            // Only what is not finite is taken for zero, so that the gradient of y is that of a product.
            let wrong = y.equal(0.0) * elementwise::not(elementwise::finite(x));
            wrong.select(0.0, x) * y
        });
        Norm("x") Floats, norm;
        OneHot("x") Own, one_hot;
        Ones("shape") Own, |a| filled(a, 1.0);
        Pad("x", "constant_values") Keeps, super::pad::pad;
        Prod("x") Own, reduce::product;
        Range("start") Own, range;
        Rank("x") Index, |a| a.one(|x| Tensor::full(&[], x.rank() as f64));
        ReciprocalNoNan("x") Floats, |a| a.one(|x| elementwise::divide_no_nan(Tensor::full(&[], 1.0), x));
        ReduceMean("x") Refuses, |a| a.reduced(Tensor::mean_keep);
        ReduceVariance("x") Refuses, |a| a.reduced(reduce::variance_of);
        ReduceStd("x") Refuses, |a| a.reduced(|x, axes| reduce::variance_of(x, axes).sqrt());
        Reshape("x") Keeps, |a| Ok(vec![reshaped(a)?]);
        Reverse("x") Keeps, reverse;
        SequenceMask("lengths") Own, sequence_mask;
        Shape("x") Own, shape_of;
        SigmoidCrossEntropy("labels", "logits") Floats, |a| {
            let (labels, x) = (a.tensor("labels")?, a.tensor("logits")?);
            Ok(vec![x.softplus() - x * labels])
        };
        Silu("x") Floats, |a| { let beta = a.float("beta", 1.0)?; a.one(|x| x * (x * beta).sigmoid()) };
        Size("x") Own, |a| {
            let made = a.one(|x| Tensor::full(&[], x.ty().len() as f64))?;
            numbers(a, made, "out_type", Integer::I32)
        };
        Slice("x") Keeps, slice;
        SliceSpec("tensor") Own, slice_spec;
        SoftmaxCrossEntropy("labels", "logits") Floats, |a| {
            let (labels, x) = (a.tensor("labels")?, a.tensor("logits")?);
            let axis = a.axis("axis", -1, x.rank())?;
            let log = shape::moved_last(x, axis).log_softmax();
            Ok(vec![-(shape::moved_last(labels, axis) * log).sum(&[-1])])
        };
        SparseSoftmaxCrossEntropy("labels", "logits") Floats, |a| {
            let (labels, x) = (a.tensor("labels")?, a.tensor("logits")?);
            let own = x.log_softmax().take_along_last(labels.expand_last());
            Ok(vec![-own.reshape(labels.shape())])
        };
        Split("x") Keeps, split;
        SquaredDifference("x1", "x2") Computes, |a| a.two(|x, y| (x - y).square());
        Squeeze("x") Keeps, squeeze;
        StridedSlice("x") Keeps, strided_slice;
        Sum("x") Own, reduce::sum;
        TensorScatterAdd("inputs", "indices", "updates") Own, super::scatter::scatter_update;
        Transpose("x") Keeps, |a| {
            let _ = a.flag("conjugate", false);
            shape::transpose(a)
        };
        Xdivy("x1", "x2") Floats, |a| a.two(|x, y| x.equal(0.0).select(0.0, x / y));
        Xlogy("x1", "x2") Floats, |a| a.two(|x, y| x.equal(0.0).select(0.0, x * y.log()));
        Zeros("shape") Own, |a| filled(a, 0.0);
    }
}

/// Numbers of elements, in the type that the call names.
fn numbers(a: &Args<'_>, made: Vec<Tensor>, name: &str, default: Integer) -> Made {
    let to = match a.value(name) {
        None => default,
        Some(value) => {
            let named = value.as_str().and_then(Integer::named);
            named.ok_or_else(|| a.wrong(format!("{name} = {value}")))?
        }
    };
    Ok(made.into_iter().map(|y| y.as_type(DType::Whole(to))).collect())
}

/// A shape, of numbers or of what other functions say of shapes; -1 is left.
fn lengths(a: &Args<'_>, name: &str) -> Result<Vec<Option<usize>>, Error> {
    let list = a.numbers(name)?.ok_or_else(|| a.wrong(format!("a call without {name}")))?;
    Ok(list.into_iter().map(|n| usize::try_from(n).ok()).collect())
}

fn sizes(a: &Args<'_>, name: &str) -> Result<Vec<usize>, Error> {
    let list = lengths(a, name)?;
    let all: Option<Vec<usize>> = list.iter().copied().collect();
    all.ok_or_else(|| a.wrong(format!("{name} = {list:?}")))
}

fn reshaped(a: &Args<'_>) -> Result<Tensor, Error> {
    let (x, mut sizes) = (a.tensor("x")?, lengths(a, "newshape")?);
    // Lengths that are not known yet: the first is taken for the batch's, which is what the others leave; others are any.
    if let Some(stand_in) = a.stand_in {
        if sizes.iter().skip(1).any(|n| *n == a.stand_in) {
            let some = |n: Option<usize>| n.filter(|n| *n != stand_in).unwrap_or(stand_in / 100);
            let shape: Vec<usize> = sizes.into_iter().map(some).collect();
            return Ok(Tensor::full(&shape, 0.0).float_as(x.ty().dtype));
        }
        let all: Option<Vec<usize>> = sizes.iter().copied().collect();
        if all.is_some_and(|all| crate::types::elements(&all) != x.ty().len()) {
            sizes.iter_mut().filter(|n| **n == a.stand_in).for_each(|n| *n = None);
        }
    }
    let known = sizes.iter().flatten().fold(1_usize, |n, size| n.saturating_mul(*size));
    let rest = x.ty().len() / known.max(1);
    if sizes.iter().filter(|n| n.is_none()).count() > 1 {
        return Err(a.wrong(format!("shape = {sizes:?}")));
    }
    Ok(x.reshape(sizes.into_iter().map(|n| n.unwrap_or(rest)).collect::<Vec<_>>()))
}

fn broadcast_to(a: &Args<'_>) -> Made {
    let (x, to) = (a.tensor("x")?, sizes(a, "shape")?);
    if crate::types::broadcast(&x.shape(), &to).as_ref() != Some(&to) {
        return Err(a.wrong(format!("shape = {to:?} of a tensor of shape {:?}", x.shape())));
    }
    Ok(vec![x.broadcast_to(&to)])
}

/// The shape of a tensor, as numbers.
fn shape_of(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let parts: Vec<Tensor> = x.shape().iter().map(|n| Tensor::full(&[1], *n as f64)).collect();
    let made = if parts.is_empty() { Tensor::full(&[0], 0.0) } else { Tensor::concat(&parts, 0) };
    numbers(a, vec![made], "out_type", Integer::I32)
}

fn filled(a: &Args<'_>, number: f64) -> Made {
    let made = Tensor::full(&sizes(a, "shape")?, number);
    let to = a.value("dtype").unwrap_or_else(|| "float32".into());
    Ok(vec![super::core::as_type(a, made, &to)?])
}

/// Whole numbers, or others, at equal steps: `range(limit)` or `range(start, limit, delta)`.
fn range(a: &Args<'_>) -> Made {
    let of =
        |name: &str| -> Result<Option<f64>, Error> { Ok(a.known(name)?.and_then(|v| v.first().copied())) };
    let (first, limit, step) = (of("start")?, of("limit")?, of("delta")?.unwrap_or(1.0));
    let (start, limit) = match (first, limit) {
        (Some(start), Some(limit)) => (start, limit),
        (Some(limit), None) => (0.0, limit),
        _ => return Err(a.wrong("a range without a limit")),
    };
    let count = ((limit - start) / step).ceil();
    if !(0.0..=16_777_216.0).contains(&count) {
        return Err(a.wrong(format!("a range from {start} to {limit} by {step}")));
    }
    let made = crate::ops::count_up(count as usize) * step + start;
    let whole = if a.has_point() { "float32" } else { "int32" };
    let to = a.value("dtype").unwrap_or_else(|| whole.into());
    Ok(vec![super::core::as_type(a, made, &to)?])
}

/// The matrices that it is called with.
fn matrices(a: &Args<'_>) -> Result<Tensor, Error> {
    let x = a.tensor("x")?;
    if x.rank() < 2 { Err(a.wrong(format!("a tensor of shape {:?}", x.shape()))) } else { Ok(x) }
}

fn transposed(x: Tensor) -> Tensor {
    let mut order: Vec<usize> = (0..x.rank()).collect();
    if let [.., first, second] = order.as_mut_slice() {
        std::mem::swap(first, second);
    }
    x.transpose(&order)
}

fn matmul(a: &Args<'_>) -> Made {
    let (x, y) = a.pair()?;
    a.refuse("output_type", &Value::Null)?;
    let turn = |x: Tensor, names: [&str; 2]| {
        let [first, second] = names.map(|name| a.flag(name, false));
        if first || second { transposed(x) } else { x }
    };
    let (x, y) = (turn(x, ["transpose_a", "adjoint_a"]), turn(y, ["transpose_b", "adjoint_b"]));
    Ok(vec![products::matmul_of(x, y)])
}

/// A vector along the channels.
fn bias_add(a: &Args<'_>) -> Made {
    let (x, bias) = (a.tensor("x")?, a.tensor("bias")?);
    let mut along = vec![1; x.rank()];
    let axis = if windows::format(a)? == DataFormat::ChannelsFirst { 1 } else { x.rank().max(1) - 1 };
    if let Some(n) = along.get_mut(axis) {
        *n = bias.ty().len();
    }
    Ok(vec![x + bias.reshape(along)])
}

/// Elements by their numbers; the first `batch_dims` axes are the same of both.
fn gather(a: &Args<'_>) -> Made {
    let (x, indices) = (a.tensor("x")?, a.tensor("indices")?);
    let rank = indices.rank();
    let batch = a.number("batch_dims", 0)?;
    let batch = if batch < 0 { batch + rank as i64 } else { batch };
    let batch = usize::try_from(batch).ok().filter(|b| *b <= rank && *b < x.rank());
    let batch = batch.ok_or_else(|| a.wrong(format!("batch_dims of indices with {rank} axes")))?;
    let axis = a.axis("axis", batch as i64, x.rank())?;
    if batch == 0 {
        return Ok(vec![as_integer(index::taken(x, indices, axis), a.integer("x"))]);
    }
    if axis < batch {
        return Err(a.wrong(format!("axis = {axis} with batch_dims = {batch}")));
    }
    // The rows of all examples are one table, in which each example has a place.
    let front = shape::moved(x, &[axis], &[batch]);
    let (of_x, of_indices) = (front.shape(), indices.shape());
    let (count, rows) = (crate::types::elements(&of_x[..batch]), of_x[batch]);
    let rest = &of_x[batch + 1..];
    let table = front.reshape([count * rows, crate::types::elements(rest)]);
    let each = crate::types::elements(&of_indices[batch..]);
    let places = indices.reshape([count, each]) + crate::ops::count_up(count).expand_last() * rows as f64;
    let made = table.rows_at(places).reshape([of_indices.as_slice(), rest].concat());
    let more = rank - batch;
    let (from, to): (Vec<usize>, Vec<usize>) = (0..more).map(|i| (batch + i, axis + i)).unzip();
    Ok(vec![as_integer(shape::moved(made, &from, &to), a.integer("x"))])
}

/// Elements by the numbers of several axes.
fn gather_nd(a: &Args<'_>) -> Made {
    let (x, indices) = (a.tensor("x")?, a.tensor("indices")?);
    a.refuse("batch_dims", &0.into())?;
    a.indices_in_range()?;
    let (of_x, of) = (x.shape(), indices.shape());
    let wrong = || a.wrong(format!("indices of shape {of:?} of a tensor of shape {of_x:?}"));
    let (&depth, lead) = of.split_last().ok_or_else(wrong)?;
    if depth == 0 || depth > of_x.len() {
        return Err(wrong());
    }
    let (count, rows) = (crate::types::elements(lead), crate::types::elements(&of_x[..depth]));
    let at = indices.reshape([count, depth]);
    let part = |i: usize| at.slice(1, i, 1) * crate::types::elements(&of_x[i + 1..depth]) as f64;
    let at = (1..depth).fold(part(0), |sum, i| sum + part(i)).reshape([count]);
    let rest = &of_x[depth..];
    let made = x.reshape([rows, crate::types::elements(rest)]).rows_at(at);
    Ok(vec![as_integer(made.reshape([lead, rest].concat()), a.integer("x"))])
}

/// Rows of a table.
fn embedding(a: &Args<'_>) -> Made {
    let (table, ids) = (a.tensor("params")?, a.tensor("ids")?);
    a.refuse("max_norm", &Value::Null)?;
    // How several tables share the rows: there is one.
    let _ = a.value("partition_strategy");
    Ok(vec![as_integer(index::taken(table, ids, 0), a.integer("params"))])
}

fn l2_normalize(a: &Args<'_>) -> Made {
    let (x, epsilon) = (a.tensor("x")?, a.float("epsilon", 1e-12)?);
    let axes = a.over(x.rank())?;
    Ok(vec![x * (1.0 / x.square().sum_keep(&axes).maximum(epsilon).sqrt())])
}

/// Each channel by the squares of its neighbours.
fn local_response(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let radius = a.count("depth_radius")?.unwrap_or(5);
    let (bias, alpha, beta) = (a.float("bias", 1.0)?, a.float("alpha", 1.0)?, a.float("beta", 0.5)?);
    if x.rank() != 4 {
        return Err(a.wrong(format!("a tensor of shape {:?}", x.shape())));
    }
    let channels = x.shape()[3];
    let near = shape::band(channels, channels, |d| d.abs().less_equal(radius as f64));
    let sums = products::matmul_of(x.square(), near);
    Ok(vec![x / (sums * alpha + bias).pow(Tensor::full(&[], beta))])
}

fn norm(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axes = a.over(x.rank())?;
    let of = a.value("ord").filter(|v| v != "euclidean");
    let y = match of {
        // Of no axes in particular it is that of the flat tensor.
        of if a.value("axis").is_none() => {
            let y = reduce::norm_of(a, flat(x), &[0], of.as_ref())?;
            y.reshape(vec![1; x.rank()])
        }
        of => reduce::norm_of(a, x, &axes, of.as_ref())?,
    };
    Ok(vec![a.squeezed(y, &axes)?])
}

fn one_hot(a: &Args<'_>) -> Made {
    let (x, axis) = (a.tensor("x")?, a.number("axis", -1)?);
    let classes = a.count("num_classes")?.filter(|n| *n <= 1 << 24);
    let classes = classes.ok_or_else(|| a.wrong("a call without depth"))?;
    let hot = index::one_hot_of(x, classes, axis).ok_or_else(|| a.wrong(format!("axis = {axis}")))?;
    let value =
        |name: &str, default: f64| a.optional(name).map(|v| v.unwrap_or_else(|| Tensor::full(&[], default)));
    let made = hot.select(value("on_value", 1.0)?, value("off_value", 0.0)?);
    let to = a.value("dtype").unwrap_or_else(|| "float32".into());
    Ok(vec![super::core::as_type(a, made, &to)?])
}

fn reverse(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axes = a.axes("axis", x.rank())?.unwrap_or_default();
    Ok(vec![axes.into_iter().fold(x, Tensor::reverse)])
}

fn flip_image(a: &Args<'_>, back: usize) -> Made {
    let x = a.tensor("x")?;
    let axis =
        x.rank().checked_sub(back).ok_or_else(|| a.wrong(format!("a tensor of shape {:?}", x.shape())))?;
    Ok(vec![x.reverse(axis)])
}

/// Which steps are before the end: [.., length] of lengths.
fn sequence_mask(a: &Args<'_>) -> Made {
    let lengths = a.tensor("lengths")?;
    let most =
        a.known("maxlen")?.and_then(|v| v.first().copied()).filter(|n| (0.0..=16_777_216.0).contains(n));
    let most =
        most.ok_or_else(|| a.wrong("a call without maxlen, whose result has a size that data decide,"))?;
    let made = crate::ops::count_up(most as usize).less(lengths.expand_last());
    let to = a.value("dtype").unwrap_or_else(|| "bool".into());
    Ok(vec![super::core::as_type(a, made, &to)?])
}

/// A part: beginnings and sizes, of which -1 is all that is left.
fn slice(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let of = |name: &str| a.numbers(name)?.ok_or_else(|| a.wrong(format!("a call without {name}")));
    let (begin, size): (Vec<i64>, Vec<i64>) = (of("start_indices")?, of("size")?);
    if begin.len() != x.rank() || size.len() != x.rank() {
        return Err(a.wrong(format!("begin {begin:?} with size {size:?}")));
    }
    let mut y = x;
    for (axis, (begin, size)) in begin.into_iter().zip(size).enumerate() {
        let length = y.shape()[axis] as i64;
        let size = if size == -1 { length - begin } else { size };
        let (Ok(begin), Ok(size)) = (usize::try_from(begin), usize::try_from(size)) else {
            return Err(a.wrong(format!("a part from {begin} on of length {size}")));
        };
        y = y.slice(axis, begin, size);
    }
    Ok(vec![y])
}

/// Parts as Python has them, in TensorFlow's words: ends and steps, and masks of what is left out.
fn strided_slice(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let of = |name: &str| a.numbers(name);
    let (begin, end) = (of("begin")?.unwrap_or_default(), of("end")?.unwrap_or_default());
    let steps = of("strides")?.unwrap_or_else(|| vec![1; begin.len()]);
    let mask = |name: &str| a.number(name, 0);
    for name in ["ellipsis_mask", "new_axis_mask"] {
        if mask(name)? != 0 {
            return Err(a.wrong(format!("{name} = {}", mask(name)?)));
        }
    }
    let (no_begin, no_end, shrink) = (mask("begin_mask")?, mask("end_mask")?, mask("shrink_axis_mask")?);
    if begin.len() != end.len() || steps.len() != begin.len() || begin.len() > x.rank() {
        return Err(a.wrong(format!("begin {begin:?}, end {end:?} and strides {steps:?}")));
    }
    let (mut y, mut gone) = (x, Vec::new());
    for axis in 0..begin.len() {
        let set = |mask: i64| mask >> axis & 1 == 1;
        if set(shrink) {
            let at = begin[axis];
            let next = if at == -1 { None } else { Some(at + 1) };
            y = index::sliced(y, axis, [Some(at), next, Some(1)]).ok_or_else(|| a.wrong("strides = 0"))?;
            gone.push(axis);
            continue;
        }
        let ends =
            [(!set(no_begin)).then_some(begin[axis]), (!set(no_end)).then_some(end[axis]), Some(steps[axis])];
        y = index::sliced(y, axis, ends).ok_or_else(|| a.wrong("strides = 0"))?;
    }
    let shape = y.shape().into_iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
    Ok(vec![y.reshape(shape.map(|(_, n)| n).collect::<Vec<_>>())])
}

/// Python's indexing: numbers, slices, an ellipsis, new axes.
fn slice_spec(a: &Args<'_>) -> Made {
    let x = a.tensor("tensor")?;
    let by = a.typed("slice_spec");
    if let [_] = by.as_slice() {
        return Err(a.wrong("an index that is a tensor"));
    }
    let spec = a.value("slice_spec").unwrap_or_default();
    let keys = match spec {
        Value::Array(list) => list,
        one => vec![one],
    };
    // As Keras 3 writes slices.
    let slice = |key: Value| match key {
        Value::Object(map) if map.contains_key("start") => {
            serde_json::json!({"class_name": "__slice__", "config": map})
        }
        other => other,
    };
    let keys: Vec<Value> = keys.into_iter().map(slice).collect();
    Ok(vec![as_integer(index::items(a, x, &keys)?, a.integer("tensor"))])
}

/// Parts of one length, or of these lengths.
fn split(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axis = a.axis("axis", 0, x.rank())?;
    let length = x.shape()[axis];
    let given = a.numbers("num_or_size_splits")?.unwrap_or_default();
    let wrong = || a.wrong(format!("num_or_size_splits = {given:?} of an axis of length {length}"));
    let one = a.value("num_or_size_splits").is_some_and(|v| v.is_number());
    let lengths: Vec<usize> = match given.as_slice() {
        [parts] if one => {
            let parts = usize::try_from(*parts).ok().filter(|n| *n > 0 && length % n == 0 && *n <= 4096);
            let parts = parts.ok_or_else(wrong)?;
            vec![length / parts; parts]
        }
        sizes => {
            let known: i64 = sizes.iter().filter(|n| **n >= 0).sum();
            let rest = length as i64 - known;
            let of = |n: &i64| usize::try_from(if *n < 0 { rest } else { *n }).ok();
            sizes.iter().map(of).collect::<Option<_>>().ok_or_else(wrong)?
        }
    };
    if lengths.iter().sum::<usize>() != length {
        return Err(wrong());
    }
    let starts = lengths.iter().scan(0, |start, n| {
        *start += n;
        Some(*start - n)
    });
    Ok(starts.zip(&lengths).map(|(start, n)| x.slice(axis, start, *n)).collect())
}

fn squeeze(a: &Args<'_>) -> Made {
    let x = a.tensor("x")?;
    let axes = a.axes("axis", x.rank())?.unwrap_or_default();
    let shape = x.shape();
    if let Some(axis) = axes.iter().find(|axis| shape[**axis] != 1) {
        return Err(a.wrong(format!("axis {axis} of a tensor of shape {shape:?}, which is not of length 1,")));
    }
    let gone = |i: usize, n: usize| n == 1 && (axes.is_empty() && i > 0 || axes.contains(&i));
    let kept = shape.iter().enumerate().filter(|(i, n)| !gone(*i, **n)).map(|(_, n)| *n);
    Ok(vec![x.reshape(kept.collect::<Vec<_>>())])
}

/// A band around the diagonal; -1 is all of a side.
fn band_part(a: &Args<'_>) -> Made {
    let (x, lower, upper) = (a.tensor("x")?, a.number("num_lower", -1)?, a.number("num_upper", -1)?);
    let shape = x.shape();
    let &[.., rows, columns] = shape.as_slice() else {
        return Err(a.wrong(format!("a tensor of shape {shape:?}")));
    };
    let mask = shape::band(rows, columns, |d| {
        let below = if lower < 0 { Tensor::full(&[], 1.0) } else { (-d).less_equal(lower as f64) };
        let above = if upper < 0 { Tensor::full(&[], 1.0) } else { d.less_equal(upper as f64) };
        below * above
    });
    Ok(vec![mask.select(x, 0.0)])
}

/// The pixels under each window of an image.
fn patches(a: &Args<'_>) -> Made {
    let x = a.tensor("images")?;
    windows::tensorflow_patches(a, x)
}
