//! Numbers put into bins.

use super::encode::{Encoding, OutputMode};
use crate::Error;
use crate::graph::{Array, CallContext, DType, Integers, Layer, Learner, Precision, Resolver, Tensor, fail};
use crate::host::{Elements, Values};
use crate::ops::count_less;
use crate::types::Integer;
use crate::words::Word;

given! {
    /// Where the bins of a [`Discretization`] end, ascending; none before they are learned.
    Boundaries(Vec<f64>)
}

impl<const N: usize> From<[f64; N]> for Boundaries {
    fn from(boundaries: [f64; N]) -> Self {
        Boundaries(Some(boundaries.into()))
    }
}

/// More bins than this would make a graph that is no longer small.
const MOST: usize = 4096;

config! {
    /// Gives for each number that of its bin: how many boundaries are not above it. What is NaN is in the last bin.
    ///
    /// The boundaries are those given, or `num_bins - 1` that `adapt` finds, so that the bins have about as many numbers each:
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::layers::Discretization;
    /// # use rhyton_engine::train::{Adapt, Sequential};
    /// let mut bins = Discretization::new().num_bins(2);
    /// bins.adapt(&ndarray::array![1.0, 2.0, 3.0, 4.0])?;
    /// let mut model = Sequential::new((bins,))?;
    /// let numbers = model.predict(&ndarray::array![[0.5, 9.0]]).verbose(0).run()?;
    /// assert_eq!(numbers, ndarray::array![[0.0, 1.0]].into_dyn());
    /// # Ok::<(), Error>(())
    /// ```
    Discretization() {
        /// Sets where bins end, ascending.
        bin_boundaries <- Boundaries = Boundaries::default();
        /// Sets how many bins `adapt` makes.
        num_bins <- Option<usize> = None;
        /// Error of the quantiles that `adapt` finds, which needs the less memory, the larger it is. Default 0.01.
        epsilon: f64 = 0.01;
        /// Sets what becomes of the numbers of the bins: `"int"`, `"one_hot"`, `"multi_hot"` or `"count"`. Default `"int"`.
        output_mode <- Word<OutputMode> = OutputMode::Int.into();
    }
    unset {}
    never { sparse }
    then {}
    read {}
    skip { summary: Option<Array> }
}

impl Discretization {
    /// Returns how many bins there are, or will be.
    fn bins(&self) -> usize {
        match (self.bin_boundaries.get(), self.num_bins) {
            (Some(boundaries), _) => boundaries.len() + 1,
            (None, bins) => bins.unwrap_or(1).max(1),
        }
    }

    fn codes(&self, x: Tensor, cx: &CallContext) -> Result<Tensor, Error> {
        let x = x.as_type(DType::F32);
        let indices = match self.bin_boundaries.get() {
            // What is not less than a boundary, and so NaN too, is behind it.
            Some(boundaries) => boundaries.len() as f64 - count_less(x, boundaries),
            None if cx.is_symbolic() => x,
            None => {
                let what = "it has no bin_boundaries yet: call adapt, or give them";
                return Err(Error::Shape { layer: String::new(), what: what.into() });
            }
        };
        let integer = if cx.layer_is_keras2() { Integer::I64 } else { Integer::I32 };
        let dtype = match *self.output_mode {
            OutputMode::Int => DType::Whole(integer),
            _ => cx.layer_policy().compute(),
        };
        let encoding = Encoding { mode: *self.output_mode, depth: self.bins(), dtype, bounded: false };
        encoding.encode(indices, None)
    }
}

impl Layer for Discretization {
    const CLASS: &'static str = "Discretization";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::Argument { what });
        let boundaries = self.bin_boundaries.get();
        match (boundaries, self.num_bins) {
            (None, None) => return wrong("either bin_boundaries or num_bins must be given".into()),
            (None, Some(0)) => return wrong("num_bins is 0, but must be positive".into()),
            _ => {}
        }
        if let Some(pair) = boundaries.and_then(|all| all.windows(2).find(|pair| pair[0] > pair[1])) {
            return wrong(format!("bin_boundaries must ascend, but {} comes before {}", pair[0], pair[1]));
        }
        if self.bins() > MOST {
            return wrong(format!("{} bins (bin_boundaries, num_bins) are more than {MOST}", self.bins()));
        }
        if !(self.epsilon > 0.0 && self.epsilon <= 1.0) {
            return wrong(format!("epsilon is {}, but must be above 0, and 1 at most", self.epsilon));
        }
        self.output_mode.get()?.one_of(&[
            OutputMode::Int,
            OutputMode::OneHot,
            OutputMode::MultiHot,
            OutputMode::Count,
        ])
    }

    fn precision(&self) -> Precision {
        Precision::AsGiven
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Encodes
    }

    fn usual_dtype(&self, keras2: bool) -> Option<&'static str> {
        (keras2 && *self.output_mode == OutputMode::Int).then_some("int64")
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        self.codes(x, cx).unwrap_or_else(|error| {
            fail(error);
            x
        })
    }

    fn as_learner(&self) -> Option<&dyn Learner> {
        Some(self)
    }

    fn as_learner_mut(&mut self) -> Option<&mut dyn Learner> {
        Some(self)
    }
}

impl Learner for Discretization {
    fn learn(&mut self, data: &Values<'_>) -> Result<(), Error> {
        let Some(bins) = self.num_bins else {
            let what = "it was given its bin_boundaries, so it learns none: give num_bins instead";
            return Err(Error::Argument { what: what.into() });
        };
        self.check()?;
        let numbers: Vec<f32> = match &data.elements {
            Elements::Floats(values) => values.clone(),
            Elements::Integers(_, values) => values.iter().map(|v| *v as f32).collect(),
            Elements::Text(_) => {
                return Err(Error::Data { what: "takes numbers, but was given strings".into() });
            }
        };
        if numbers.is_empty() {
            return Err(Error::Data { what: "adapt needs at least one number".into() });
        }
        let summary = Summary::of(numbers, self.epsilon).compressed(self.epsilon);
        self.summary = Some(summary.array());
        self.bin_boundaries = Boundaries(Some(summary.boundaries(bins)));
        Ok(())
    }

    fn array(&self, keras2: bool) -> Option<(&'static str, Option<Array>)> {
        // tf_keras keeps what it found, not what follows from it.
        let learned = self.summary.is_some() || self.bin_boundaries.get().is_none();
        (keras2 && learned).then(|| ("summary", self.summary.clone()))
    }

    fn set_array(&mut self, array: Array) -> Result<(), Error> {
        let [2, n] = array.shape[..] else {
            let what = format!("its summary has shape {:?}, but must have two rows", array.shape);
            return Err(Error::Argument { what });
        };
        let (Some(bins), true) = (self.num_bins, n > 0) else { return Ok(()) };
        let (values, weights) = array.values.split_at(n);
        let summary = Summary { values: values.into(), weights: weights.into() };
        self.bin_boundaries = Boundaries(Some(summary.boundaries(bins)));
        self.summary = Some(array);
        self.check()
    }
}

/// Quantiles of numbers: values, ascending, each of which stands for as many numbers as its weight says.
struct Summary {
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl Summary {
    /// Returns it as tf_keras keeps it: the values, and below them their weights.
    fn array(&self) -> Array {
        Array { shape: vec![2, self.values.len()], values: [&self.values[..], &self.weights].concat() }
    }

    /// Every so many of all numbers, so that about `1 / epsilon` are left.
    fn of(mut numbers: Vec<f32>, epsilon: f64) -> Self {
        // As NumPy sorts: what is NaN comes last.
        numbers.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())));
        let step = (numbers.len() as f64 / (1.0 / epsilon)).max(1.0);
        let values: Vec<f32> =
            numbers.into_iter().skip((step - 1.0) as usize).step_by((step as usize).max(1)).collect();
        let weights = vec![step as f32; values.len()];
        Summary { values, weights }
    }

    /// Fewer of them, by interpolation, where there are more than `1 / epsilon`.
    fn compressed(self, epsilon: f64) -> Self {
        let Summary { values, weights } = self;
        if (values.len() as f64) * epsilon < 1.0 || values.is_empty() {
            return Summary { values, weights };
        }
        let sums: Vec<f32> = weights
            .iter()
            .scan(0.0_f32, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let whole = sums.last().copied().unwrap_or(1.0);
        let shares: Vec<f64> = sums.iter().map(|sum| f64::from(sum / whole)).collect();
        let count = (1.0 / epsilon).ceil() as usize;
        let wanted = (0..count).map(|i| epsilon + i as f64 * epsilon);
        let (mut new, mut before) = (Summary { values: vec![], weights: vec![] }, 0.0);
        for share in wanted {
            let sum = interpolated(share, &shares, &sums);
            new.values.push(interpolated(share, &shares, &values) as f32);
            new.weights.push((sum - before) as f32);
            before = sum;
        }
        new
    }

    /// Where so many bins end.
    fn boundaries(self, bins: usize) -> Vec<f64> {
        let mut all = self.compressed(1.0 / bins as f64).values;
        all.pop();
        all.into_iter().map(f64::from).collect()
    }
}

/// The value at a place on the line through points, whose places ascend; that of the first or the last one beyond them (NumPy's `interp`).
fn interpolated(at: f64, places: &[f64], values: &[f32]) -> f64 {
    let value = |i: usize| f64::from(values[i]);
    let above = places.partition_point(|place| *place <= at);
    match (above, places.len()) {
        (0, _) => value(0),
        (above, len) if above == len => value(len - 1),
        (above, _) => {
            let below = above - 1;
            if places[below] == at {
                return value(below);
            }
            let slope = (value(above) - value(below)) / (places[above] - places[below]);
            slope * (at - places[below]) + value(below)
        }
    }
}
