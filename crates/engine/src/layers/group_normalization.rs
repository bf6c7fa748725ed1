//! Groups of channels of each example with mean 0 and variance 1.

use super::axis;
use super::dense::zeros;
use super::layer_normalization::{of_normalized, ones};
use crate::Error;
use crate::graph::{
    Builder, CallContext, Constraint, Initializer, Integers, IntoTensor, Layer, Named, Precision,
    Regularizer, Resolver, Shape, Tensor, Variable, fail,
};

config! {
    /// (x - mean) / √(variance + epsilon) · gamma + beta, with mean and variance over a group of channels and all other axes of each example.
    GroupNormalization() {
        /// Sets how many groups; -1 for one of each channel. Default 32.
        groups: isize = 32;
        /// Axis of the channels. Default -1.
        axis: isize = -1;
        /// Added to the variance. Default 0.001.
        epsilon: f64 = 0.001;
        /// Sets whether there is a beta.
        center: bool = true;
        /// Sets whether there is a gamma.
        scale: bool = true;
        /// First value of beta.
        beta_initializer <- Named<dyn Initializer> = zeros();
        /// First value of gamma.
        gamma_initializer <- Named<dyn Initializer> = ones();
        /// Penalty on beta.
        beta_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on gamma.
        gamma_regularizer <- Named<dyn Regularizer> = Named::default();
        /// What beta is made to be after each step of training.
        beta_constraint <- Named<dyn Constraint> = Named::default();
        /// What gamma is made to be after each step of training.
        gamma_constraint <- Named<dyn Constraint> = Named::default();
    }
    unset {}
    then {}
    read {}
    skip { gamma: Variable, beta: Variable }
}

impl GroupNormalization {
    /// The axis of the channels from the front, and the number of groups, for an input with these lengths.
    fn cut(&self, shape: &[Option<usize>]) -> Result<(usize, usize), Error> {
        let at = axis(self.axis, shape.len())?;
        let wrong = |what: String| Err(Error::Argument { what });
        let Some(channels) = shape[at].filter(|_| at > 0) else {
            return wrong(format!("axis {} must be known, and not that of the batch", self.axis));
        };
        let groups = if self.groups == -1 { channels } else { usize::try_from(self.groups).unwrap_or(0) };
        if groups == 0 || !channels.is_multiple_of(groups) {
            return wrong(format!("{channels} channels cannot be cut into {} groups", self.groups));
        }
        Ok((at, groups))
    }
}

impl Layer for GroupNormalization {
    const CLASS: &'static str = "GroupNormalization";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn precision(&self) -> Precision {
        Precision::WideAsGiven
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let (at, _) = self.cut(&input.0)?;
        let channels = input.known(at as isize)?;
        if self.scale {
            self.gamma = builder.add_weight("gamma", [channels], self.gamma_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.gamma, &self.gamma_regularizer, &self.gamma_constraint)?;
        }
        if self.center {
            self.beta = builder.add_weight("beta", [channels], self.beta_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.beta, &self.beta_regularizer, &self.beta_constraint)?;
        }
        Ok(())
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_normalized(cx)
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let shape = x.shape();
        let lengths: Vec<Option<usize>> = shape.iter().copied().map(Some).collect();
        let (at, groups) = match self.cut(&lengths) {
            Ok(cut) => cut,
            Err(error) => {
                fail(error);
                return x;
            }
        };
        let mut grouped = shape.clone();
        grouped[at] /= groups;
        grouped.insert(at, groups);
        let over: Vec<isize> = (1..grouped.len()).filter(|i| *i != at).map(|i| i as isize).collect();
        let parts = x.reshape(grouped);
        let centered = parts - parts.mean_keep(&over);
        let variance = centered.square().mean_keep(&over);
        let y = (centered / (variance + self.epsilon).sqrt()).reshape(shape.clone());
        let mut wide = vec![1; shape.len()];
        wide[at] = shape[at];
        let spread = |v: &Variable| v.into_tensor().reshape(wide.clone());
        let y = if self.scale { y * spread(&self.gamma) } else { y };
        if self.center { y + spread(&self.beta) } else { y }
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
