//! What ops dispatch: within the caps, by the kernels' rows, for every case of the table and for shapes that are larger.

use rhyton_engine::graph::{DynOp, Kind, Tensor, TensorType, trace};
use rhyton_engine::ops::{Entry, OPS, Windows, packed_sums};
use rhyton_engine::types::DType;
use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::Lowered;
use rhyton_kernels::table::kernel;

/// Calls `f` with every op of what is traced, and what it dispatches.
fn each(make: impl Fn(), caps: &Caps, mut f: impl FnMut(&dyn DynOp, &TensorType, &Lowered)) {
    let (graph, ()) = trace(|| {
        make();
        Ok(())
    })
    .expect("fits");
    for node in &graph.nodes {
        if let Kind::Op(op) = &node.kind {
            let inputs: Vec<TensorType> = node.inputs.iter().map(|e| graph.edge_type(*e).clone()).collect();
            f(op.as_ref(), &node.types[0], &op.lower(&inputs, &node.types[0], caps));
        }
    }
}

/// The kernels that something dispatches, in order.
fn kernels(make: impl Fn(), caps: &Caps) -> Vec<&'static str> {
    let mut found = Vec::new();
    each(make, caps, |_, _, lowered| found.extend(lowered.dispatches.iter().map(|d| d.kernel)));
    found
}

fn input(i: usize, shape: &[usize]) -> Tensor {
    Tensor::input(i, TensorType::f32(shape))
}

fn windows(strides: [usize; 2]) -> Windows {
    Windows { strides, dilation: [1, 1], padding: [[0, 0]; 2] }
}

/// Each op for `n` examples or elements.
fn ops(n: usize) {
    let x = input(0, &[n, 784]);
    let _ = x.matmul(input(1, &[784, 512]));
    let _ = input(2, &[3, n]).matmul(input(3, &[n, 5]));
    let rows = input(4, &[n, 10]);
    let _ =
        (rows.sum(&[0]), rows.max(&[1]), rows.min(&[]), rows.softmax(), rows.log_softmax(), rows.argmax());
    let labels = Tensor::input(5, TensorType { dtype: DType::I32, shape: vec![n] });
    let _ = rows.sparse_cross_entropy(labels).sum(&[]);
    let _ = (rows.slice(1, 2, 3), Tensor::concat(&[rows, rows], 1), rows.transpose(&[1, 0]));
    let image = input(6, &[n, 6, 5, 3]);
    let _ = image.conv(input(7, &[3, 2, 3, 7]), windows([1, 1]), 1);
    let _ = (image.max_pool([2, 3], windows([2, 2])), image.average_pool([2, 3], windows([2, 2])));
    let entries: Vec<Entry> =
        (0..20).map(|i| Entry { tensor: (i % 3 != 0).then_some(rows), scale: 0.5 }).collect();
    let _ = packed_sums(&entries);
}

fn check(op: &dyn DynOp, output: &TensorType, lowered: &Lowered, caps: &Caps) {
    assert!(!lowered.dispatches.is_empty(), "{op:?}");
    for d in &lowered.dispatches {
        let row = kernel(d.kernel).unwrap_or_else(|| panic!("{op:?} to {output:?}: no kernel {}", d.kernel));
        assert!(d.workgroups.iter().all(|w| (1..=caps.workgroups).contains(w)), "{d:?}");
        assert_eq!(d.bindings.len(), row.bindings.len(), "{d:?}");
        assert!(d.bindings.len() < caps.storage_buffers as usize, "{d:?}");
        // Arrays of the uniform count as one word in the row.
        assert!(d.words.len() >= row.words.len(), "{d:?}");
        for (name, _) in &d.overrides {
            assert!(row.overrides.iter().any(|(n, _)| n == name), "{} has no {name}", d.kernel);
        }
    }
}

#[test]
fn every_op_within_the_caps() {
    for caps in [Caps::portable(), Caps::software()] {
        for case in OPS.iter().flat_map(|row| (row.cases)()) {
            let output = case.op.infer(&case.inputs).expect("a case");
            check(case.op.as_ref(), &output, &case.op.lower(&case.inputs, &output, &caps), &caps);
        }
        for n in [1, 63, 64, 513, 70_000] {
            each(|| ops(n), &caps, |op, output, lowered| check(op, output, lowered, &caps));
        }
    }
}

#[test]
fn nothing_for_nothing() {
    let caps = Caps::portable();
    let empty = || {
        let _ = input(0, &[0, 4]).matmul(input(1, &[4, 3]));
        let _ = input(2, &[0, 4]).softmax();
    };
    assert!(kernels(empty, &caps).is_empty());
    let joined = || {
        let _ = Tensor::concat(&[input(0, &[2, 0]), input(1, &[2, 3])], 1);
    };
    assert_eq!(kernels(joined, &caps).len(), 1);
    assert!(Lowered::pointwise(0, &caps).dispatches.is_empty());
}

/// The products of a dense layer's training step: x · w, xᵀ · g, g · wᵀ.
#[test]
fn gradients_of_a_dense_layer_reach_the_tiled_kernel() {
    let step = || {
        let (x, w) = (input(0, &[512, 784]), input(1, &[784, 512]));
        let y = x.matmul(w);
        rhyton_engine::autograd::gradients(y.sum(&[]), &[x, w]).expect("a gradient");
    };
    let found = kernels(step, &Caps::portable());
    assert_eq!(found.iter().filter(|k| **k == "matmul_tiled").count(), 3, "{found:?}");
}

#[test]
fn transposes_join_axes() {
    let words = |shape: &[usize], order: &[usize]| {
        let mut words = Vec::new();
        each(
            || {
                let _ = input(0, shape).transpose(order);
            },
            &Caps::portable(),
            |_, _, lowered| {
                words = lowered.dispatches[0].words.clone();
            },
        );
        words
    };
    // [2, 3, 4] with the last two kept together: rows of 12 stay whole.
    assert_eq!(words(&[2, 3, 4], &[1, 2, 0])[..8], [24, 2, 0, 0, 2, 12, 12, 1]);
    assert_eq!(words(&[5, 1, 4], &[0, 1, 2])[..6], [20, 1, 0, 0, 20, 1]);
}

/// Each element of a kernel's gradient is a long sum: parts of it fill a GPU.
#[test]
fn the_sum_of_a_kernel_gradient_is_cut() {
    let gradient = |n: usize| {
        let mut found = Lowered::default();
        let make = || {
            let (x, kernel) = (input(0, &[n, 6, 5, 3]), input(1, &[3, 2, 3, 7]));
            let y = x.conv(kernel, windows([1, 1]), 1);
            rhyton_engine::autograd::gradients(y.sum(&[]), &[kernel]).expect("a gradient");
        };
        each(make, &Caps::portable(), |_, output, lowered| {
            if output.shape == [3, 2, 3, 7] {
                found = lowered.clone();
            }
        });
        found
    };
    let long = gradient(1024);
    let parts = 1024 * 16 / 512;
    let kernels: Vec<&str> = long.dispatches.iter().map(|d| d.kernel).collect();
    assert_eq!(kernels, ["conv2d_tiled", "reduce_each"]);
    assert_eq!(
        (long.scratch.as_slice(), long.dispatches[0].workgroups[0]),
        (&[parts * 18 * 7][..], parts as u32)
    );
    let short = gradient(4);
    assert_eq!((short.dispatches.len(), short.scratch.len()), (1, 0));
}
