//! Adam by the largest gradient.

use super::common::optimizer;
use super::rule::rounded;
use super::{Common, Rule, SlotInfo, Touched, Update};
use crate::graph::Expr;

optimizer!(
    /// Adam with the largest of the decayed gradients in place of the second moment.
    Adamax 0.001 {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the norm.
        beta_2: f64 = 0.999,
        /// Added to the norm.
        epsilon: f64 = 1e-7,
    }
    older:
    /// Says whether it is one of before TensorFlow 2.11, which leaves rows alone that a gradient of an embedding does not have.
    legacy,
);

impl Rule for Adamax {
    const CLASS: &'static str = "Adamax";

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
        vec![SlotInfo::new("momentum"), SlotInfo::new("norm")]
    }

    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        vec![learning_rate / (1.0 - rounded(self.beta_1).powf((iteration + 1) as f64))]
    }

    fn update(&self) -> Update {
        let [w, g, m, u] = [0, 1, 2, 3].map(Expr::In);
        let m = m.clone() + (g.clone() - m) * (1.0 - self.beta_1);
        let u = (u * self.beta_2).max(g.abs());
        let parameter = w - m.clone() * Expr::Step(0) / (u.clone() + self.epsilon);
        Update { parameter, slots: vec![m, u] }
    }
}
