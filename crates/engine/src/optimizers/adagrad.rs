//! Adagrad.

use super::common::optimizer;
use super::{Common, Rule, SlotInfo, Update};
use crate::graph::Expr;

optimizer!(
    /// Steps divided by the root of the sum of squared gradients.
    Adagrad 0.001 {
        /// Where the sum starts.
        initial_accumulator_value: f64 = 0.1,
        /// Added to the sum.
        epsilon: f64 = 1e-7,
    }
    older:
    /// Says whether epsilon is added to the root, as the optimizers of before TensorFlow 2.11 do.
    legacy,
);

impl Rule for Adagrad {
    const CLASS: &'static str = "Adagrad";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("accumulator").initial(self.initial_accumulator_value)]
    }

    fn columns(&mut self, _iteration: i64, learning_rate: f64) -> Vec<f64> {
        vec![learning_rate]
    }

    fn update(&self) -> Update {
        let [w, g, sum] = [0, 1, 2].map(Expr::In);
        let sum = sum + g.clone().square();
        let root = match self.common.legacy {
            true => sum.clone().sqrt() + self.epsilon,
            false => (sum.clone() + self.epsilon).sqrt(),
        };
        let parameter = w - g * Expr::Step(0) / root;
        Update { parameter, slots: vec![sum] }
    }
}
