//! Attention: what each step of one sequence takes from the steps of another.

mod dot;
mod grouped_query;
mod heads;
mod multi_head;
mod projection;

pub use dot::{AdditiveAttention, Attention, ScoreMode};
pub use grouped_query::GroupedQueryAttention;
pub use heads::Sizes;
pub use multi_head::MultiHeadAttention;

use crate::Error;
use crate::graph::{CallContext, DType, Layer, Tensor};
use crate::layers::Dropout;

/// Returns a number far below any score of this type, so that its softmax is 0; and the same for all where nothing else is there.
fn nothing(dtype: DType) -> f64 {
    dtype.half().map_or(-1e30, |half| -half.most())
}

/// Checks the share of the weights that training sets to zero.
fn check_share(dropout: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&dropout) {
        return Ok(());
    }
    Err(Error::Argument { what: format!("dropout is {dropout}, but must be between 0 and 1") })
}

/// Returns which positions each position may look at: none before it where `causal`, none further than the window; `[queries, keys]`.
fn places(queries: usize, keys: usize, causal: bool, window: Option<usize>) -> Option<Tensor> {
    if !causal && window.is_none() {
        return None;
    }
    let rows = crate::ops::count_up(queries).reshape([queries, 1]);
    let columns = crate::ops::count_up(keys).reshape([1, keys]);
    let before = causal.then(|| columns.less_equal(rows));
    let near = window.map(|n| (rows - columns).abs().less(n as f64));
    both(before, near)
}

/// 1 where both masks, that are there, have 1.
fn both(a: Option<Tensor>, b: Option<Tensor>) -> Option<Tensor> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a * b),
        (a, b) => a.or(b),
    }
}

/// Weights of scores along the last `axes` axes, those that the mask lets through.
///
/// Where a row lets nothing through all are the same, or none with `zeros`.
fn weights(
    scores: Tensor,
    mask: Option<Tensor>,
    zeros: bool,
    dropout: f64,
    axes: usize,
    cx: &CallContext,
) -> Tensor {
    let shape = scores.shape();
    let scores = mask.map_or(scores, |mask| mask.select(scores, nothing(scores.ty().dtype)));
    let (kept, own) = shape.split_at(shape.len().saturating_sub(axes));
    let together = [kept, &[own.iter().product()]].concat();
    let weights = scores.reshape(together).softmax().reshape(shape);
    let weights = mask.filter(|_| zeros).map_or(weights, |mask| mask.select(weights, 0.0));
    if dropout > 0.0 { Dropout::new(dropout).call(weights, cx) } else { weights }
}
