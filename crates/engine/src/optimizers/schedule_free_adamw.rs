//! Adam without a schedule.

use super::common::optimizer;
use super::rule::rounded;
use super::{Common, Rule, SlotInfo, Update};
use crate::Error;
use crate::graph::Expr;

optimizer!(
    /// Adam that needs no schedule: parameters are between a sequence that takes the steps and its average (Defazio et al., 2024).
    ScheduleFreeAdamW 0.0025 {
        /// How much of the average is in the parameters, by the paper; no number of Keras' on TensorFlow depends on it.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root of the second moment.
        epsilon: f64 = 1e-8,
        /// Number of steps until the rate is what was given.
        warmup_steps: i64 = 0,
    }
);

impl Rule for ScheduleFreeAdamW {
    const CLASS: &'static str = "ScheduleFreeAdamW";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("momentum").from_parameter(), SlotInfo::new("velocity")]
    }

    /// The rate, what corrects the second moment, and the weight of this step in the average.
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let t = (iteration + 1) as f64;
        let warm = if self.warmup_steps > 0 { (t / self.warmup_steps as f64).min(1.0) } else { 1.0 };
        vec![learning_rate * warm, 1.0 - rounded(self.beta_2).powf(t), 1.0 / t]
    }

    fn update(&self) -> Update {
        let [y, g, z, v] = [0, 1, 2, 3].map(Expr::In);
        let beta_2 = rounded(self.beta_2);
        let v = v.clone() + (g.clone().square() - v) * (1.0 - beta_2);
        let root = (v.clone() / Expr::Step(1)).sqrt() + rounded(self.epsilon);
        let next = z - g * Expr::Step(0) / root;
        // Keras on TensorFlow takes the average out of the parameters, and puts it back, with the sequence as it is after the step, so that `beta_1` cancels
        // out. (On JAX it takes it out with the older one.)
        let parameter = y.clone() + (next.clone() - y) * Expr::Step(2);
        Update { parameter, slots: vec![next, v] }
    }

    fn check(&self) -> Result<(), Error> {
        match self.beta_1 {
            0.0 => Err(Error::Argument {
                what: "ScheduleFreeAdamW: beta_1 is 0, by which Keras divides; take Adam".into(),
            }),
            _ => Ok(()),
        }
    }
}
