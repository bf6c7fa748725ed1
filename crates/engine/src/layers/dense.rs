//! A fully connected layer.

use serde::{Deserialize, Serialize};

use super::Unset;
use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Initializer, Layer, Named, Regularizer, Resolver, Shape, Tensor,
    Variable,
};
use crate::initializers::{GlorotUniform, Zeros};

/// activation(x · kernel + bias), along the last axis.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dense {
    units: usize,
    #[serde(default = "crate::activations::none")]
    activation: Named<dyn Activation>,
    #[serde(default = "yes")]
    use_bias: bool,
    #[serde(default = "glorot")]
    kernel_initializer: Named<dyn Initializer>,
    #[serde(default = "zeros")]
    bias_initializer: Named<dyn Initializer>,
    #[serde(default)]
    kernel_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    bias_regularizer: Named<dyn Regularizer>,
    #[serde(default)]
    kernel_constraint: Unset,
    #[serde(default)]
    bias_constraint: Unset,
    #[serde(default)]
    quantization_config: Unset,
    #[serde(skip)]
    kernel: Variable,
    #[serde(skip)]
    bias: Variable,
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn glorot() -> Named<dyn Initializer> {
    GlorotUniform::new().into()
}

pub(super) fn zeros() -> Named<dyn Initializer> {
    Zeros::default().into()
}

impl Dense {
    /// With this many outputs.
    pub fn new(units: usize) -> Self {
        Dense {
            units,
            activation: crate::activations::none(),
            use_bias: true,
            kernel_initializer: glorot(),
            bias_initializer: zeros(),
            kernel_regularizer: Named::default(),
            bias_regularizer: Named::default(),
            kernel_constraint: Unset,
            bias_constraint: Unset,
            quantization_config: Unset,
            kernel: Variable::default(),
            bias: Variable::default(),
        }
    }
}

builders! {
impl Dense {
    /// What is done with the result; none is `"linear"`.
    #[must_use]
    pub fn activation(mut self, activation: impl Into<Named<dyn Activation>>) -> Self {
        self.activation = activation.into();
        self
    }

    /// Whether there is a bias.
    #[must_use]
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// First value of the kernel.
    #[must_use]
    pub fn kernel_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
        self.kernel_initializer = initializer.into();
        self
    }

    /// First value of the bias.
    #[must_use]
    pub fn bias_initializer(mut self, initializer: impl Into<Named<dyn Initializer>>) -> Self {
        self.bias_initializer = initializer.into();
        self
    }

    /// Penalty on the kernel.
    #[must_use]
    pub fn kernel_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
        self.kernel_regularizer = regularizer.into();
        self
    }

    /// Penalty on the bias.
    #[must_use]
    pub fn bias_regularizer(mut self, regularizer: impl Into<Named<dyn Regularizer>>) -> Self {
        self.bias_regularizer = regularizer.into();
        self
    }
}
}

impl Layer for Dense {
    const CLASS: &'static str = "Dense";

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.activation.bind(resolver)?;
        self.kernel_initializer.bind(resolver)?;
        self.bias_initializer.bind(resolver)?;
        self.kernel_regularizer.bind(resolver)?;
        self.bias_regularizer.bind(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        if self.units == 0 {
            return Err(Error::Argument { what: "units is 0, but must be positive".into() });
        }
        if input.rank() < 2 {
            let what = format!("Dense takes inputs of rank 2 or more, but the shape is {input}");
            return Err(Error::Shape { layer: String::new(), what });
        }
        let inputs = input.known(-1)?;
        let shape = [inputs, self.units];
        self.kernel = builder.add_weight("kernel", shape, self.kernel_initializer.clone(), true)?;
        builder.regularize(&self.kernel, &self.kernel_regularizer)?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [self.units], self.bias_initializer.clone(), true)?;
            builder.regularize(&self.bias, &self.bias_regularizer)?;
        }
        Ok(())
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let x = x.matmul(&self.kernel);
        self.activation.apply(if self.use_bias { x + &self.bias } else { x })
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
