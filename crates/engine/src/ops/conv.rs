//! Convolution in two dimensions and its gradients, as matrix products whose windows are gathered as they are read.

mod cpu;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, Slot, Store, words};
use rhyton_kernels::table::{CONV2D_DIRECT, CONV2D_TILED};

use super::cases::Case;
use super::matmul::MANY_TILES;
use super::reduce::{self, Reduction};
use crate::Error;
use crate::export::{Attribute, Exporter, Source};
use crate::graph::{Backward, CpuView, IntoTensor, OpDef, Real, Tensor, Tile, Tiling, View, fail, op_node};
use crate::types::TensorType;

/// How a window moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Pixels from one window to the next, along height and width.
    pub strides: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
    /// Zeros before and after the input.
    pub padding: [[usize; 2]; 2],
}

impl Windows {
    /// Windows along an axis of `input` pixels; `None` where not one fits.
    pub(super) fn count(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        let span = (kernel.checked_sub(1)?).checked_mul(self.dilation[axis])?.checked_add(1)?;
        let padded = input.checked_add(self.padding[axis][0])?.checked_add(self.padding[axis][1])?;
        Some(padded.checked_sub(span)? / self.strides[axis].max(1) + 1)
    }

    /// What TensorFlow calls the padding, for an input and windows of these sizes (`None`: data decide): `VALID`, `SAME`, or `EXPLICIT`, where
    /// neither says it.
    pub(super) fn tensorflow_padding(
        &self,
        input: [Option<usize>; 2],
        size: [Option<usize>; 2],
    ) -> &'static str {
        if self.padding == [[0; 2]; 2] {
            return "VALID";
        }
        let same = |axis: usize| {
            let span = size[axis]?.checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)?;
            let missing = match (input[axis], self.strides[axis]) {
                // The same for every size.
                (_, 1) => span - 1,
                (Some(input), stride) => {
                    let last = input.div_ceil(stride.max(1)).checked_sub(1)?.checked_mul(stride)?;
                    last.checked_add(span)?.saturating_sub(input)
                }
                (None, _) => return None,
            };
            Some([missing / 2, missing - missing / 2])
        };
        if [same(0), same(1)] == self.padding.map(Some) { "SAME" } else { "EXPLICIT" }
    }
}

/// Which of the three is made of the two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The output, of input and kernel.
    Output,
    /// The gradient of the input, of the output's and the kernel.
    Input,
    /// The gradient of the kernel, of the input and the output's.
    Kernel,
}

/// Sizes of a convolution: input `[batch, input.., channels]`, kernel `[kernel.., channels, filters]`, output
/// `[batch, output.., filters]`, all f32, row-major. Tap t of the window of output pixel o lies over input pixel
/// o · stride + t · dilation - padding, along each axis.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    batch: usize,
    input: [usize; 2],
    channels: usize,
    output: [usize; 2],
    filters: usize,
    kernel: [usize; 2],
    strides: [usize; 2],
    dilation: [usize; 2],
    /// Zeros before the first pixel.
    padding: [usize; 2],
}

impl Sizes {
    /// (m, k, n) of the matrix product that makes this form.
    fn product(&self, form: Form) -> (usize, usize, usize) {
        let taps = self.kernel[0] * self.kernel[1];
        let (inputs, outputs) = (self.input[0] * self.input[1], self.output[0] * self.output[1]);
        match form {
            Form::Output => (self.batch * outputs, taps * self.channels, self.filters),
            Form::Input => (self.batch * inputs, taps * self.filters, self.channels),
            Form::Kernel => (taps * self.channels, self.batch * outputs, self.filters),
        }
    }
}

/// A convolution or one of its gradients: input `[n, h, w, c]`, kernel `[kh, kw, c, filters]`, output `[n, oh, ow, filters]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv2D {
    windows: Windows,
    form: Form,
    /// Height and width of what the operands do not tell: the input in its gradient, the kernel in its.
    size: [usize; 2],
}

impl Conv2D {
    fn sizes(&self, a: &[usize], b: &[usize]) -> Result<Sizes, String> {
        let unfit = || format!("a convolution cannot have operands of shapes {a:?} and {b:?}");
        let (&[batch, a0, a1, a2], &[b0, b1, b2, b3]) = (a, b) else { return Err(unfit()) };
        let (input, channels, output, filters, kernel) = match self.form {
            Form::Output => ([a0, a1], a2, None, b3, [b0, b1]),
            Form::Input => (self.size, b2, Some([a0, a1]), a2, [b0, b1]),
            Form::Kernel => ([a0, a1], a2, Some([b1, b2]), b3, self.size),
        };
        let fits = match self.form {
            Form::Output => b2 == channels,
            Form::Input => b3 == filters,
            Form::Kernel => b0 == batch,
        };
        let count = |axis: usize| self.windows.count(axis, input[axis], kernel[axis]);
        let (Some(height), Some(width)) = (count(0), count(1)) else {
            return Err(format!("a window of {kernel:?} does not fit into an input of {input:?}"));
        };
        if !fits || output.is_some_and(|o| o != [height, width]) {
            return Err(unfit());
        }
        let Windows { strides, dilation, padding } = self.windows;
        let padding = padding.map(|[before, _]| before);
        Ok(Sizes {
            batch,
            input,
            channels,
            output: [height, width],
            filters,
            kernel,
            strides,
            dilation,
            padding,
        })
    }

    /// Sizes of operands that `infer` has taken.
    fn known(&self, a: &[usize], b: &[usize]) -> Sizes {
        self.sizes(a, b).unwrap_or_default()
    }

    fn with(self, form: Form, size: [usize; 2]) -> Self {
        Conv2D { form, size, ..self }
    }
}

/// The input pixel, along one axis, under a tap of the window at an output pixel.
fn under(s: &Sizes, axis: usize, output: usize, tap: usize) -> Option<usize> {
    let at = (output * s.strides[axis] + tap * s.dilation[axis]).checked_sub(s.padding[axis])?;
    (at < s.input[axis]).then_some(at)
}

/// Calls `f` with the offsets of the first channels of input, kernel and output for every tap of every window.
fn each_tap(s: &Sizes, mut f: impl FnMut(usize, usize, usize)) {
    for image in 0..s.batch {
        for oy in 0..s.output[0] {
            for ox in 0..s.output[1] {
                let out = ((image * s.output[0] + oy) * s.output[1] + ox) * s.filters;
                for ky in 0..s.kernel[0] {
                    for kx in 0..s.kernel[1] {
                        if let (Some(y), Some(x)) = (under(s, 0, oy, ky), under(s, 1, ox, kx)) {
                            let input = ((image * s.input[0] + y) * s.input[1] + x) * s.channels;
                            f(input, (ky * s.kernel[1] + kx) * s.channels * s.filters, out);
                        }
                    }
                }
            }
        }
    }
}

impl OpDef for Conv2D {
    const NAME: &'static str = "conv2d";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let s = self.sizes(&inputs[0].shape, &inputs[1].shape)?;
        TensorType::f32(match self.form {
            Form::Output => [s.batch, s.output[0], s.output[1], s.filters],
            Form::Input => [s.batch, s.input[0], s.input[1], s.channels],
            Form::Kernel => [s.kernel[0], s.kernel[1], s.channels, s.filters],
        })
        .addressable()
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (a, b) = (inputs[0], inputs[1]);
        let s = self.known(a.shape, b.shape);
        out.fill(F::zero());
        each_tap(&s, |input, kernel, output| {
            for c in 0..s.channels {
                for f in 0..s.filters {
                    let (i, k, o) = (input + c, kernel + c * s.filters + f, output + f);
                    match self.form {
                        Form::Output => out[o] += a.data[i] * b.data[k],
                        Form::Input => out[i] += a.data[o] * b.data[k],
                        Form::Kernel => out[k] += a.data[i] * b.data[o],
                    }
                }
            }
        });
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        let s = self.known(&inputs[0].shape, &inputs[1].shape);
        let (m, k, n) = s.product(self.form);
        let tile = if caps.software { 8 } else { 64 };
        let tiles = m.div_ceil(tile) * n.div_ceil(tile);
        // A kernel's gradient has few elements, each a long sum.
        let most = if self.form == Form::Kernel { k.div_ceil(PART) } else { 1 };
        let parts = MANY_TILES.div_ceil(tiles.max(1)).clamp(1, most.max(1));
        let part = k.div_ceil(parts).next_multiple_of(16);
        let parts = k.div_ceil(part).max(1);
        let [ih, iw, oh, ow] = [s.input[0], s.input[1], s.output[0], s.output[1]];
        let mut numbers = vec![m, n, k, part, parts, ih, iw, s.channels, oh, ow, s.filters, s.kernel[1]];
        numbers.extend([s.strides, s.dilation, s.padding].concat());
        let (kernel, groups, why) = if caps.software {
            (&CONV2D_DIRECT, (tiles * parts).div_ceil(8), "software adapter: registers only, no barriers")
        } else {
            (&CONV2D_TILED, tiles * parts, "tiles of 64 x 64")
        };
        let product = Dispatch::new(kernel, caps, groups, words(&numbers), &[0, 1]).because(why);
        let product = match self.form {
            Form::Output => product,
            Form::Input => product.with("FORM", 1),
            Form::Kernel => product.with("FORM", 2),
        };
        if parts == 1 {
            return Lowered::one(m * n, product);
        }
        let product = Dispatch { stores: Store::Scratch(0), ..product };
        let sum = reduce::lower(Reduction::Sum, 1, parts, m * n, caps).dispatches.into_iter();
        let sum = sum.map(|d| Dispatch { bindings: vec![Slot::Scratch(0)], ..d }.because("sum of the parts"));
        let product = product.because("few results: the sum is cut into parts");
        Lowered { dispatches: std::iter::once(product).chain(sum).collect(), scratch: vec![parts * m * n] }
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (a, b, g) = (cx.inputs[0], cx.inputs[1], cx.grad);
        let s = self.known(&a.shape(), &b.shape());
        let make = |form, size, x: Tensor, y: Tensor| Some(apply(self.with(form, size), x, y));
        let output = |x, k| make(Form::Output, [0; 2], x, k);
        let input = |g, k| make(Form::Input, s.input, g, k);
        let kernel = |x, g| make(Form::Kernel, s.kernel, x, g);
        let needs = |i: usize, f: &dyn Fn() -> Option<Tensor>| if cx.needs[i] { f() } else { None };
        Ok(match self.form {
            Form::Output => vec![needs(0, &|| input(g, b)), needs(1, &|| kernel(a, g))],
            Form::Input => vec![needs(0, &|| output(g, b)), needs(1, &|| kernel(g, a))],
            Form::Kernel => vec![needs(0, &|| input(b, g)), needs(1, &|| output(a, g))],
        })
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let (Form::Output, [x, kernel]) = (self.form, cx.inputs) else { return None };
        let Windows { strides, dilation, .. } = self.windows;
        let ints = |all: &[usize]| -> Option<Attribute> {
            Some(Attribute::Ints(all.iter().map(|n| i64::try_from(*n).ok()).collect::<Option<_>>()?))
        };
        let mut attributes = vec![("strides", ints(&[1, strides[0], strides[1], 1])?)];
        if dilation != [1, 1] {
            attributes.push(("dilations", ints(&[1, dilation[0], dilation[1], 1])?));
        }
        let size = |shape: &[Option<usize>], first: usize| Some([*shape.get(first)?, *shape.get(first + 1)?]);
        let padding = self.windows.tensorflow_padding(size(&x.shape, 1)?, size(&kernel.shape, 0)?);
        attributes.push(("padding", Attribute::Text(padding)));
        if padding == "EXPLICIT" {
            let [[top, bottom], [left, right]] = self.windows.padding;
            attributes.push(("explicit_paddings", ints(&[0, 0, top, bottom, left, right, 0, 0])?));
        }
        Some(cx.over_inputs("Conv2D", "output", attributes))
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        let (m, k, n) = self.known(&inputs[0].shape, &inputs[1].shape).product(Form::Output);
        2 * m as u64 * k as u64 * n as u64
    }

    fn tiling(&self, inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        Some(cpu::tiling(self.form, &self.known(&inputs[0].shape, &inputs[1].shape)))
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let s = self.known(&inputs[0].ty.shape, &inputs[1].ty.shape);
        cpu::tile(self.form, &s, inputs[0].f32(), inputs[1].f32(), tile, out);
    }
}

/// Pixels of a part of the sum of a kernel's gradient on a GPU: a multiple of the depth of a tile, and enough work to be worth storing.
const PART: usize = 512;

fn apply(op: Conv2D, a: Tensor, b: Tensor) -> Tensor {
    op_node(op, &[a, b])
}

impl Tensor {
    /// Convolution (cross-correlation, as Keras') of `[n, h, w, c]` with a kernel `[kh, kw, c / groups, filters]`, to
    /// `[n, oh, ow, filters]`. Channels and filters are cut into groups that do not see each other. Zeros of the padding are multiplied as
    /// others are: by a weight that is NaN or infinite that is NaN.
    pub fn conv2d(self, kernel: impl IntoTensor, windows: Windows, groups: usize) -> Tensor {
        let kernel = kernel.into_tensor();
        let op = Conv2D { windows, form: Form::Output, size: [0; 2] };
        if groups <= 1 {
            return apply(op, self, kernel);
        }
        let (channels, filters) = match (self.shape().as_slice(), kernel.shape().as_slice()) {
            (&[_, _, _, c], &[_, _, k, f]) if k * groups == c && f % groups == 0 => (k, f / groups),
            (x, k) => {
                let what = format!("{x:?} and a kernel {k:?} cannot be cut into {groups} groups");
                fail(Error::Shape { layer: String::new(), what });
                return self;
            }
        };
        let parts: Vec<Tensor> = (0..groups)
            .map(|i| apply(op, self.slice(3, i * channels, channels), kernel.slice(3, i * filters, filters)))
            .collect();
        Tensor::concat(&parts, 3)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let plain = Windows { strides: [1, 1], dilation: [1, 1], padding: [[0, 0], [0, 0]] };
    let same = Windows { padding: [[1, 1], [1, 1]], ..plain };
    let of = |windows: Windows, x: [usize; 4], k: [usize; 4]| {
        let count = |axis: usize| windows.count(axis, x[axis + 1], k[axis]).unwrap_or(0);
        let g = [x[0], count(0), count(1), k[3]];
        let op = |form, size| Conv2D { windows, form, size };
        let case = |op, a: &[usize], b: &[usize], sum: usize| {
            Case::new(
                op,
                &[a, b],
                4e-6 * (sum as f64).sqrt(),
                "f32 rounding grows with the square root of the terms",
            )
        };
        let taps = k[0] * k[1];
        [
            case(op(Form::Output, [0; 2]), &x, &k, taps * k[2]),
            case(op(Form::Input, [x[1], x[2]]), &g, &k, taps * k[3]),
            case(op(Form::Kernel, [k[0], k[1]]), &x, &g, g[0] * g[1] * g[2]),
        ]
    };
    let cases = [
        of(plain, [1, 1, 1, 1], [1, 1, 1, 1]),
        of(plain, [2, 5, 7, 3], [1, 1, 3, 4]),
        of(same, [3, 6, 5, 2], [3, 3, 2, 9]),
        of(plain, [2, 28, 28, 1], [3, 3, 1, 5]),
        // 1200 output pixels: on a GPU the sum of the kernel's gradient is cut into parts.
        of(same, [12, 10, 10, 3], [3, 3, 3, 17]),
        of(Windows { strides: [2, 3], padding: [[0, 1], [1, 1]], ..plain }, [2, 7, 9, 2], [3, 2, 2, 5]),
        of(Windows { strides: [3, 1], ..plain }, [1, 8, 6, 4], [2, 5, 4, 3]),
        of(Windows { dilation: [2, 3], padding: [[2, 2], [3, 3]], ..plain }, [2, 8, 9, 2], [3, 3, 2, 3]),
        // Pixels under no window; windows in the padding alone.
        of(Windows { strides: [4, 4], ..plain }, [1, 9, 9, 2], [2, 2, 2, 3]),
        of(Windows { padding: [[3, 0], [0, 3]], ..plain }, [1, 3, 3, 2], [2, 2, 2, 2]),
        of(plain, [1, 9, 9, 40], [3, 3, 40, 70]),
    ];
    cases.into_iter().flatten().collect()
}
