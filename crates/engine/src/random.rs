//! Seeds. All random numbers are Philox; what differs is where the seed comes from.
//!
//! As in Keras, [`set_random_seed`] is process-wide: after it, everything that draws without a seed of its own draws the same
//! numbers in every run.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use rhyton_kernels::philox::philox4x32;

struct Source {
    seed: Option<u64>,
    drawn: u32,
}

static SOURCE: Mutex<Source> = Mutex::new(Source { seed: None, drawn: 0 });

/// Makes all that follows reproducible, as `keras.utils.set_random_seed` does.
pub fn set_random_seed(seed: u64) {
    *SOURCE.lock().unwrap_or_else(PoisonError::into_inner) = Source { seed: Some(seed), drawn: 0 };
}

/// A fresh seed from the process-wide source.
pub fn next_seed() -> u64 {
    let mut source = SOURCE.lock().unwrap_or_else(PoisonError::into_inner);
    let seed = *source.seed.get_or_insert_with(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() as u64 ^ (u64::from(std::process::id()) << 32)
    });
    source.drawn = source.drawn.wrapping_add(1);
    let words = philox4x32([source.drawn, 0, 0, 1], split(seed));
    u64::from(words[0]) | u64::from(words[1]) << 32
}

/// A seed as two words, low first.
pub fn split(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// A host generator over one seed: for initializers and shuffling.
#[derive(Debug)]
pub struct Generator {
    key: [u32; 2],
    counter: u64,
    words: [u32; 4],
    left: usize,
}

impl Generator {
    /// Starts at the beginning of a seed's stream.
    pub fn new(seed: u64, stream: u32) -> Self {
        Generator { key: split(seed), counter: u64::from(stream) << 40, words: [0; 4], left: 0 }
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.left == 0 {
            let [low, high] = split(self.counter);
            self.words = philox4x32([low, high, 0, 2], self.key);
            self.counter = self.counter.wrapping_add(1);
            self.left = 4;
        }
        self.left -= 1;
        self.words[3 - self.left]
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        let bits = u64::from(self.next_u32()) << 32 | u64::from(self.next_u32());
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Uniform in 0..n, without bias (Lemire's method).
    pub fn below(&mut self, n: u32) -> u32 {
        loop {
            let wide = u64::from(self.next_u32()) * u64::from(n);
            if (wide as u32) >= n.wrapping_neg() % n.max(1) {
                return (wide >> 32) as u32;
            }
        }
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(u32::try_from(i + 1).unwrap_or(u32::MAX)) as usize;
            items.swap(i, j);
        }
    }
}
