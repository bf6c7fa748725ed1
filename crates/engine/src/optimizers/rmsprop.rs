//! RMSprop.

use super::common::optimizer;
use super::{Common, Rule, SlotInfo, Touched, Update};
use crate::graph::Expr;

optimizer!(
    /// Steps divided by the root of the mean square of gradients.
    RMSprop 0.001 {
        /// Decay of the means.
        rho: f64 = 0.9,
        /// How much of the last change is kept.
        momentum: f64 = 0.0,
        /// Added to the mean square.
        epsilon: f64 = 1e-7,
        /// Whether the square of the mean gradient is taken off.
        centered: bool = false,
    }
    older:
    /// Says whether epsilon is added to the root, as the optimizers of before TensorFlow 2.11 do without momentum.
    legacy,
);

impl Rule for RMSprop {
    const CLASS: &'static str = "RMSprop";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn touched(&self) -> Touched {
        // Those of TensorFlow's kernel alone.
        if self.common.legacy && self.momentum > 0.0 { Touched::Rows } else { Touched::All }
    }

    fn slots(&self) -> Vec<SlotInfo> {
        let mut slots = vec![SlotInfo::new("velocity")];
        if self.momentum > 0.0 {
            slots.push(SlotInfo::new("momentum").group(slots.len()));
        }
        if self.centered {
            slots.push(SlotInfo::new("average_gradient").group(slots.len()));
        }
        slots
    }

    fn columns(&mut self, _iteration: i64, learning_rate: f64) -> Vec<f64> {
        vec![learning_rate]
    }

    fn update(&self) -> Update {
        let [w, g, v] = [0, 1, 2].map(Expr::In);
        let rho = self.rho;
        let v = v * rho + g.clone().square() * (1.0 - rho);
        let average = Expr::In(if self.momentum > 0.0 { 4 } else { 3 }) * rho + g.clone() * (1.0 - rho);
        let mut square = v.clone();
        if self.centered {
            square = square - average.clone().square();
        }
        // With momentum, the older ones call TensorFlow's fused kernel, whose formula is today's.
        let root = match self.common.legacy && self.momentum <= 0.0 {
            true => square.sqrt() + self.epsilon,
            false => (square + self.epsilon).sqrt(),
        };
        let step = g * Expr::Step(0) / root;
        let mut slots = vec![v];
        let change = if self.momentum > 0.0 {
            slots.push(Expr::In(3) * self.momentum + step);
            slots[1].clone()
        } else {
            step
        };
        if self.centered {
            slots.push(average);
        }
        Update { parameter: w - change, slots }
    }
}
