//! Products of two inputs, example by example.

use super::{Axes, axis};
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, MAKE_FLOATS, Resolver, Shape, Tensor, fail};
use crate::regularizers::normalize;

config! {
    /// Sums the products of two inputs over an axis of each: (batch, .., k) and (batch, k, ..) to (batch, .., ..).
    Dot(axes <- Axes) {
        /// Sets whether both are made of length 1 along their axis first: the product is then the cosine of the angle between.
        normalize: bool = false;
    }
    unset {}
    then {}
    read {}
    skip {}
}

impl Dot {
    /// The axes of both inputs, counted from the front.
    fn of_ranks(&self, ranks: [usize; 2]) -> Result<[usize; 2], Error> {
        let [first, second] = match *self.axes.list() {
            [both] => [both; 2],
            [first, second] => [first, second],
            _ => {
                let what = format!("axes is {:?}, but must be one axis, or two", self.axes.list());
                return Err(Error::Argument { what });
            }
        };
        let axes = [axis(first, ranks[0])?, axis(second, ranks[1])?];
        if axes.contains(&0) {
            let what = format!("axes {:?} have that of the batch", self.axes.list());
            return Err(Error::Argument { what });
        }
        Ok(axes)
    }
}

impl Layer for Dot {
    const CLASS: &'static str = "Dot";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build_all(&mut self, _builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        let unfit = |what: String| Err(Error::Shape { layer: String::new(), what });
        let [a, b] = inputs else {
            return unfit(format!("Dot takes exactly 2 inputs, but was given {}", inputs.len()));
        };
        let [first, second] = self.of_ranks([a.rank(), b.rank()])?;
        match (a.0[first], b.0[second]) {
            (Some(n), Some(k)) if n != k => {
                unfit(format!("axis {first} of {a} is not as long as axis {second} of {b}"))
            }
            _ => Ok(()),
        }
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Refuses(format!("the product of integers is not supported; {MAKE_FLOATS}"))
    }

    fn call_all(&self, xs: &[Tensor], _cx: &CallContext) -> Vec<Tensor> {
        let &[a, b] = xs else { return xs.to_vec() };
        let axes = match self.of_ranks([a.rank(), b.rank()]) {
            Ok(axes) => axes,
            Err(error) => {
                fail(error);
                return vec![a];
            }
        };
        let prepared = |x: Tensor, axis: usize| {
            let x = if self.normalize { normalize(x, &[axis as isize], 1e-6) } else { x };
            // [batch, others.., terms].
            let order: Vec<usize> = (0..x.rank()).filter(|i| *i != axis).chain([axis]).collect();
            let turned = x.transpose(&order);
            let shape = turned.shape();
            let (others, terms) = (&shape[1..shape.len() - 1], shape[shape.len() - 1]);
            let rows = crate::types::elements(others);
            (turned.reshape([shape[0], rows, terms]), others.to_vec())
        };
        let ((a, rows), (b, columns)) = (prepared(a, axes[0]), prepared(b, axes[1]));
        let mut shape = [&[a.shape()[0]], rows.as_slice(), columns.as_slice()].concat();
        if shape.len() == 1 {
            shape.push(1);
        }
        vec![a.batch_matmul(b, false, true).reshape(shape)]
    }
}
