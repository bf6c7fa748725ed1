//! Runs a program block by block: each instruction is one loop over a block that stays in the first-level cache.
#![allow(unsafe_code)]

use rhyton_kernels::dispatch::STEP_COLUMNS;
use rhyton_kernels::philox::Draw;
use rhyton_kernels::program::{IndexMap, Instr, Program, Scalar};

use super::super::StepRow;
use super::memory::Part;

/// Elements of a block: with some twenty instructions the registers take 20 KiB.
const BLOCK: usize = 256;

/// Where a program's operands and outputs lie in this step.
pub(super) struct Bound<'a> {
    pub program: &'a Program,
    pub operands: &'a [Part],
    /// Index-map words of each operand.
    pub words: &'a [&'a [u32]],
    pub outputs: &'a [Part],
    pub row: &'a StepRow,
}

/// Registers of one thread.
#[derive(Default)]
pub(super) struct Registers {
    values: Vec<f32>,
}

impl Bound<'_> {
    /// Computes elements `first..first + count`; `root` has the root's values for them.
    ///
    /// # Safety
    /// As of [`Part::read`] and [`Part::write`]: no other thread writes what this reads, nor touches these elements of the outputs.
    pub unsafe fn run(&self, first: usize, count: usize, root: Option<&[f32]>, registers: &mut Registers) {
        if let (Some(root), true) = (root, self.stores_root()) {
            // SAFETY: the caller's promise.
            unsafe { self.outputs[0].write(first, bytemuck::cast_slice(&root[..count])) };
            return;
        }
        let n = self.program.instrs.len();
        registers.values.resize(n * BLOCK, 0.0);
        self.fill_constants(&mut registers.values);
        let mut done = 0;
        while done < count {
            let len = BLOCK.min(count - done);
            let root = root.map(|r| &r[done..done + len]);
            // SAFETY: the caller's promise.
            unsafe { self.block(first + done, len, root, &mut registers.values) };
            done += len;
        }
    }

    /// Returns whether the program stores the root's values as they are, and nothing else.
    pub fn stores_root(&self) -> bool {
        matches!(self.program.outputs[..], [id] if self.program.instrs[id] == Instr::Root)
    }

    /// Returns whether the value of an instruction is read where it lies, and needs no register: of what is stored, all is read before any is
    /// written.
    fn lies_elsewhere(&self, id: usize) -> bool {
        let apart = match &self.program.instrs[id] {
            Instr::Root => true,
            Instr::Load(k) => {
                let operand = self.program.operands[*k];
                (operand.map, operand.scalar) == (IndexMap::Same, Scalar::F32)
            }
            _ => false,
        };
        apart && !self.program.outputs.contains(&id)
    }

    /// What is the same for all elements is written once.
    fn fill_constants(&self, values: &mut [f32]) {
        for (instr, register) in self.program.instrs.iter().zip(values.chunks_exact_mut(BLOCK)) {
            match instr {
                Instr::Const(c) => register.fill(*c as f32),
                Instr::Step(c) => register.fill(f32::from_bits(self.row[STEP_COLUMNS + c])),
                Instr::Load(k) if self.program.operands[*k].map == IndexMap::Scalar => {
                    // SAFETY: a scalar is never written by the step that reads it for other elements.
                    let word = unsafe { self.operands[*k].read(0, 1)[0] };
                    register.fill(convert(self.program.operands[*k].scalar, word));
                }
                _ => {}
            }
        }
    }

    /// # Safety
    /// As of [`Bound::run`].
    unsafe fn block(&self, first: usize, len: usize, root: Option<&[f32]>, values: &mut [f32]) {
        for (i, instr) in self.program.instrs.iter().enumerate() {
            let (before, rest) = values.split_at_mut(i * BLOCK);
            let out = &mut rest[..len];
            match instr {
                Instr::Const(_) | Instr::Step(_) => {}
                Instr::Load(_) | Instr::Root if self.lies_elsewhere(i) => {}
                // SAFETY: the caller's promise.
                Instr::Load(k) => unsafe { self.load(*k, first, out) },
                Instr::Root => out.copy_from_slice(root.unwrap_or(&[])),
                Instr::Rand(stream) => {
                    Draw { seed: [self.row[1], self.row[2]], stream: *stream, step: self.row[0] }
                        .fill(first as u32, out);
                }
                Instr::Call(func, args) => {
                    let arg = |k: usize| match args.get(k) {
                        None => &[][..],
                        Some(&a) if self.lies_elsewhere(a) => match &self.program.instrs[a] {
                            // SAFETY: the caller's promise; outputs are written after all calls of this block.
                            Instr::Load(k) => {
                                bytemuck::cast_slice(unsafe { self.operands[*k].read(first, len) })
                            }
                            _ => root.unwrap_or(&[]),
                        },
                        Some(a) => &before[a * BLOCK..a * BLOCK + len],
                    };
                    (func.slices)(out, arg(0), arg(1), arg(2));
                }
            }
        }
        for (id, output) in self.program.outputs.iter().zip(self.outputs) {
            let result = &values[id * BLOCK..id * BLOCK + len];
            // SAFETY: the caller's promise; all loads of this block were copied before.
            unsafe { output.write(first, bytemuck::cast_slice(result)) };
        }
    }

    /// # Safety
    /// As of [`Bound::run`].
    unsafe fn load(&self, k: usize, first: usize, out: &mut [f32]) {
        let (operand, part) = (self.program.operands[k], self.operands[k]);
        match (operand.map, operand.scalar) {
            (IndexMap::Scalar, _) => {}
            (IndexMap::Same, Scalar::F32) => {
                // SAFETY: the caller's promise.
                let data = unsafe { part.read(first, out.len()) };
                out.copy_from_slice(bytemuck::cast_slice(data));
            }
            (map, scalar) => {
                // SAFETY: the caller's promise: operands under other maps are not written by this step.
                let (data, base) = match map {
                    IndexMap::Same => (unsafe { part.read(first, out.len()) }, first),
                    _ => (unsafe { part.read(0, part.len()) }, 0),
                };
                let mut done = 0;
                while done < out.len() {
                    let run = map.run(first + done, self.words[k]);
                    let len = run.len.min(out.len() - done);
                    let (out, at) = (&mut out[done..done + len], run.at - base);
                    match (run.step, scalar) {
                        (0, _) => out.fill(convert(scalar, data[at])),
                        (1, Scalar::F32) => out.copy_from_slice(bytemuck::cast_slice(&data[at..at + len])),
                        (step, _) => {
                            let data = data[at..].iter().step_by(step);
                            out.iter_mut().zip(data).for_each(|(o, word)| *o = convert(scalar, *word));
                        }
                    }
                    done += len;
                }
            }
        }
    }
}

fn convert(scalar: Scalar, word: u32) -> f32 {
    match scalar {
        Scalar::F32 => f32::from_bits(word),
        Scalar::I32 => word.cast_signed() as f32,
        Scalar::U32 => word as f32,
    }
}
