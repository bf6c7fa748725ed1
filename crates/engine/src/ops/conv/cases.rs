//! Cases of convolutions: each with both its gradients.

use super::super::cases::Case;
use super::super::windows::Windows;
use super::Conv;
use super::sizes::{Form, Sizes};

/// The three forms of a convolution of an input of shape `x` with a kernel of shape `k`.
fn of<const N: usize>(windows: Windows<N>, groups: usize, x: &[usize], k: &[usize]) -> Vec<Case> {
    let windows = windows.lifted();
    let axes = x.len() - 2;
    let s = Sizes::of(&windows, Form::Output, [0; 3], groups, x, k).unwrap_or_default();
    let g = s.shape(Form::Output, axes);
    let forms = [
        (Form::Output, [0; 3], x, k),
        (Form::Input, s.input, g.as_slice(), k),
        (Form::Kernel, s.kernel, x, g.as_slice()),
    ];
    let case = |(form, size, a, b): (Form, [usize; 3], &[usize], &[usize])| {
        let terms = s.product(form).1;
        let op = Conv { windows, form, size, groups };
        let tolerance = 4e-6 * (terms as f64).sqrt();
        Case::new(op, &[a, b], tolerance, "f32 rounding grows with the square root of the terms")
    };
    forms.into_iter().map(case).collect()
}

pub(in crate::ops) fn cases() -> Vec<Case> {
    let plain = Windows { strides: [1, 1], dilation: [1, 1], padding: [[0, 0], [0, 0]] };
    let same = Windows { padding: [[1, 1], [1, 1]], ..plain };
    let volume = Windows { strides: [1; 3], dilation: [1; 3], padding: [[0, 0]; 3] };
    let uneven = Windows { strides: [2, 1, 3], padding: [[1, 0], [0, 1], [1, 1]], ..volume };
    let wide = Windows { dilation: [2, 1, 2], padding: [[1, 1], [1, 0], [0, 2]], ..volume };
    let strided = Windows { strides: [2, 3], padding: [[0, 1], [1, 1]], ..plain };
    let dilated = Windows { dilation: [2, 3], padding: [[2, 2], [3, 3]], ..plain };
    [
        of(plain, 1, &[1, 1, 1, 1], &[1, 1, 1, 1]),
        of(plain, 1, &[2, 5, 7, 3], &[1, 1, 3, 4]),
        of(same, 1, &[3, 6, 5, 2], &[3, 3, 2, 9]),
        of(plain, 1, &[2, 28, 28, 1], &[3, 3, 1, 5]),
        // 1200 output pixels: on a GPU the sum of the kernel's gradient is cut into parts.
        of(same, 1, &[12, 10, 10, 3], &[3, 3, 3, 17]),
        of(strided, 1, &[2, 7, 9, 2], &[3, 2, 2, 5]),
        of(Windows { strides: [3, 1], ..plain }, 1, &[1, 8, 6, 4], &[2, 5, 4, 3]),
        of(dilated, 1, &[2, 8, 9, 2], &[3, 3, 2, 3]),
        // Pixels under no window; windows in the padding alone.
        of(Windows { strides: [4, 4], ..plain }, 1, &[1, 9, 9, 2], &[2, 2, 2, 3]),
        of(Windows { padding: [[3, 0], [0, 3]], ..plain }, 1, &[1, 3, 3, 2], &[2, 2, 2, 2]),
        of(plain, 1, &[1, 9, 9, 40], &[3, 3, 40, 70]),
        // Each channel for itself, once or several times; a sum in parts; groups of several.
        of(same, 5, &[2, 6, 5, 5], &[3, 3, 1, 5]),
        of(strided, 4, &[2, 7, 9, 4], &[3, 2, 1, 12]),
        of(dilated, 3, &[2, 8, 9, 3], &[3, 3, 1, 6]),
        of(same, 2, &[12, 10, 10, 2], &[3, 3, 1, 2]),
        of(strided, 3, &[2, 7, 9, 6], &[3, 2, 2, 12]),
        of(plain, 2, &[1, 4, 5, 6], &[2, 2, 3, 4]),
        // Volumes.
        of(volume, 1, &[2, 3, 4, 5, 2], &[2, 3, 2, 2, 3]),
        of(uneven, 1, &[2, 5, 4, 7, 3], &[3, 2, 2, 3, 2]),
        of(wide, 1, &[1, 4, 4, 6, 2], &[2, 3, 2, 2, 5]),
        of(volume, 1, &[2, 9, 8, 9, 1], &[2, 2, 2, 1, 3]),
        of(uneven, 2, &[2, 5, 4, 7, 4], &[3, 2, 2, 2, 6]),
    ]
    .into_iter()
    .flatten()
    .collect()
}
