//! Every lowering within the caps, and its words as many as the kernel's `Params` has.

use super::*;
use crate::program::{Program, Scalar};
use crate::table::kernel;

/// `n` images of 6 x 5 pixels under windows of 3 x 2.
fn convolution(n: usize) -> ConvSizes {
    ConvSizes {
        batch: n,
        input: [6, 5],
        channels: 3,
        output: [4, 4],
        filters: 7,
        kernel: [3, 2],
        strides: [1, 1],
        dilation: [1, 1],
        padding: [0, 0],
    }
}

fn lowerings(caps: &Caps) -> Vec<Lowered> {
    let mut all = Vec::new();
    for n in [1, 10, 63, 64, 513, 70_000] {
        all.push(pointwise(n, &Program::identity(), caps));
        for kind in [Reduction::Sum, Reduction::Max, Reduction::Min] {
            all.extend([
                reduce(kind, n, 32, 1, caps),
                reduce(kind, 1, n, 3, caps),
                reduce(kind, 1, n, 1, caps),
            ]);
        }
        all.extend([softmax(n, 10, true, caps), softmax(3, n, false, caps), argmax(n, 10, caps)]);
        all.extend([
            sparse_cross_entropy(n, 10, Scalar::I32, caps),
            sparse_cross_entropy_grad(3, n, Scalar::F32, caps),
        ]);
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            all.extend([
                matmul(n, 784, 512, ta, tb, caps),
                matmul(3, n, 5, ta, tb, caps),
                matmul(3, 5, n, ta, tb, caps),
            ]);
        }
        for form in [ConvForm::Output, ConvForm::Input, ConvForm::Kernel] {
            all.push(conv2d(form, &convolution(n), caps));
        }
        all.extend([
            slice(n, 7, 2, 3, true, caps),
            concat(3, &[n, 2], caps),
            transpose(&[n, 3, 2], &[1, 0, 2], caps),
        ]);
    }
    let entry = |input, len| PackedEntry { input, len, scale: 0.5 };
    all.push(packed_sums(&[entry(None, 0), entry(None, 0)], caps));
    all.push(packed_sums(&(0..20).map(|k| entry((k % 3 != 0).then_some(k), 32)).collect::<Vec<_>>(), caps));
    all
}

#[test]
fn within_the_caps() {
    for caps in [Caps::portable(), Caps::software()] {
        for lowered in lowerings(&caps) {
            assert!(!lowered.dispatches.is_empty());
            for d in &lowered.dispatches {
                let row = kernel(d.kernel).unwrap();
                assert!(d.workgroups.iter().all(|w| (1..=caps.workgroups).contains(w)), "{d:?}");
                assert_eq!(d.bindings.len(), row.bindings.len(), "{d:?}");
                assert!(d.bindings.len() < caps.storage_buffers as usize);
                for (name, _) in &d.overrides {
                    assert!(row.overrides.iter().any(|(n, _)| n == name), "{} has no {name}", d.kernel);
                }
            }
        }
    }
}

#[test]
fn nothing_for_nothing() {
    let caps = Caps::portable();
    assert!(matmul(0, 4, 3, false, false, &caps).dispatches.is_empty());
    assert!(pointwise(0, &Program::identity(), &caps).dispatches.is_empty());
    assert!(softmax(4, 0, false, &caps).dispatches.is_empty());
    assert_eq!(concat(2, &[0, 3], &caps).dispatches.len(), 1);
}

#[test]
fn gradients_of_a_dense_layer_reach_the_tiled_kernel() {
    let caps = Caps::portable();
    for (m, k, n, ta, tb) in
        [(512, 784, 512, false, false), (784, 512, 512, true, false), (512, 512, 784, false, true)]
    {
        assert_eq!(matmul(m, k, n, ta, tb, &caps).dispatches[0].kernel, "matmul_tiled");
    }
}

#[test]
fn transposes_join_axes() {
    let words = |shape: &[usize], order: &[usize]| {
        transpose(shape, order, &Caps::portable()).dispatches[0].words.clone()
    };
    // [2, 3, 4] with the last two kept together: rows of 12 stay whole.
    assert_eq!(words(&[2, 3, 4], &[1, 2, 0])[..8], [24, 2, 0, 0, 2, 12, 12, 1]);
    assert_eq!(words(&[5, 1, 4], &[0, 1, 2])[..6], [20, 1, 0, 0, 20, 1]);
}

/// Each element of a kernel's gradient is a long sum: parts of it fill a GPU.
#[test]
fn the_sum_of_a_kernel_gradient_is_cut() {
    let caps = Caps::portable();
    let long = conv2d(ConvForm::Kernel, &convolution(1024), &caps);
    let parts = 1024 * 16 / 512;
    let kernels: Vec<&str> = long.dispatches.iter().map(|d| d.kernel).collect();
    assert_eq!(kernels, ["conv2d_tiled", "reduce_each"]);
    assert_eq!(
        (long.scratch.as_slice(), long.dispatches[0].workgroups[0]),
        (&[parts * 18 * 7][..], parts as u32)
    );
    let short = conv2d(ConvForm::Kernel, &convolution(4), &caps);
    assert_eq!((short.dispatches.len(), short.scratch.len()), (1, 0));
}
