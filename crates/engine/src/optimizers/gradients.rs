//! Gradients as rules see them: summed up over steps, cut by their size, and with the rows that they are sums of.

use super::Applied;
use super::common::Common;
use super::rule::Shared;
use crate::graph::{Expr, IntoTensor, Tensor, assign};
use crate::ops::{over_rows, pointwise};

/// The gradient of one parameter in a step.
pub(super) struct Gradient {
    /// The gradient, but for [`Gradient::limit`].
    pub sum: Tensor,
    /// Largest size of an element, for whoever takes it.
    pub limit: Option<f64>,
    /// As autograd gives it, where it may be a sum over rows.
    raw: Tensor,
    /// What was done to each of the rows.
    cut: Cut,
    /// Says whether Keras goes on with the rows.
    by_rows: bool,
}

/// What is done to a gradient so that it is not too large.
#[derive(Clone, Copy)]
enum Cut {
    Nothing,
    /// It is multiplied by this.
    Times(Tensor),
    /// Its elements are this large at most.
    Limit(f64),
}

impl Cut {
    fn of(self, rows: Tensor) -> Tensor {
        match self {
            Cut::Nothing => rows,
            Cut::Times(factor) => rows * factor,
            Cut::Limit(limit) => rows.clip(-limit, limit),
        }
    }
}

impl Gradient {
    /// The gradient itself.
    pub(super) fn whole(&self) -> Tensor {
        self.limit.map_or(self.sum, |limit| self.sum.clip(-limit, limit))
    }

    /// The sum of a function of each row that the gradient is a sum of, where Keras takes it so.
    pub(super) fn over_rows(&self, f: &dyn Fn(Tensor) -> Tensor) -> Option<Tensor> {
        if self.by_rows { self.of_rows(f) } else { None }
    }

    /// The same, whether or not Keras does.
    pub(super) fn of_rows(&self, f: &dyn Fn(Tensor) -> Tensor) -> Option<Tensor> {
        over_rows(self.raw, &|rows| f(self.cut.of(rows)))
    }
}

/// The gradients of a step, `None` for parameters that the loss does not depend on.
///
/// Keras cuts the rows that a gradient is a sum of before it adds them up, by the length of all of them.
pub(super) fn gradients(parameters: &[Applied], common: &Common, shared: &Shared) -> Vec<Option<Gradient>> {
    let one = |applied: &Applied| {
        let raw = applied.gradient?;
        let sum = accumulated(applied, raw, common, shared);
        Some(Gradient {
            sum,
            limit: None,
            raw: sum,
            cut: Cut::Nothing,
            by_rows: !applied.parameter.keras2 && common.accumulates().is_none(),
        })
    };
    let mut all: Vec<Option<Gradient>> = parameters.iter().map(one).collect();
    let positive = |limit: Option<f64>| limit.filter(|limit| *limit > 0.0);
    let squares = |g: &Gradient| over_rows(g.raw, &Tensor::square).unwrap_or_else(|| g.raw.square()).sum(&[]);
    if let Some(limit) = positive(common.clipnorm) {
        for gradient in all.iter_mut().flatten() {
            let factor = limit / squares(gradient).sqrt().maximum(limit);
            cut(gradient, Cut::Times(factor));
        }
    } else if let Some(limit) = positive(common.global_clipnorm) {
        if let Some(squares) = all.iter().flatten().map(squares).reduce(|a, b| a + b) {
            let factor = limit / squares.sqrt().maximum(limit);
            for gradient in all.iter_mut().flatten() {
                cut(gradient, Cut::Times(factor));
                // A product with the factor adds the rows up.
                gradient.by_rows = false;
            }
        }
    } else if let Some(limit) = positive(common.clipvalue) {
        for gradient in all.iter_mut().flatten() {
            match over_rows(gradient.raw, &|rows| Cut::Limit(limit).of(rows)) {
                Some(sum) => (gradient.sum, gradient.cut) = (sum, Cut::Limit(limit)),
                // It becomes part of the formulas.
                None => gradient.limit = Some(limit),
            }
        }
    }
    all
}

fn cut(gradient: &mut Gradient, cut: Cut) {
    (gradient.sum, gradient.cut) = (cut.of(gradient.sum), cut);
}

/// The mean of the gradients that were summed up and this one, which the sum becomes larger by.
fn accumulated(applied: &Applied, gradient: Tensor, common: &Common, shared: &Shared) -> Tensor {
    let (Some(steps), Some(slot)) = (common.accumulates(), shared.sum.and_then(|at| applied.slots.get(at)))
    else {
        return gradient;
    };
    let before = slot.into_tensor();
    let sum = gradient + before;
    let updates = Expr::Step(applied.first_column + shared.updates);
    let kept = pointwise(updates.select(0.0, Expr::In(0)), &[sum], None);
    assign(slot, applied.when.map_or(kept, |when| when.select(kept, before)));
    sum / steps as f64
}
