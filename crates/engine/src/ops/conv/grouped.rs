//! The CPU's path for groups of few channels, a channel for itself above all: vectors of filters or channels, read where they lie.

use std::ops::Range;

use rhyton_kernels::pointwise::vectorized;

use super::sizes::{Form, Sizes, index, place};
use crate::graph::{Tile, Tiling};

/// Elements of a tile.
const TILE: usize = 16_384;

/// Returns how each form is cut: whole pixels, or whole taps.
pub(super) fn tiling(form: Form, s: &Sizes) -> Tiling {
    let (rows, _, cols) = s.product(form);
    let tile_rows = match form {
        Form::Output | Form::Input => TILE / cols.max(1),
        Form::Kernel => s.channels_each(),
    };
    Tiling { rows, cols, tile_rows: tile_rows.max(1), tile_cols: cols.max(1) }
}

/// Computes one tile.
pub(super) fn tile(form: Form, s: &Sizes, a: &[f32], b: &[f32], tile: Tile, out: &mut [f32]) {
    out.fill(0.0);
    vectorized(
        #[inline(always)]
        || match form {
            Form::Output => output_tile(s, a, b, tile.row..tile.row + tile.rows, out),
            Form::Input => input_tile(s, a, b, tile.row..tile.row + tile.rows, out),
            Form::Kernel => kernel_tile(s, a, b, tile.row / s.channels_each(), out),
        },
    );
}

/// Returns what `at` says of a place along all axes, where it says something along each.
#[inline(always)]
fn all(at: impl Fn(usize) -> Option<usize>) -> Option<[usize; 3]> {
    Some([at(0)?, at(1)?, at(2)?])
}

#[inline(always)]
fn output_tile(s: &Sizes, x: &[f32], kernel: &[f32], pixels: Range<usize>, out: &mut [f32]) {
    let outputs: usize = s.output.iter().product();
    let (channels, filters) = (s.channels_each(), s.filters_each());
    for (pixel, out) in pixels.zip(out.chunks_exact_mut(s.filters)) {
        let (image, o) = (pixel / outputs, place(pixel % outputs, s.output));
        s.each_tap(|tap, t| {
            let Some(under) = all(|axis| s.under(axis, o[axis], t[axis])) else { return };
            let x = &x[index(image, under, s.input) * s.channels..][..s.channels];
            let kernel = &kernel[tap * channels * s.filters..][..channels * s.filters];
            if channels == 1 && filters == 1 {
                out.iter_mut().zip(x).zip(kernel).for_each(|((o, x), k)| *o += x * k);
                return;
            }
            for (c, kernel) in kernel.chunks_exact(s.filters).enumerate() {
                let groups = out.chunks_exact_mut(filters).zip(kernel.chunks_exact(filters));
                for ((out, kernel), x) in groups.zip(x.chunks_exact(channels)) {
                    out.iter_mut().zip(kernel).for_each(|(o, k)| *o += x[c] * k);
                }
            }
        });
    }
}

#[inline(always)]
fn input_tile(s: &Sizes, g: &[f32], kernel: &[f32], pixels: Range<usize>, out: &mut [f32]) {
    let inputs: usize = s.input.iter().product();
    let (channels, filters) = (s.channels_each(), s.filters_each());
    for (pixel, out) in pixels.zip(out.chunks_exact_mut(s.channels)) {
        let (image, i) = (pixel / inputs, place(pixel % inputs, s.input));
        s.each_tap(|tap, t| {
            let Some(over) = all(|axis| s.over(axis, i[axis], t[axis])) else { return };
            let g = &g[index(image, over, s.output) * s.filters..][..s.filters];
            let kernel = &kernel[tap * channels * s.filters..][..channels * s.filters];
            if channels == 1 && filters == 1 {
                out.iter_mut().zip(g).zip(kernel).for_each(|((o, g), k)| *o += g * k);
                return;
            }
            for (c, kernel) in kernel.chunks_exact(s.filters).enumerate() {
                let groups = g.chunks_exact(filters).zip(kernel.chunks_exact(filters));
                for ((g, kernel), out) in groups.zip(out.chunks_exact_mut(channels)) {
                    out[c] += g.iter().zip(kernel).map(|(g, k)| g * k).sum::<f32>();
                }
            }
        });
    }
}

/// The kernel's gradient of one tap.
#[inline(always)]
fn kernel_tile(s: &Sizes, x: &[f32], g: &[f32], tap: usize, out: &mut [f32]) {
    let outputs: usize = s.output.iter().product();
    let (channels, filters) = (s.channels_each(), s.filters_each());
    let t = place(tap, s.kernel);
    for pixel in 0..s.batch * outputs {
        let (image, o) = (pixel / outputs, place(pixel % outputs, s.output));
        let Some(under) = all(|axis| s.under(axis, o[axis], t[axis])) else { continue };
        let x = &x[index(image, under, s.input) * s.channels..][..s.channels];
        let g = &g[pixel * s.filters..][..s.filters];
        if channels == 1 && filters == 1 {
            out.iter_mut().zip(x).zip(g).for_each(|((o, x), g)| *o += x * g);
            continue;
        }
        for (c, out) in out.chunks_exact_mut(s.filters).enumerate() {
            let groups = out.chunks_exact_mut(filters).zip(g.chunks_exact(filters));
            for ((out, g), x) in groups.zip(x.chunks_exact(channels)) {
                out.iter_mut().zip(g).for_each(|(o, g)| *o += x[c] * g);
            }
        }
    }
}
