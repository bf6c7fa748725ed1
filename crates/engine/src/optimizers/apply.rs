//! The nodes of a step of a [`Rule`]: one per parameter where its formulas are for each element.

use super::gradients::{Gradient, gradients};
use super::rule::{Rule, Shared, Touched};
use super::{Applied, Parameter};
use crate::graph::{Expr, IntoTensor, Tensor, Variable, assign, rounded_throughout};
use crate::ops::{pointwise, pointwise_many};

/// A parameter in a step, for a [`Rule::step`].
pub struct Stepping<'a> {
    parameter: &'a Parameter,
    value: Tensor,
    /// What is left of the value where it decays.
    decayed: Option<Expr>,
    gradient: &'a Gradient,
    slots: Vec<Tensor>,
    /// Number of the rule's first column.
    first: usize,
}

impl Stepping<'_> {
    /// The parameter.
    pub fn parameter(&self) -> &Parameter {
        self.parameter
    }

    /// Its value, after what decays was taken off.
    pub fn value(&self) -> Tensor {
        self.decayed.clone().map_or(self.value, |e| pointwise(e, &[self.value], None))
    }

    /// Its gradient.
    pub fn gradient(&self) -> Tensor {
        self.gradient.whole()
    }

    /// The squares of the gradient: where it is a sum over rows, as an embedding's, the sum of their squares in Keras 3.
    pub fn squares(&self) -> Tensor {
        self.gradient.over_rows(&Tensor::square).unwrap_or_else(|| self.gradient().square())
    }

    /// The value of a slot.
    pub fn slot(&self, slot: usize) -> Tensor {
        self.slots[slot]
    }

    /// An expression over tensors, where `Step(c)` is a column of the rule's.
    pub fn map(&self, expr: Expr, on: &[Tensor]) -> Tensor {
        pointwise(moved(&expr, self.first), on, None)
    }
}

debug!(Stepping<'_>, |s| parameter: s.parameter, gradient: s.gradient.sum, slots: s.slots, first: s.first);

/// An expression whose columns begin with this one.
fn moved(expr: &Expr, first: usize) -> Expr {
    match expr {
        Expr::Step(c) => Expr::Step(c + first),
        // Not `Expr::call`: nothing becomes simpler.
        Expr::Call(f, args) => Expr::Call(f, args.iter().map(|a| moved(a, first)).collect()),
        other => other.clone(),
    }
}

/// Adds the nodes of a step.
pub(super) fn apply<R: Rule>(rule: &R, parameters: &[Applied]) {
    let common = rule.common();
    let shared = Shared::of(common);
    let gradients = gradients(parameters, common, &shared);
    for (applied, gradient) in parameters.iter().zip(gradients) {
        let one = One { rule, applied, shared: &shared };
        match gradient {
            Some(gradient) => one.step(&gradient),
            // In Keras 3 it is averaged all the same.
            None if shared.average.is_some() && !applied.parameter.keras2 => {
                one.finish(vec![Expr::In(0)], vec![one.value()]);
            }
            None => {}
        }
    }
}

/// One parameter of a step.
struct One<'a, R: Rule> {
    rule: &'a R,
    applied: &'a Applied,
    shared: &'a Shared,
}

impl<R: Rule> One<'_, R> {
    fn value(&self) -> Tensor {
        (&self.applied.parameter.variable).into_tensor()
    }

    /// The slots of the rule itself.
    fn own(&self) -> &[Variable] {
        self.applied.slots.get(self.shared.slots..).unwrap_or_default()
    }

    fn step(&self, gradient: &Gradient) {
        let first = self.applied.first_column + self.shared.columns;
        let parameter = &self.applied.parameter;
        let rate = Expr::Step(self.applied.first_column + self.shared.rate);
        // Keras takes the decay off first; the rule then sees the smaller parameter.
        let decay = self.rule.decay(parameter).filter(|_| self.rule.common().decays(parameter));
        let decayed = decay.map(|decay| Expr::In(0) - Expr::In(0) * decay * rate);
        let value = self.value();
        let slots: Vec<Tensor> = self.own().iter().map(IntoTensor::into_tensor).collect();
        let mut operands = vec![value, gradient.sum];
        operands.extend(&slots);
        let stepping = Stepping { parameter, value, decayed: decayed.clone(), gradient, slots, first };
        if let Some((next, nexts)) = self.rule.step(&stepping) {
            self.finish_apart(next, nexts, operands);
            return;
        }
        let update = self.rule.update();
        let mut exprs: Vec<Expr> = vec![update.parameter];
        exprs.extend(update.slots);
        exprs.iter_mut().for_each(|e| *e = moved(e, first));
        if let Some(decayed) = &decayed {
            exprs.iter_mut().for_each(|e| *e = e.replace(&Expr::In(0), decayed));
        }
        squares_by_rows(&mut exprs, gradient, &mut operands);
        if let Some(limit) = gradient.limit {
            let cut = Expr::In(1).max(-limit).min(limit);
            exprs.iter_mut().for_each(|e| *e = e.replace(&Expr::In(1), &cut));
        }
        self.only_touched(&mut exprs, gradient, &mut operands);
        self.finish(exprs, operands);
    }

    /// Assigns what a rule computed: the parameter and slots like it in one node, slots of other shapes each by itself.
    fn finish_apart(&self, next: Tensor, nexts: Vec<Tensor>, mut operands: Vec<Tensor>) {
        let mut exprs = vec![Expr::In(operands.len())];
        operands.push(next);
        for (slot, next) in self.own().iter().zip(nexts) {
            if slot.shape() == self.applied.parameter.variable.shape() {
                exprs.push(Expr::In(operands.len()));
                operands.push(next);
            } else if next.key() != slot.into_tensor().key() {
                self.assign_apart(slot, next);
            }
        }
        self.finish(exprs, operands);
    }

    /// Leaves rows alone that a sum over rows does not have, where the rule does.
    fn only_touched(&self, exprs: &mut [Expr], gradient: &Gradient, operands: &mut Vec<Tensor>) {
        let touched = self.rule.touched();
        if touched == Touched::All {
            return;
        }
        let ones = |rows: Tensor| pointwise(Expr::Const(1.0), &[], Some(&rows.shape()));
        let Some(count) = gradient.of_rows(&ones) else { return };
        let is_there = Expr::Const(0.0).lt(Expr::In(operands.len()));
        operands.push(count);
        for (i, expr) in exprs.iter_mut().enumerate() {
            if i == 0 || touched == Touched::Rows {
                *expr = is_there.clone().select(expr.clone(), old(i));
            }
        }
    }

    /// Assigns the next value of a slot of another shape than its parameter's.
    fn assign_apart(&self, slot: &Variable, next: Tensor) {
        let mut value = next;
        let before = slot.into_tensor();
        if self.shared.sum.is_some() {
            let updates = Expr::Step(self.applied.first_column + self.shared.updates);
            value = pointwise(updates.select(Expr::In(0), Expr::In(1)), &[value, before], None);
        }
        if let Some(when) = self.applied.when {
            value = when.select(value, before);
        }
        assign(slot, value);
    }

    /// Adds the node of the next values of the parameter and of those slots of the rule that have its shape: operand 0 is the parameter, operand 1 its
    /// gradient, then come all slots of the rule.
    fn finish(&self, mut exprs: Vec<Expr>, mut operands: Vec<Tensor>) {
        let (applied, shared) = (self.applied, self.shared);
        let variable = &applied.parameter.variable;
        let column = |c: usize| Expr::Step(applied.first_column + c);
        let alike = self.own().iter().enumerate().filter(|(_, slot)| slot.shape() == variable.shape());
        // Which operand is the older value of each.
        let mut olds: Vec<Expr> =
            std::iter::once(Expr::In(0)).chain(alike.clone().map(|(i, _)| old(i + 1))).collect();
        let mut targets: Vec<&Variable> =
            std::iter::once(variable).chain(alike.map(|(_, slot)| slot)).collect();
        targets.truncate(exprs.len());
        olds.truncate(exprs.len());
        if shared.sum.is_some() {
            let updates = column(shared.updates);
            for (expr, old) in exprs.iter_mut().zip(&olds) {
                *expr = updates.clone().select(expr.clone(), old.clone());
            }
        }
        if let Some(average) = shared.average.and_then(|at| applied.slots.get(at)) {
            let before = Expr::In(operands.len());
            operands.push(average.into_tensor());
            let momentum = match applied.parameter.keras2 {
                true => Expr::Const(self.rule.common().ema_momentum),
                false => column(shared.momentum),
            };
            let mean = momentum.clone() * before.clone() + (1.0 - momentum) * exprs[0].clone();
            if self.rule.common().overwrites().is_some() {
                exprs[0] = column(shared.overwrites).select(mean.clone(), exprs[0].clone());
            }
            exprs.push(mean);
            olds.push(before);
            targets.push(average);
        }
        if let Some(when) = applied.when {
            let condition = Expr::In(operands.len());
            for (expr, old) in exprs.iter_mut().zip(&olds) {
                *expr = condition.clone().select(expr.clone(), old.clone());
            }
            operands.push(when);
        }
        if let Some(half) = variable.ty().and_then(|ty| ty.dtype.half()) {
            exprs.iter_mut().for_each(|e| *e = rounded_throughout(half, e));
        }
        // Slots of other shapes are among them.
        let mut read = vec![false; operands.len()];
        exprs.iter().for_each(|e| {
            e.visit(&mut |e| {
                if let Expr::In(i) = e {
                    read[*i] = true;
                }
            })
        });
        let place = |i: usize| read[..i].iter().filter(|read| **read).count();
        let map: Vec<usize> = (0..operands.len()).map(place).collect();
        let exprs = exprs.iter().map(|e| e.renumber(&map)).collect();
        let mut read = read.into_iter();
        operands.retain(|_| read.next() == Some(true));
        let first = pointwise_many(exprs, &operands, Some(variable.shape()));
        targets.iter().enumerate().for_each(|(i, target)| assign(target, first.sibling(i)));
    }
}

/// The operand that is the older value of a result: the parameter, or a slot of the rule, which stand behind the gradient.
fn old(result: usize) -> Expr {
    Expr::In(if result == 0 { 0 } else { result + 1 })
}

/// Takes the squares and the sizes of a gradient that is a sum over rows row by row.
fn squares_by_rows(exprs: &mut [Expr], gradient: &Gradient, operands: &mut Vec<Tensor>) {
    let g = || Expr::In(1);
    type Of = fn(Tensor) -> Tensor;
    for (what, f) in [(g().square(), Tensor::square as Of), (g().abs(), Tensor::abs)] {
        let with = Expr::In(operands.len());
        let changed: Vec<Expr> = exprs.iter().map(|e| e.replace(&what, &with)).collect();
        if changed != *exprs
            && let Some(sums) = gradient.over_rows(&f)
        {
            exprs.clone_from_slice(&changed);
            operands.push(sums);
        }
    }
}
