//! Windows that move over the axes of an image: what convolution and pooling have in common.

/// How a window moves over `N` axes: 1 of a sequence, 2 of an image, 3 of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows<const N: usize = 2> {
    /// Pixels from one window to the next, along each axis.
    pub strides: [usize; N],
    /// Pixels from one tap to the next.
    pub dilation: [usize; N],
    /// Zeros before and after the input.
    pub padding: [[usize; 2]; N],
}

/// Returns the lengths of up to three axes as those of three: axes of length `fill` come first.
pub(super) fn three<T: Copy>(lengths: &[T], fill: T) -> [T; 3] {
    let mut out = [fill; 3];
    out.iter_mut().rev().zip(lengths.iter().rev()).for_each(|(to, from)| *to = *from);
    out
}

impl<const N: usize> Windows<N> {
    /// Returns the same windows over three axes; those that are not there have one pixel.
    pub(super) fn lifted(self) -> Windows<3> {
        Windows {
            strides: three(&self.strides, 1),
            dilation: three(&self.dilation, 1),
            padding: three(&self.padding, [0, 0]),
        }
    }
}

impl Windows<3> {
    /// Returns the number of windows along an axis of `input` pixels; `None` where not one fits.
    pub(super) fn count(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        let span = (kernel.checked_sub(1)?).checked_mul(self.dilation[axis])?.checked_add(1)?;
        let padded = input.checked_add(self.padding[axis][0])?.checked_add(self.padding[axis][1])?;
        Some(padded.checked_sub(span)? / self.strides[axis].max(1) + 1)
    }

    /// Returns the numbers of windows along all axes; `None` where not one fits.
    pub(super) fn counts(&self, input: [usize; 3], kernel: [usize; 3]) -> Option<[usize; 3]> {
        let [a, b, c] = [0, 1, 2].map(|axis| self.count(axis, input[axis], kernel[axis]));
        Some([a?, b?, c?])
    }

    /// Returns what TensorFlow calls the padding, for an input and windows of these sizes (`None`: data decide): `VALID`, `SAME`, or `EXPLICIT`,
    /// where neither says it.
    pub(super) fn tensorflow_padding(
        &self,
        input: [Option<usize>; 3],
        size: [Option<usize>; 3],
    ) -> &'static str {
        if self.padding == [[0; 2]; 3] {
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
        if [same(0), same(1), same(2)] == self.padding.map(Some) { "SAME" } else { "EXPLICIT" }
    }
}
