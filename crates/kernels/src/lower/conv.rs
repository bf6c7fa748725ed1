//! Convolutions in two dimensions and their gradients.

use super::matmul::MANY_TILES;
use super::reduce::{Reduction, reduce};
use super::{dispatch, single, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered, Slot, Store};
use crate::table::{CONV2D_DIRECT, CONV2D_TILED};

/// Which of the three is made of the two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConvForm {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub struct ConvSizes {
    pub batch: usize,
    pub input: [usize; 2],
    pub channels: usize,
    pub output: [usize; 2],
    pub filters: usize,
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilation: [usize; 2],
    /// Zeros before the first pixel.
    pub padding: [usize; 2],
}

impl ConvSizes {
    /// (m, k, n) of the matrix product that makes this form.
    pub fn product(&self, form: ConvForm) -> (usize, usize, usize) {
        let taps = self.kernel[0] * self.kernel[1];
        let (inputs, outputs) = (self.input[0] * self.input[1], self.output[0] * self.output[1]);
        match form {
            ConvForm::Output => (self.batch * outputs, taps * self.channels, self.filters),
            ConvForm::Input => (self.batch * inputs, taps * self.filters, self.channels),
            ConvForm::Kernel => (taps * self.channels, self.batch * outputs, self.filters),
        }
    }
}

/// Pixels of a part of the sum of a kernel's gradient: a multiple of the depth of a tile, and enough work to be worth storing.
const PART: usize = 512;

/// One of the three of the two others (`In(0)` and `In(1)`, in [`ConvForm`]'s order).
pub fn conv2d(form: ConvForm, sizes: &ConvSizes, caps: &Caps) -> Lowered {
    let (m, k, n) = sizes.product(form);
    let tile = if caps.software { 8 } else { 64 };
    let tiles = m.div_ceil(tile) * n.div_ceil(tile);
    // A kernel's gradient has few elements, each a long sum.
    let most = if form == ConvForm::Kernel { k.div_ceil(PART) } else { 1 };
    let parts = MANY_TILES.div_ceil(tiles.max(1)).clamp(1, most.max(1));
    let part = k.div_ceil(parts).next_multiple_of(16);
    let parts = k.div_ceil(part).max(1);
    let mut words = vec![m, n, k, part, parts];
    words.extend([
        sizes.input[0],
        sizes.input[1],
        sizes.channels,
        sizes.output[0],
        sizes.output[1],
        sizes.filters,
    ]);
    words.push(sizes.kernel[1]);
    words.extend([sizes.strides, sizes.dilation, sizes.padding].concat());
    let words = words.into_iter().map(word).collect();
    let (kernel, groups, why) = if caps.software {
        (&CONV2D_DIRECT, (tiles * parts).div_ceil(8), "software adapter: registers only, no barriers")
    } else {
        (&CONV2D_TILED, tiles * parts, "tiles of 64 x 64")
    };
    let overrides = match form {
        ConvForm::Output => vec![],
        ConvForm::Input => vec![("FORM", 1)],
        ConvForm::Kernel => vec![("FORM", 2)],
    };
    let product = Dispatch { overrides, why, ..dispatch(kernel, caps, groups, words, &[0, 1]) };
    if parts == 1 {
        return single(m * n, product);
    }
    let sum = reduce(Reduction::Sum, 1, parts, m * n, caps).dispatches.into_iter();
    let sum = sum.map(|d| Dispatch { bindings: vec![Slot::Scratch(0)], why: "sum of the parts", ..d });
    let product =
        Dispatch { stores: Store::Scratch(0), why: "few results: the sum is cut into parts", ..product };
    Lowered { dispatches: std::iter::once(product).chain(sum).collect(), scratch: vec![parts * m * n] }
}
