//! Windows of signals: by what each number of a frame is multiplied.

use std::f64::consts::{PI, TAU};

use serde::{Deserialize, Serialize};

use super::config::Field;
use crate::Error;

/// Most numbers of a table that frequencies are computed with.
pub(super) const MOST: usize = 1 << 27;

/// A window: one of SciPy's by its name, or its numbers; none where it is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignalWindow(Option<Given>);

/// A name, or numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a window, or a list of numbers")]
enum Given {
    Name(String),
    Numbers(Vec<f64>),
}

impl Default for SignalWindow {
    fn default() -> Self {
        "hann".into()
    }
}

impl From<&str> for SignalWindow {
    fn from(name: &str) -> Self {
        SignalWindow(Some(Given::Name(name.to_owned())))
    }
}
impl From<Vec<f64>> for SignalWindow {
    fn from(numbers: Vec<f64>) -> Self {
        SignalWindow(Some(Given::Numbers(numbers)))
    }
}
impl From<Option<Vec<f64>>> for SignalWindow {
    fn from(numbers: Option<Vec<f64>>) -> Self {
        SignalWindow(numbers.map(Given::Numbers))
    }
}

impl Field for SignalWindow {}

/// A window as a function of its place, from 0 to 1.
type Function = fn(f64) -> f64;

/// Returns a sum of cosines with these weights, whose signs alternate.
fn cosines(place: f64, weights: &[f64]) -> f64 {
    weights.iter().enumerate().map(|(k, w)| w * (k as f64 * (TAU * place - PI)).cos()).sum()
}

/// Windows that do not depend on how long they are, by SciPy's names.
const WINDOWS: &[(&str, Function)] = &[
    ("hann", |t| cosines(t, &[0.5, 0.5])),
    ("hamming", |t| cosines(t, &[0.54, 0.46])),
    ("blackman", |t| cosines(t, &[0.42, 0.5, 0.08])),
    ("nuttall", |t| cosines(t, &[0.3635819, 0.4891775, 0.1365995, 0.0106411])),
    ("blackmanharris", |t| cosines(t, &[0.35875, 0.48829, 0.14128, 0.01168])),
    ("flattop", |t| cosines(t, &[0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368])),
    ("bartlett", |t| 1.0 - (2.0 * t - 1.0).abs()),
    ("boxcar", |_| 1.0),
    ("barthann", |t| {
        let from_middle = (t - 0.5).abs();
        0.62 - 0.48 * from_middle + 0.38 * (TAU * from_middle).cos()
    }),
    ("bohman", |t| {
        let part = (2.0 * t - 1.0).abs();
        if part >= 1.0 { 0.0 } else { (1.0 - part) * (PI * part).cos() + (PI * part).sin() / PI }
    }),
];

impl SignalWindow {
    /// Returns whether there is none.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the name, where it has one.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.0 {
            Some(Given::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// Returns the numbers for a frame of this length, of which the last is as the first, or would come next if `periodic`.
    ///
    /// # Errors
    /// No window that is supported has this name, or there are more or fewer numbers.
    pub(super) fn numbers(&self, length: usize, periodic: bool) -> Result<Vec<f64>, Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        match &self.0 {
            None => Ok(vec![1.0; length]),
            Some(Given::Numbers(numbers)) if numbers.len() == length => Ok(numbers.clone()),
            Some(Given::Numbers(numbers)) => {
                wrong(format!("window has {} numbers for frames of {length}", numbers.len()))
            }
            Some(Given::Name(name)) => {
                let Some((_, function)) = WINDOWS.iter().find(|(known, _)| known == name) else {
                    let names: Vec<&str> = WINDOWS.iter().map(|(known, _)| *known).collect();
                    return wrong(format!("window {name:?} is not supported; {} are", names.join(", ")));
                };
                if length <= 1 {
                    return Ok(vec![1.0; length]);
                }
                let last = if periodic { length } else { length - 1 } as f64;
                Ok((0..length).map(|i| function(i as f64 / last)).collect())
            }
        }
    }
}
