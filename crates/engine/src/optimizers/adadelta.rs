//! Adadelta.

use super::rule::optimizer;
use super::{Common, Rule, SlotInfo, Update};
use crate::graph::Expr;

optimizer!(
    /// Steps scaled by the means of past changes and gradients.
    Adadelta 0.001 {
        /// Decay of the means.
        rho: f64 = 0.95,
        /// Added under both roots.
        epsilon: f64 = 1e-7,
    }
);

impl Rule for Adadelta {
    const CLASS: &'static str = "Adadelta";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("accumulated_grad"), SlotInfo::new("accumulated_delta_var")]
    }

    fn columns(&mut self, _iteration: i64, learning_rate: f64) -> Vec<f64> {
        vec![learning_rate]
    }

    fn update(&self) -> Update {
        let [w, g, grads, deltas] = [0, 1, 2, 3].map(Expr::In);
        let rho = self.rho;
        let root = |e: Expr| (e + self.epsilon).sqrt();
        let grads = grads * rho + g.clone().square() * (1.0 - rho);
        let delta = root(deltas.clone()) * g / root(grads.clone());
        let deltas = deltas * rho + delta.clone().square() * (1.0 - rho);
        Update { parameter: w - delta * Expr::Step(0), slots: vec![grads, deltas] }
    }
}
