//! Adam and AdamW.

use serde::{Deserialize, Serialize};

use super::rule::{optimizer, rounded};
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
);

impl Rule for Adam {
    const CLASS: &'static str = "Adam";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        let mut slots = vec![SlotInfo::new("momentum"), SlotInfo::new("velocity")];
        if self.amsgrad {
            slots.push(SlotInfo::new("velocity_hat").group(1));
        }
        slots
    }

    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let t = (iteration + 1) as f64;
        let (beta_1, beta_2) = (rounded(self.beta_1), rounded(self.beta_2));
        vec![learning_rate * (1.0 - beta_2.powf(t)).sqrt() / (1.0 - beta_1.powf(t))]
    }

    fn update(&self) -> Update {
        let [w, g, m, v] = [0, 1, 2, 3].map(Expr::In);
        let m = m.clone() + (g.clone() - m) * (1.0 - self.beta_1);
        let v = v.clone() + (g.square() - v) * (1.0 - self.beta_2);
        let mut slots = vec![m.clone(), v.clone()];
        let mut second = v;
        if self.amsgrad {
            second = Expr::In(4).max(second);
            slots.push(second.clone());
        }
        Update { parameter: w - m * Expr::Step(0) / (second.sqrt() + self.epsilon), slots }
    }
}

/// Adam with weight decay apart from the gradient.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct AdamW {
    #[serde(flatten)]
    adam: Adam,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { adam: Adam::new().weight_decay(0.004) }
    }
}

impl AdamW {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

macro_rules! forward {
    ($($(#[$doc:meta])* $setting:ident: $type:ty;)+) => {
        impl AdamW {$(
            $(#[$doc])*
            #[must_use]
            pub fn $setting(mut self, $setting: $type) -> Self {
                self.adam = self.adam.$setting($setting);
                self
            }
        )+}
    };
}
forward!(
    /// A rate, or a schedule.
    learning_rate: impl Into<super::LearningRate>;
    /// Decay of the first moment.
    beta_1: f64;
    /// Decay of the second moment.
    beta_2: f64;
    /// Added to the root of the second moment.
    epsilon: f64;
    /// Whether the largest second moment so far is used.
    amsgrad: bool;
    /// How much of each parameter, times the learning rate, is taken off in each step.
    weight_decay: f64;
    /// Longest gradient of one parameter.
    clipnorm: f64;
    /// Largest element of a gradient.
    clipvalue: f64;
    /// Longest gradient of all parameters together.
    global_clipnorm: f64;
    /// What the loss is multiplied by before gradients are taken, which are divided by it.
    loss_scale_factor: f64;
    /// Its name in configs.
    name: &str;
);

impl Rule for AdamW {
    const CLASS: &'static str = "AdamW";

    fn common(&self) -> &Common {
        self.adam.common()
    }
    fn common_mut(&mut self) -> &mut Common {
        self.adam.common_mut()
    }
    fn slots(&self) -> Vec<SlotInfo> {
        Rule::slots(&self.adam)
    }
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        self.adam.columns(iteration, learning_rate)
    }
    fn update(&self) -> Update {
        Rule::update(&self.adam)
    }
    fn check(&self) -> Result<(), Error> {
        match self.common().weight_decay {
            Some(_) => Ok(()),
            None => Err(Error::Argument { what: "AdamW: weight_decay must be a number, not null".into() }),
        }
    }
}
