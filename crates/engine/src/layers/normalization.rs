//! Numbers with mean 0 and variance 1, by a mean and a variance that are known.

use serde::{Deserialize, Deserializer, Serialize};

use super::Axes;
use super::config::Field;
use super::dense::zeros;
use super::layer_normalization::ones;
use crate::Error;
use crate::graph::{
    Builder, CallContext, IntoTensor, Layer, Learner, Resolver, Shape, Tensor, Variable, fail,
};
use crate::host::{Elements, Values};
use crate::ops::Numbers;
use crate::types::elements;

/// Axes that a [`Normalization`] keeps, as Keras writes them: a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct KeptAxes(Axes);

impl<'de> Deserialize<'de> for KeptAxes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(KeptAxes::from(Option::<Axes>::deserialize(deserializer)?.unwrap_or_default()))
    }
}

impl<T: Into<Axes>> From<T> for KeptAxes {
    fn from(axes: T) -> Self {
        KeptAxes(Axes::Many(axes.into().list().to_vec()))
    }
}

impl Field for KeptAxes {}

given! {
    /// A mean or a variance that is given: a number, or one for each place along the axes that are kept.
    Moment(Numbers)
}

impl<T: Into<Numbers>> From<T> for Moment {
    fn from(numbers: T) -> Self {
        Moment(Some(numbers.into()))
    }
}

config! {
    /// (x - mean) / √variance, for each place along the axes that are kept; with `invert` x · √variance + mean. A deviation below 1e-7 counts as that.
    ///
    /// Mean and variance are those given, or what `adapt` finds:
    ///
    /// ```
    /// # use rhyton_engine::Error;
    /// # use rhyton_engine::layers::Normalization;
    /// # use rhyton_engine::train::{Adapt, Sequential};
    /// let mut normalization = Normalization::new();
    /// normalization.adapt(&ndarray::array![[1.0, 10.0], [3.0, 30.0]])?;
    /// let mut model = Sequential::new((normalization,))?;
    /// let y = model.predict(&ndarray::array![[1.0, 30.0]]).verbose(0).run()?;
    /// assert_eq!(y, ndarray::array![[-1.0, 1.0]].into_dyn());
    /// # Ok::<(), Error>(())
    /// ```
    Normalization() {
        /// Axes along which each place has a mean and a variance of its own, the batch being 0; `vec![]` for one of all numbers. Default -1.
        axis <- KeptAxes = KeptAxes::from(-1);
        /// Sets whether it makes of normalized numbers what they were.
        invert: bool = false;
        /// Sets the mean, with which the variance must be given.
        mean <- Moment = Moment::default();
        /// Sets the variance.
        variance <- Moment = Moment::default();
    }
    unset {}
    then {}
    read {}
    skip { weights: Weights }
}

#[derive(Clone, Debug, Default)]
struct Weights {
    mean: Variable,
    variance: Variable,
    /// What was learned before there were variables: the lengths of the axes that are kept, means and variances.
    learned: Option<(Vec<usize>, Vec<f32>, Vec<f32>)>,
}

/// The smallest deviation.
const EPSILON: f64 = 1e-7;

impl Normalization {
    /// Returns an input's shape with 1 for all axes but those that are kept.
    fn wide(&self, shape: &[usize]) -> Result<Vec<usize>, Error> {
        let kept = self.axis.0.of_rank(shape.len())?;
        Ok((0..shape.len()).map(|i| if kept.contains(&i) { shape[i] } else { 1 }).collect())
    }

    fn moments(&self, x: Tensor) -> Result<[Tensor; 2], Error> {
        let wide = self.wide(&x.shape())?;
        let (Some(mean), Some(variance)) = (self.mean.get(), self.variance.get()) else {
            let spread = |v: &Variable| v.into_tensor().reshape(wide.clone());
            return Ok([spread(&self.weights.mean), spread(&self.weights.variance)]);
        };
        let kept: Vec<usize> = self.axis.0.of_rank(x.rank())?.into_iter().map(|axis| wide[axis]).collect();
        let spread = |what: &str, numbers: &Numbers| {
            let (shape, _) = numbers.parts();
            if numbers.broadcast(&kept).is_none() {
                let what = format!("{what} of shape {shape:?} does not fit axes of lengths {kept:?}");
                return Err(Error::Shape { layer: String::new(), what });
            }
            let mut lengths = vec![1; kept.len() - shape.len()];
            lengths.extend(&shape);
            let mut lengths = lengths.into_iter();
            let axes = self.axis.0.of_rank(x.rank())?;
            let full = (0..x.rank()).map(|i| lengths.next_if(axes.contains(&i)).unwrap_or(1));
            Ok(numbers.tensor().reshape(full.collect::<Vec<_>>()).float_as(x.ty().dtype))
        };
        Ok([spread("mean", mean)?, spread("variance", variance)?])
    }
}

/// The next item, where there is one wanted.
trait NextIf: Iterator {
    fn next_if(&mut self, wanted: bool) -> Option<Self::Item> {
        if wanted { self.next() } else { None }
    }
}
impl<I: Iterator> NextIf for I {}

fn words(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

impl Layer for Normalization {
    const CLASS: &'static str = "Normalization";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        if self.mean.get().is_some() != self.variance.get().is_some() {
            return Err(Error::Argument { what: "mean and variance must be given together".into() });
        }
        Ok(())
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let axes = self.axis.0.of_rank(input.rank())?;
        let shape = axes.iter().map(|a| input.known(*a as isize)).collect::<Result<Vec<_>, _>>()?;
        if self.mean.get().is_some() {
            return Ok(());
        }
        self.weights.mean = builder.add_weight("mean", shape.clone(), zeros(), false)?;
        self.weights.variance = builder.add_weight("variance", shape.clone(), ones(), false)?;
        builder.add_counter("count");
        if let Some((lengths, mean, variance)) = self.weights.learned.take() {
            if lengths != shape {
                let what =
                    format!("was adapted to axes of lengths {lengths:?}, but is called with {shape:?}");
                return Err(Error::Shape { layer: String::new(), what });
            }
            self.weights.mean.set(words(&mean))?;
            self.weights.variance.set(words(&variance))?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        match self.moments(x) {
            Ok([mean, variance]) => {
                let deviation = variance.sqrt().maximum(EPSILON);
                if self.invert { mean + x * deviation } else { (x - mean) / deviation }
            }
            Err(error) => {
                fail(error);
                x
            }
        }
    }

    fn supports_masking(&self) -> bool {
        true
    }

    fn as_learner(&self) -> Option<&dyn Learner> {
        Some(self)
    }

    fn as_learner_mut(&mut self) -> Option<&mut dyn Learner> {
        Some(self)
    }
}

impl Learner for Normalization {
    fn learn(&mut self, data: &Values<'_>) -> Result<(), Error> {
        if self.mean.get().is_some() {
            let what = "it was given its mean and variance, so it learns none";
            return Err(Error::Argument { what: what.into() });
        }
        let numbers: Vec<f64> = match &data.elements {
            Elements::Floats(values) => values.iter().map(|v| f64::from(*v)).collect(),
            Elements::Integers(_, values) => values.iter().map(|v| *v as f64).collect(),
            Elements::Text(_) => {
                return Err(Error::Data { what: "takes numbers, but was given strings".into() });
            }
        };
        if numbers.is_empty() {
            return Err(Error::Data { what: "adapt needs at least one number".into() });
        }
        let wide = self.wide(&data.shape)?;
        let places = elements(&wide);
        let place = |mut index: usize| {
            let (mut at, mut stride) = (0, 1);
            for (length, kept) in data.shape.iter().zip(&wide).rev() {
                at += if *kept == 1 { 0 } else { index % length * stride };
                stride *= kept;
                index /= length;
            }
            at
        };
        let mean_of = |value: &dyn Fn(usize, usize) -> f64| {
            let mut sums = vec![0.0; places];
            (0..numbers.len()).for_each(|i| sums[place(i)] += value(i, place(i)));
            sums.iter().map(|sum| sum * places as f64 / numbers.len() as f64).collect::<Vec<f64>>()
        };
        let mean = mean_of(&|i, _| numbers[i]);
        let variance = mean_of(&|i, place| (numbers[i] - mean[place]).powi(2));
        let [mean, variance] =
            [mean, variance].map(|all| all.into_iter().map(|v| v as f32).collect::<Vec<f32>>());
        let kept = self.axis.0.of_rank(data.shape.len())?.into_iter().map(|axis| data.shape[axis]);
        let kept: Vec<usize> = kept.collect();
        if !self.weights.mean.is_built() {
            self.weights.learned = Some((kept, mean, variance));
            return Ok(());
        }
        if self.weights.mean.shape() != kept {
            let what = format!(
                "axis: the layer was built for axes of lengths {:?}, but the data have {kept:?}",
                self.weights.mean.shape()
            );
            return Err(Error::Data { what });
        }
        self.weights.mean.set(words(&mean))?;
        self.weights.variance.set(words(&variance))
    }
}
