//! Pooling over windows: the largest pixel, or the mean of those inside.

use std::ops::Range;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, words};
use rhyton_kernels::table::{Kernel, POOL2D, POOL2D_GRAD};

use super::cases::Case;
use super::conv::{as_image, as_sequence};
use super::windows::{Windows, three};
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

/// Sizes of a pooling of input `[batch, input.., channels]` to output `[batch, output.., channels]`, over three axes: those of images have a depth
/// of 1. Tap t of the window of output pixel o lies over input pixel o · stride + t - padding, along each axis.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    batch: usize,
    input: [usize; 3],
    channels: usize,
    output: [usize; 3],
    size: [usize; 3],
    strides: [usize; 3],
    /// Pixels before the first.
    padding: [usize; 3],
}

impl Sizes {
    /// Lines of output pixels of an image.
    fn lines(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Lines of input pixels of an image.
    fn input_lines(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Shape of the output, over `axes` axes.
    fn shape(&self, axes: usize) -> Vec<usize> {
        let output = &self.output[3 - axes..];
        [&[self.batch], output, &[self.channels]].concat()
    }
}

/// Windows of `size` over an input `[n, .., c]` with two axes between, or three, each channel for itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    pooling: Pooling,
    size: [usize; 3],
    windows: Windows<3>,
}

impl Pool {
    /// For an input of this shape.
    fn sizes(&self, input: &[usize]) -> Result<Sizes, String> {
        let (4 | 5, [batch, pixels @ .., channels]) = (input.len(), input) else {
            return Err(format!("pooling takes images or volumes, but the shape is {input:?}"));
        };
        let (axes, input) = (pixels.len(), three(pixels, 1));
        let Windows { strides, dilation, padding } = self.windows;
        let size = self.size;
        if dilation != [1; 3] || (0..3).any(|i| padding[i].iter().any(|p| *p >= size[i].max(1))) {
            return Err(format!("pooling with windows of {size:?} cannot be {:?}", self.windows));
        }
        let Some(output) = self.windows.counts(input, size) else {
            let size = &size[3 - axes..];
            return Err(format!("a window of {size:?} does not fit into an input of {pixels:?}"));
        };
        let (padding, batch, channels) = (padding.map(|[before, _]| before), *batch, *channels);
        Ok(Sizes { batch, input, channels, output, size, strides, padding })
    }

    /// Sizes for an input that `infer` has taken.
    fn known(&self, input: &[usize]) -> Sizes {
        self.sizes(input).unwrap_or_default()
    }

    /// One result an invocation, or one input pixel.
    fn dispatch(
        &self,
        kernel: &Kernel,
        s: &Sizes,
        volume: bool,
        count: usize,
        inputs: &[usize],
        caps: &Caps,
    ) -> Lowered {
        let [id, ih, iw] = s.input;
        let [od, oh, ow] = s.output;
        let mut numbers = vec![count, ih, iw, oh, ow, s.channels];
        for of_axes in [s.size, s.strides, s.padding] {
            numbers.extend(&of_axes[1..]);
        }
        numbers.extend([id, od, s.size[0], s.strides[0], s.padding[0]]);
        let mut dispatch = Dispatch::linear(kernel, caps, count, 4, words(&numbers), inputs);
        if self.pooling == Pooling::Average {
            dispatch = dispatch.with("KIND", 1);
        }
        Lowered::one(count, if volume { dispatch.with("VOLUME", 1) } else { dispatch })
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
        let (plane, oy) = (line / s.output[1], line % s.output[1]);
        let (image, oz) = (plane / s.output[0], plane % s.output[0]);
        let (zs, ys) = (under(s, 0, oz), under(s, 1, oy));
        for ox in 0..s.output[2] {
            let xs = under(s, 2, ox);
            let at = |z: usize, y: usize, x: usize| {
                (((image * s.input[0] + z) * s.input[1] + y) * s.input[2] + x) * s.channels
            };
            let rows = zs.clone().flat_map(|z| ys.clone().map(move |y| (z, y)));
            let mut pixels = rows.flat_map(|(z, y)| xs.clone().map(move |x| at(z, y, x)));
            let count = zs.len() * ys.len() * xs.len();
            f((line * s.output[2] + ox) * s.channels, count, &mut pixels);
        }
    }
}

fn pool<F: Real>(s: &Sizes, pooling: Pooling, lines: Range<usize>, x: &[F], out: &mut [F]) {
    let origin = lines.start * s.output[2] * s.channels;
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

impl OpDef for Pool {
    const NAME: &'static str = "pool2d";

    fn moves(&self) -> bool {
        self.pooling == Pooling::Max
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let s = self.sizes(&inputs[0].shape)?;
        Ok(TensorType::f32(s.shape(inputs[0].shape.len() - 2)))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let s = self.known(inputs[0].shape);
        pool(&s, self.pooling, 0..s.batch * s.lines(), inputs[0].data, out);
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let shape = &inputs[0].shape;
        self.dispatch(&POOL2D, &self.known(shape), shape.len() == 5, output.len(), &[0], caps)
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let shape = &cx.inputs.first()?.shape;
        let axes = shape.len().checked_sub(2)?;
        let ints = |numbers: [usize; 3]| -> Option<Attribute> {
            let around = [&[1], &numbers[3 - axes..], &[1]].concat();
            Some(Attribute::Ints(around.iter().map(|n| i64::try_from(*n).ok()).collect::<Option<_>>()?))
        };
        let input = three(shape.get(1..=axes)?, Some(1));
        let padding = self.windows.tensorflow_padding(input, self.size.map(Some));
        let attributes = vec![
            ("ksize", ints(self.size)?),
            ("strides", ints(self.windows.strides)?),
            ("padding", Attribute::Text(padding)),
        ];
        let name = match (self.pooling, axes) {
            (Pooling::Max, 2) => "MaxPool",
            (Pooling::Max, _) => "MaxPool3D",
            (Pooling::Average, 2) => "AvgPool",
            (Pooling::Average, _) => "AvgPool3D",
        };
        // No layer pads otherwise, and TensorFlow has no mean of such windows.
        (padding != "EXPLICIT").then(|| cx.over_inputs(name, "output", attributes))
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (x, y, g) = (cx.inputs[0], cx.output, cx.grad);
        let op = PoolGrad { pool: *self, input: x.shape() };
        let inputs: &[Tensor] = if self.pooling == Pooling::Max { &[g, x, y] } else { &[g] };
        Ok(vec![Some(op_node(op, inputs))])
    }

    fn flops(&self, _inputs: &[TensorType], output: &TensorType) -> u64 {
        (self.size.iter().product::<usize>() * output.len()) as u64
    }

    fn tiling(&self, inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        let s = self.known(&inputs[0].shape);
        let cols = s.output[2] * s.channels;
        Some(lines(s.batch * s.lines(), (16_384 / cols.max(1)).max(1), cols))
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
pub struct PoolGrad {
    pool: Pool,
    /// Shape of the pooling's input.
    input: Vec<usize>,
}

/// Adds what the windows of these images give to the pixels under them.
fn spread<F: Real>(s: &Sizes, images: Range<usize>, operands: &[&[F]], out: &mut [F]) {
    let origin = images.start * s.input_lines() * s.input[2] * s.channels;
    let mut left = vec![F::zero(); s.channels];
    out.fill(F::zero());
    each_window(s, images.start * s.lines()..images.end * s.lines(), |from, count, pixels| {
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

impl OpDef for PoolGrad {
    const NAME: &'static str = "pool2d_grad";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let s = self.pool.sizes(&self.input)?;
        let output = s.shape(self.input.len() - 2);
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
        let (s, volume) = (self.pool.known(&self.input), self.input.len() == 5);
        self.pool.dispatch(&POOL2D_GRAD, &s, volume, output.len(), &bound, caps)
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        match self.pool.pooling {
            // It is linear.
            Pooling::Average => Ok(vec![Some(apply(self.pool, cx.grad))]),
            Pooling::Max => Err(Error::NoGradient { op: Self::NAME.into(), layer: String::new() }),
        }
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        (self.pool.size.iter().product::<usize>() * inputs[0].len()) as u64
    }

    fn tiling(&self, _inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        // Whole images, since windows may overlap.
        let s = self.pool.known(&self.input);
        Some(lines(s.batch * s.input_lines(), s.input_lines(), s.input[2] * s.channels))
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let s = self.pool.known(&self.input);
        let images = tile.row / s.input_lines().max(1)..(tile.row + tile.rows) / s.input_lines().max(1);
        spread(&s, images, &inputs.iter().map(|v| v.f32()).collect::<Vec<_>>(), out);
    }
}

fn apply(op: Pool, x: Tensor) -> Tensor {
    op_node(op, &[x])
}

fn over<const N: usize>(x: Tensor, pooling: Pooling, size: [usize; N], windows: Windows<N>) -> Tensor {
    let op = Pool { pooling, size: three(&size, 1), windows: windows.lifted() };
    if N == 1 { as_sequence(apply(op, as_image(x))) } else { apply(op, x) }
}

impl Tensor {
    /// The largest pixel under each window of this size, over `[n, .., c]` with `N` axes between: 1, 2 or 3.
    pub fn max_pool<const N: usize>(self, size: [usize; N], windows: Windows<N>) -> Tensor {
        over(self, Pooling::Max, size, windows)
    }

    /// The mean of the pixels under each window that lie inside, over `[n, .., c]` with `N` axes between: 1, 2 or 3.
    pub fn average_pool<const N: usize>(self, size: [usize; N], windows: Windows<N>) -> Tensor {
        over(self, Pooling::Average, size, windows)
    }
}

/// Pools and inputs: apart, overlapping, with pixels under none, with padding, over two and three axes.
fn shapes(pooling: Pooling) -> Vec<(Pool, Vec<usize>)> {
    fn of<const N: usize>(
        pooling: Pooling,
        size: [usize; N],
        strides: [usize; N],
        padding: [[usize; 2]; N],
        x: &[usize],
    ) -> (Pool, Vec<usize>) {
        let windows = Windows { strides, dilation: [1; N], padding }.lifted();
        (Pool { pooling, size: three(&size, 1), windows }, x.to_vec())
    }
    vec![
        of(pooling, [2, 2], [2, 2], [[0, 0]; 2], &[3, 6, 8, 5]),
        of(pooling, [2, 3], [2, 2], [[0, 0]; 2], &[2, 7, 8, 3]),
        of(pooling, [3, 2], [1, 3], [[1, 1], [0, 1]], &[2, 5, 7, 2]),
        of(pooling, [2, 2], [3, 4], [[0, 0]; 2], &[1, 9, 9, 1]),
        of(pooling, [5, 5], [2, 2], [[2, 2]; 2], &[1, 11, 8, 33]),
        of(pooling, [1, 1], [1, 1], [[0, 0]; 2], &[1, 2, 3, 4]),
        of(pooling, [2, 2, 2], [2, 2, 2], [[0, 0]; 3], &[2, 4, 5, 6, 3]),
        of(pooling, [3, 2, 2], [1, 2, 1], [[1, 1], [0, 1], [1, 0]], &[2, 4, 5, 3, 2]),
        of(pooling, [1, 3, 1], [3, 1, 2], [[0, 0]; 3], &[1, 5, 4, 3, 2]),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    [(Pooling::Max, 0.0), (Pooling::Average, 1e-6)]
        .into_iter()
        .flat_map(|(pooling, tolerance)| {
            let case = move |(op, x): (Pool, Vec<usize>)| Case::new(op, &[&x], tolerance, "sums of up to 25");
            shapes(pooling).into_iter().map(case)
        })
        .collect()
}

pub(super) fn grad_cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for pooling in [Pooling::Max, Pooling::Average] {
        for (pool, x) in shapes(pooling) {
            let g = pool.known(&x).shape(x.len() - 2);
            let op = PoolGrad { pool, input: x.clone() };
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
