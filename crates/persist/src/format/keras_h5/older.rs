//! Weights of Keras 1, of Theano and of layers for cuDNN, as Keras 2 reorders them when it loads such files (`preprocess_weights_for_loading` in
//! `tf_keras/src/saving/legacy/hdf5_format.py`; turned kernels: `keras/engine/saving.py` of Keras 2.2).
//!
//! Every array of today's is put together from arrays of the file, element by element, when it is read.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::Error;
use crate::format::skeleton::Owned;
use crate::format::values;
use crate::tree::{ANY_SHAPE, ByteSource, Bytes, DType, ModelConfig, Variable};

type Weight = (String, Variable);

/// What a file says of how its arrays are laid out.
#[derive(Clone, Copy, Default)]
pub(super) struct Writer {
    /// Keras 1: recurrent layers have three arrays a gate.
    pub(super) keras1: bool,
    /// Says that the file names that version, and does not just name none.
    pub(super) certain: bool,
    /// Theano, whose convolutions turn their kernels.
    pub(super) theano: bool,
}

/// The arrays of a layer in today's order and layout. `wanted`: the layer's variables; `model`: what its config says.
///
/// # Errors
/// Says what is not known of an array of Keras 1 that it depends on.
pub(super) fn translate(
    writer: Writer,
    model: Option<&ModelConfig>,
    wanted: &[Owned<&mut Variable>],
    found: Vec<Weight>,
) -> Result<Vec<Weight>, String> {
    let mut rest = found.into_iter().peekable();
    let mut out: Vec<Weight> = Vec::new();
    let mut at = 0;
    while let Some(first) = wanted.get(at) {
        let group =
            wanted.iter().skip(at).take_while(|other| parent(&other.path) == parent(&first.path)).count();
        let gates = match first.class.as_str() {
            "LSTMCell" | "ConvLSTMCell" => 4,
            "GRUCell" => 3,
            _ => 1,
        };
        let apart = writer.keras1 && group == 3 && gates > 1 && rest.len() >= 3 * gates;
        let taken: Vec<Weight> = rest.by_ref().take(if apart { 3 * gates } else { group }).collect();
        out.extend(match taken.as_slice() {
            parts if apart && are_gates(parts) => together(parts, gates),
            [kernel, recurrent, bias] if matches!(first.class.as_str(), "LSTMCell" | "GRUCell") => {
                of_cudnn([kernel, recurrent, bias], gates).unwrap_or(taken)
            }
            _ => {
                let config = model.and_then(|model| config_at(model, parent(&first.path)));
                let shapes = wanted.iter().skip(at).map(|owned| owned.variable.shape.clone());
                let pairs = taken.into_iter().zip(shapes);
                pairs
                    .map(|(weight, shape)| kernel(writer, &first.class, config.as_ref(), &shape, weight))
                    .collect::<Result<_, _>>()?
            }
        });
        at += group;
    }
    // What nobody wants is for others to tell.
    out.extend(rest);
    Ok(out)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// The config of the layer at a path of names.
fn config_at(model: &ModelConfig, path: &str) -> Option<Map<String, Value>> {
    let mut parts = path.split('/');
    let first = parts.next()?;
    let layer = model.layers.iter().find(|layer| layer.name == first)?;
    let rest = path.split_once('/').map(|(_, rest)| rest);
    match (&layer.model, rest) {
        (Some(inner), Some(rest)) => config_at(inner, rest),
        (None, Some(_)) => layer.config.get("layer")?.get("config")?.as_object().cloned(),
        _ => Some(layer.config.clone()),
    }
}

/// Returns whether arrays are kernels, recurrent kernels and biases in turn.
fn are_gates(parts: &[Weight]) -> bool {
    let ranks = parts.iter().map(|(_, v)| v.shape.len());
    let all: Vec<usize> = ranks.collect();
    all.chunks(3).all(|gate| gate == [2, 2, 1] || gate == [4, 4, 1])
}

/// The arrays of the gates, side by side. An LSTM of Keras 1 has them in the order i, c, f, o; today's is i, f, c, o.
fn together(parts: &[Weight], gates: usize) -> Vec<Weight> {
    let order: &[usize] = if gates == 4 { &[0, 2, 1, 3] } else { &[0, 1, 2] };
    let one = |kind: usize| {
        let of_kind: Option<Vec<&Weight>> = order.iter().map(|gate| parts.get(gate * 3 + kind)).collect();
        side_by_side(&of_kind?)
    };
    (0..3).filter_map(one).collect()
}

/// Arrays along their last axis; of one shape, as the first.
fn side_by_side(parts: &[&Weight]) -> Option<Weight> {
    let (name, first) = parts.first()?;
    let (width, before) = first.shape.split_last()?;
    let shape = [before, &[width.checked_mul(parts.len())?]].concat();
    let same = parts.iter().all(|(_, part)| part.shape == first.shape && part.dtype == first.dtype);
    let (width, count) = (*width, parts.len());
    let pick = move |element: usize| {
        let (row, column) = (element / (width * count), element % (width * count));
        (column / width, row * width + column % width)
    };
    let made = gather(first, parts.iter().map(|(_, part)| part), shape, pick).filter(|_| same)?;
    Some((name.clone(), made))
}

/// The plain form of a layer's arrays for cuDNN, which has two biases a gate, one behind the other; `None` where they are no such.
fn of_cudnn([kernel, recurrent, bias]: [&Weight; 3], gates: usize) -> Option<Vec<Weight>> {
    let ([inputs, wide], [units, same]) = (kernel.1.shape.as_slice(), recurrent.1.shape.as_slice()) else {
        return None;
    };
    let (inputs, units, wide) = (*inputs, *units, *wide);
    if wide != *same || units.checked_mul(gates)? != wide || bias.1.shape != [wide.checked_mul(2)?] {
        return None;
    }
    let single = |weight: &Weight| {
        let value =
            weight.1.value.clone().and_then(|value| values::convert(value, weight.1.dtype, DType::F32))?;
        Some((weight.0.clone(), Variable { dtype: DType::F32, value: Some(value), ..weight.1.clone() }))
    };
    let bias = &single(bias)?;
    // The block of each gate lies in memory as one of (units, rows).
    let turned = |weight: &Weight, rows: usize, of_memory: bool| {
        let pick = move |element: usize| {
            let (row, column) = (element / wide, element % wide);
            let (gate, unit) = (column / units, column % units);
            let place = if of_memory { unit * rows + row } else { unit * units + row };
            (0, place / units * wide + gate * units + place % units)
        };
        Some((weight.0.clone(), gather(&weight.1, [&weight.1], weight.1.shape.clone(), pick)?))
    };
    let kernels = [turned(kernel, inputs, true)?, turned(recurrent, units, false)?];
    let bias = match gates {
        4 => {
            let halves = [0..wide, wide..2 * wide];
            let value = bias.1.value.clone()?;
            let value: Bytes = Arc::new(Summed { value, halves });
            let shape = vec![wide];
            (bias.0.clone(), Variable { shape, value: Some(value), ..bias.1.clone() })
        }
        _ => (bias.0.clone(), Variable { shape: vec![2, wide], ..bias.1.clone() }),
    };
    Some(kernels.into_iter().chain([bias]).collect())
}

/// A convolution's kernel with its axes as today, and not turned; other arrays as they are.
fn kernel(
    writer: Writer,
    class: &str,
    config: Option<&Map<String, Value>>,
    wanted: &[usize],
    weight: Weight,
) -> Result<Weight, String> {
    let (name, mut variable) = weight;
    let rank = variable.shape.len();
    let is_conv = matches!(class, "Conv1D" | "Conv2D" | "Conv3D" | "Conv2DTranspose" | "ConvLSTMCell");
    let get = |key: &str| config.and_then(|config| config.get(key));
    if !is_conv || rank < 3 {
        return Ok((name, variable));
    }
    if writer.keras1 && config.is_none() && rank > 3 {
        // A file of any age may have lost its version; but rank 4 of a Conv1D is of Keras 1 alone.
        let plain = variable.shape == wanted || wanted == ANY_SHAPE;
        if !writer.certain && plain && class != "Conv1D" {
            return Ok((name, variable));
        }
        return of_shape(variable, class, wanted).map(|variable| (name, variable));
    }
    let first = get("data_format").is_some_and(|format| format == "channels_first");
    if writer.keras1 {
        let axes: Option<&[usize]> = match (class, rank, first) {
            ("Conv1D", 4, _) => {
                let size = |value: &Value| value.get(0).unwrap_or(value).as_u64();
                let length = get("kernel_size").and_then(size).and_then(|n| usize::try_from(n).ok());
                let plain = variable.shape.get(1) == Some(&1) && variable.shape.first().copied() == length;
                (!plain).then_some(&[2, 3, 1, 0])
            }
            ("Conv2D", 4, true) => Some(&[2, 3, 1, 0]),
            ("Conv2DTranspose", 4, false) => Some(&[0, 1, 3, 2]),
            ("Conv2DTranspose", 4, true) => Some(&[2, 3, 0, 1]),
            ("Conv3D", 5, true) => Some(&[2, 3, 4, 1, 0]),
            _ => None,
        };
        // What fits as it stands, and not otherwise, is of a file of today that has lost its version.
        let today = |moved: &Variable| variable.shape == wanted && moved.shape != wanted;
        let moved = axes.and_then(|axes| transposed(&variable, axes));
        if let Some(moved) = moved.filter(|moved| !today(moved)) {
            variable = moved;
        }
        if class == "Conv1D" && rank == 4 && variable.shape.get(1) == Some(&1) {
            variable.shape.remove(1);
        }
    }
    if writer.theano
        && let Some(turned) = turned_around(&variable)
    {
        variable = turned;
    }
    Ok((name, variable))
}

/// A kernel of Keras 1 whose layer nothing describes, with the axes that make it one of the shape that is wanted.
fn of_shape(variable: Variable, class: &str, wanted: &[usize]) -> Result<Variable, String> {
    let plain = variable.shape == wanted;
    let channels_first: &[usize] = match class {
        "Conv2D" | "Conv1D" => &[2, 3, 1, 0],
        "Conv3D" => &[2, 3, 4, 1, 0],
        _ => &[],
    };
    let mut made: Vec<Variable> = Vec::new();
    if class == "Conv1D" {
        // Of length, one, inputs and outputs; or of outputs, inputs, length and one.
        for candidate in [Some(variable.clone()), transposed(&variable, channels_first)].into_iter().flatten()
        {
            let mut candidate = candidate;
            if candidate.shape.get(1) == Some(&1) {
                candidate.shape.remove(1);
                made.extend((candidate.shape == wanted).then_some(candidate));
            }
        }
    } else {
        let moved = transposed(&variable, channels_first).filter(|_| !channels_first.is_empty());
        made.extend(moved.filter(|moved| moved.shape == wanted));
        made.extend(plain.then(|| variable.clone()));
    }
    match <[Variable; 1]>::try_from(made) {
        Ok([one]) => Ok(one),
        Err(_) => Err(format!(
            "a kernel of Keras 1 of the shape {:?}, whose axes depend on the layer's data_format, which a file of weights does not say; load the file of the whole model",
            variable.shape
        )),
    }
}

/// An array with its axes in another order.
fn transposed(variable: &Variable, axes: &[usize]) -> Option<Variable> {
    let strides = strides(&variable.shape);
    let shape: Vec<usize> = axes.iter().filter_map(|axis| variable.shape.get(*axis).copied()).collect();
    let steps: Vec<usize> = axes.iter().filter_map(|axis| strides.get(*axis).copied()).collect();
    let sizes = shape.clone();
    let pick = move |mut element: usize| {
        let mut place = 0;
        for (size, step) in sizes.iter().zip(&steps).rev() {
            place += element % size * step;
            element /= size;
        }
        (0, place)
    };
    gather(variable, [variable], shape, pick)
}

/// A kernel turned around in all axes but the last two.
fn turned_around(variable: &Variable) -> Option<Variable> {
    let inside = variable.shape.iter().rev().take(2).product::<usize>();
    let outside = variable.shape.iter().rev().skip(2).product::<usize>();
    let pick = move |element: usize| (0, (outside - 1 - element / inside) * inside + element % inside);
    gather(variable, [variable], variable.shape.clone(), pick)
}

/// Elements between neighbours along each axis.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides: Vec<usize> = shape
        .iter()
        .rev()
        .scan(1_usize, |step, size| {
            let this = *step;
            *step = step.saturating_mul(*size);
            Some(this)
        })
        .collect();
    strides.reverse();
    strides
}

/// A variable like another one, of elements of several; `pick` says which array has the element at a place, and where.
fn gather<'a>(
    like: &Variable,
    parts: impl IntoIterator<Item = &'a Variable>,
    shape: Vec<usize>,
    pick: impl Fn(usize) -> (usize, usize) + Send + Sync + 'static,
) -> Option<Variable> {
    let parts = parts.into_iter().map(|part| part.value.clone()).collect::<Option<Vec<_>>>()?;
    let count = shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size))?;
    let value: Bytes = Arc::new(Gathered { parts, width: like.dtype.size(), count, pick: Box::new(pick) });
    Some(Variable { shape, value: Some(value), ..like.clone() })
}

/// Says which array has the element at a place, and where.
type Pick = Box<dyn Fn(usize) -> (usize, usize) + Send + Sync>;

struct Gathered {
    parts: Vec<Bytes>,
    width: usize,
    count: usize,
    pick: Pick,
}

impl ByteSource for Gathered {
    fn len(&self) -> u64 {
        (self.count as u64).saturating_mul(self.width as u64)
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let parts = self.parts.iter().map(|part| part.read()).collect::<Result<Vec<_>, _>>()?;
        let mut out = Vec::with_capacity(self.count.saturating_mul(self.width));
        for element in 0..self.count {
            let (part, place) = (self.pick)(element);
            let start = place.saturating_mul(self.width);
            let bytes = parts.get(part).and_then(|part| part.get(start..start.saturating_add(self.width)));
            out.extend(bytes.unwrap_or_default());
        }
        Ok(out)
    }
}

/// The sum of two halves of an array of float32.
struct Summed {
    value: Bytes,
    halves: [Range<usize>; 2],
}

impl ByteSource for Summed {
    fn len(&self) -> u64 {
        self.value.len() / 2
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.value.read()?;
        let words: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let [a, b] = self.halves.clone().map(|half| words.get(half).unwrap_or_default());
        Ok(a.iter().zip(b).flat_map(|(a, b)| (a + b).to_le_bytes()).collect())
    }
}
