//! Adafactor.

use super::common::optimizer;
use super::{Common, LearningRate, Parameter, Rule, SlotInfo, Stepping};
use crate::graph::{Expr, Tensor};

optimizer!(
    /// Adam with less memory: of the second moment of a matrix, the means of its rows and of its columns (Shazeer and Stern, 2018).
    Adafactor 0.001 {
        /// The power of the step that the decay of the second moment comes from.
        beta_2_decay: f64 = -0.8,
        /// Added to the squares of gradients.
        epsilon_1: f64 = 1e-30,
        /// Least size of a parameter, for the size of its steps.
        epsilon_2: f64 = 1e-3,
        /// Largest size of a change, relative to the rate.
        clip_threshold: f64 = 1.0,
        /// Whether a constant rate falls with the root of the steps.
        relative_step: bool = true,
    }
);

impl Rule for Adafactor {
    const CLASS: &'static str = "Adafactor";

    fn common(&self) -> &Common {
        &self.common
    }
    fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    fn slots(&self) -> Vec<SlotInfo> {
        vec![SlotInfo::new("r"), SlotInfo::new("c"), SlotInfo::new("velocity")]
    }

    fn slots_of(&self, parameter: &Parameter) -> Vec<SlotInfo> {
        match parameter.variable.shape() {
            [lead @ .., rows, columns] => {
                let shape = |last: usize| lead.iter().copied().chain([last]).collect::<Vec<usize>>();
                vec![
                    SlotInfo::new("r").shape(shape(*rows)),
                    SlotInfo::new("c").shape(shape(*columns)),
                    SlotInfo::new("velocity"),
                ]
            }
            _ if parameter.keras2 => vec![SlotInfo::new("velocity")],
            // Keras 3 lists numbers in their place, which nothing changes.
            _ => vec![SlotInfo::new("r").shape([]), SlotInfo::new("c").shape([]), SlotInfo::new("velocity")],
        }
    }

    /// The rate, and the decay of the second moment.
    fn columns(&mut self, iteration: i64, learning_rate: f64) -> Vec<f64> {
        let t = (iteration + 1) as f64;
        let falls = matches!(self.common.learning_rate, LearningRate::Constant(_)) && self.relative_step;
        let rate = if falls { learning_rate.min(1.0 / t.sqrt()) } else { learning_rate };
        vec![rate.min(1.0 / t.sqrt()), 1.0 - t.powf(self.beta_2_decay)]
    }

    fn step(&self, stepping: &Stepping) -> Option<(Tensor, Vec<Tensor>)> {
        let [a, b, c] = [0, 1, 2].map(Expr::In);
        let mean = |slot: usize, of: Tensor| {
            let decay = || Expr::Step(1);
            stepping.map(decay() * Expr::In(0) + (1.0 - decay()) * Expr::In(1), &[stepping.slot(slot), of])
        };
        let size = |squares: Tensor| squares.mean(&[]).sqrt();
        let (w, g, squares) = (stepping.value(), stepping.gradient(), stepping.squares());
        let regulated = squares + self.epsilon_1;
        let (v, slots) = if w.rank() < 2 {
            let own = if stepping.parameter().keras2 { 0 } else { 2 };
            let v = mean(own, regulated);
            (v, (0..own).map(|slot| stepping.slot(slot)).chain([v]).collect())
        } else {
            let (rows, columns) = (mean(0, regulated.mean(&[-1])), mean(1, regulated.mean(&[-2])));
            let (lead, last) = (rows.shape(), columns.shape());
            let tall: Vec<usize> = lead.iter().copied().chain([1]).collect();
            let mut wide = last.clone();
            wide.insert(last.len() - 1, 1);
            let part = (rows / rows.mean_keep(&[-1])).reshape(tall);
            let v = part * columns.reshape(wide);
            (v, vec![rows, columns, v])
        };
        let change = size(squares / v);
        let change = stepping.map((a.clone() / self.clip_threshold).max(1.0), &[change]);
        let alpha = stepping.map(a.clone().max(self.epsilon_2) * Expr::Step(0), &[size(w.square())]);
        let d = Expr::In(3);
        let next = stepping.map(a - b * (c / Expr::In(4).sqrt() / d), &[w, alpha, g, change, v]);
        Some((next, slots))
    }
}
