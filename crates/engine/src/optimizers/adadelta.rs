//! Adadelta.

use super::common::optimizer;
use super::{Common, Rule, SlotInfo, Touched, Update};
use crate::graph::Expr;

optimizer!(
    /// Steps scaled by the means of past changes and gradients.
    Adadelta 0.001 {
        /// Decay of the means.
        rho: f64 = 0.95,
        /// Added under both roots.
        epsilon: f64 = 1e-7,
    }
    older:
    /// Says whether it is one of before TensorFlow 2.11, which leaves rows alone that a gradient of an embedding does not have.
    legacy,
);

impl Rule for Adadelta {
    const CLASS: &'static str = "Adadelta";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn touched(&self) -> Touched {
        if self.common.legacy { Touched::Rows } else { Touched::All }
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
        let delta = root(deltas.clone()) * g.clone() / root(grads.clone());
        // The square of the change, by that of the gradient.
        let square = g.square() * (deltas.clone() + self.epsilon) / (grads.clone() + self.epsilon);
        let deltas = deltas * rho + square * (1.0 - rho);
        Update { parameter: w - delta * Expr::Step(0), slots: vec![grads, deltas] }
    }
}
