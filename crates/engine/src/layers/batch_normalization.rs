//! Each channel with mean 0 and variance 1 over the batch.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::dense::{yes, zeros};
use super::layer_normalization::{affine, epsilon, ones};
use super::{Axes, axis};
use crate::Error;
use crate::graph::{
    Builder, CallContext, Constraint, Initializer, IntoTensor, Layer, Named, Precision, Regularizer,
    Resolver, Shape, Tensor, Variable, assign, assigned, fail,
};

/// (x - mean) / √(variance + epsilon) · gamma + beta, for each channel. In training, mean and (biased) variance are those of the batch, and
/// move the moving ones: m ← m · momentum + batch · (1 - momentum); else, and while the layer is frozen, they are the moving ones.
/// (Ioffe and Szegedy, 2015.)
///
/// Every batch counts alike, the last and smaller one too. In a model that was loaded from a file of Keras 2, images (rank 4) move the
/// moving variance by the unbiased variance, n / (n - 1) as much, as Keras 2 does.
///
/// With `renorm` (Ioffe, 2017) a batch is normalized in training as the moving numbers would do it, within bounds: the factor r = deviation / `renorm_stddev`
/// and the shift d = (mean - `renorm_mean`) / `renorm_stddev` are constants to the gradient, and each batch moves those two by `renorm_momentum`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BatchNormalization {
    #[serde(default = "last")]
    axis: Axes,
    #[serde(default = "momentum")]
    momentum: f64,
    #[serde(default = "epsilon")]
    epsilon: f64,
    #[serde(default = "yes")]
    center: bool,
    #[serde(default = "yes")]
    scale: bool,
    #[serde(default = "zeros")]
    beta_initializer: Named<dyn Initializer>,
    #[serde(default = "ones")]
    gamma_initializer: Named<dyn Initializer>,
    #[serde(default = "zeros")]
    moving_mean_initializer: Named<dyn Initializer>,
    #[serde(default = "ones")]
    moving_variance_initializer: Named<dyn Initializer>,
    #[serde(default)]
    beta_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    gamma_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    beta_constraint: Named<dyn Constraint>,
    #[serde(default)]
    gamma_constraint: Named<dyn Constraint>,
    /// Over several devices; there is one.
    #[serde(default)]
    synchronized: bool,
    #[serde(default)]
    renorm: bool,
    #[serde(default)]
    renorm_clipping: Option<RenormClipping>,
    #[serde(default = "momentum")]
    renorm_momentum: f64,
    #[serde(skip)]
    weights: Weights,
}

#[derive(Clone, Debug, Default)]
struct Weights {
    gamma: Variable,
    beta: Variable,
    moving_mean: Variable,
    moving_variance: Variable,
    moving_stddev: Variable,
    renorm_mean: Variable,
    renorm_stddev: Variable,
}

/// The bounds of renormalization: of the factor from `rmin` to `rmax`, of the shift from `-dmax` to `dmax`; none where one is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct RenormClipping {
    /// Largest factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmax: Option<f64>,
    /// Smallest factor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmin: Option<f64>,
    /// Largest shift to either side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dmax: Option<f64>,
}

impl TryFrom<Map<String, Value>> for RenormClipping {
    type Error = String;

    fn try_from(given: Map<String, Value>) -> Result<Self, String> {
        let mut clipping = RenormClipping::default();
        for (key, value) in given {
            let bound = match key.as_str() {
                "rmax" => &mut clipping.rmax,
                "rmin" => &mut clipping.rmin,
                "dmax" => &mut clipping.dmax,
                _ => return Err(format!("{key} is none of rmax, rmin and dmax")),
            };
            *bound = match value {
                Value::Null => None,
                Value::Number(number) => number.as_f64(),
                other => return Err(format!("{key} is {}, but must be a number", short(&other))),
            };
        }
        Ok(clipping)
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(40).collect()
}

impl RenormClipping {
    /// Returns the factor and the shift within the bounds.
    fn clip(self, mut factor: Tensor, mut shift: Tensor) -> (Tensor, Tensor) {
        if let Some(rmin) = self.rmin {
            factor = factor.maximum(rmin);
        }
        if let Some(rmax) = self.rmax {
            factor = factor.minimum(rmax);
        }
        if let Some(dmax) = self.dmax {
            shift = shift.maximum(-dmax).minimum(dmax);
        }
        (factor, shift)
    }
}

/// The square root of what another initializer makes: standard deviations begin as those of the variances.
struct Root(Arc<dyn Initializer>);

impl Initializer for Root {
    fn spec(&self) -> Value {
        self.0.spec()
    }

    fn init(&self, shape: &[usize], seed: u64) -> Result<Vec<f32>, Error> {
        Ok(self.0.init(shape, seed)?.into_iter().map(f32::sqrt).collect())
    }
}

fn last() -> Axes {
    Axes::One(-1)
}
fn momentum() -> f64 {
    0.99
}

impl Default for BatchNormalization {
    fn default() -> Self {
        BatchNormalization {
            axis: last(),
            momentum: momentum(),
            epsilon: epsilon(),
            center: true,
            scale: true,
            beta_initializer: zeros(),
            gamma_initializer: ones(),
            moving_mean_initializer: zeros(),
            moving_variance_initializer: ones(),
            beta_regularizer: Named::default(),
            gamma_regularizer: Named::default(),
            beta_constraint: Named::default(),
            gamma_constraint: Named::default(),
            synchronized: false,
            renorm: false,
            renorm_clipping: None,
            renorm_momentum: momentum(),
            weights: Weights::default(),
        }
    }
}

impl BatchNormalization {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl BatchNormalization {
    /// Axis of the channels. Default -1.
    #[must_use]
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis.into();
        self
    }

    /// How much of the moving mean and variance a batch leaves. Default 0.99.
    #[must_use]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Sets whether batches are normalized as the moving numbers would do it, within the bounds of [`renorm_clipping`](Self::renorm_clipping).
    #[must_use]
    pub fn renorm(mut self, renorm: bool) -> Self {
        self.renorm = renorm;
        self
    }

    /// Sets the bounds of `renorm`; none by default.
    #[must_use]
    pub fn renorm_clipping(mut self, clipping: RenormClipping) -> Self {
        self.renorm_clipping = Some(clipping);
        self
    }

    /// Sets how much of `renorm`'s mean and deviation a batch leaves. Default 0.99.
    #[must_use]
    pub fn renorm_momentum(mut self, momentum: f64) -> Self {
        self.renorm_momentum = momentum;
        self
    }

    /// First value of the moving mean.
    #[must_use]
    pub fn moving_mean_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
        self.moving_mean_initializer = initializer.into();
        self
    }

    /// First value of the moving variance.
    #[must_use]
    pub fn moving_variance_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
        self.moving_variance_initializer = initializer.into();
        self
    }
}
}

affine!(BatchNormalization);

impl BatchNormalization {
    /// The axis of the channels, counted from the front.
    fn channels(&self, rank: usize) -> Result<usize, Error> {
        match self.axis.list() {
            [one] => axis(*one, rank),
            several => {
                Err(Error::Argument { what: format!("axis is {several:?}, but only one is supported") })
            }
        }
    }

    /// Moves the moving mean and variance towards those of a batch.
    fn update(&self, mean: Tensor, variance: Tensor) {
        let weights = &self.weights;
        shift(&weights.moving_mean, mean, self.momentum);
        if !self.renorm {
            shift(&weights.moving_variance, variance, self.momentum);
            return;
        }
        let deviation = (variance + self.epsilon).sqrt();
        shift(&weights.renorm_mean, mean, self.renorm_momentum);
        shift(&weights.renorm_stddev, deviation, self.renorm_momentum);
        // Its moving variance is what the moving deviation says.
        let moved = shift(&weights.moving_stddev, deviation, self.momentum);
        assign(&weights.moving_variance, (moved.square() - self.epsilon).relu());
    }

    /// Returns the factor and the shift of a batch with this mean and variance, of the moving numbers before it.
    fn correction(&self, mean: Tensor, variance: Tensor) -> (Tensor, Tensor) {
        let spread = |v: &Variable| assigned(v).reshape(mean.shape());
        let moving = spread(&self.weights.renorm_stddev).maximum(self.epsilon.sqrt());
        let factor = (variance + self.epsilon).sqrt() / moving;
        let shift = (mean - spread(&self.weights.renorm_mean)) / moving;
        let (factor, shift) = self.renorm_clipping.unwrap_or_default().clip(factor, shift);
        (factor.stop_gradient(), shift.stop_gradient())
    }
}

/// Moves a variable towards a number of the batch, and returns what it is then.
fn shift(moving: &Variable, batch: Tensor, momentum: f64) -> Tensor {
    let moved = assigned(moving) * momentum + batch.reshape(moving.shape()) * (1.0 - momentum);
    assign(moving, moved);
    moved
}

/// The smallest epsilon of the kernel that Keras 2 uses for images.
const FUSED_EPSILON: f64 = 1.001e-5;

impl Layer for BatchNormalization {
    const CLASS: &'static str = "BatchNormalization";

    fn parameters(&self) -> &'static [&'static str] {
        &["inputs", "training", "mask"]
    }

    fn precision(&self) -> Precision {
        Precision::Wide
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.beta_initializer.bind(resolver)?;
        self.gamma_initializer.bind(resolver)?;
        self.moving_mean_initializer.bind(resolver)?;
        self.moving_variance_initializer.bind(resolver)?;
        self.beta_regularizer.bind(resolver)?;
        self.beta_constraint.bind(resolver)?;
        self.gamma_regularizer.bind(resolver)?;
        self.gamma_constraint.bind(resolver)
    }

    fn config(&self) -> Map<String, Value> {
        let mut layer = self.clone();
        // Keras has an empty set of bounds where none are given.
        layer.renorm_clipping = layer.renorm_clipping.or(layer.renorm.then(RenormClipping::default));
        match serde_json::to_value(&layer) {
            Ok(Value::Object(config)) => config,
            _ => Map::new(),
        }
    }

    fn check(&self) -> Result<(), Error> {
        let RenormClipping { rmax, rmin, dmax } = self.renorm_clipping.unwrap_or_default();
        let wrong = |what: String| Err(Error::Argument { what: format!("renorm_clipping: {what}") });
        match (rmin, rmax, dmax) {
            (Some(min), Some(max), _) if max < min => wrong(format!("rmax {max} is below rmin {min}")),
            (_, _, Some(dmax)) if dmax < 0.0 => wrong(format!("dmax is {dmax}, but must not be negative")),
            _ => Ok(()),
        }
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        self.check()?;
        let shape = [input.known(self.channels(input.rank())? as isize)?];
        let mut add = |name, initializer: &Named<dyn Initializer>, trainable| {
            builder.add_weight(name, shape, initializer.clone(), trainable)
        };
        let weights = &mut self.weights;
        if self.scale {
            weights.gamma = add("gamma", &self.gamma_initializer, true)?;
        }
        if self.center {
            weights.beta = add("beta", &self.beta_initializer, true)?;
        }
        weights.moving_mean = add("moving_mean", &self.moving_mean_initializer, false)?;
        weights.moving_variance = add("moving_variance", &self.moving_variance_initializer, false)?;
        if self.renorm {
            let mut initializer = self.moving_variance_initializer.clone();
            initializer.bind(builder.resolver())?;
            let root = || initializer.get().map_or_else(Named::default, |made| Root(made.clone()).into());
            weights.moving_stddev = builder.add_weight("moving_stddev", shape, root(), false)?;
            let initializer = self.moving_mean_initializer.clone();
            weights.renorm_mean = builder.add_weight("renorm_mean", shape, initializer, false)?;
            weights.renorm_stddev = builder.add_weight("renorm_stddev", shape, root(), false)?;
        }
        if self.scale {
            builder.regularize_and_constrain(
                &weights.gamma,
                &self.gamma_regularizer,
                &self.gamma_constraint,
            )?;
        }
        if self.center {
            builder.regularize_and_constrain(&weights.beta, &self.beta_regularizer, &self.beta_constraint)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let shape = x.shape();
        let channels = match self.channels(shape.len()) {
            Ok(channels) => channels,
            Err(error) => {
                fail(error);
                return x;
            }
        };
        let mut wide = vec![1; shape.len()];
        wide[channels] = shape[channels];
        let spread = |v: &Variable| v.into_tensor().reshape(wide.clone());
        // Its fused kernel knows channels at either end of an image, and no others.
        let fused = cx.layer_is_keras2() && !self.renorm && shape.len() == 4 && matches!(channels, 1 | 3);
        let mut corrected = None;
        let (mean, variance) = if cx.training && cx.layer_is_trainable() {
            let others: Vec<isize> =
                (0..shape.len()).filter(|i| *i != channels).map(|i| i as isize).collect();
            let counts = cx.input_mask(0).map(|mask| {
                mask.reshape(
                    [mask.shape().as_slice(), &vec![1; shape.len().saturating_sub(mask.rank())]].concat(),
                )
            });
            let mean_of = |values: Tensor| match counts {
                None => values.mean_keep(&others),
                // Keras 3 divides by a little more than what counts.
                Some(counts) => {
                    let more = if cx.layer_is_keras2() { 0.0 } else { 1e-7 };
                    (values * counts).sum_keep(&others) / (counts.sum_keep(&others) + more)
                }
            };
            let mean = mean_of(x);
            // The variance's derivative by the mean is the sum of the distances from it: zero.
            let variance = mean_of((x - mean.stop_gradient()).square());
            let n = shape.iter().product::<usize>() as f64 / shape[channels].max(1) as f64;
            let unbiased = if fused && n > 1.0 { variance * (n / (n - 1.0)) } else { variance };
            corrected = self.renorm.then(|| self.correction(mean, variance));
            self.update(mean, unbiased);
            (mean, variance)
        } else {
            (spread(&self.weights.moving_mean), spread(&self.weights.moving_variance))
        };
        let epsilon = if fused { self.epsilon.max(FUSED_EPSILON) } else { self.epsilon };
        let Weights { gamma, beta, .. } = &self.weights;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        let factor = if gamma.is_built() { inverse * spread(gamma) } else { inverse };
        let y = match corrected {
            None => (x - mean) * factor,
            Some((r, d)) if gamma.is_built() => (x - mean) * (factor * r) + d * spread(gamma),
            Some((r, d)) => (x - mean) * (factor * r) + d,
        };
        if beta.is_built() { y + spread(beta) } else { y }
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
