//! Pixels of images at places that are computed: what turns, shears and shifts them.

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered, word};
use rhyton_kernels::pointwise as table;
use rhyton_kernels::table::SAMPLE;

use super::cases::Case;
use super::gather::sum_rows;
use super::{count_up, pointwise};
use crate::Error;
use crate::graph::{Backward, CpuView, Expr, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::TensorType;

/// Places farther than this from the first pixel are outside of any image.
const FAR: f64 = 1e9;

/// Pixels of `[n, height, width, channels]` at places `[n, .., ..]` along height and width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// A weighed mean of the four pixels around a place; else the pixel at its whole part.
    pub linear: bool,
    /// Pixels beyond an end are those at the other one; else they have the number `fill`.
    pub wraps: bool,
    /// What is outside of an image.
    pub fill: f64,
}

/// A pixel along an axis, counted from the first; `None` where there is none.
fn pixel<F: Real>(place: F, length: usize, wraps: bool) -> Option<usize> {
    let place = place.to_i64()?;
    if wraps {
        return usize::try_from(place.rem_euclid(i64::try_from(length).ok().filter(|n| *n > 0)?)).ok();
    }
    usize::try_from(place).ok().filter(|place| *place < length)
}

impl Sample {
    /// Computes the pixels from number `first` on, counted over all images.
    fn pixels<F: Real>(&self, inputs: [(&[usize], &[F]); 3], first: usize, out: &mut [F]) {
        let [(image, x), (places, ys), (_, xs)] = inputs;
        let (height, width, channels) = (image[1], image[2], image[3]);
        let each = places[1] * places[2];
        let fill = F::of(self.fill);
        for (i, out) in out.chunks_exact_mut(channels.max(1)).enumerate() {
            let (at, n) = (first + i, (first + i) / each);
            let (y, x_) = (ys[at], xs[at]);
            let near = |v: F| v.to_f64().is_some_and(|v| v.abs() < FAR);
            if !(near(y) && near(x_)) {
                out.fill(fill);
                continue;
            }
            let (y0, x0) = (y.floor(), x_.floor());
            let (down, right) = (y - y0, x_ - x0);
            let row = |dy: F, dx: F| {
                let y = pixel(y0 + dy, height, self.wraps)?;
                let x = pixel(x0 + dx, width, self.wraps)?;
                Some(((n * height + y) * width + x) * channels)
            };
            let (zero, one) = (F::zero(), F::one());
            let corners = [row(zero, zero), row(zero, one), row(one, zero), row(one, one)];
            for (c, out) in out.iter_mut().enumerate() {
                let value = |corner: Option<usize>| corner.map_or(fill, |row| x[row + c]);
                *out = if self.linear {
                    let [a, b, c, d] = corners.map(value);
                    let (above, below) = ((one - right) * a + right * b, (one - right) * c + right * d);
                    (one - down) * above + down * below
                } else {
                    value(corners[0])
                };
            }
        }
    }

    fn operands<'a, F>(inputs: &[(&'a [usize], &'a [F])]) -> [(&'a [usize], &'a [F]); 3] {
        [inputs[0], inputs[1], inputs[2]]
    }
}

impl OpDef for Sample {
    const NAME: &'static str = "sample";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let [image, ys, xs] = inputs else { return Err("an image and two places".into()) };
        match (image.shape.as_slice(), ys.shape.as_slice()) {
            ([n, _, _, channels], [m, a, b]) if n == m && ys.shape == xs.shape => {
                Ok(TensorType::f32([*n, *a, *b, *channels]))
            }
            _ => Err(format!("pixels of {:?} at {:?} and {:?}", image.shape, ys.shape, xs.shape)),
        }
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        let inputs: Vec<_> = inputs.iter().map(|v| (v.shape, v.data)).collect();
        self.pixels(Self::operands(&inputs), 0, out);
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let image = &inputs[0].shape;
        let mut words: Vec<u32> =
            [output.len(), output.shape[1] * output.shape[2], image[1], image[2], image[3]]
                .map(word)
                .to_vec();
        words.push((self.fill as f32).to_bits());
        let flags = [("LINEAR", self.linear), ("WRAPS", self.wraps)];
        let dispatch = Dispatch::linear(&SAMPLE, caps, output.len(), 16, words, &[0, 1, 2]);
        let dispatch = flags.into_iter().filter(|(_, on)| *on).fold(dispatch, |d, (name, _)| d.with(name, 1));
        Lowered::one(output.len(), dispatch)
    }

    /// The gradient of the image: each pixel gets what it weighed in each result, in the order of the results.
    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        let (image, places) = (cx.inputs[0].shape(), cx.inputs[1].shape());
        let (&[n, height, width, channels], true) = (image.as_slice(), cx.needs[0]) else {
            return Ok(vec![None; 3]);
        };
        let first = (count_up(n) * (height * width) as f64).reshape([n, 1, 1]);
        let floor = |x: Expr| Expr::call(&table::FLOOR, vec![x]);
        let corners: &[[f64; 2]] =
            if self.linear { &[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] } else { &[[0.0, 0.0]] };
        let mut sum: Option<Tensor> = None;
        for corner in corners {
            let mut number = Expr::In(2);
            let (mut inside, mut weight) = (Expr::Const(1.0), Expr::Const(1.0));
            for (axis, (length, step)) in [(height, width), (width, 1)].into_iter().enumerate() {
                let (x, length) = (Expr::In(axis), length as f64);
                let place = floor(x.clone()) + corner[axis];
                // Between two whole numbers, so that a rounding of the quotient changes nothing.
                let place =
                    if self.wraps { place.clone() - floor((place + 0.5) / length) * length } else { place };
                inside = inside * Expr::Const(0.0).le(place.clone()) * place.clone().lt(length);
                number = number + place * step as f64;
                let share = x.clone() - floor(x.clone());
                weight = weight * if corner[axis] > 0.0 { share } else { 1.0 - share };
            }
            let at = [cx.inputs[1], cx.inputs[2], first];
            let rows = pointwise(inside.select(number, -1.0), &at, Some(&places));
            let weight = if self.linear { weight } else { Expr::Const(1.0) };
            let weight = pointwise(weight, &at[..2], Some(&places)).expand_last();
            let part = sum_rows(rows, cx.grad * weight, n * height * width);
            sum = Some(sum.map_or(part, |sum| sum + part));
        }
        Ok(vec![sum.map(|sum| sum.reshape([n, height, width, channels])), None, None])
    }

    fn flops(&self, _inputs: &[TensorType], output: &TensorType) -> u64 {
        if self.linear { 9 * output.len() as u64 } else { output.len() as u64 }
    }

    fn tiling(&self, _inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        let cols = output.shape[3].max(1);
        let rows = output.len() / cols;
        Some(Tiling { rows, cols, tile_rows: (8192 / cols).clamp(1, rows.max(1)), tile_cols: cols })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        let inputs: Vec<_> = inputs.iter().map(|v| (v.ty.shape.as_slice(), v.f32())).collect();
        self.pixels(Self::operands(&inputs), tile.row, out);
    }
}

impl Tensor {
    /// Returns the pixels of images, `[n, height, width, channels]`, at places along both axes, `[n, .., ..]`.
    pub(crate) fn sampled(self, [ys, xs]: [Tensor; 2], how: Sample) -> Tensor {
        op_node(how, &[self, ys, xs])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes: [(&[usize], [usize; 2]); 3] =
        [(&[2, 3, 4, 2], [3, 4]), (&[1, 5, 1, 3], [2, 7]), (&[3, 11, 9, 5], [20, 13])];
    for (image, [a, b]) in shapes {
        for (linear, wraps, fill) in
            [(true, false, 0.0), (true, true, 0.0), (false, false, -1.5), (false, true, 2.0)]
        {
            let places = [image[0], a, b];
            let op = Sample { linear, wraps, fill };
            let mut case = Case::new(op, &[image, &places, &places], 1e-5, "means of four");
            for (axis, values) in case.values[1..].iter_mut().enumerate() {
                // Within the image and around it, at whole numbers too.
                let length = image[axis + 1] as f64;
                for (i, v) in values.iter_mut().enumerate() {
                    *v = f64::from(((*v * 0.5 + 0.5) * (length + 1.0) - 1.0) as f32);
                    *v = if i % 5 == 0 { v.round() } else { *v };
                }
            }
            case.differentiable[1..].fill(false);
            cases.push(case);
        }
    }
    cases
}
