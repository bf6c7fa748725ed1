//! The TensorFlow nodes of a convolution.

use super::super::windows::{Windows, three};
use super::{Conv, Form};
use crate::export::{Attribute, Element, Exporter, Operand, Source};

fn whole(numbers: &[usize]) -> Option<Attribute> {
    Some(Attribute::Ints(numbers.iter().map(|n| i64::try_from(*n).ok()).collect::<Option<_>>()?))
}

fn small(numbers: &[usize]) -> Option<Vec<i32>> {
    numbers.iter().map(|n| i32::try_from(*n).ok()).collect()
}

/// Returns the attributes of windows over an input of this size.
fn attributes(
    windows: &Windows<3>,
    input: [Option<usize>; 3],
    kernel: &Operand,
    axes: usize,
) -> Option<Vec<(&'static str, Attribute)>> {
    let around = |numbers: [usize; 3]| whole(&[&[1], &numbers[3 - axes..], &[1]].concat());
    let mut all = vec![("strides", around(windows.strides)?)];
    if windows.dilation != [1; 3] {
        // TensorFlow's kernel of volumes for CPUs knows none.
        if axes == 3 {
            return None;
        }
        all.push(("dilations", around(windows.dilation)?));
    }
    let size = three(kernel.shape.get(..axes)?, Some(1));
    let padding = windows.tensorflow_padding(input, size);
    all.push(("padding", Attribute::Text(padding)));
    if padding == "EXPLICIT" {
        // There is no such padding of volumes.
        let [[0, 0], [top, bottom], [left, right]] = windows.padding else { return None };
        if axes != 2 {
            return None;
        }
        all.push(("explicit_paddings", whole(&[0, 0, top, bottom, left, right, 0, 0])?));
    }
    Some(all)
}

/// Returns the node that has the output; `None` where there is none.
pub(super) fn nodes(op: &Conv, cx: &mut Exporter) -> Option<Source> {
    let [a, kernel] = cx.inputs else { return None };
    let axes = a.shape.len().checked_sub(2)?;
    let size = |operand: &Operand| Some(three(operand.shape.get(1..=axes)?, Some(1)));
    let volume = axes == 3;
    match op.form {
        Form::Kernel => None,
        Form::Output if op.groups == 1 => {
            let attributes = attributes(&op.windows, size(a)?, kernel, axes)?;
            Some(cx.over_inputs(if volume { "Conv3D" } else { "Conv2D" }, "output", attributes))
        }
        Form::Output if !volume && a.shape.last() == Some(&Some(op.groups)) => depthwise(op, cx),
        Form::Output => by_groups(op, cx),
        // TensorFlow's kernel for CPUs knows no dilation.
        Form::Input if op.groups == 1 && op.windows.dilation == [1; 3] => {
            let input = op.size.map(Some);
            let attributes = attributes(&op.windows, input, kernel, axes)?;
            let channels = (*kernel.shape.get(axes)?)?;
            let rest = small(&[&op.size[3 - axes..], &[channels]].concat())?;
            let (a, kernel) = (a.source, kernel.source);
            let index = |name| (name, Attribute::Type(Element::I32));
            let types = vec![("T", Attribute::Type(Element::F32)), index("out_type")];
            let shape = cx.nodes.add("Shape", "output", &[a], types);
            let (begin, one) = (cx.nodes.ints(&[0]), cx.nodes.ints(&[1]));
            let types = vec![("T", Attribute::Type(Element::I32)), index("Index")];
            let batch = cx.nodes.add("Slice", "output", &[shape, begin, one], types);
            let (rest, axis) = (cx.nodes.ints(&rest), cx.nodes.int(0));
            let types = vec![("N", Attribute::Int(2)), ("T", Attribute::Type(Element::I32)), index("Tidx")];
            let sizes = cx.nodes.add("ConcatV2", "output", &[batch, rest, axis], types);
            let mut attributes = attributes;
            if volume {
                attributes.push(index("Tshape"));
            }
            let name = if volume { "Conv3DBackpropInputV2" } else { "Conv2DBackpropInput" };
            Some(cx.nodes.float(name, "output", &[sizes, kernel, a], attributes))
        }
        Form::Input => None,
    }
}

/// Each channel for itself. TensorFlow's node moves by as many pixels along both axes, and knows no dilation.
fn depthwise(op: &Conv, cx: &mut Exporter) -> Option<Source> {
    let [a, kernel] = cx.inputs else { return None };
    let [height, width, _, filters] = *kernel.shape.as_slice() else { return None };
    let filters = filters?;
    let [_, y, x] = op.windows.strides;
    if y != x || op.windows.dilation != [1; 3] {
        return by_groups(op, cx);
    }
    let size = three(a.shape.get(1..3)?, Some(1));
    let attributes = attributes(&op.windows, size, kernel, 2)?;
    let shape = small(&[height?, width?, op.groups, filters / op.groups])?;
    let (a, kernel) = (a.source, kernel.source);
    let shape = cx.nodes.ints(&shape);
    let types = vec![("Tshape", Attribute::Type(Element::I32))];
    let kernel = cx.nodes.float("Reshape", "output", &[kernel, shape], types);
    Some(cx.nodes.float("DepthwiseConv2dNative", "output", &[a, kernel], attributes))
}

/// Groups that are worth nodes of their own.
const MOST: usize = 64;

/// A convolution for each group, side by side: TensorFlow's kernels for CPUs know no groups.
fn by_groups(op: &Conv, cx: &mut Exporter) -> Option<Source> {
    let [a, kernel] = cx.inputs else { return None };
    let axes = a.shape.len().checked_sub(2)?;
    let size = three(a.shape.get(1..=axes)?, Some(1));
    let attributes = attributes(&op.windows, size, kernel, axes)?;
    let (channels, filters) = ((*a.shape.last()?)?, (*kernel.shape.last()?)?);
    let each = [channels / op.groups, filters / op.groups];
    let sources = [a.source, kernel.source];
    if op.groups > MOST {
        return None;
    }
    let last = i32::try_from(axes + 1).ok()?;
    let mut parts = Vec::new();
    for group in 0..op.groups {
        let mut cut = |which: usize| {
            let on_last = |here: usize, elsewhere: i32| -> Option<Vec<i32>> {
                let mut all = vec![elsewhere; axes + 2];
                *all.last_mut()? = i32::try_from(here).ok()?;
                Some(all)
            };
            let begin = cx.nodes.ints(&on_last(group * each[which], 0)?);
            // -1: to the end.
            let length = cx.nodes.ints(&on_last(each[which], -1)?);
            let types = vec![("Index", Attribute::Type(Element::I32))];
            Some(cx.nodes.float("Slice", "output", &[sources[which], begin, length], types))
        };
        let operands = [cut(0)?, cut(1)?];
        let name = if axes == 3 { "Conv3D" } else { "Conv2D" };
        parts.push(cx.nodes.float(name, "output", &operands, attributes.clone()));
    }
    let count = i64::try_from(parts.len()).ok()?;
    parts.push(cx.nodes.int(last));
    let types = vec![("N", Attribute::Int(count)), ("Tidx", Attribute::Type(Element::I32))];
    Some(cx.nodes.float("ConcatV2", "output", &parts, types))
}
