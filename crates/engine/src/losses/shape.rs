//! Shapes of targets and predictions, brought together as Keras does.

use crate::Error;
use crate::graph::{Tensor, fail};

/// Both with the same number of axes: a last axis of length 1 is added or dropped.
pub(crate) fn same_rank(y_true: Tensor, y_pred: Tensor) -> (Tensor, Tensor) {
    let (t, p) = (y_true.to_f32(), y_pred);
    let fit = |wide: Tensor, narrow: Tensor| {
        let shape = wide.shape();
        match shape.split_last() {
            Some((1, lead)) if narrow.rank() + 1 == shape.len() => {
                if narrow.rank() == 1 {
                    (wide, narrow.expand_last())
                } else {
                    (wide.reshape(lead), narrow)
                }
            }
            _ => (wide, narrow),
        }
    };
    if t.rank() > p.rank() {
        fit(t, p)
    } else if p.rank() > t.rank() {
        let (p, t) = fit(p, t);
        (t, p)
    } else {
        (t, p)
    }
}

/// Targets and predictions of exactly the same shape, or an error of the trace.
pub(crate) fn same_shape(y_true: Tensor, y_pred: Tensor, what: &str) -> (Tensor, Tensor) {
    if y_true.shape() != y_pred.shape() {
        fail(Error::Shape {
            layer: String::new(),
            what: format!(
                "{what} needs targets of the predictions' shape {:?}, but they have {:?}",
                y_pred.shape(),
                y_true.shape()
            ),
        });
        return (y_pred, y_pred);
    }
    (y_true.to_f32(), y_pred)
}

/// Class numbers without a last axis of length 1, where the predictions have one for the classes.
pub(crate) fn squeeze_labels(labels: Tensor, y_pred: Tensor) -> Tensor {
    let shape = labels.shape();
    match shape.split_last() {
        Some((1, lead)) if shape.len() == y_pred.rank() => labels.reshape(lead),
        _ => labels,
    }
}

/// Rows of 0 with a 1 at the class number; a number out of range gives a row of 0, as `tf.one_hot` does.
///
/// It is read off the gradient of the cross-entropy of equal logits, which is 1/n off the class and 1/n - 1 on it.
pub(crate) fn one_hot(labels: Tensor, classes: usize) -> Tensor {
    let mut shape = labels.shape();
    shape.push(classes);
    let level = Tensor::full(&shape, 0.0).sparse_cross_entropy_grad(labels);
    level.less(0.5 / classes.max(1) as f64)
}

/// Logits of predictions that are the result of softmax; the numbers are then right where the probabilities are rounded to 0
/// or 1. Keras on TensorFlow looks back in the same way.
pub(crate) fn softmax_logits(y_pred: Tensor) -> Option<Tensor> {
    y_pred.softmax_input()
}

/// Logits of predictions that are the result of the logistic function.
pub(crate) fn sigmoid_logits(y_pred: Tensor) -> Option<Tensor> {
    y_pred.sigmoid_input()
}
