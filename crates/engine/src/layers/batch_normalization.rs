//! Each channel with mean 0 and variance 1 over the batch.

use serde::{Deserialize, Serialize};

use super::dense::{yes, zeros};
use super::layer_normalization::{affine, epsilon, ones};
use super::{Axes, Unset, axis};
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
    renorm_clipping: Unset,
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
            renorm_clipping: Unset,
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
        let Weights { moving_mean, moving_variance, .. } = &self.weights;
        for (moving, batch) in [(moving_mean, mean), (moving_variance, variance)] {
            let batch = batch.reshape(moving.shape());
            assign(moving, assigned(moving) * self.momentum + batch * (1.0 - self.momentum));
        }
    }
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

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        if self.renorm {
            return Err(Error::Argument { what: "renorm = true is not supported".into() });
        }
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
        let fused = cx.layer_is_keras2() && shape.len() == 4 && matches!(channels, 1 | 3);
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
            self.update(mean, unbiased);
            (mean, variance)
        } else {
            (spread(&self.weights.moving_mean), spread(&self.weights.moving_variance))
        };
        let epsilon = if fused { self.epsilon.max(FUSED_EPSILON) } else { self.epsilon };
        let Weights { gamma, beta, .. } = &self.weights;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        let factor = if gamma.is_built() { inverse * spread(gamma) } else { inverse };
        let y = (x - mean) * factor;
        if beta.is_built() { y + spread(beta) } else { y }
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
