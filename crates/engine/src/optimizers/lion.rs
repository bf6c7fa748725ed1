//! Lion.

use super::common::optimizer;
use super::rule::rounded;
use super::{Common, Rule, SlotInfo, Update};
use crate::graph::Expr;

optimizer!(
    /// Steps by the sign of the momentum.
    Lion 0.001 {
        /// Weight of the momentum in the step.
        beta_1: f64 = 0.9,
        /// Decay of the momentum.
        beta_2: f64 = 0.99,
    }
);

impl Rule for Lion {
    const CLASS: &'static str = "Lion";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("momentum")]
    }

    fn columns(&mut self, _iteration: i64, learning_rate: f64) -> Vec<f64> {
        vec![learning_rate]
    }

    fn update(&self) -> Update {
        let [w, g, m] = [0, 1, 2].map(Expr::In);
        let (beta_1, beta_2) = (rounded(self.beta_1), rounded(self.beta_2));
        let direction = (m.clone() * beta_1 + g.clone() * (1.0 - beta_1)).sign();
        let m = m * beta_2 + g * (1.0 - beta_2);
        Update { parameter: w - direction * Expr::Step(0), slots: vec![m] }
    }
}
