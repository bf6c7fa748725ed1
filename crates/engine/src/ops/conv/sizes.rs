//! The sizes of a convolution, over three axes: those of images have a depth of 1.

use super::super::windows::{Windows, three};

/// Which of the three is made of the two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The output, of input and kernel.
    Output,
    /// The gradient of the input, of the output's and the kernel.
    Input,
    /// The gradient of the kernel, of the input and the output's.
    Kernel,
}

/// Sizes of a convolution: input `[batch, input.., channels]`, kernel `[kernel.., channels / groups, filters]`, output
/// `[batch, output.., filters]`, all f32, row-major. Tap t of the window of output pixel o lies over input pixel
/// o · stride + t · dilation - padding, along each axis.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub batch: usize,
    pub input: [usize; 3],
    pub channels: usize,
    pub output: [usize; 3],
    pub filters: usize,
    pub kernel: [usize; 3],
    pub strides: [usize; 3],
    pub dilation: [usize; 3],
    /// Zeros before the first pixel.
    pub padding: [usize; 3],
    pub groups: usize,
}

impl Sizes {
    /// Returns the sizes of the operands `a` and `b` of a form; `size` are those of what they do not tell: the input in its gradient, the kernel in its.
    ///
    /// # Errors
    /// They do not fit.
    pub(super) fn of(
        windows: &Windows<3>,
        form: Form,
        size: [usize; 3],
        groups: usize,
        a: &[usize],
        b: &[usize],
    ) -> Result<Sizes, String> {
        let unfit = || format!("a convolution cannot have operands of shapes {a:?} and {b:?}");
        // The axes between the first and the last are an image's, those before the last two a kernel's.
        let image = |shape: &[usize]| three(&shape[1..shape.len() - 1], 1);
        let taps = |shape: &[usize]| three(&shape[..shape.len() - 2], 1);
        if a.len() != b.len() || !matches!(a.len(), 4 | 5) || groups == 0 {
            return Err(unfit());
        }
        let (batch, last, [b1, b2]) = (a[0], a[a.len() - 1], [b[b.len() - 2], b[b.len() - 1]]);
        let (input, channels, output, filters, kernel) = match form {
            Form::Output => (image(a), last, None, b2, taps(b)),
            Form::Input => (size, b1.saturating_mul(groups), Some(image(a)), last, taps(b)),
            Form::Kernel => (image(a), last, Some(image(b)), b2, size),
        };
        let fits = match form {
            Form::Output => b1.saturating_mul(groups) == channels,
            Form::Input => b2 == filters,
            Form::Kernel => b[0] == batch,
        };
        let Some(counts) = windows.counts(input, kernel) else {
            let n = a.len() - 2;
            let (kernel, input) = (&kernel[3 - n..], &input[3 - n..]);
            return Err(format!("a window of {kernel:?} does not fit into an input of {input:?}"));
        };
        let divided = channels.is_multiple_of(groups) && filters.is_multiple_of(groups);
        if !fits || !divided || output.is_some_and(|o| o != counts) {
            return Err(unfit());
        }
        let Windows { strides, dilation, padding } = *windows;
        let padding = padding.map(|[before, _]| before);
        Ok(Sizes {
            batch,
            input,
            channels,
            output: counts,
            filters,
            kernel,
            strides,
            dilation,
            padding,
            groups,
        })
    }

    /// Channels of a group.
    pub(super) fn channels_each(&self) -> usize {
        self.channels / self.groups.max(1)
    }

    /// Filters of a group.
    pub(super) fn filters_each(&self) -> usize {
        self.filters / self.groups.max(1)
    }

    /// Returns the number of taps of a window.
    pub(super) fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Returns the shape of a form's result, over `axes` axes.
    pub(super) fn shape(&self, form: Form, axes: usize) -> Vec<usize> {
        let around = |first: Option<usize>, size: [usize; 3], last: &[usize]| {
            first.into_iter().chain(size[3 - axes..].iter().copied()).chain(last.iter().copied()).collect()
        };
        match form {
            Form::Output => around(Some(self.batch), self.output, &[self.filters]),
            Form::Input => around(Some(self.batch), self.input, &[self.channels]),
            Form::Kernel => around(None, self.kernel, &[self.channels_each(), self.filters]),
        }
    }

    /// Returns (m, k, n) of the matrix product that makes this form; with groups, m · n results that are sums of k products each.
    pub(super) fn product(&self, form: Form) -> (usize, usize, usize) {
        let (inputs, outputs) = (self.input.iter().product::<usize>(), self.output.iter().product::<usize>());
        let taps = self.taps();
        match form {
            Form::Output => (self.batch * outputs, taps * self.channels_each(), self.filters),
            Form::Input => (self.batch * inputs, taps * self.filters_each(), self.channels),
            Form::Kernel => (taps * self.channels_each(), self.batch * outputs, self.filters),
        }
    }

    /// Returns the input pixel, along one axis, under a tap of the window at an output pixel.
    #[inline(always)]
    pub(super) fn under(&self, axis: usize, output: usize, tap: usize) -> Option<usize> {
        let at = (output * self.strides[axis] + tap * self.dilation[axis]).checked_sub(self.padding[axis])?;
        (at < self.input[axis]).then_some(at)
    }

    /// Returns the output pixel, along one axis, whose window has an input pixel under a tap.
    #[inline(always)]
    pub(super) fn over(&self, axis: usize, input: usize, tap: usize) -> Option<usize> {
        let at = (input + self.padding[axis]).checked_sub(tap * self.dilation[axis])?;
        let output = at / self.strides[axis];
        (output * self.strides[axis] == at && output < self.output[axis]).then_some(output)
    }

    /// Calls `f` with every tap of a window, and its place along each axis.
    #[inline(always)]
    pub(super) fn each_tap(&self, mut f: impl FnMut(usize, [usize; 3])) {
        for tap in 0..self.taps() {
            f(tap, place(tap, self.kernel));
        }
    }
}

/// Returns the place along three axes of these lengths of element `i`.
#[inline(always)]
pub(super) fn place(i: usize, lengths: [usize; 3]) -> [usize; 3] {
    let (line, x) = (i / lengths[2], i % lengths[2]);
    [line / lengths[1], line % lengths[1], x]
}

/// Returns which element of three axes of these lengths has this place, in image number `image`.
#[inline(always)]
pub(super) fn index(image: usize, at: [usize; 3], lengths: [usize; 3]) -> usize {
    ((image * lengths[0] + at[0]) * lengths[1] + at[1]) * lengths[2] + at[2]
}
