//! Runs one step: the root op (by tiles where it has them), and its program on each tile while it is in the cache.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::sync::MutexGuard;

use rayon::prelude::*;

use super::StepRow;
use super::block::{Bound, Registers};
use super::memory::{CpuMemory, Part};
use crate::graph::{CpuView, Tiling, View};
use crate::plan::{Region, Root, Step};
use crate::types::DType;

/// Elements of a piece of a pointwise step that one thread computes.
const PIECE: usize = 16_384;
/// Operations below which a step is not worth more than one thread.
const SERIAL: u64 = 100_000;

/// What a step keeps between replays.
pub(super) struct CpuStep {
    tiling: Option<Tiling>,
    serial: bool,
    /// Index-map words of each operand: range in the step's words.
    words: Vec<std::ops::Range<usize>>,
    /// The root's values, where it is not computed by tiles.
    whole: Vec<f32>,
}

thread_local! {
    static SPACE: RefCell<(Vec<f32>, Registers)> = RefCell::default();
}

impl CpuStep {
    pub fn new(step: &Step) -> Self {
        let mut start = 0;
        let words = step.program.operands.iter().map(|o| {
            let first = start;
            start += o.words();
            first..first + o.map.words()
        });
        let words = words.collect();
        let flops = step.root.as_ref().map_or(0, |r| r.op.flops(&r.inputs, &r.output))
            + step.program.flops() * step.count as u64;
        let tiling = step.root.as_ref().and_then(|r| r.op.tiling(&r.inputs, &r.output));
        CpuStep { tiling, serial: flops < SERIAL, words, whole: Vec::new() }
    }

    pub fn run(
        &mut self,
        step: &Step,
        bases: &[(&CpuMemory, usize)],
        row: &StepRow,
        trip: usize,
        queue: &MutexGuard<'_, ()>,
    ) {
        let part = |r: &Region| bases[r.buffer].0.raw(queue, bases[r.buffer].1 + r.at(trip), r.words);
        let operands: Vec<Part> = step.operands.iter().map(part).collect();
        let outputs: Vec<Part> = step.outputs.iter().map(part).collect();
        let words: Vec<&[u32]> = self.words.iter().map(|r| &step.words[r.clone()]).collect();
        let bound =
            Bound { program: &step.program, operands: &operands, words: &words, outputs: &outputs, row };
        match (&step.root, self.tiling) {
            (None, _) => pieces(&bound, step.count, self.serial, None),
            (Some(root), Some(tiling)) => {
                let inputs: Vec<Part> = root.regions.iter().map(part).collect();
                tiles(root, &inputs, tiling, &bound, self.serial);
            }
            (Some(root), None) => {
                let inputs: Vec<Part> = root.regions.iter().map(part).collect();
                self.whole.resize(step.count, 0.0);
                by_definition(root, &inputs, &mut self.whole);
                pieces(&bound, step.count, self.serial, Some(&self.whole));
            }
        }
    }
}

fn each(count: usize, serial: bool, f: impl Fn(usize) + Send + Sync) {
    if serial { (0..count).for_each(f) } else { (0..count).into_par_iter().with_max_len(1).for_each(f) }
}

fn pieces(bound: &Bound, count: usize, serial: bool, root: Option<&[f32]>) {
    each(count.div_ceil(PIECE), serial, |i| {
        let first = i * PIECE;
        let len = PIECE.min(count - first);
        SPACE.with_borrow_mut(|(_, registers)| {
            // SAFETY: pieces are disjoint, and a plan's step writes only where it reads element by element.
            unsafe { bound.run(first, len, root.map(|r| &r[first..first + len]), registers) };
        });
    });
}

fn views<'a>(root: &'a Root, inputs: &[Part]) -> Vec<CpuView<'a>> {
    let view = |(ty, part): (&'a _, &Part)| {
        // SAFETY: a step never writes what its root reads: the planner keeps them apart.
        CpuView { ty, words: unsafe { part.read(0, part.len()) } }
    };
    root.inputs.iter().zip(inputs).map(view).collect()
}

fn tiles(root: &Root, inputs: &[Part], tiling: Tiling, bound: &Bound, serial: bool) {
    let inputs = views(root, inputs);
    let direct = bound.stores_root();
    each(tiling.len(), serial, |i| {
        let tile = tiling.tile(i);
        if direct && tile.cols == tiling.cols {
            // SAFETY: tiles are disjoint, and a step never writes what its root reads.
            let out = unsafe { bound.outputs[0].overwrite(tile.row * tiling.cols, tile.rows * tile.cols) };
            root.op.cpu_tile(&inputs, tile, bytemuck::cast_slice_mut(out));
            return;
        }
        SPACE.with_borrow_mut(|(space, registers)| {
            if space.len() < tile.rows * tile.cols {
                space.resize(tile.rows * tile.cols, 0.0);
            }
            let out = &mut space[..tile.rows * tile.cols];
            root.op.cpu_tile(&inputs, tile, out);
            if tile.cols == tiling.cols {
                // SAFETY: tiles are disjoint, as above.
                unsafe { bound.run(tile.row * tiling.cols, out.len(), Some(out), registers) };
                return;
            }
            for (r, row) in out.chunks_exact(tile.cols).enumerate() {
                // SAFETY: as above.
                unsafe {
                    bound.run((tile.row + r) * tiling.cols + tile.col, tile.cols, Some(row), registers)
                };
            }
        });
    });
}

fn by_definition(root: &Root, inputs: &[Part], out: &mut [f32]) {
    let views = views(root, inputs);
    // Integers come to a definition converted.
    let converted: Vec<Option<Vec<f32>>> = views
        .iter()
        .map(|v| match v.ty.dtype {
            DType::F32 | DType::Half(_) | DType::Whole(_) => None,
            DType::I32 => Some(v.i32().iter().map(|x| *x as f32).collect()),
            DType::U32 | DType::Text => Some(v.words.iter().map(|x| *x as f32).collect()),
        })
        .collect();
    let operands: Vec<View<f32>> = views
        .iter()
        .zip(&converted)
        .map(|(v, c)| View { shape: &v.ty.shape, data: c.as_deref().unwrap_or_else(|| v.f32()) })
        .collect();
    root.op.host_f32(&operands, out);
}
