//! The CPU's fast path: windows of a tile are gathered into the cache for gemm; where they are small, they are read where they lie.

use std::cell::RefCell;
use std::ops::Range;

use rhyton_kernels::pointwise::vectorized;

use super::super::matmul::{Strided, gemm};
use super::sizes::{Form, Sizes, index, place};
use crate::graph::{Tile, Tiling};

/// How each form is cut.
pub(super) fn tiling(form: Form, s: &Sizes) -> Tiling {
    let (rows, k, cols) = s.product(form);
    let (tile_rows, tile_cols) = match form {
        // Windows of a tile lie in the second-level cache.
        Form::Output => ((WINDOWS / k.max(1)).clamp(16, 512), cols),
        // An image, since windows overlap.
        Form::Input => (s.input.iter().product(), cols),
        // Whole taps; where those are few, columns too, so that there is work for several threads.
        Form::Kernel => {
            let taps = 32_usize.div_ceil(s.channels.max(1)).min(s.taps());
            let few = s.taps().div_ceil(taps.max(1)) < 4;
            (taps * s.channels, if few { cols.min(16) } else { cols })
        }
    };
    Tiling { rows, cols, tile_rows: tile_rows.max(1), tile_cols: tile_cols.max(1) }
}

/// Computes one tile.
pub(super) fn tile(form: Form, s: &Sizes, a: &[f32], b: &[f32], tile: Tile, out: &mut [f32]) {
    PATCHES.with_borrow_mut(|patches| match form {
        Form::Output if s.taps() * s.channels <= FEW => vectorized(
            #[inline(always)]
            || few_tile(s, a, b, tile, out),
        ),
        Form::Output => output_tile(s, a, b, tile, out, patches),
        Form::Input => input_tile(s, a, b, tile, out, patches),
        Form::Kernel => kernel_tile(s, a, b, tile, out, patches),
    });
}

/// Elements of the gathered windows that a thread works on at a time.
const WINDOWS: usize = 65_536;

thread_local! {
    static PATCHES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Visits the rows of windows of `taps` (from the first to the last) at these output pixels: the place of the row in the
/// gathered matrix, the offset of its first input element, and its number of elements that lie inside.
fn each_run(s: &Sizes, pixels: Range<usize>, taps: Range<usize>, mut f: impl FnMut(usize, usize, usize)) {
    let (c, width) = (s.channels, taps.len() * s.channels);
    let outputs: usize = s.output.iter().product();
    for (row, pixel) in pixels.enumerate() {
        let (image, [oz, oy, ox]) = (pixel / outputs, place(pixel % outputs, s.output));
        let mut tap = taps.start;
        while tap < taps.end {
            let [kz, ky, kx] = place(tap, s.kernel);
            let n = (s.kernel[2] - kx).min(taps.end - tap);
            let to = row * width + (tap - taps.start) * c;
            if let (Some(z), Some(y)) = (s.under(0, oz, kz), s.under(1, oy, ky)) {
                let line = ((image * s.input[0] + z) * s.input[1] + y) * s.input[2];
                if s.dilation[2] == 1 {
                    // Neighbouring taps lie over neighbouring pixels.
                    let first = (ox * s.strides[2] + kx) as isize - s.padding[2] as isize;
                    let skip = (-first).clamp(0, n as isize) as usize;
                    let end = (s.input[2] as isize - first).clamp(skip as isize, n as isize) as usize;
                    if skip < end {
                        let at = (first + skip as isize) as usize;
                        f(to + skip * c, (line + at) * c, (end - skip) * c);
                    }
                } else {
                    for k in 0..n {
                        if let Some(x) = s.under(2, ox, kx + k) {
                            f(to + k * c, (line + x) * c, c);
                        }
                    }
                }
            }
            tap += n;
        }
    }
}

/// The windows of these taps at these output pixels as a matrix `[pixels, taps · channels]`, zero beyond the edges.
fn gather<'p>(
    s: &Sizes,
    x: &[f32],
    pixels: Range<usize>,
    taps: Range<usize>,
    patches: &'p mut Vec<f32>,
) -> &'p [f32] {
    patches.clear();
    patches.resize(pixels.len() * taps.len() * s.channels, 0.0);
    each_run(s, pixels, taps, |to, from, n| patches[to..to + n].copy_from_slice(&x[from..from + n]));
    patches
}

fn output_tile(s: &Sizes, x: &[f32], kernel: &[f32], tile: Tile, out: &mut [f32], patches: &mut Vec<f32>) {
    let k = s.taps() * s.channels;
    let windows = gather(s, x, tile.row..tile.row + tile.rows, 0..s.taps(), patches);
    let a = Strided { data: windows, offset: 0, row: k, col: 1 };
    let b = Strided { data: kernel, offset: tile.col, row: s.filters, col: 1 };
    gemm(tile.rows, k, tile.cols, &a, &b, out, false);
}

/// Tiles are whole images: each output pixel adds to all pixels under its window.
fn input_tile(s: &Sizes, g: &[f32], kernel: &[f32], tile: Tile, out: &mut [f32], patches: &mut Vec<f32>) {
    out.fill(0.0);
    let (pixels, k) = (s.output.iter().product::<usize>(), s.taps() * s.channels);
    let image = tile.row / s.input.iter().product::<usize>().max(1);
    let origin = tile.row * s.channels;
    let step = (WINDOWS / k.max(1)).clamp(1, pixels.max(1));
    for first in (0..pixels).step_by(step) {
        let n = step.min(pixels - first);
        let first = image * pixels + first;
        patches.resize(n * k, 0.0);
        let a = Strided { data: g, offset: first * s.filters, row: s.filters, col: 1 };
        let b = Strided { data: kernel, offset: 0, row: 1, col: s.filters };
        gemm(n, s.filters, k, &a, &b, patches, false);
        each_run(s, first..first + n, 0..s.taps(), |from, to, n| {
            let to = to - origin;
            out[to..to + n].iter_mut().zip(&patches[from..from + n]).for_each(|(o, p)| *o += *p);
        });
    }
}

/// Tiles are whole taps.
fn kernel_tile(s: &Sizes, x: &[f32], g: &[f32], tile: Tile, out: &mut [f32], patches: &mut Vec<f32>) {
    out.fill(0.0);
    let pixels = s.batch * s.output.iter().product::<usize>();
    let taps = tile.row / s.channels..(tile.row + tile.rows) / s.channels;
    let step = (WINDOWS / 2 / tile.rows.max(1)).clamp(1, pixels.max(1));
    for first in (0..pixels).step_by(step) {
        let n = step.min(pixels - first);
        let windows = gather(s, x, first..first + n, taps.clone(), patches);
        let a = Strided { data: windows, offset: 0, row: 1, col: tile.rows };
        let b = Strided { data: g, offset: first * s.filters + tile.col, row: s.filters, col: 1 };
        gemm(tile.rows, n, tile.cols, &a, &b, out, true);
    }
}

/// Windows of this many elements are not worth gathering.
const FEW: usize = 32;
/// Pixels, and filters, whose sums are kept in registers side by side.
const SIDE: usize = 4;
const LANES: usize = 16;

/// Output pixels whose windows have few elements.
#[inline(always)]
fn few_tile(s: &Sizes, x: &[f32], kernel: &[f32], tile: Tile, out: &mut [f32]) {
    // Where a window's elements lie, from its first on.
    let mut places = [0; FEW];
    for (i, at) in places.iter_mut().enumerate().take(s.taps() * s.channels) {
        let (tap, channel) = (place(i / s.channels, s.kernel), i % s.channels);
        let [z, y, x] = [0, 1, 2].map(|axis| tap[axis] * s.dilation[axis]);
        *at = ((z * s.input[1] + y) * s.input[2] + x) * s.channels + channel;
    }
    let places = &places[..s.taps() * s.channels];
    // The first pixel under a window that lies inside along an axis.
    let inside = |axis: usize, output: usize| {
        let first = (output * s.strides[axis]).checked_sub(s.padding[axis])?;
        (first + (s.kernel[axis] - 1) * s.dilation[axis] < s.input[axis]).then_some(first)
    };
    let outputs: usize = s.output.iter().product();
    let mut done = 0;
    while done < tile.rows {
        let pixel = tile.row + done;
        let (image, [oz, oy, ox]) = (pixel / outputs, place(pixel % outputs, s.output));
        let out = &mut out[done * s.filters..];
        let together = ox + SIDE <= s.output[2] && done + SIDE <= tile.rows;
        let line = inside(0, oz).zip(inside(1, oy));
        match (line, inside(2, ox), inside(2, ox + SIDE - 1)) {
            (Some((z, y)), Some(column), Some(_)) if together => {
                let line = (image * s.input[0] + z) * s.input[1] + y;
                let first = (line * s.input[2] + column) * s.channels;
                few_pixels(s, &x[first..], kernel, places, out);
                done += SIDE;
            }
            _ => {
                few_pixel(s, x, kernel, image, [oz, oy, ox], &mut out[..s.filters]);
                done += 1;
            }
        }
    }
}

/// [`SIDE`] neighbouring output pixels whose windows lie inside; `x` begins at the first window's first element.
#[inline(always)]
fn few_pixels(s: &Sizes, x: &[f32], kernel: &[f32], places: &[usize], out: &mut [f32]) {
    let step = s.strides[2] * s.channels;
    for first in (0..s.filters).step_by(LANES) {
        let lanes = LANES.min(s.filters - first);
        let [mut a, mut b, mut c, mut d] = [[0.0_f32; LANES]; SIDE];
        for (place, row) in places.iter().zip(kernel.chunks_exact(s.filters)) {
            let mut padded = [0.0_f32; LANES];
            let row = &row[first..first + lanes];
            let weights = <&[f32; LANES]>::try_from(row).unwrap_or_else(|_| {
                padded[..lanes].copy_from_slice(row);
                &padded
            });
            let [u, v, w, z] = [x[*place], x[place + step], x[place + 2 * step], x[place + 3 * step]];
            for i in 0..LANES {
                a[i] += u * weights[i];
                b[i] += v * weights[i];
                c[i] += w * weights[i];
                d[i] += z * weights[i];
            }
        }
        for (p, sums) in [a, b, c, d].iter().enumerate() {
            out[p * s.filters + first..][..lanes].copy_from_slice(&sums[..lanes]);
        }
    }
}

/// One output pixel, whose window may reach beyond the edges.
fn few_pixel(s: &Sizes, x: &[f32], kernel: &[f32], image: usize, o: [usize; 3], out: &mut [f32]) {
    out.fill(0.0);
    s.each_tap(|tap, t| {
        let [z, y, column] = [0, 1, 2].map(|axis| s.under(axis, o[axis], t[axis]));
        let (Some(z), Some(y), Some(column)) = (z, y, column) else { return };
        let at = index(image, [z, y, column], s.input) * s.channels;
        let kernel = &kernel[tap * s.channels * s.filters..];
        for (value, row) in x[at..at + s.channels].iter().zip(kernel.chunks_exact(s.filters)) {
            out.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * weight);
        }
    });
}
