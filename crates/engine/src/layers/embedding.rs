//! Vectors of numbers that stand for something.

use serde::{Deserialize, Serialize};

use super::{Axes, Unset};
use crate::Error;
use crate::graph::{
    Builder, CallContext, Constraint, DType, Initializer, Integers, IntoTensor, Layer, Named, Regularizer,
    Resolver, Shape, Tensor, Variable,
};
use crate::initializers::RandomUniform;

pub(super) fn uniform() -> Named<dyn Initializer> {
    RandomUniform::default().into()
}

/// Gives for each number from 0 to `input_dim - 1` a vector of `output_dim`. A number that is none of these gives NaN.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Embedding {
    input_dim: usize,
    output_dim: usize,
    #[serde(default = "uniform")]
    embeddings_initializer: Named<dyn Initializer>,
    #[serde(default)]
    embeddings_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    activity_regularizer: Unset,
    #[serde(default)]
    embeddings_constraint: Named<dyn Constraint>,
    #[serde(default)]
    mask_zero: bool,
    #[serde(default)]
    quantization_config: Unset,
    /// Of Keras 2, which takes the shape of the input from it where nothing else says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_length: Option<Axes>,
    #[serde(skip)]
    embeddings: Variable,
}

impl Embedding {
    /// With Keras' defaults.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Embedding {
            input_dim,
            output_dim,
            embeddings_initializer: uniform(),
            embeddings_regularizer: Named::default(),
            activity_regularizer: Unset,
            embeddings_constraint: Named::default(),
            mask_zero: false,
            quantization_config: Unset,
            input_length: None,
            embeddings: Variable::default(),
        }
    }
}

builders! {
    impl Embedding {
        /// First values of the vectors.
        #[must_use]
        pub fn embeddings_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
            self.embeddings_initializer = initializer.into();
            self
        }

        /// Penalty on the vectors.
        #[must_use]
        pub fn embeddings_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
            self.embeddings_regularizer = regularizer.into();
            self
        }

        /// What the vectors are made to be after each step of training.
        #[must_use]
        pub fn embeddings_constraint(mut self, constraint: impl Into<Named<dyn Constraint>>) -> Self {
            self.embeddings_constraint = constraint.into();
            self
        }

        /// Sets whether 0 stands for nothing, and is masked.
        #[must_use]
        pub fn mask_zero(mut self, mask_zero: bool) -> Self {
            self.mask_zero = mask_zero;
            self
        }
    }
}

impl Layer for Embedding {
    const CLASS: &'static str = "Embedding";
    const REQUIRED: &'static [&'static str] = &["input_dim", "output_dim"];

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.embeddings_initializer.bind(resolver)?;
        self.embeddings_regularizer.bind(resolver)?;
        self.embeddings_constraint.bind(resolver)
    }

    fn build(&mut self, builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        for (key, value) in [("input_dim", self.input_dim), ("output_dim", self.output_dim)] {
            if value == 0 {
                return Err(Error::Argument { what: format!("{key} is 0, but must be positive") });
            }
        }
        let shape = [self.input_dim, self.output_dim];
        self.embeddings =
            builder.add_weight("embeddings", shape, self.embeddings_initializer.clone(), true)?;
        builder.regularize_and_constrain(
            &self.embeddings,
            &self.embeddings_regularizer,
            &self.embeddings_constraint,
        )
    }

    /// Indices stay whole numbers, whatever floats the layer computes with.
    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Sees
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.embeddings.into_tensor().rows_at(x.as_type(DType::F32).truncated())
    }

    fn compute_mask(
        &self,
        xs: &[Tensor],
        _masks: &[Option<Tensor>],
        _cx: &CallContext,
    ) -> Vec<Option<Tensor>> {
        vec![self.mask_zero.then(|| 1.0 - xs[0].to_f32().equal(0.0))]
    }
}
