//! Where variables lie: arenas, each in as many buffers as the device's limits ask for.

use std::collections::HashMap;

use rhyton_kernels::caps::Caps;

use super::build::{ALIGN, aligned};
use crate::graph::Variable;

/// Describes where variables lie.
#[derive(Clone, Debug, Default)]
pub struct Arenas {
    /// Names and words of the buffers; they are the plan's first buffers, in this order.
    pub arenas: Vec<(String, usize)>,
    /// Buffer and offset of each variable, by its id.
    pub places: HashMap<u64, (usize, usize)>,
}

impl Arenas {
    /// Adds an arena with these variables in order, aligned, and gives the numbers of its buffers. A buffer ends where the next variable
    /// would take it beyond what the device can bind at once or allocate, so that all of it can be bound; only a variable that
    /// is larger by itself has a buffer that cannot.
    pub fn add(&mut self, name: &str, variables: &[Variable], caps: &Caps) -> std::ops::Range<usize> {
        let first = self.arenas.len();
        let mut words = 0;
        let mut parts: Vec<usize> = Vec::new();
        for variable in variables {
            let more = aligned(variable.len());
            if words > 0 && words + more > caps.buffer_words() {
                parts.push(std::mem::take(&mut words));
            }
            self.places.insert(variable.id(), (first + parts.len(), words));
            words += more;
        }
        parts.push(words.max(ALIGN));
        let several = parts.len() > 1;
        let named = parts.into_iter().enumerate().map(|(i, words)| {
            let name = if several { format!("{name} {i}") } else { name.into() };
            (name, words)
        });
        self.arenas.extend(named);
        first..self.arenas.len()
    }

    /// Removes the buffers from this number on.
    pub fn truncate(&mut self, buffers: usize) {
        self.arenas.truncate(buffers);
        self.places.retain(|_, place| place.0 < buffers);
    }

    /// Removes the buffers in which none of these variables lies; gives for each that there was whether it is kept.
    pub fn keep_only(&mut self, variables: &[Variable]) -> Vec<bool> {
        let mut kept = vec![false; self.arenas.len()];
        for (buffer, _) in variables.iter().filter_map(|v| self.places.get(&v.id())) {
            kept[*buffer] = true;
        }
        let number = |buffer: usize| kept[..buffer].iter().filter(|k| **k).count();
        self.places.retain(|_, place| kept[place.0]);
        self.places.values_mut().for_each(|place| place.0 = number(place.0));
        let mut kept_too = kept.iter();
        self.arenas.retain(|_| kept_too.next() == Some(&true));
        kept
    }
}
