//! Convolution over the axes of an image or a volume and its gradients, as matrix products whose windows are gathered as they are read; with
//! groups of few channels, as sums that are read where they lie.

mod cases;
mod cpu;
mod export;
mod grouped;
mod sizes;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, Slot, Store, words};
use rhyton_kernels::table::{CONV_EACH, CONV2D_DIRECT, CONV2D_TILED};

use super::matmul::MANY_TILES;
use super::reduce::{self, Reduction};
use super::windows::{Windows, three};
use crate::Error;
use crate::export::{Exporter, Source};
use crate::graph::{Backward, CpuView, IntoTensor, OpDef, Real, Tensor, Tile, Tiling, View, fail, op_node};
use crate::types::TensorType;
use sizes::{Form, Sizes, index, place};

pub(super) use cases::cases;

/// A convolution or one of its gradients: input `[n, .., c]`, kernel `[.., c / groups, filters]`, output `[n, .., filters]`, with two axes between, or
/// three.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conv {
    windows: Windows<3>,
    form: Form,
    /// Sizes of what the operands do not tell: the input in its gradient, the kernel in its.
    size: [usize; 3],
    groups: usize,
}

impl Conv {
    fn sizes(&self, a: &[usize], b: &[usize]) -> Result<Sizes, String> {
        Sizes::of(&self.windows, self.form, self.size, self.groups, a, b)
    }

    /// Sizes of operands that `infer` has taken.
    fn known(&self, a: &[usize], b: &[usize]) -> Sizes {
        self.sizes(a, b).unwrap_or_default()
    }

    fn with(self, form: Form, size: [usize; 3]) -> Self {
        Conv { form, size, ..self }
    }
}

impl OpDef for Conv {
    /// Named after its commonest case.
    const NAME: &'static str = "conv2d";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let (a, b) = (&inputs[0].shape, &inputs[1].shape);
        TensorType::f32(self.sizes(a, b)?.shape(self.form, a.len() - 2)).addressable()
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let (a, b) = (inputs[0], inputs[1]);
        let s = self.known(a.shape, b.shape);
        out.fill(F::zero());
        let (channels, filters) = (s.channels_each(), s.filters_each());
        let outputs: usize = s.output.iter().product();
        for pixel in 0..s.batch * outputs {
            let (image, o) = (pixel / outputs, place(pixel % outputs, s.output));
            s.each_tap(|tap, t| {
                let [z, y, x] = [0, 1, 2].map(|axis| s.under(axis, o[axis], t[axis]));
                let (Some(z), Some(y), Some(x)) = (z, y, x) else { return };
                let under = index(image, [z, y, x], s.input);
                for f in 0..s.filters {
                    for c in 0..channels {
                        let i = under * s.channels + f / filters * channels + c;
                        let k = (tap * channels + c) * s.filters + f;
                        let o = pixel * s.filters + f;
                        match self.form {
                            Form::Output => out[o] += a.data[i] * b.data[k],
                            Form::Input => out[i] += a.data[o] * b.data[k],
                            Form::Kernel => out[k] += a.data[i] * b.data[o],
                        }
                    }
                }
            });
        }
    }

    fn lower(&self, inputs: &[TensorType], _output: &TensorType, caps: &Caps) -> Lowered {
        let s = self.known(&inputs[0].shape, &inputs[1].shape);
        let volume = inputs[0].shape.len() == 5;
        let (m, k, n) = s.product(self.form);
        // What is not for the kernels of products: few channels a group, and volumes on a CPU.
        let each = s.groups > 1 || (volume && caps.software);
        let tile = if caps.software { 8 } else { 64 };
        let tiles = if each { (m * n).div_ceil(64) } else { m.div_ceil(tile) * n.div_ceil(tile) };
        // A kernel's gradient has few elements, each a long sum.
        let most = if self.form == Form::Kernel { k.div_ceil(PART) } else { 1 };
        let parts = MANY_TILES.div_ceil(tiles.max(1)).clamp(1, most.max(1));
        let part = k.div_ceil(parts).next_multiple_of(16);
        let parts = k.div_ceil(part).max(1);
        let product = if each {
            let mut numbers = vec![m * n, k, part, parts, s.channels, s.filters, s.channels_each()];
            numbers.push(s.filters_each());
            numbers.extend([s.input, s.output, s.kernel, s.strides, s.dilation, s.padding].concat());
            Dispatch::linear(&CONV_EACH, caps, m * n * parts, 4, words(&numbers), &[0, 1])
                .because("each result for itself")
        } else {
            let [_, ih, iw] = s.input;
            let [_, oh, ow] = s.output;
            let mut numbers = vec![m, n, k, part, parts, ih, iw, s.channels, oh, ow, s.filters, s.kernel[2]];
            for pair in [s.strides, s.dilation, s.padding] {
                numbers.extend(&pair[1..]);
            }
            let (kernel, groups, why) = if caps.software {
                (&CONV2D_DIRECT, (tiles * parts).div_ceil(8), "software adapter: registers only, no barriers")
            } else {
                numbers.extend([s.input[0], s.output[0], s.kernel[1]]);
                numbers.extend([s.strides[0], s.dilation[0], s.padding[0]]);
                (&CONV2D_TILED, tiles * parts, "tiles of 64 x 64")
            };
            let dispatch = Dispatch::new(kernel, caps, groups, words(&numbers), &[0, 1]).because(why);
            if volume { dispatch.with("VOLUME", 1) } else { dispatch }
        };
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
        let output = |x, k| make(Form::Output, [0; 3], x, k);
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
        export::nodes(self, cx)
    }

    fn flops(&self, inputs: &[TensorType], _output: &TensorType) -> u64 {
        let (m, k, n) = self.known(&inputs[0].shape, &inputs[1].shape).product(Form::Output);
        2 * m as u64 * k as u64 * n as u64
    }

    fn tiling(&self, inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        let s = self.known(&inputs[0].shape, &inputs[1].shape);
        Some(if s.groups > 1 { grouped::tiling(self.form, &s) } else { cpu::tiling(self.form, &s) })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let s = self.known(&inputs[0].ty.shape, &inputs[1].ty.shape);
        let run = if s.groups > 1 { grouped::tile } else { cpu::tile };
        run(self.form, &s, inputs[0].f32(), inputs[1].f32(), tile, out);
    }
}

/// Pixels of a part of the sum of a kernel's gradient on a GPU: a multiple of the depth of a tile, and enough work to be worth storing.
const PART: usize = 512;

/// Channels, and filters, of a group that is worth a matrix product of its own.
const WIDE: usize = 16;

fn apply(op: Conv, a: Tensor, b: Tensor) -> Tensor {
    op_node(op, &[a, b])
}

/// Returns a sequence `[n, t, c]` as an image of height 1; others as they are.
pub(super) fn as_image(x: Tensor) -> Tensor {
    match x.shape().as_slice() {
        &[batch, steps, channels] => x.reshape([batch, 1, steps, channels]),
        _ => x,
    }
}

/// Returns an image of height 1 as the sequence that it was.
pub(super) fn as_sequence(y: Tensor) -> Tensor {
    match y.shape().as_slice() {
        &[batch, 1, steps, channels] => y.reshape([batch, steps, channels]),
        _ => y,
    }
}

impl Tensor {
    /// Convolution (cross-correlation, as Keras') of `[n, .., c]` with a kernel `[.., c / groups, filters]`, to `[n, .., filters]`, with `N` axes
    /// between: 1, 2 or 3. Channels and filters are cut into groups that do not see each other.
    pub fn conv<const N: usize>(self, kernel: impl IntoTensor, windows: Windows<N>, groups: usize) -> Tensor {
        let kernel = kernel.into_tensor();
        if N == 1 {
            let shape = kernel.shape();
            let kernel = kernel.reshape([&[1], shape.as_slice()].concat());
            return as_sequence(as_image(self).conv(kernel, windows.lifted(), groups));
        }
        let op = Conv { windows: windows.lifted(), form: Form::Output, size: [0; 3], groups: groups.max(1) };
        if groups <= 1 {
            return apply(op, self, kernel);
        }
        let (x, k) = (self.shape(), kernel.shape());
        let last = x.len().max(1) - 1;
        let (channels, filters) = match (x.last(), k.as_slice()) {
            (Some(c), [.., k, f]) if k * groups == *c && f % groups == 0 => (*k, f / groups),
            _ => {
                let what = format!("{x:?} and a kernel {k:?} cannot be cut into {groups} groups");
                fail(Error::Shape { layer: String::new(), what });
                return self;
            }
        };
        if channels < WIDE || filters < WIDE {
            return apply(op, self, kernel);
        }
        let part = |i: usize| {
            let of_kernel = kernel.slice(k.len() - 1, i * filters, filters);
            apply(Conv { groups: 1, ..op }, self.slice(last, i * channels, channels), of_kernel)
        };
        Tensor::concat(&(0..groups).map(part).collect::<Vec<_>>(), last)
    }

    /// Transposed convolution of `[n, .., channels]` with a kernel `[.., filters, channels]`, to `[n, output.., filters]`: the gradient, by its input, of the
    /// convolution with these windows over an input of `output` pixels.
    pub fn conv_transpose<const N: usize>(
        self,
        kernel: impl IntoTensor,
        windows: Windows<N>,
        output: [usize; N],
    ) -> Tensor {
        let kernel = kernel.into_tensor();
        let op = Conv { windows: windows.lifted(), form: Form::Input, size: three(&output, 1), groups: 1 };
        if N == 1 {
            let shape = kernel.shape();
            return as_sequence(apply(op, as_image(self), kernel.reshape([&[1], shape.as_slice()].concat())));
        }
        apply(op, self, kernel)
    }

    /// Convolution of each channel for itself: `[n, .., c]` with a kernel `[.., c, multiplier]` to `[n, .., c · multiplier]`.
    pub fn depthwise_conv<const N: usize>(self, kernel: impl IntoTensor, windows: Windows<N>) -> Tensor {
        let kernel = kernel.into_tensor();
        let mut shape = kernel.shape();
        let [.., channels, multiplier] = shape.as_mut_slice() else { return self };
        let groups = *channels;
        *multiplier *= groups;
        *channels = 1;
        self.conv(kernel.reshape(shape), windows, groups)
    }
}
