//! Each example with mean 0 and variance 1.

use serde::{Deserialize, Serialize};

use super::Axes;
use super::dense::{yes, zeros};
use crate::Error;
use crate::graph::{
    Builder, CallContext, Constraint, Initializer, Integers, IntoTensor, Layer, MAKE_FLOATS, Named,
    Precision, Regularizer, Resolver, Shape, Tensor, Variable, fail,
};
use crate::initializers::Ones;

/// (x - mean) / √(variance + epsilon) · gamma + beta, with mean and variance over an axis of each example.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerNormalization {
    #[serde(default = "last")]
    axis: Axes,
    #[serde(default = "epsilon")]
    epsilon: f64,
    #[serde(default = "yes")]
    center: bool,
    #[serde(default = "yes")]
    scale: bool,
    #[serde(default)]
    rms_scaling: bool,
    #[serde(default = "zeros")]
    beta_initializer: Named<dyn Initializer>,
    #[serde(default = "ones")]
    gamma_initializer: Named<dyn Initializer>,
    #[serde(default)]
    beta_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    gamma_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    beta_constraint: Named<dyn Constraint>,
    #[serde(default)]
    gamma_constraint: Named<dyn Constraint>,
    #[serde(skip)]
    gamma: Variable,
    #[serde(skip)]
    beta: Variable,
}

fn last() -> Axes {
    Axes::One(-1)
}
pub(super) fn epsilon() -> f64 {
    0.001
}
pub(super) fn ones() -> Named<dyn Initializer> {
    Ones::default().into()
}

impl Default for LayerNormalization {
    fn default() -> Self {
        LayerNormalization {
            axis: last(),
            epsilon: epsilon(),
            center: true,
            scale: true,
            rms_scaling: false,
            beta_initializer: zeros(),
            gamma_initializer: ones(),
            beta_regularizer: Named::default(),
            gamma_regularizer: Named::default(),
            beta_constraint: Named::default(),
            gamma_constraint: Named::default(),
            gamma: Variable::default(),
            beta: Variable::default(),
        }
    }
}

/// Builders of what every normalization with a gamma and a beta has.
macro_rules! affine {
    ($class:ident) => {
        builders! { impl $class {
            /// Added to the variance. Default 0.001.
            #[must_use]
            pub fn epsilon(mut self, epsilon: f64) -> Self {
                self.epsilon = epsilon;
                self
            }

            /// Sets whether there is a beta.
            #[must_use]
            pub fn center(mut self, center: bool) -> Self {
                self.center = center;
                self
            }

            /// Sets whether there is a gamma.
            #[must_use]
            pub fn scale(mut self, scale: bool) -> Self {
                self.scale = scale;
                self
            }

            /// First value of beta.
            #[must_use]
            pub fn beta_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
                self.beta_initializer = initializer.into();
                self
            }

            /// First value of gamma.
            #[must_use]
            pub fn gamma_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
                self.gamma_initializer = initializer.into();
                self
            }

            /// Penalty on beta.
            #[must_use]
            pub fn beta_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
                self.beta_regularizer = regularizer.into();
                self
            }

            /// Penalty on gamma.
            #[must_use]
            pub fn gamma_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
                self.gamma_regularizer = regularizer.into();
                self
            }

            /// What beta is made to be after each step of training.
            #[must_use]
            pub fn beta_constraint(mut self, constraint: impl Into<Named<dyn Constraint>>) -> Self {
                self.beta_constraint = constraint.into();
                self
            }

            /// What gamma is made to be after each step of training.
            #[must_use]
            pub fn gamma_constraint(mut self, constraint: impl Into<Named<dyn Constraint>>) -> Self {
                self.gamma_constraint = constraint.into();
                self
            }
        } }
    };
}
pub(super) use affine;

impl LayerNormalization {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl LayerNormalization {
    /// Axes that mean and variance are taken over.
    #[must_use]
    pub fn axis(mut self, axis: impl Into<Axes>) -> Self {
        self.axis = axis.into();
        self
    }
}
}

affine!(LayerNormalization);

/// Returns what layers that normalize each example do with integers.
pub(super) fn of_normalized(cx: &CallContext) -> Integers {
    if cx.layer_is_keras2() {
        return Integers::Floats;
    }
    Integers::Refuses(format!(
        "Keras 3 cuts the normalized numbers of integers, which is not supported; {MAKE_FLOATS}"
    ))
}

impl Layer for LayerNormalization {
    const CLASS: &'static str = "LayerNormalization";

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.beta_initializer.bind(resolver)?;
        self.gamma_initializer.bind(resolver)?;
        self.beta_regularizer.bind(resolver)?;
        self.beta_constraint.bind(resolver)?;
        self.gamma_regularizer.bind(resolver)?;
        self.gamma_constraint.bind(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let axes = self.axis.of_rank(input.rank())?;
        let shape = axes.iter().map(|a| input.known(*a as isize)).collect::<Result<Vec<_>, _>>()?;
        if self.scale || self.rms_scaling {
            let gamma = builder.add_weight("gamma", shape.clone(), self.gamma_initializer.clone(), true)?;
            builder.regularize_and_constrain(&gamma, &self.gamma_regularizer, &self.gamma_constraint)?;
            self.gamma = gamma;
        }
        if self.center && !self.rms_scaling {
            let beta = builder.add_weight("beta", shape, self.beta_initializer.clone(), true)?;
            builder.regularize_and_constrain(&beta, &self.beta_regularizer, &self.beta_constraint)?;
            self.beta = beta;
        }
        Ok(())
    }

    fn precision(&self) -> Precision {
        Precision::WideAsGiven
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_normalized(cx)
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let (shape, list) = (x.shape(), self.axis.list());
        let axes = match self.axis.of_rank(shape.len()) {
            Ok(axes) => axes,
            Err(error) => {
                fail(error);
                return x;
            }
        };
        let wide: Vec<usize> =
            shape.iter().enumerate().map(|(i, n)| if axes.contains(&i) { *n } else { 1 }).collect();
        let spread = |v: &Variable| v.into_tensor().reshape(wide.clone());
        let centered = x - x.mean_keep(list);
        let variance = centered.square().mean_keep(list);
        // Keras' rms_scaling divides by the deviation without taking the mean off.
        let y = if self.rms_scaling { x } else { centered } / (variance + self.epsilon).sqrt();
        let y = if self.gamma.is_built() { y * spread(&self.gamma) } else { y };
        if self.beta.is_built() { y + spread(&self.beta) } else { y }
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
