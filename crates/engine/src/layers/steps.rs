//! Functions of a number that go up in whole steps, to the same whole number on every device.

use crate::graph::Tensor;

/// A function of f32 that goes up in steps from 0: at which number each step is.
///
/// Quotients of a GPU may be off by a rounding, which is a whole step where a quotient is cut. The host computes where the steps are, with the roundings that Keras
/// has; a device finds the step by a product, and looks whether it is the next one.
pub(super) struct Steps {
    /// Where each step begins, between the lowest number and the highest one.
    begins: Vec<f32>,
}

/// Returns a number of f32 by its place in their order, and back.
fn ordered(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 0 { !bits } else { bits & 0x7fff_ffff })
}

impl Steps {
    /// Returns the steps of a function that never goes down and has so many values, of which those above count as the last.
    pub fn new(count: usize, of: impl Fn(f32) -> usize) -> Self {
        let (least, most) = (!f32::MIN.to_bits(), f32::MAX.to_bits() | 0x8000_0000);
        let begin = |step: usize| {
            let (mut below, mut from) = (least, most);
            while from - below > 1 {
                let middle = below + (from - below) / 2;
                if of(ordered(middle)) >= step { from = middle } else { below = middle }
            }
            ordered(from)
        };
        let inner = (1..count.max(1)).map(begin);
        Steps { begins: [f32::MIN].into_iter().chain(inner).chain([f32::MAX]).collect() }
    }

    /// Returns the step of each element.
    pub fn index(&self, x: Tensor) -> Tensor {
        let count = self.begins.len() - 1;
        let shape = x.shape();
        if count == 1 {
            return Tensor::full(&shape, 0.0);
        }
        // They are evenly far from each other, but for roundings.
        let (first, last) = (f64::from(self.begins[1]), f64::from(self.begins[count - 1]));
        let rate = if last > first { (count as f64 - 2.0) / (last - first) } else { 0.0 };
        let near = ((x - first) * rate + 1.0).floor().clip(0.0, count as f64 - 1.0);
        let table = Tensor::constant([count + 1, 1], self.begins.clone());
        let at = |k: Tensor| table.rows_at(k).reshape(shape.as_slice());
        near - x.less(at(near)) + at(near + 1.0).less_equal(x)
    }
}

/// Numbers up to which f32 has every whole one.
pub(super) const MOST: usize = 1 << 24;

/// Returns how often each number below `count` is in a list, as a table of one column.
pub(super) fn counted(list: Tensor, count: usize) -> Tensor {
    let length = list.ty().len();
    let part = |first: usize| {
        let some = (length - first).min(MOST);
        let part = if some == length { list } else { list.slice(0, first, some) };
        Tensor::full(&[some, 1], 1.0).rows_added(part, count)
    };
    (0..length).step_by(MOST).map(part).reduce(|a, b| a + b).unwrap_or(Tensor::full(&[count, 1], 0.0))
}
