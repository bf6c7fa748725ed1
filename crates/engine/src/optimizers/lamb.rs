//! Lamb.

use super::common::optimizer;
use super::rule::rounded;
use super::{Common, Rule, SlotInfo, Stepping};
use crate::graph::{Expr, Tensor};

optimizer!(
    /// Adam whose steps are as long, for each parameter, as the parameter says: for large batches (You et al., 2019).
    Lamb 0.001 {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root of the second moment.
        epsilon: f64 = 1e-7,
    }
);

impl Rule for Lamb {
    const CLASS: &'static str = "Lamb";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("momentum"), SlotInfo::new("velocity")]
    }

    /// The rate, and what corrects both moments.
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let left = |beta: f64| 1.0 - rounded(beta).powf((iteration + 1) as f64);
        vec![learning_rate, left(self.beta_1), left(self.beta_2)]
    }

    fn step(&self, stepping: &Stepping) -> Option<(Tensor, Vec<Tensor>)> {
        let [a, b, c] = [0, 1, 2].map(Expr::In);
        let mean = |beta: f64, slot: usize, of: Tensor| {
            let (m, x) = (Expr::In(0), Expr::In(1));
            stepping.map(m.clone() + (x - m) * (1.0 - beta), &[stepping.slot(slot), of])
        };
        let m = mean(self.beta_1, 0, stepping.gradient());
        let v = mean(self.beta_2, 1, stepping.squares());
        let root = (b.clone() / Expr::Step(2)).sqrt() + self.epsilon;
        let change = stepping.map(a.clone() / Expr::Step(1) / root, &[m, v]);
        let length = |x: Tensor| x.square().sum(&[]).sqrt();
        let w = stepping.value();
        // One where either is zero.
        let positive = |x: Expr, yes: Expr| Expr::Const(0.0).lt(x).select(yes, 1.0);
        let ratio = positive(a.clone(), positive(b.clone(), a.clone() / b.clone()));
        let ratio = stepping.map(ratio, &[length(w), length(change)]);
        Some((stepping.map(a - b * Expr::Step(0) * c, &[w, ratio, change]), vec![m, v]))
    }
}
