//! Muon.

use super::adam::unbiased;
use super::common::optimizer;
use super::{Common, Parameter, Rule, SlotInfo, Stepping, pattern};
use crate::Error;
use crate::graph::{Expr, Tensor};

optimizer!(
    /// Momentum made orthogonal, for matrices; Adam for the rest (Jordan et al., 2024; Liu et al., 2025).
    ///
    /// A parameter of another rank than 2, one with `embedding` in its path and one whose path has a match of `exclude_layers` is Adam's.
    Muon 0.001 decay 0.004 {
        /// Decay of Adam's first moment.
        adam_beta_1: f64 = 0.9,
        /// Decay of Adam's second moment.
        adam_beta_2: f64 = 0.999,
        /// Added to the root of Adam's second moment.
        epsilon: f64 = 1e-7,
        /// Regular expressions of the paths (`head/kernel`) of parameters that are Adam's.
        exclude_layers: Vec<String> = Vec::new(),
        /// First coefficient of the iteration that makes the momentum orthogonal.
        muon_a: f64 = 3.4445,
        /// Its second coefficient.
        muon_b: f64 = -4.7750,
        /// Its third coefficient.
        muon_c: f64 = 2.0315,
        /// Adam's rate, as a multiple of the learning rate.
        adam_lr_ratio: f64 = 1.0,
        /// How much of the momentum is kept.
        momentum: f64 = 0.95,
        /// How often the iteration is done.
        ns_steps: i64 = 5,
        /// Whether the momentum is applied ahead.
        nesterov: bool = true,
        /// Whether embeddings are Adam's.
        exclude_embeddings: bool = true,
        /// How much of a parameter of Adam's, times the learning rate, is taken off in each step.
        adam_weight_decay: Option<f64> = Some(0.004),
        /// Size of a change relative to the rate; `None` not to adjust it.
        rms_rate: Option<f64> = Some(0.2),
    }
);

impl Muon {
    /// Returns whether a parameter is Adam's.
    fn is_adams(&self, parameter: &Parameter) -> bool {
        let named = |words: &String| matches!(pattern::search(words, &parameter.path), Ok(true));
        parameter.variable.shape().len() != 2
            || self.exclude_embeddings && parameter.path.to_lowercase().contains("embedding")
            || self.exclude_layers.iter().any(named)
    }

    /// Nearly an orthogonal matrix: the iteration of Newton and Schulz with coefficients that make it fast rather than exact.
    fn orthogonal(&self, x: Tensor) -> Tensor {
        let shape = x.shape();
        let tall = shape[0] > shape[1];
        let mut x = if tall { x.transpose(&[1, 0]) } else { x };
        x = x / (x.square().sum(&[]).sqrt() + 1e-7);
        for _ in 0..self.ns_steps {
            let a = x.matmul_with(x, false, true);
            let b = a * self.muon_b + a.matmul(a) * self.muon_c;
            x = x * self.muon_a + b.matmul(x);
        }
        if tall { x.transpose(&[1, 0]) } else { x }
    }

    fn adam(&self, stepping: &Stepping) -> (Tensor, Vec<Tensor>) {
        let mean = |beta: f64, slot: usize, of: Tensor| {
            let (m, x) = (Expr::In(0), Expr::In(1));
            stepping.map(m.clone() + (x - m) * (1.0 - beta), &[stepping.slot(slot), of])
        };
        let m = mean(self.adam_beta_1, 0, stepping.gradient());
        let v = mean(self.adam_beta_2, 1, stepping.squares());
        let [w, first, second] = [0, 1, 2].map(Expr::In);
        let next = w - first * Expr::Step(1) / (second.sqrt() + self.epsilon);
        (stepping.map(next, &[stepping.value(), m, v]), vec![m, v])
    }
}

impl Rule for Muon {
    const CLASS: &'static str = "Muon";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("momentum"), SlotInfo::new("velocity")]
    }

    fn slots_of(&self, parameter: &Parameter) -> Vec<SlotInfo> {
        let mut slots = self.slots();
        slots.truncate(if self.is_adams(parameter) { 2 } else { 1 });
        slots
    }

    fn decay(&self, parameter: &Parameter) -> Option<f64> {
        if self.is_adams(parameter) { self.adam_weight_decay } else { self.common.weight_decay }
    }

    /// The rate, and that of Adam.
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let betas = [self.adam_beta_1, self.adam_beta_2];
        vec![learning_rate, unbiased(learning_rate * self.adam_lr_ratio, betas, iteration)]
    }

    fn step(&self, stepping: &Stepping) -> Option<(Tensor, Vec<Tensor>)> {
        if self.is_adams(stepping.parameter()) {
            return Some(self.adam(stepping));
        }
        let (a, b, keep) = (Expr::In(0), Expr::In(1), self.momentum);
        let on = [stepping.slot(0), stepping.gradient()];
        let m = stepping.map(a.clone() + (b.clone() + a.clone() * (keep - 1.0)), &on);
        let ahead = match self.nesterov {
            true => stepping.map(b.clone() + a.clone() * keep, &[m, on[1]]),
            false => m,
        };
        let shape = stepping.parameter().variable.shape();
        let longest = shape.iter().copied().max().unwrap_or(1) as f64;
        let size = self.rms_rate.map_or(1.0, |rate| longest.sqrt() * rate);
        let next = stepping.map(a - b * Expr::Step(0) * size, &[stepping.value(), self.orthogonal(ahead)]);
        Some((next, vec![m]))
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what: format!("Muon: {what}") });
        if !(0..=100).contains(&self.ns_steps) {
            return wrong(format!("ns_steps is {}, but must be between 0 and 100", self.ns_steps));
        }
        self.exclude_layers
            .iter()
            .try_for_each(|words| pattern::search(words, "").map(drop))
            .or_else(|why| wrong(format!("exclude_layers: {why}")))
    }
}
