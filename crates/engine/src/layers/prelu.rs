//! ReLU with slopes that are learned.

use serde::{Deserialize, Serialize};

use super::dense::zeros;
use super::{Axes, axis};
use crate::Error;
use crate::graph::{
    Builder, CallContext, Constraint, Initializer, Layer, Named, Regularizer, Resolver, Shape, Tensor,
    Variable,
};

/// x, or alpha · x below zero, with an alpha for each element that `shared_axes` do not join.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PReLU {
    #[serde(default = "zeros")]
    alpha_initializer: Named<dyn Initializer>,
    #[serde(default)]
    alpha_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    alpha_constraint: Named<dyn Constraint>,
    #[serde(default)]
    shared_axes: Option<Axes>,
    #[serde(skip)]
    alpha: Variable,
}

impl Default for PReLU {
    fn default() -> Self {
        PReLU {
            alpha_initializer: zeros(),
            alpha_regularizer: Named::default(),
            alpha_constraint: Named::default(),
            shared_axes: None,
            alpha: Variable::default(),
        }
    }
}

impl PReLU {
    /// With Keras' defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

builders! {
impl PReLU {
    /// First value of alpha.
    #[must_use]
    pub fn alpha_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
        self.alpha_initializer = initializer.into();
        self
    }

    /// Penalty on alpha.
    #[must_use]
    pub fn alpha_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
        self.alpha_regularizer = regularizer.into();
        self
    }

    /// What alpha is made to be after each step of training.
    #[must_use]
    pub fn alpha_constraint(mut self, constraint: impl Into<Named<dyn Constraint>>) -> Self {
        self.alpha_constraint = constraint.into();
        self
    }

    /// Axes, counted with the batch, that share an alpha.
    #[must_use]
    pub fn shared_axes(mut self, axes: impl Into<Vec<isize>>) -> Self {
        self.shared_axes = Some(Axes::Many(axes.into()));
        self
    }
}
}

impl Layer for PReLU {
    const CLASS: &'static str = "PReLU";

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.alpha_initializer.bind(resolver)?;
        self.alpha_regularizer.bind(resolver)?;
        self.alpha_constraint.bind(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        // Keras looks axis a up at place a - 1 of the shape without the batch, where -1 is the last.
        let place = |a: &isize| axis(a.saturating_sub(1), input.rank().saturating_sub(1)).map(|i| i + 1);
        let shared = self.shared_axes.iter().flat_map(|s| s.list()).map(place);
        let shared = shared
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Error::Argument { what: format!("shared_axes: {e}") })?;
        let length = |i: usize| if shared.contains(&i) { Ok(1) } else { input.known(i as isize) };
        let shape = (1..input.rank()).map(length).collect::<Result<Vec<_>, _>>()?;
        self.alpha = builder.add_weight("alpha", shape, self.alpha_initializer.clone(), true)?;
        builder.regularize_and_constrain(&self.alpha, &self.alpha_regularizer, &self.alpha_constraint)
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x.relu() - &self.alpha * (-x).relu()
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
