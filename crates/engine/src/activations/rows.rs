//! Activations over an axis.

use crate::Error;
use crate::graph::{Tensor, fail};
use crate::types::axis_index;

/// Runs `f`, which works along the last axis, along another.
fn along(x: Tensor, axis: isize, f: impl FnOnce(Tensor) -> Tensor) -> Tensor {
    let rank = x.rank();
    match axis_index(axis, rank) {
        Some(i) if i + 1 == rank => f(x),
        Some(i) => {
            let mut order: Vec<usize> = (0..rank).collect();
            order.swap(i, rank - 1);
            f(x.transpose(&order)).transpose(&order)
        }
        None => {
            fail(Error::Shape {
                layer: String::new(),
                what: format!("axis {axis} of a tensor of shape {:?}", x.shape()),
            });
            x
        }
    }
}

/// eˣ / Σ eˣ along an axis.
pub fn softmax(x: Tensor, axis: isize) -> Tensor {
    along(x, axis, Tensor::softmax)
}

/// Logarithm of softmax along an axis.
pub fn log_softmax(x: Tensor, axis: isize) -> Tensor {
    along(x, axis, Tensor::log_softmax)
}

/// First half · sigmoid(second half) of an axis, which must have an even length.
pub fn glu(x: Tensor, axis: isize) -> Tensor {
    along(x, axis, |x| {
        let shape = x.shape();
        let (last, len) = (shape.len() - 1, shape.last().copied().unwrap_or(0));
        if len % 2 != 0 {
            fail(Error::Shape {
                layer: String::new(),
                what: format!("glu halves axis {axis} of shape {shape:?}: its length must be even"),
            });
            return x;
        }
        x.slice(last, 0, len / 2) * x.slice(last, len / 2, len / 2).sigmoid()
    })
}

/// Sparse probabilities, as Keras computes them along an axis.
///
/// With z sorted, the support are the elements with 1 + k·z > (sum of the first k), k being the place of z. The threshold that
/// is taken off should be (sum over the support - 1) / its size. Keras 3.15 takes the sum of all partial sums over the support
/// instead, so that its results only add up to 1 where one element is left; so do these.
///
/// Instead of sorting, every element is compared with every other: n² comparisons per row of n.
pub fn sparsemax(x: Tensor, axis: isize) -> Tensor {
    along(x, axis, |z| {
        let shape = z.shape();
        let (n, lead) = (shape.last().copied().unwrap_or(0), &shape[..shape.len() - 1]);
        let with = |tail: [usize; 2]| [lead, &tail].concat();
        let (column, row) = (z.reshape(with([n, 1])), z.reshape(with([1, n])));
        let (larger, same) = (column.less(row), column.equal(row));
        let (count, sum) = (larger.sum(&[-1]), (larger * row).sum(&[-1]));
        let support = sum.less(1.0 + count * z);
        // Equal elements are at neighbouring places: their partial sums on average.
        let partial = sum + z * (same.sum(&[-1]) + 1.0) * 0.5;
        let threshold = ((support * partial).sum_keep(&[-1]) - 1.0) / support.sum_keep(&[-1]);
        (z - threshold).relu()
    })
}
