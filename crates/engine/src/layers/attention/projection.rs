//! A product with a kernel of several axes: what the layers inside attention are.

use serde::Serialize;

use crate::Error;
use crate::graph::{
    Builder, CallContext, Initializer, IntoTensor, Layer, LayerRef, LayerSettings, Named, Regularizer, Shape,
    Tensor, Variable,
};

/// Holds what the projections of a layer share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub use_bias: bool,
    pub kernel_initializer: Named<dyn Initializer>,
    pub bias_initializer: Named<dyn Initializer>,
    pub kernel_regularizer: Named<dyn Regularizer>,
    pub bias_regularizer: Named<dyn Regularizer>,
}

/// x · kernel + bias over the last `contracted` axes of x, which become those of `output`.
#[derive(Debug, Serialize)]
pub(super) struct Projection {
    contracted: usize,
    output: Vec<usize>,
    #[serde(skip)]
    shared: Shared,
    #[serde(skip)]
    kernel: Variable,
    #[serde(skip)]
    bias: Variable,
}

impl Projection {
    /// A layer with these settings.
    pub fn layer(settings: LayerSettings, contracted: usize, output: &[usize], shared: &Shared) -> LayerRef {
        let made = Projection {
            contracted,
            output: output.to_vec(),
            shared: shared.clone(),
            kernel: Variable::default(),
            bias: Variable::default(),
        };
        LayerRef::new(Box::new(made), settings)
    }
}

impl Layer for Projection {
    const CLASS: &'static str = "EinsumDense";

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let mut shape = Vec::new();
        for axis in (1..=self.contracted).rev() {
            shape.push(input.known(-(axis as isize))?);
        }
        shape.extend(&self.output);
        let shared = &self.shared;
        self.kernel = builder.add_weight("kernel", shape, shared.kernel_initializer.clone(), true)?;
        builder.regularize(&self.kernel, &shared.kernel_regularizer)?;
        if shared.use_bias {
            let initializer = shared.bias_initializer.clone();
            self.bias = builder.add_weight("bias", self.output.clone(), initializer, true)?;
            builder.regularize(&self.bias, &shared.bias_regularizer)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let shape = x.shape();
        let lead = &shape[..shape.len().saturating_sub(self.contracted)];
        let (rows, columns) = (lead.iter().product::<usize>(), self.output.iter().product::<usize>());
        let terms = x.ty().len() / rows.max(1);
        let kernel = self.kernel.into_tensor().reshape([terms, columns]);
        let y = x.reshape([rows, terms]).matmul(kernel);
        let y = if self.shared.use_bias { y + self.bias.into_tensor().reshape([columns]) } else { y };
        y.reshape([lead, self.output.as_slice()].concat())
    }
}
