//! Several inputs joined to one output.

use serde::{Deserialize, Serialize};

use super::axis;
use crate::Error;
use crate::graph::{Builder, CallContext, Integers, Layer, Shape, Tensor, fail};

fn count(class: &str, inputs: usize, needs: std::ops::RangeInclusive<usize>) -> Result<(), Error> {
    if needs.contains(&inputs) {
        return Ok(());
    }
    let wanted = if needs.start() == needs.end() { "exactly" } else { "at least" };
    let what = format!("{class} takes {wanted} {} inputs, but was given {inputs}", needs.start());
    Err(Error::Shape { layer: String::new(), what })
}

/// All with as many axes as the one with the most: new ones come after the batch, as in Keras.
fn same_rank(xs: &[Tensor]) -> Vec<Tensor> {
    let rank = xs.iter().map(|x| x.rank()).max().unwrap_or(0);
    let widen = |x: &Tensor| {
        let mut shape = x.shape();
        let at = shape.len().min(1);
        (shape.len()..rank).for_each(|_| shape.insert(at, 1));
        x.reshape(shape)
    };
    xs.iter().map(widen).collect()
}

macro_rules! merge {
    ($($(#[$doc:meta])* $class:ident $needs:expr, $integers:ident, |$xs:ident| $value:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        pub struct $class {}

        impl $class {
            /// A new one.
            pub fn new() -> Self {
                Self::default()
            }
        }

        impl Layer for $class {
            const CLASS: &'static str = stringify!($class);

            fn build_all(&mut self, _builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
                count(Self::CLASS, inputs.len(), $needs)
            }

            fn integers(&self, _cx: &CallContext) -> Integers {
                Integers::$integers
            }

            fn call_all(&self, xs: &[Tensor], cx: &CallContext) -> Vec<Tensor> {
                let $xs = same_rank(xs);
                if let Some(made) = masked(Self::CLASS, &$xs, cx) {
                    return vec![made];
                }
                vec![$value]
            }

            fn compute_mask(&self, _xs: &[Tensor], masks: &[Option<Tensor>], cx: &CallContext) -> Vec<Option<Tensor>> {
                // In Keras 2 a step counts where it does in all that are masked; in Keras 3 where it does in one, and all are masked.
                if cx.layer_is_keras2() {
                    return vec![masks.iter().flatten().copied().reduce(Tensor::minimum)];
                }
                let all: Option<Vec<Tensor>> = masks.iter().copied().collect();
                vec![all.and_then(|masks| masks.into_iter().reduce(Tensor::maximum))]
            }
        }
    )+};
}

/// Returns what Keras 3 makes of inputs with masks where it looks at them: a product takes what is masked as 1, the larger and the smaller of several take
/// what is not masked. `None` where masks make no difference.
fn masked(class: &str, xs: &[Tensor], cx: &CallContext) -> Option<Tensor> {
    let masks: Vec<Option<Tensor>> =
        (0..xs.len()).map(|i| cx.input_mask(i).map(Tensor::expand_last)).collect();
    if cx.layer_is_keras2() || masks.iter().all(Option::is_none) {
        return None;
    }
    let all = masks.iter().copied().collect::<Option<Vec<Tensor>>>();
    let pairs = xs.iter().copied().zip(masks);
    if class == "Multiply" {
        let parts = pairs.map(|(x, mask)| mask.map_or(x, |mask| mask.select(x, 1.0)));
        let product = parts.reduce(|a, b| a * b)?;
        let counts = all.and_then(|masks| masks.into_iter().reduce(Tensor::maximum));
        return Some(counts.map_or(product, |counts| counts.select(product, 0.0)));
    }
    let choose: fn(Tensor, Tensor) -> Tensor = match class {
        "Maximum" => Tensor::maximum,
        "Minimum" => Tensor::minimum,
        _ => return None,
    };
    let joined = pairs.reduce(|(output, counts), (x, mask)| {
        let x = mask.map_or(x, |mask| mask.select(x, output));
        let output = counts.map_or(output, |counts| counts.select(output, x));
        let counts = counts.zip(mask).map(|(a, b)| a.maximum(b));
        (choose(output, x), counts)
    });
    joined.map(|(output, _)| output)
}

/// Joins all by a function of two; there is at least one, as `build_all` has made sure.
fn fold(xs: &[Tensor], f: impl Fn(Tensor, Tensor) -> Tensor) -> Tensor {
    xs.iter().copied().reduce(f).unwrap_or_else(|| Tensor::full(&[], 0.0))
}

merge!(
    /// Sum of its inputs.
    Add 1..=usize::MAX, Adds, |xs| fold(&xs, |a, b| a + b);
    /// First input minus second.
    Subtract 2..=2, Adds, |xs| fold(&xs, |a, b| a - b);
    /// Product of its inputs.
    Multiply 1..=usize::MAX, Multiplies, |xs| fold(&xs, |a, b| a * b);
    /// Mean of its inputs.
    Average 1..=usize::MAX, Averages, |xs| fold(&xs, |a, b| a + b) * (1.0 / xs.len() as f64);
    /// Largest of its inputs, element by element.
    Maximum 1..=usize::MAX, KeepsNumbers, |xs| fold(&xs, Tensor::maximum);
    /// Smallest of its inputs, element by element.
    Minimum 1..=usize::MAX, KeepsNumbers, |xs| fold(&xs, Tensor::minimum);
);

/// Its inputs one after the other along an axis.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Concatenate {
    axis: isize,
}

impl Default for Concatenate {
    fn default() -> Self {
        Concatenate { axis: -1 }
    }
}

impl Concatenate {
    /// Along the last axis.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl Concatenate {
    /// Along this axis.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}
}

impl Layer for Concatenate {
    const CLASS: &'static str = "Concatenate";

    fn build_all(&mut self, _builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        count(Self::CLASS, inputs.len(), 1..=usize::MAX)?;
        for shape in inputs {
            if axis(self.axis, shape.rank())? == 0 {
                let what = format!("axis {} is that of the batch, which cannot be joined", self.axis);
                return Err(Error::Argument { what });
            }
        }
        Ok(())
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Keeps
    }

    fn call_all(&self, xs: &[Tensor], _cx: &CallContext) -> Vec<Tensor> {
        let rank = xs.first().map_or(0, |x| x.rank());
        match axis(self.axis, rank) {
            Ok(axis) => vec![Tensor::concat(xs, axis)],
            Err(error) => {
                fail(error);
                xs.iter().take(1).copied().collect()
            }
        }
    }

    fn compute_mask(&self, xs: &[Tensor], masks: &[Option<Tensor>], cx: &CallContext) -> Vec<Option<Tensor>> {
        let rank = xs.first().map_or(0, |x| x.rank());
        let Some(axis) = axis(self.axis, rank).ok().filter(|_| masks.iter().any(Option::is_some)) else {
            return vec![];
        };
        // Keras joins the masks as the inputs, those of one number for all features included, and looks whether any counts.
        let whole = |(x, mask): (&Tensor, &Option<Tensor>)| {
            let mask = mask.map_or_else(|| Tensor::full(&x.shape(), 1.0), |mask| mask);
            let mask = if mask.rank() < rank { mask.expand_last() } else { mask };
            mask.broadcast_to(&x.shape())
        };
        let all: Vec<Tensor> = xs.iter().zip(masks).map(whole).collect();
        let all = Tensor::concat(&all, axis);
        vec![Some(if cx.layer_is_keras2() { all.min(&[-1]) } else { all.max(&[-1]) })]
    }
}
