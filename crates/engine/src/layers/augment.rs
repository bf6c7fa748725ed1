//! What layers share that change images at random while a model trains: their settings, their draws, and that they pass images through elsewhere.

use serde::{Deserialize, Serialize, Serializer};

use super::config::Field;
use super::flatten::DataFormat;
use super::windows::channels_last;
use crate::Error;
use crate::graph::{CallContext, Expr, Integers, MAKE_FLOATS, Tensor};
use crate::ops::{pointwise, random_uniform};

/// Describes a layer that changes images while a model trains.
pub(super) trait Augment {
    /// Where the channels are.
    fn format(&self) -> DataFormat;

    /// Checks its settings.
    ///
    /// # Errors
    /// Names the setting.
    fn checked(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Returns what it makes of images of floats, with the channels on the last axis.
    fn augment(&self, x: Tensor, cx: &CallContext) -> Tensor;

    /// Returns what it makes of images that no model is trained on.
    fn passed(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x
    }

    /// Returns whether images that no model is trained on keep their type, whatever the layer's policy is.
    fn keeps_type(&self) -> bool {
        false
    }

    /// Returns what it does with integers while a model trains, and elsewhere.
    fn of_integers(&self, _cx: &CallContext) -> [Integers; 2] {
        [Integers::Floats, Integers::Floats]
    }
}

/// Returns that integers pass through unchanged, and are refused where a model is trained on them.
pub(super) fn floats_in_training(class: &str) -> [Integers; 2] {
    let what = format!("{class} trains on floats only, but its input has integers; {MAKE_FLOATS}");
    [Integers::Refuses(what), Integers::Keeps]
}

/// Returns whether images are changed: a model is trained, and nothing is said against what is random.
pub(super) fn is_random(cx: &CallContext) -> bool {
    cx.training && !cx.no_dropout
}

/// Calls a layer on images: it computes in f32, and gives the type of its policy.
pub(super) fn call(layer: &impl Augment, x: Tensor, cx: &CallContext) -> Tensor {
    if !is_random(cx) {
        return layer.passed(x, cx);
    }
    channels_last(layer.format(), x.to_f32(), |x| layer.augment(x, cx)).float_as(cx.layer_type())
}

/// Writes that a class is a layer over images, by its `Augment`.
macro_rules! augments {
    ($($class:ident),+ $(,)?) => { $(
        impl $crate::graph::Layer for $class {
            const CLASS: &'static str = stringify!($class);
            const REQUIRED: &'static [&'static str] = Self::KEYS;

            fn bind(&mut self, resolver: &dyn $crate::graph::Resolver) -> Result<(), $crate::Error> {
                self.bind_fields(resolver)
            }

            fn check(&self) -> Result<(), $crate::Error> {
                $crate::layers::augment::Augment::checked(self)
            }

            fn build(
                &mut self,
                _builder: &mut $crate::graph::Builder,
                input: &$crate::graph::Shape,
            ) -> Result<(), $crate::Error> {
                use $crate::layers::augment::Augment;
                self.checked()?;
                $crate::layers::images::check_image(Self::CLASS, self.format(), input)
            }

            fn integers(&self, cx: &$crate::graph::CallContext) -> $crate::graph::Integers {
                let [training, other] = $crate::layers::augment::Augment::of_integers(self, cx);
                if $crate::layers::augment::is_random(cx) { training } else { other }
            }

            fn precision(&self) -> $crate::graph::Precision {
                if $crate::layers::augment::Augment::keeps_type(self) {
                    $crate::graph::Precision::AsGiven
                } else {
                    $crate::graph::Precision::Policy
                }
            }

            fn call(&self, x: $crate::graph::Tensor, cx: &$crate::graph::CallContext) -> $crate::graph::Tensor {
                $crate::layers::augment::call(self, x, cx)
            }

            fn config(&self) -> serde_json::Map<String, serde_json::Value> {
                $crate::layers::images::image_config(self)
            }
        }
    )+ };
}

/// A number, or the lowest and the highest: what a random number lies between.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or a list of two")]
pub enum Factor {
    /// Between its negative and it.
    One(f64),
    /// Between these.
    Two([f64; 2]),
}

impl Default for Factor {
    fn default() -> Self {
        Factor::One(0.0)
    }
}

impl From<f64> for Factor {
    fn from(factor: f64) -> Self {
        Factor::One(factor)
    }
}
impl From<[f64; 2]> for Factor {
    fn from(bounds: [f64; 2]) -> Self {
        Factor::Two(bounds)
    }
}
impl From<(f64, f64)> for Factor {
    fn from((low, high): (f64, f64)) -> Self {
        Factor::Two([low, high])
    }
}

impl Factor {
    /// Returns the lowest and the highest number, of which none is below `least`.
    pub(super) fn bounds(self, least: f64) -> [f64; 2] {
        match self {
            Factor::One(factor) => [(-factor.abs()).max(least), factor.abs()],
            Factor::Two([a, b]) => [a.min(b), a.max(b)],
        }
    }

    /// Checks that all of its numbers lie in a range.
    ///
    /// # Errors
    /// One does not.
    pub(super) fn within(self, name: &str, low: f64, high: f64) -> Result<(), Error> {
        let (numbers, shown) = match self {
            Factor::One(factor) => ([factor; 2], factor.to_string()),
            Factor::Two(both) => (both, format!("{both:?}")),
        };
        if numbers.iter().all(|n| (low..=high).contains(n)) {
            return Ok(());
        }
        Err(Error::Argument { what: format!("{name} is {shown}, but must lie between {low} and {high}") })
    }
}

/// A [`Factor`] that Keras writes as two numbers, the lower of one number being its negative, though at least `LEAST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Span<const LEAST: i8>(pub(super) Factor);

impl<const LEAST: i8, F: Into<Factor>> From<F> for Span<LEAST> {
    fn from(factor: F) -> Self {
        // What is no such number is kept as it is, for the error.
        Span(match factor.into() {
            Factor::One(one) if one < f64::from(LEAST) => Factor::One(one),
            other => Factor::Two(other.bounds(f64::from(LEAST))),
        })
    }
}

impl<const LEAST: i8> Serialize for Span<LEAST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<const LEAST: i8> Span<LEAST> {
    /// Returns the lowest and the highest number.
    pub(super) fn bounds(self) -> [f64; 2] {
        self.0.bounds(f64::from(LEAST))
    }

    /// Checks it as Keras does: one number lies between `LEAST` and 1, and two do not lie beyond either.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn checked(self, name: &str) -> Result<(), Error> {
        match self.0 {
            Factor::Two([low, high]) if low <= 1.0 && high >= f64::from(LEAST) => Ok(()),
            other => other.within(name, f64::from(LEAST), 1.0),
        }
    }
}

/// Two numbers: the lowest and the highest value of a pixel, say.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pair(pub [f64; 2]);

impl From<[f64; 2]> for Pair {
    fn from(pair: [f64; 2]) -> Self {
        Pair(pair)
    }
}
impl From<(f64, f64)> for Pair {
    fn from((low, high): (f64, f64)) -> Self {
        Pair([low, high])
    }
}

/// A [`Factor`], or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaybeFactor(pub(super) Option<Factor>);

impl<F: Into<Factor>> From<F> for MaybeFactor {
    fn from(factor: F) -> Self {
        MaybeFactor(Some(factor.into()))
    }
}

impl Field for Factor {}
impl Field for MaybeFactor {}
impl<const LEAST: i8> Field for Span<LEAST> {}
impl Field for Pair {}

/// Returns a uniform number between two for each element.
pub(super) fn uniform(shape: &[usize], [low, high]: [f64; 2]) -> Tensor {
    if low == high { Tensor::full(shape, low) } else { random_uniform(shape) * (high - low) + low }
}

/// Returns a uniform number between two for each image.
pub(super) fn for_each_image(x: Tensor, bounds: [f64; 2]) -> Tensor {
    uniform(&[batch(x), 1, 1, 1], bounds)
}

/// Returns standard normal numbers.
pub(super) fn normal(shape: &[usize]) -> Tensor {
    pointwise(super::noise::normal(), &[], Some(shape))
}

/// Returns 1 for images that are chosen with a probability that lies between two numbers, and 0 for others.
pub(super) fn chosen(x: Tensor, probability: [f64; 2]) -> Tensor {
    let probability = for_each_image(x, probability);
    for_each_image(x, [0.0, 1.0]).less(probability)
}

/// Returns the sign that a coin decides for each image.
pub(super) fn sign(x: Tensor) -> Tensor {
    let tails = Expr::Const(0.5).lt(Expr::In(0));
    pointwise(tails.select(-1.0, 1.0), &[for_each_image(x, [0.0, 1.0])], None)
}

/// Returns the number of images.
pub(super) fn batch(x: Tensor) -> usize {
    x.shape().first().copied().unwrap_or(1)
}
