//! Operations that compare predictions with targets.

use super::Made;
use super::args::Args;
use super::shape::moved_last;
use crate::graph::Tensor;
use crate::losses::{EPSILON, sigmoid_logits, softmax_logits, squeeze_labels};

/// Cross-entropy of two classes, of each element.
pub(super) fn binary(a: &Args<'_>) -> Made {
    let (target, output) = (a.tensor("target")?, a.tensor("output")?);
    let logits = if a.flag("from_logits", false) { Some(output) } else { None };
    if let Some(x) = sigmoid_logits(output).or(logits) {
        return Ok(vec![x.softplus() - x * target]);
    }
    let p = output.clip(EPSILON, 1.0 - EPSILON);
    Ok(vec![-(target * p.log() + (1.0 - target) * (1.0 - p).log())])
}

/// Cross-entropy of classes along an axis.
pub(super) fn categorical(a: &Args<'_>) -> Made {
    let (target, output) = (a.tensor("target")?, a.tensor("output")?);
    let logits = if a.flag("from_logits", false) { Some(output) } else { None };
    let axis = a.axis("axis", -1, output.rank())?;
    let over = [axis as isize];
    if let Some(x) = softmax_logits(output).or(logits) {
        let (log, target) = (moved_last(x, axis).log_softmax(), moved_last(target, axis));
        return Ok(vec![-(target * log).sum(&[-1])]);
    }
    let p = (output / output.sum_keep(&over)).clip(EPSILON, 1.0 - EPSILON);
    Ok(vec![-(target * p.log()).sum(&over)])
}

/// Cross-entropy of class numbers.
pub(super) fn sparse(a: &Args<'_>) -> Made {
    let (target, output) = (a.tensor("target")?, a.tensor("output")?);
    let logits = if a.flag("from_logits", false) { Some(output) } else { None };
    let axis = a.axis("axis", -1, output.rank())?;
    if axis + 1 != output.rank() {
        return Err(a.wrong(format!("axis = {axis}")));
    }
    let target = squeeze_labels(target, output).truncated();
    let x: Tensor =
        softmax_logits(output).or(logits).unwrap_or_else(|| output.clip(EPSILON, 1.0 - EPSILON).log());
    let own = x.log_softmax().take_along_last(target.expand_last());
    Ok(vec![-own.reshape(target.shape())])
}
