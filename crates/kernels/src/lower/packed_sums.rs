//! Scaled sums of several arrays, side by side in one small vector.

use super::{dispatch, word};
use crate::caps::Caps;
use crate::dispatch::{Dispatch, Lowered};
use crate::table::{CONSTANTS, PACKED_SUMS};

/// One result: `scale` times the sum of an input, or `scale` alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PackedEntry {
    /// `In` of what is summed; `None` for the constant 1.
    pub input: Option<usize>,
    /// Its number of elements.
    pub len: usize,
    /// Factor.
    pub scale: f32,
}

/// Entries that one dispatch can hold.
const ENTRIES: usize = 8;
/// Inputs that one dispatch can bind: two bindings are left for the fused program.
const INPUTS: usize = 6;

/// The sums of these entries, in order; as many dispatches as entries and inputs need.
pub fn packed_sums(entries: &[PackedEntry], caps: &Caps) -> Lowered {
    let mut lowered = Lowered::default();
    let mut first = 0;
    while first < entries.len() {
        let (mut inputs, mut end) = (Vec::new(), first);
        while end < entries.len() && end - first < ENTRIES {
            match entries[end].input {
                Some(k) if !inputs.contains(&k) && inputs.len() == INPUTS => break,
                Some(k) if !inputs.contains(&k) => inputs.push(k),
                _ => {}
            }
            end += 1;
        }
        lowered.dispatches.push(chunk(&entries[first..end], first, &inputs, caps));
        first = end;
    }
    lowered
}

fn chunk(entries: &[PackedEntry], first: usize, inputs: &[usize], caps: &Caps) -> Dispatch {
    let mut words = vec![word(entries.len()), word(first), 0, 0];
    let Some(&filler) = inputs.first() else {
        words.extend(entries.iter().map(|e| e.scale.to_bits()));
        words.resize(4 + ENTRIES, 0);
        return Dispatch { why: "numbers only", ..dispatch(&CONSTANTS, caps, entries.len(), words, &[]) };
    };
    for entry in entries {
        let number = entry.input.and_then(|k| inputs.iter().position(|i| *i == k)).map_or(0, |n| word(n + 1));
        words.extend([number, if number == 0 { 0 } else { word(entry.len) }, entry.scale.to_bits(), 0]);
    }
    words.resize(4 + 4 * ENTRIES, 0);
    let mut bound = inputs.to_vec();
    bound.resize(INPUTS, filler);
    let dispatch = dispatch(&PACKED_SUMS, caps, entries.len(), words, &bound);
    let overrides = if caps.software { vec![("WORKGROUP", 8)] } else { vec![] };
    Dispatch { overrides, why: "a workgroup a sum", ..dispatch }
}
