//! Several expressions over shared operands as one straight-line program: what a fused group computes for one element.

use crate::expr::Expr;
use crate::pointwise::Func;

/// Element type of an operand on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Scalar {
    F32,
    I32,
    U32,
}

/// How the index of a result becomes the index into an operand.
///
/// Numbers (lengths, strides) are uniform words, so that one pipeline serves all shapes of the same pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexMap {
    /// `i`.
    Same,
    /// `0`: one element for all.
    Scalar,
    /// `i % a`: repeats along leading axes, as a bias does. One uniform word: a.
    Tail,
    /// `i / a`: repeats along trailing axes. One uniform word: a.
    Head,
    /// The general case over this many axes: uniform words are, per axis from the last to the first, its length and
    /// the operand's stride.
    Strided(u8),
}

impl IndexMap {
    /// Number of uniform words.
    pub fn words(self) -> usize {
        match self {
            IndexMap::Same | IndexMap::Scalar => 0,
            IndexMap::Tail | IndexMap::Head => 1,
            IndexMap::Strided(rank) => 2 * rank as usize,
        }
    }

    /// The operand's index for result index `i`; `words` are this map's uniform words.
    #[inline]
    pub fn at(self, i: usize, words: &[u32]) -> usize {
        match self {
            IndexMap::Same => i,
            IndexMap::Scalar => 0,
            IndexMap::Tail => i % words[0] as usize,
            IndexMap::Head => i / words[0] as usize,
            IndexMap::Strided(_) => {
                let (mut rest, mut at) = (i, 0);
                for axis in words.chunks_exact(2) {
                    at += rest % axis[0] as usize * axis[1] as usize;
                    rest /= axis[0] as usize;
                }
                at
            }
        }
    }
}

/// Neighbouring result elements whose operand elements lie at equal steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The operand's index for the first.
    pub at: usize,
    /// From one to the next.
    pub step: usize,
    /// How many, at least one.
    pub len: usize,
}

impl IndexMap {
    /// The run that begins at result index `i`; `words` as for [`IndexMap::at`].
    pub fn run(self, i: usize, words: &[u32]) -> Run {
        let (step, len) = match self {
            IndexMap::Same => (1, usize::MAX),
            IndexMap::Scalar => (0, usize::MAX),
            IndexMap::Tail => (1, words[0] as usize - i % words[0] as usize),
            IndexMap::Head => (0, words[0] as usize - i % words[0] as usize),
            IndexMap::Strided(_) => match words {
                [len, step, ..] => (*step as usize, *len as usize - i % *len as usize),
                _ => (0, usize::MAX),
            },
        };
        Run { at: self.at(i, words), step, len }
    }
}

/// A value inside a program: the number of the instruction that made it.
pub type Id = usize;

/// One instruction; its value has the instruction's number.
#[derive(Clone, Debug, PartialEq)]
pub enum Instr {
    /// Loads operand k, converted to f32.
    Load(usize),
    /// The value that the root kernel computed for this element (its accumulator).
    Root,
    /// A number.
    Const(f64),
    /// A column of the step table.
    Step(usize),
    /// A uniform random number of this stream at this element.
    Rand(u32),
    /// A function of the pointwise table.
    Call(&'static Func, Vec<Id>),
}

/// What an operand of a program looks like (not where it is).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Element type in memory.
    pub scalar: Scalar,
    /// Index map.
    pub map: IndexMap,
    /// Says whether each trip of a loop reads another slice. Two more uniform words: where the first trip's begins, and the step from one to the next, modulo
    /// 2^32.
    pub sliced: bool,
}

impl Operand {
    /// An operand that is the same in all trips of a loop.
    pub fn new(scalar: Scalar, map: IndexMap) -> Self {
        Operand { scalar, map, sliced: false }
    }

    /// Number of uniform words: its index map's, and its slice's.
    pub fn words(self) -> usize {
        self.map.words() + if self.sliced { 2 } else { 0 }
    }
}

/// A straight-line program for one element: loads, arithmetic, stores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Operands that are read.
    pub operands: Vec<Operand>,
    /// Instructions in order.
    pub instrs: Vec<Instr>,
    /// Values that are stored, at the element's own index, each to an output of its own.
    pub outputs: Vec<Id>,
    /// For each output, the operand that lies in the same memory (an update in place), if any.
    pub in_place: Vec<Option<usize>>,
    /// For each output, whether each trip of a loop writes another slice; with two uniform words as those of an operand's slice.
    pub sliced_outputs: Vec<bool>,
}

impl Program {
    /// Stores the root's value as it is, to one output.
    pub fn identity() -> Self {
        let mut program = Program::default();
        let root = program.push(Instr::Root);
        program.output(root, None);
        program
    }

    /// Adds an instruction, or finds the equal one.
    pub fn push(&mut self, instr: Instr) -> Id {
        match self.instrs.iter().position(|i| *i == instr) {
            Some(id) => id,
            None => {
                self.instrs.push(instr);
                self.instrs.len() - 1
            }
        }
    }

    /// Adds an operand and the instruction that loads it.
    pub fn operand(&mut self, operand: Operand) -> Id {
        self.operands.push(operand);
        self.push(Instr::Load(self.operands.len() - 1))
    }

    /// Adds an expression whose `In(k)` is the value `inputs[k]`.
    pub fn expr(&mut self, expr: &Expr, inputs: &[Id]) -> Id {
        match expr {
            Expr::In(k) => inputs[*k],
            Expr::Const(c) => self.push(Instr::Const(*c)),
            Expr::Step(c) => self.push(Instr::Step(*c)),
            Expr::Rand(s) => self.push(Instr::Rand(*s)),
            Expr::Call(func, args) => {
                let args = args.iter().map(|a| self.expr(a, inputs)).collect();
                self.push(Instr::Call(func, args))
            }
        }
    }

    /// Adds an output.
    pub fn output(&mut self, value: Id, in_place: Option<usize>) {
        self.outputs.push(value);
        self.in_place.push(in_place);
        self.sliced_outputs.push(false);
    }

    /// Number of uniform words: those of the operands in order, then those of the outputs.
    pub fn words(&self) -> usize {
        self.operands.iter().map(|o| o.words()).sum::<usize>()
            + 2 * self.sliced_outputs.iter().filter(|s| **s).count()
    }

    /// Returns whether trips of a loop read or write other slices.
    pub fn is_sliced(&self) -> bool {
        self.operands.iter().any(|o| o.sliced) || self.sliced_outputs.contains(&true)
    }

    /// Arithmetic operations per element (calls; loads and constants are free).
    pub fn flops(&self) -> u64 {
        self.instrs.iter().filter(|i| matches!(i, Instr::Call(..))).count() as u64
    }

    /// Whether any random number is drawn.
    pub fn draws(&self) -> bool {
        self.instrs.iter().any(|i| matches!(i, Instr::Rand(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::{IndexMap, Run};

    /// Runs name the same elements as the map does one by one.
    #[test]
    fn runs_follow_the_map() {
        let maps: [(IndexMap, &[u32]); 6] = [
            (IndexMap::Same, &[]),
            (IndexMap::Scalar, &[]),
            (IndexMap::Tail, &[5]),
            (IndexMap::Head, &[7]),
            (IndexMap::Strided(3), &[4, 0, 3, 1, 2, 3]),
            (IndexMap::Strided(2), &[3, 2, 8, 6]),
        ];
        for (map, words) in maps {
            for first in 0..24 {
                let Run { at, step, len } = map.run(first, words);
                assert!(len > 0);
                for i in first..24.min(first.saturating_add(len)) {
                    assert_eq!(at + (i - first) * step, map.at(i, words), "{map:?} {words:?} at {i}");
                }
            }
        }
    }
}
