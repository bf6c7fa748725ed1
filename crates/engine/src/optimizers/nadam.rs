//! Adam with Nesterov's momentum.

use super::common::optimizer;
use super::rule::rounded;
use super::{Common, Rule, SlotInfo, Touched, Update};
use crate::Error;
use crate::graph::Expr;

optimizer!(
    /// Adam with Nesterov's momentum.
    Nadam 0.001 {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root of the second moment.
        epsilon: f64 = 1e-7,
    }
    besides:
    /// How fast the weight of the momentum grows, for one of before TensorFlow 2.11: `None` for 0.004.
    schedule_decay: Option<f64>,
    older:
    /// Says whether it is one of before TensorFlow 2.11, in which the weight of the momentum grows slowly.
    legacy,
    // The product of the momentum's weights so far. Files hold it as f32, so it is one.
    state: u_product: f32 = 1.0,
);

impl Nadam {
    /// Weight of the momentum in step t, counted from 1.
    fn weight(&self, t: i64) -> f64 {
        let speed = match (self.schedule_decay, self.common.legacy) {
            (Some(decay), true) => decay,
            (None, true) => 0.004,
            _ => 1.0,
        };
        rounded(self.beta_1) * (1.0 - 0.5 * rounded(0.96).powf(rounded(speed) * t as f64))
    }
}

impl Rule for Nadam {
    const CLASS: &'static str = "Nadam";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn touched(&self) -> Touched {
        if self.common.legacy { Touched::Parameter } else { Touched::All }
    }

    fn check(&self) -> Result<(), Error> {
        match self.schedule_decay {
            Some(decay) if !self.common.legacy => Err(Error::Argument {
                what: format!(
                    "Nadam: schedule_decay is {decay}, but only one of before TensorFlow 2.11 has it: see is_legacy_optimizer"
                ),
            }),
            _ => Ok(()),
        }
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("momentum"), SlotInfo::new("velocity")]
    }

    /// lr · weight of the momentum, lr · weight of the gradient, correction of the second moment.
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let t = iteration + 1;
        let (now, next) = (self.weight(t), self.weight(t + 1));
        self.u_product = (f64::from(self.u_product) * now) as f32;
        let product = f64::from(self.u_product);
        vec![
            learning_rate * next / (1.0 - product * next),
            learning_rate * (1.0 - now) / (1.0 - product),
            1.0 / (1.0 - rounded(self.beta_2).powf(t as f64)),
        ]
    }

    fn update(&self) -> Update {
        let [w, g, m, v] = [0, 1, 2, 3].map(Expr::In);
        // Unlike Adam, Keras rounds the decays to f32 before it takes them from 1.
        let m = m.clone() + (g.clone() - m) * (1.0 - rounded(self.beta_1));
        let v = v.clone() + (g.clone().square() - v) * (1.0 - rounded(self.beta_2));
        let ahead = m.clone() * Expr::Step(0) + g * Expr::Step(1);
        let parameter = w - ahead / ((v.clone() * Expr::Step(2)).sqrt() + self.epsilon);
        Update { parameter, slots: vec![m, v] }
    }

    fn host_state(&self) -> Vec<(String, f32)> {
        vec![("u_product".into(), self.u_product)]
    }

    fn set_host_state(&mut self, state: &[(String, f32)]) {
        if let Some((_, value)) = state.iter().find(|(name, _)| name == "u_product") {
            self.u_product = *value;
        }
    }
}
