//! Pooling over windows in two dimensions: the largest pixel, or the mean of those inside.

use std::ops::Range;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, words};
use rhyton_kernels::table::{Kernel, POOL2D, POOL2D_GRAD};

use super::cases::Case;
use super::conv::Windows;
use crate::Error;
use crate::export::{Attribute, Exporter, Source};
use crate::graph::{Backward, CpuView, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::TensorType;

/// What is taken of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    /// The largest pixel.
    Max,
    /// The mean of the pixels that lie inside the input.
    Average,
}

/// Sizes of a pooling of input `[batch, input.., channels]` to output `[batch, output.., channels]`. Tap t of the window of output
/// pixel o lies over input pixel o · stride + t - padding, along each axis.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    batch: usize,
    input: [usize; 2],
    channels: usize,
    output: [usize; 2],
    size: [usize; 2],
    strides: [usize; 2],
    /// Pixels before the first.
    padding: [usize; 2],
}

/// Windows of `size` over an input `[n, h, w, c]`, each channel for itself, to `[n, oh, ow, c]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool2D {
    pooling: Pooling,
    size: [usize; 2],
    windows: Windows,
}

impl Pool2D {
    /// For an input of this shape.
    fn sizes(&self, input: &[usize]) -> Result<Sizes, String> {
        let &[batch, height, width, channels] = input else {
            return Err(format!("pooling takes images of four axes, but the shape is {input:?}"));
        };
        let Windows { strides, dilation, padding } = self.windows;
        let size = self.size;
        if dilation != [1, 1] || (0..2).any(|i| padding[i].iter().any(|p| *p >= size[i].max(1))) {
            return Err(format!("pooling with windows of {size:?} cannot be {:?}", self.windows));
        }
        let count = |axis: usize| self.windows.count(axis, [height, width][axis], size[axis]);
        let (Some(oh), Some(ow)) = (count(0), count(1)) else {
            return Err(format!("a window of {size:?} does not fit into an input of {:?}", [height, width]));
        };
        let (input, output, padding) = ([height, width], [oh, ow], padding.map(|[before, _]| before));
        Ok(Sizes { batch, input, channels, output, size, strides, padding })
    }

    /// Sizes for an input that `infer` has taken.
    fn known(&self, input: &[usize]) -> Sizes {
        self.sizes(input).unwrap_or_default()
    }

    /// One result an invocation, or one input pixel.
    fn dispatch(&self, kernel: &Kernel, s: &Sizes, count: usize, inputs: &[usize], caps: &Caps) -> Lowered {
        let pairs = [s.size, s.strides, s.padding].concat();
        let numbers = [vec![count], s.input.to_vec(), s.output.to_vec(), vec![s.channels], pairs].concat();
        let dispatch = Dispatch::linear(kernel, caps, count, 4, words(&numbers), inputs);
        Lowered::one(count, if self.pooling == Pooling::Max { dispatch } else { dispatch.with("KIND", 1) })
    }
}

/// Input pixels, along one axis, under the window at an output pixel.
fn under(s: &Sizes, axis: usize, output: usize) -> Range<usize> {
    let (first, padding) = (output * s.strides[axis], s.padding[axis]);
    first.saturating_sub(padding)..(first + s.size[axis]).saturating_sub(padding).min(s.input[axis])
}

/// Calls `f` for every window of these output lines (counted over all images): the offset of the first channel of its result, its
/// number of pixels inside, and the offsets of the first channels of those.
fn each_window(
    s: &Sizes,
    lines: Range<usize>,
    mut f: impl FnMut(usize, usize, &mut dyn Iterator<Item = usize>),
) {
    for line in lines {
        let (image, oy) = (line / s.output[0], line % s.output[0]);
        let ys = under(s, 0, oy);
        for ox in 0..s.output[1] {
            let xs = under(s, 1, ox);
            let at = |y: usize, x: usize| ((image * s.input[0] + y) * s.input[1] + x) * s.channels;
            let mut pixels = ys.clone().flat_map(|y| xs.clone().map(move |x| at(y, x)));
            f((line * s.output[1] + ox) * s.channels, ys.len() * xs.len(), &mut pixels);
        }
    }
}

fn pool<F: Real>(s: &Sizes, pooling: Pooling, lines: Range<usize>, x: &[F], out: &mut [F]) {
    let origin = lines.start * s.output[1] * s.channels;
    each_window(s, lines, |to, count, pixels| {
        let out = &mut out[to - origin..to - origin + s.channels];
        match pooling {
            Pooling::Max => {
                out.fill(F::neg_infinity());
                for at in pixels {
                    // A NaN is kept once it is there: nothing is above it.
                    let larger = |y: F, x: F| if x > y || x.is_nan() { x } else { y };
                    out.iter_mut().zip(&x[at..at + s.channels]).for_each(|(y, x)| *y = larger(*y, *x));
                }
            }
            Pooling::Average => {
                out.fill(F::zero());
                for at in pixels {
                    out.iter_mut().zip(&x[at..at + s.channels]).for_each(|(y, x)| *y += *x);
                }
                let count = F::of(count as f64);
                out.iter_mut().for_each(|y| *y /= count);
            }
        }
    });
}

impl OpDef for Pool2D {
    const NAME: &'static str = "pool2d";

    fn moves(&self) -> bool {
        self.pooling == Pooling::Max
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let s = self.sizes(&inputs[0].shape)?;
        Ok(TensorType::f32([s.batch, s.output[0], s.output[1], s.channels]))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let s = self.known(inputs[0].shape);
        pool(&s, self.pooling, 0..s.batch * s.output[0], inputs[0].data, out);
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        self.dispatch(&POOL2D, &self.known(&inputs[0].shape), output.len(), &[0], caps)
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let shape = &cx.inputs.first()?.shape;
        let ints = |[a, b]: [usize; 2]| -> Option<Attribute> {
            Some(Attribute::Ints(vec![1, i64::try_from(a).ok()?, i64::try_from(b).ok()?, 1]))
        };
        let padding = self.windows.tensorflow_padding([*shape.get(1)?, *shape.get(2)?], self.size.map(Some));
        let attributes = vec![
            ("ksize", ints(self.size)?),
            ("strides", ints(self.windows.strides)?),
            ("padding", Attribute::Text(padding)),
        ];
        match (self.pooling, padding) {
            // No layer pads otherwise, and TensorFlow has no mean of such windows.
            (_, "EXPLICIT") => None,
            (Pooling::Max, _) => Some(cx.over_inputs("MaxPool", "output", attributes)),
            (Pooling::Average, _) => Some(cx.over_inputs("AvgPool", "output", attributes)),
        }
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (x, y, g) = (cx.inputs[0], cx.output, cx.grad);
        let op = Pool2DGrad { pool: *self, input: x.shape() };
        let inputs: &[Tensor] = if self.pooling == Pooling::Max { &[g, x, y] } else { &[g] };
        Ok(vec![Some(op_node(op, inputs))])
    }

    fn flops(&self, _inputs: &[TensorType], output: &TensorType) -> u64 {
        (self.size[0] * self.size[1] * output.len()) as u64
    }

    fn tiling(&self, inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        let s = self.known(&inputs[0].shape);
        let cols = s.output[1] * s.channels;
        Some(lines(s.batch * s.output[0], (16_384 / cols.max(1)).max(1), cols))
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let s = self.known(&inputs[0].ty.shape);
        pool(&s, self.pooling, tile.row..tile.row + tile.rows, inputs[0].f32(), out);
    }
}

/// Tiles of whole lines of pixels.
fn lines(rows: usize, tile_rows: usize, cols: usize) -> Tiling {
    let cols = cols.max(1);
    Tiling { rows: rows.max(1), cols, tile_rows: tile_rows.max(1), tile_cols: cols }
}

/// The gradient of a pooling's input: of the output's; where the largest is taken, with the input and the output too. As
/// TensorFlow, the first of equal pixels gets all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool2DGrad {
    pool: Pool2D,
    /// Shape of the pooling's input.
    input: Vec<usize>,
}

/// Adds what the windows of these images give to the pixels under them.
fn spread<F: Real>(s: &Sizes, images: Range<usize>, operands: &[&[F]], out: &mut [F]) {
    let origin = images.start * s.input[0] * s.input[1] * s.channels;
    let mut left = vec![F::zero(); s.channels];
    out.fill(F::zero());
    each_window(s, images.start * s.output[0]..images.end * s.output[0], |from, count, pixels| {
        left.copy_from_slice(&operands[0][from..from + s.channels]);
        if let [_, x, y] = operands {
            let y = &y[from..from + s.channels];
            for at in pixels {
                let out = &mut out[at - origin..at - origin + s.channels];
                for (((o, left), x), y) in out.iter_mut().zip(&mut left).zip(&x[at..]).zip(y) {
                    // Without a branch, for vectors of channels: the first that is not below the largest takes what is left.
                    let below = *x < *y;
                    *o += if below { F::zero() } else { *left };
                    *left = if below { *left } else { F::zero() };
                }
            }
        } else {
            let count = F::of(count as f64);
            left.iter_mut().for_each(|g| *g /= count);
            for at in pixels {
                let out = &mut out[at - origin..at - origin + s.channels];
                out.iter_mut().zip(&left).for_each(|(o, g)| *o += *g);
            }
        }
    });
}

impl OpDef for Pool2DGrad {
    const NAME: &'static str = "pool2d_grad";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let s = self.pool.sizes(&self.input)?;
        let output = [s.batch, s.output[0], s.output[1], s.channels];
        let wanted: &[&[usize]] = match self.pool.pooling {
            Pooling::Max => &[&output, &self.input, &output],
            Pooling::Average => &[&output],
        };
        if !inputs.iter().map(|t| t.shape.as_slice()).eq(wanted.iter().copied()) {
            return Err(format!("the gradient of a pooling takes {wanted:?}, but was given {inputs:?}"));
        }
        Ok(TensorType::f32(self.input.clone()))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let s = self.pool.known(&self.input);
        spread(&s, 0..s.batch, &inputs.iter().map(|v| v.data).collect::<Vec<_>>(), out);
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        // The mean's gradient needs neither input nor output; the kernel's bindings are then filled with what there is.
        let bound = [0, 1, 2].map(|i| i.min(inputs.len() - 1));
        self.pool.dispatch(&POOL2D_GRAD, &self.pool.known(&self.input), output.len(), &bound, caps)
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        match self.pool.pooling {
            // It is linear.
            Pooling::Average => Ok(vec![Some(apply(self.pool, cx.grad))]),
            Pooling::Max => Err(Error::NoGradient { op: Self::NAME.into(), layer: String::new() }),
        }
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        (self.pool.size[0] * self.pool.size[1] * inputs[0].len()) as u64
    }

    fn tiling(&self, _inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        // Whole images, since windows may overlap.
        let s = self.pool.known(&self.input);
        Some(lines(s.batch * s.input[0], s.input[0], s.input[1] * s.channels))
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let s = self.pool.known(&self.input);
        let images = tile.row / s.input[0].max(1)..(tile.row + tile.rows) / s.input[0].max(1);
        spread(&s, images, &inputs.iter().map(|v| v.f32()).collect::<Vec<_>>(), out);
    }
}

fn apply(op: Pool2D, x: Tensor) -> Tensor {
    op_node(op, &[x])
}

impl Tensor {
    /// The largest pixel under each window of this size, over images `[n, h, w, c]`.
    pub fn max_pool2d(self, size: [usize; 2], windows: Windows) -> Tensor {
        apply(Pool2D { pooling: Pooling::Max, size, windows }, self)
    }

    /// The mean of the pixels under each window that lie inside the image, over images `[n, h, w, c]`.
    pub fn average_pool2d(self, size: [usize; 2], windows: Windows) -> Tensor {
        apply(Pool2D { pooling: Pooling::Average, size, windows }, self)
    }
}

/// Sizes, windows and inputs: apart, overlapping, with pixels under none, with padding.
fn shapes() -> Vec<([usize; 2], Windows, [usize; 4])> {
    let of = |strides, padding| Windows { strides, dilation: [1, 1], padding };
    vec![
        ([2, 2], of([2, 2], [[0, 0]; 2]), [3, 6, 8, 5]),
        ([2, 3], of([2, 2], [[0, 0]; 2]), [2, 7, 8, 3]),
        ([3, 2], of([1, 3], [[1, 1], [0, 1]]), [2, 5, 7, 2]),
        ([2, 2], of([3, 4], [[0, 0]; 2]), [1, 9, 9, 1]),
        ([5, 5], of([2, 2], [[2, 2]; 2]), [1, 11, 8, 33]),
        ([1, 1], of([1, 1], [[0, 0]; 2]), [1, 2, 3, 4]),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let case = |(pooling, tolerance)| {
        move |(size, windows, x): ([usize; 2], Windows, [usize; 4])| {
            Case::new(Pool2D { pooling, size, windows }, &[&x], tolerance, "sums of up to 25")
        }
    };
    [(Pooling::Max, 0.0), (Pooling::Average, 1e-6)]
        .into_iter()
        .flat_map(|kind| shapes().into_iter().map(case(kind)))
        .collect()
}

pub(super) fn grad_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (size, windows, x) in shapes() {
        for pooling in [Pooling::Max, Pooling::Average] {
            let pool = Pool2D { pooling, size, windows };
            let s = pool.known(&x);
            let g = [s.batch, s.output[0], s.output[1], s.channels];
            let op = Pool2DGrad { pool, input: x.to_vec() };
            if pooling == Pooling::Average {
                cases.push(Case::new(op, &[&g], 1e-6, "sums of up to 9 shares"));
                continue;
            }
            let mut case = Case::new(op, &[&g, &x, &g], 1e-6, "sums of up to 9 gradients").without_gradient();
            // Ties, of which the first gets the gradient.
            case.values[1].iter_mut().for_each(|v| *v = (*v * 2.0).round() / 2.0);
            let (values, out) = case.values.split_at_mut(2);
            pool.host(&[View { shape: &x, data: &values[1] }], &mut out[0]);
            cases.push(case);
        }
    }
    cases
}
