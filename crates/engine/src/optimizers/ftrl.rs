//! Follow the regularized leader.

use super::common::optimizer;
use super::{Common, Rule, SlotInfo, Touched, Update};
use crate::Error;
use crate::graph::Expr;

optimizer!(
    /// Follow the regularized leader: for sparse, shallow models.
    Ftrl 0.001 {
        /// Minus the power of the sum that divides the rate; 0 or negative.
        learning_rate_power: f64 = -0.5,
        /// Where the sum of squares starts.
        initial_accumulator_value: f64 = 0.1,
        /// Draws parameters to exactly zero.
        l1_regularization_strength: f64 = 0.0,
        /// Makes parameters smaller.
        l2_regularization_strength: f64 = 0.0,
        /// Makes parameters smaller, through the gradient.
        l2_shrinkage_regularization_strength: f64 = 0.0,
        /// Beta of the paper.
        beta: f64 = 0.0,
    }
    older:
    /// Says whether it is one of before TensorFlow 2.11, which leaves rows alone that a gradient of an embedding does not have.
    legacy,
);

impl Rule for Ftrl {
    const CLASS: &'static str = "Ftrl";

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
        vec![SlotInfo::new("accumulator").initial(self.initial_accumulator_value), SlotInfo::new("linear")]
    }

    /// 1 / lr, and twice the strength of L2.
    fn columns(&mut self, _iteration: i64, learning_rate: f64) -> Vec<f64> {
        let l2 = self.l2_regularization_strength + self.beta / (2.0 * learning_rate);
        vec![1.0 / learning_rate, 2.0 * l2]
    }

    fn update(&self) -> Update {
        let [w, g, sum, linear] = [0, 1, 2, 3].map(Expr::In);
        let power = |e: Expr| match self.learning_rate_power {
            -0.5 => e.sqrt(),
            p => e.pow(-p),
        };
        let shrunk = g.clone() + w.clone() * (2.0 * self.l2_shrinkage_regularization_strength);
        let next = sum.clone() + g.square();
        let linear = linear + shrunk - (power(next.clone()) - power(sum)) * Expr::Step(0) * w;
        let quadratic = power(next.clone()) * Expr::Step(0) + Expr::Step(1);
        let l1 = self.l1_regularization_strength;
        let parameter = (linear.clone().max(-l1).min(l1) - linear.clone()) / quadratic;
        Update { parameter, slots: vec![next, linear] }
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |name: &str, value: f64, wants: &str| {
            Err(Error::Argument { what: format!("Ftrl: {name} is {value}, but must be {wants}") })
        };
        if self.learning_rate_power > 0.0 {
            return wrong("learning_rate_power", self.learning_rate_power, "0 or negative");
        }
        for (name, value) in [
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("l1_regularization_strength", self.l1_regularization_strength),
            ("l2_regularization_strength", self.l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", self.l2_shrinkage_regularization_strength),
        ] {
            if value < 0.0 {
                return wrong(name, value, "0 or positive");
            }
        }
        Ok(())
    }
}
