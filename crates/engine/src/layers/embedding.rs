//! Vectors of numbers that stand for something.

use crate::Error;
use crate::graph::{
    Builder, CallContext, Initializer, IntoTensor, Layer, Named, Regularizer, Resolver, Shape, Tensor,
    Variable,
};
use crate::initializers::RandomUniform;

fn uniform() -> Named<dyn Initializer> {
    RandomUniform::default().into()
}

config! {
    /// Gives for each number from 0 to `input_dim - 1` a vector of `output_dim`. A number that is none of these gives NaN.
    Embedding(input_dim: usize, output_dim: usize) {
        /// First values of the vectors.
        embeddings_initializer <- Named<dyn Initializer> = uniform();
        /// Penalty on the vectors.
        embeddings_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Whether 0 stands for nothing, and is masked.
        mask_zero: bool = false;
    }
    unset { embeddings_constraint, activity_regularizer, lora_rank, quantization_config }
    skip { embeddings: Variable }
}

impl Layer for Embedding {
    const CLASS: &'static str = "Embedding";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
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
        builder.regularize(&self.embeddings, &self.embeddings_regularizer)
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        self.embeddings.into_tensor().rows_at(x.to_f32().truncated())
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
