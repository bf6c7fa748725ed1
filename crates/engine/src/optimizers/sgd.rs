//! Gradient descent.

use super::common::optimizer;
use super::{Common, Rule, SlotInfo, Touched, Update};
use crate::Error;
use crate::graph::Expr;

optimizer!(
    /// Gradient descent, with or without momentum.
    SGD 0.01 {
        /// How much of the last change is kept, between 0 and 1.
        momentum: f64 = 0.0,
        /// Whether the momentum is applied ahead.
        nesterov: bool = false,
    }
    older:
    /// Says whether it is one of before TensorFlow 2.11, which leaves rows alone that a gradient of an embedding does not have.
    legacy,
);

impl Rule for SGD {
    const CLASS: &'static str = "SGD";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn touched(&self) -> Touched {
        if self.common.legacy && self.momentum > 0.0 { Touched::Rows } else { Touched::All }
    }

    fn slots(&self) -> Vec<SlotInfo> {
        if self.momentum == 0.0 { vec![] } else { vec![SlotInfo::new("momentum")] }
    }

    fn columns(&mut self, _iteration: i64, learning_rate: f64) -> Vec<f64> {
        vec![learning_rate]
    }

    fn update(&self) -> Update {
        let (w, step) = (Expr::In(0), Expr::In(1) * Expr::Step(0));
        if self.momentum == 0.0 {
            return Update { parameter: w - step, slots: vec![] };
        }
        let m = Expr::In(2) * self.momentum - step.clone();
        let parameter = if self.nesterov { w + (m.clone() * self.momentum - step) } else { w + m.clone() };
        Update { parameter, slots: vec![m] }
    }

    fn check(&self) -> Result<(), Error> {
        if (0.0..=1.0).contains(&self.momentum) {
            return Ok(());
        }
        Err(Error::Argument {
            what: format!("SGD: momentum is {}, but must be between 0 and 1", self.momentum),
        })
    }
}
