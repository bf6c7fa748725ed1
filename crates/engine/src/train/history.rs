//! What `fit` returns, and logs.

use std::fmt;

/// Logged values by name, in order: `loss`, metrics, `val_loss`, ...
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(pub Vec<(String, f64)>);

impl Logs {
    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// The loss; NaN where there is none.
    pub fn loss(&self) -> f64 {
        self.get("loss").unwrap_or(f64::NAN)
    }

    /// Names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(n, _)| n.as_str())
    }
}

/// `loss: 0.1234 - accuracy: 0.9000`, numbers as Keras shows them.
impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, v)) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { " - " };
            match v.abs() > 1e-3 || *v == 0.0 {
                true => write!(f, "{gap}{name}: {v:.4}")?,
                false => write!(f, "{gap}{name}: {v:.4e}")?,
            }
        }
        Ok(())
    }
}

/// Logs of every epoch.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// Epochs, counted from 0.
    pub epoch: Vec<usize>,
    /// Values by name, one per epoch, in order of their first appearance.
    pub history: Vec<(String, Vec<f64>)>,
}

impl History {
    /// The values of this name, one per epoch.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.history.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice())
    }

    pub(super) fn push(&mut self, epoch: usize, logs: &Logs) {
        self.epoch.push(epoch);
        for (name, value) in &logs.0 {
            match self.history.iter_mut().find(|(n, _)| n == name) {
                Some((_, values)) => values.push(*value),
                None => self.history.push((name.clone(), vec![*value])),
            }
        }
    }
}
