//! A linear map along one axis, where each result is a weighed sum of few elements: resizing, and its gradient.

use std::fmt;
use std::sync::Arc;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::{Dispatch, Lowered};
use rhyton_kernels::params::ResampleParams;
use rhyton_kernels::table::RESAMPLE;

use super::cases::Case;
use crate::Error;
use crate::export::{Attribute, Element, Exporter, Source};
use crate::graph::{Backward, CpuView, OpDef, Real, Tensor, Tile, Tiling, View, op_node};
use crate::types::{EXACT, TensorType};

/// Which elements of an axis each result is a sum of, with which weights.
#[derive(Clone, PartialEq)]
pub(crate) struct Taps {
    /// Length of the axis.
    length: usize,
    /// Where the terms of each result begin, and where the last end.
    first: Vec<usize>,
    /// The element of each term.
    places: Vec<usize>,
    /// Its weight.
    weights: Vec<f32>,
    /// Whether each result lies between two elements: the first, and a share of the way to the second. That is rounded as TensorFlow has it.
    between: bool,
}

impl fmt::Debug for Taps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What two traces have in common is told by this text.
        let mixed = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let numbers = self.first.iter().chain(&self.places).map(|n| *n as u64);
        let hash = numbers.chain(self.weights.iter().map(|w| u64::from(w.to_bits()))).fold(0, mixed);
        write!(f, "{} to {}, {hash:x}", self.length, self.outputs())
    }
}

impl Taps {
    /// Returns those of an axis of this length without a result.
    pub(crate) fn new(length: usize) -> Self {
        Taps { length, first: vec![0], places: vec![], weights: vec![], between: false }
    }

    /// Adds a result between two elements, at a share of the way from the first to the second.
    pub(crate) fn push_between(&mut self, [from, to]: [usize; 2], share: f32) {
        self.between = true;
        self.push([(from, 1.0 - share), (to, share)]);
    }

    /// Adds a result with these terms: places and weights. Elements that are not there count as zero.
    pub(crate) fn push(&mut self, terms: impl IntoIterator<Item = (usize, f32)>) {
        for (place, weight) in terms.into_iter().filter(|(place, _)| *place < self.length) {
            self.places.push(place);
            self.weights.push(weight);
        }
        self.first.push(self.places.len());
    }

    /// Returns the number of results.
    pub(crate) fn outputs(&self) -> usize {
        self.first.len() - 1
    }

    /// Returns the terms of a result.
    pub(crate) fn terms(&self, output: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let of = self.first[output]..self.first[output + 1];
        self.places[of.clone()].iter().copied().zip(self.weights[of].iter().copied())
    }

    /// Returns the map the other way round, which is the gradient's.
    fn transposed(&self) -> Self {
        let mut first = vec![0; self.length + 1];
        self.places.iter().for_each(|place| first[place + 1] += 1);
        (0..self.length).for_each(|i| first[i + 1] += first[i]);
        let mut next = first.clone();
        let (mut places, mut weights) = (vec![0; self.places.len()], vec![0.0; self.places.len()]);
        for output in 0..self.outputs() {
            for (place, weight) in self.terms(output) {
                (places[next[place]], weights[next[place]]) = (output, weight);
                next[place] += 1;
            }
        }
        Taps { length: self.outputs(), first, places, weights, between: false }
    }

    /// Returns the table that the kernel reads.
    fn table(&self) -> Vec<f32> {
        let numbers = self.first.iter().chain(&self.places).map(|n| *n as f32);
        numbers.chain(self.weights.iter().copied()).collect()
    }
}

/// The map of an axis of its first input; the second is the table of the taps.
#[derive(Clone, Debug)]
pub(crate) struct Resample {
    axis: usize,
    taps: Arc<Taps>,
}

impl Resample {
    /// Computes rows of `inner` elements, from row `first` on.
    fn rows<F: Real>(&self, x: &[F], inner: usize, first: usize, out: &mut [F]) {
        let (length, outputs) = (self.taps.length, self.taps.outputs());
        for (row, out) in out.chunks_exact_mut(inner.max(1)).enumerate() {
            let (outer, output) = ((first + row) / outputs, (first + row) % outputs);
            let at = |place: usize| {
                let from = (outer * length + place) * inner;
                &x[from..from + inner]
            };
            let mut terms = self.taps.terms(output).map(|(place, w)| (at(place), F::of(f64::from(w))));
            if self.taps.between {
                let [Some((from, _)), Some((to, share))] = [terms.next(), terms.next()] else { continue };
                out.iter_mut().zip(from.iter().zip(to)).for_each(|(o, (a, b))| *o = *a + (*b - *a) * share);
                continue;
            }
            out.fill(F::zero());
            for (from, weight) in terms {
                out.iter_mut().zip(from).for_each(|(o, x)| *o += weight * *x);
            }
        }
    }

    fn inner(&self, shape: &[usize]) -> usize {
        shape[self.axis + 1..].iter().product()
    }
}

impl OpDef for Resample {
    const NAME: &'static str = "resample";

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let mut shape = inputs[0].shape.clone();
        let (count, outputs) = (self.taps.places.len(), self.taps.outputs());
        if shape.get(self.axis) != Some(&self.taps.length) || inputs[1].len() != outputs + 1 + 2 * count {
            return Err(format!("axis {} of shape {shape:?} for {:?}", self.axis, self.taps));
        }
        let largest = count.max(outputs).max(self.taps.length);
        if i64::try_from(largest).is_ok_and(|n| n > EXACT) {
            return Err(format!("an axis of {} elements has {count} terms", self.taps.length));
        }
        shape[self.axis] = outputs;
        Ok(TensorType::f32(shape))
    }

    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]) {
        self.rows(inputs[0].data, self.inner(inputs[0].shape), 0, out);
    }

    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        let params = ResampleParams {
            count: output.len(),
            inner: self.inner(&output.shape),
            length: inputs[0].shape[self.axis],
            outputs: output.shape[self.axis],
            terms: self.taps.places.len(),
        };
        let dispatch = Dispatch::linear(&RESAMPLE, caps, output.len(), 16, params, &[0, 1]);
        Lowered::one(output.len(), if self.taps.between { dispatch.with("BETWEEN", 1) } else { dispatch })
    }

    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        Ok(vec![Some(cx.grad.resampled(self.axis, self.taps.transposed())), None])
    }

    fn flops(&self, _inputs: &[TensorType], output: &TensorType) -> u64 {
        2 * (self.taps.places.len() * (output.len() / output.shape[self.axis].max(1))) as u64
    }

    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        let x = cx.inputs.first()?.clone();
        let rank = x.shape.len();
        // A product with the matrix of the weights, over the last two axes; of one axis there is no other.
        let (outputs, length, last) = (self.taps.outputs(), self.taps.length, self.axis + 1 == rank);
        if rank < 2 {
            return None;
        }
        let at = |output: usize, place: usize| {
            if last { place * outputs + output } else { output * length + place }
        };
        let mut matrix = vec![0_f32; outputs * length];
        for output in 0..outputs {
            self.taps.terms(output).for_each(|(place, weight)| matrix[at(output, place)] += weight);
        }
        let shape = if last { vec![length, outputs] } else { vec![outputs, length] };
        let matrix = cx.nodes.floats(shape, matrix.into_iter().map(f32::to_bits).collect());
        let mut order: Vec<i32> = (0..i32::try_from(rank).ok()?).collect();
        order.swap(if last { rank - 1 } else { self.axis }, if last { rank - 1 } else { rank - 2 });
        let swaps = !last && self.axis + 2 != rank;
        let swapped = |cx: &mut Exporter, x: Source| {
            let order = cx.nodes.ints(&order);
            cx.nodes.float("Transpose", "y", &[x, order], vec![("Tperm", Attribute::Type(Element::I32))])
        };
        let x = if swaps { swapped(cx, x.source) } else { x.source };
        let operands = if last { [x, matrix] } else { [matrix, x] };
        let product = cx.nodes.float("BatchMatMulV2", "output", &operands, vec![]);
        Some(if swaps { swapped(cx, product) } else { product })
    }

    fn tiling(&self, _inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        // Whole rows of what is behind the axis.
        let cols = self.inner(&output.shape).max(1);
        let rows = output.len() / cols;
        Some(Tiling { rows, cols, tile_rows: (8192 / cols).clamp(1, rows.max(1)), tile_cols: cols })
    }

    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        self.rows(inputs[0].f32(), tile.cols, tile.row, out);
    }
}

impl Tensor {
    /// Returns what weighed sums make of an axis.
    pub(crate) fn resampled(self, axis: usize, taps: Taps) -> Tensor {
        let table = taps.table();
        let table = Tensor::constant([table.len()], table);
        op_node(Resample { axis, taps: Arc::new(taps) }, &[self, table])
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |axis: usize, shape: &[usize], between: bool, terms: Vec<Vec<(usize, f32)>>| {
        let mut taps = Taps::new(shape[axis]);
        for terms in &terms {
            match terms.as_slice() {
                [(from, _), (to, share)] if between => taps.push_between([*from, *to], *share),
                _ => taps.push(terms.iter().copied()),
            }
        }
        let table = taps.table();
        let op = Resample { axis, taps: Arc::new(taps) };
        let mut case = Case::new(op, &[shape, &[table.len()]], 1e-6, "sums of a few terms");
        case.values[1] = table.into_iter().map(f64::from).collect();
        case.differentiable[1] = false;
        case
    };
    // Results of no element, of several, of one twice, of one that is not there.
    let mixed =
        || vec![vec![], vec![(0, 0.5), (2, 0.25)], vec![(1, 1.0), (9, 7.0), (1, -0.5)], vec![(2, 3.0)]];
    let halves =
        |n: usize| (0..2 * n).map(|i| vec![(i / 2, 0.75), (i.div_ceil(2).min(n - 1), 0.25)]).collect();
    vec![
        case(1, &[2, 3, 4], false, mixed()),
        case(0, &[3, 5], false, mixed()),
        case(2, &[2, 4, 3], false, mixed()),
        case(1, &[2, 40, 33], false, halves(40)),
        case(1, &[3, 300, 70], false, halves(300)),
        case(1, &[2, 40, 33], true, halves(40)),
        case(2, &[2, 5, 300], true, halves(300)),
    ]
}
