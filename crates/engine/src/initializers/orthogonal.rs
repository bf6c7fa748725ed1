//! Orthogonal matrices.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::random::Seed;
use super::{spec, unfit};
use crate::Error;
use crate::graph::Initializer;
use crate::random::Generator;

/// A matrix with orthonormal rows or columns (whichever are fewer), times `gain`; more axes are flattened but for the last.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Orthogonal {
    seed: Seed,
    gain: f64,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Orthogonal { seed: Seed::default(), gain: 1.0 }
    }
}

impl Orthogonal {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Factor.
    #[must_use]
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    /// Draws the same numbers every time.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed::fixed(seed);
        self
    }
}

impl Initializer for Orthogonal {
    fn spec(&self) -> Value {
        spec("Orthogonal", self)
    }

    /// Gram and Schmidt over normal vectors, twice for accuracy: with the positive signs that it gives, the matrix is uniform
    /// among the orthogonal ones.
    fn init(&self, shape: &[usize], seed: u64) -> Result<Vec<f32>, Error> {
        let [lead @ .., cols] = shape else { return Err(unfit("Orthogonal", shape, "matrices")) };
        if lead.is_empty() {
            return Err(unfit("Orthogonal", shape, "matrices"));
        }
        let (rows, cols) = (lead.iter().product::<usize>(), *cols);
        let (count, len) = (rows.min(cols), rows.max(cols));
        let mut generator = Generator::new(self.seed.or(seed), 0);
        let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
        while basis.len() < count {
            let mut v: Vec<f64> = (0..len).map(|_| generator.normal()).collect();
            for _ in 0..2 {
                for b in &basis {
                    let along: f64 = v.iter().zip(b).map(|(x, y)| x * y).sum();
                    v.iter_mut().zip(b).for_each(|(x, y)| *x -= along * y);
                }
            }
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            // A vector that happens to lie in the span of those before is drawn again.
            if norm > 1e-6 {
                v.iter_mut().for_each(|x| *x /= norm);
                basis.push(v);
            }
        }
        // The vectors are the columns of a tall matrix, the rows of a wide one.
        let at = |r: usize, c: usize| if rows >= cols { basis[c][r] } else { basis[r][c] };
        let positions = (0..rows).flat_map(|r| (0..cols).map(move |c| (r, c)));
        Ok(positions.map(|(r, c)| (self.gain * at(r, c)) as f32).collect())
    }
}
