//! Adam and AdamW.

use super::common::optimizer;
use super::rule::rounded;
use super::{Common, Rule, SlotInfo, Update};
use crate::Error;
use crate::graph::Expr;

optimizer!(
    /// Adaptive moment estimation.
    Adam 0.001 {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root of the second moment.
        epsilon: f64 = 1e-7,
        /// Whether the largest second moment so far is used.
        amsgrad: bool = false,
    }
    besides:
    /// Whether epsilon is smaller in the first steps, which tf_keras has.
    adaptive_epsilon: bool,
    older:
    /// Says whether it is one of before TensorFlow 2.11, which files tell apart.
    legacy,
);

optimizer!(
    /// Adam with weight decay apart from the gradient.
    AdamW 0.001 decay 0.004 {
        /// Decay of the first moment.
        beta_1: f64 = 0.9,
        /// Decay of the second moment.
        beta_2: f64 = 0.999,
        /// Added to the root of the second moment.
        epsilon: f64 = 1e-7,
        /// Whether the largest second moment so far is used.
        amsgrad: bool = false,
    }
);

fn slots(amsgrad: bool) -> Vec<SlotInfo> {
    let mut slots = vec![SlotInfo::new("momentum"), SlotInfo::new("velocity")];
    if amsgrad {
        slots.push(SlotInfo::new("velocity_hat").group(1));
    }
    slots
}

/// The rate of a step, which takes into account that both moments began at zero.
pub(super) fn unbiased(learning_rate: f64, betas: [f64; 2], iteration: i64) -> f64 {
    let t = (iteration + 1) as f64;
    let [beta_1, beta_2] = betas.map(rounded);
    learning_rate * (1.0 - beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t))
}

fn update(betas: [f64; 2], epsilon: Expr, amsgrad: bool) -> Update {
    let [w, g, m, v] = [0, 1, 2, 3].map(Expr::In);
    let m = m.clone() + (g.clone() - m) * (1.0 - betas[0]);
    let v = v.clone() + (g.square() - v) * (1.0 - betas[1]);
    let mut slots = vec![m.clone(), v.clone()];
    let mut second = v;
    if amsgrad {
        second = Expr::In(4).max(second);
        slots.push(second.clone());
    }
    Update { parameter: w - m * Expr::Step(0) / (second.sqrt() + epsilon), slots }
}

macro_rules! rule {
    ($class:ident $name:literal $epsilon:expr, $check:expr) => {
        impl Rule for $class {
            const CLASS: &'static str = $name;

            fn common(&self) -> &Common {
                &self.common
            }
            fn common_mut(&mut self) -> &mut Common {
                &mut self.common
            }
            fn slots(&self) -> Vec<SlotInfo> {
                slots(self.amsgrad)
            }
            fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
                let second = (1.0 - rounded(self.beta_2).powf((iteration + 1) as f64)).sqrt();
                vec![unbiased(learning_rate, [self.beta_1, self.beta_2], iteration), self.epsilon * second]
            }
            fn update(&self) -> Update {
                update([self.beta_1, self.beta_2], $epsilon(self), self.amsgrad)
            }
            fn check(&self) -> Result<(), Error> {
                $check(self)
            }
        }
    };
}
rule!(Adam "Adam" |adam: &Adam| if adam.adaptive_epsilon { Expr::Step(1) } else { Expr::Const(adam.epsilon) }, |_: &Adam| Ok(()));
rule!(AdamW "AdamW" |adam: &AdamW| Expr::Const(adam.epsilon), |adam: &AdamW| match adam.common.weight_decay {
    Some(_) => Ok(()),
    None => Err(Error::Argument { what: "AdamW: weight_decay must be a number, not null".into() }),
});
