//! A fully connected layer.

use crate::Error;
use crate::graph::{
    Activation, Builder, CallContext, Constraint, Initializer, Layer, Named, Regularizer, Resolver, Shape,
    Tensor, Variable,
};
use crate::initializers::{GlorotUniform, Zeros};

config! {
    /// activation(x · kernel + bias), along the last axis.
    Dense(units: usize) {
        /// Sets what is done with the result; none is `"linear"`.
        activation <- Named<dyn Activation> = crate::activations::none();
        /// Sets whether there is a bias.
        use_bias: bool = true;
        /// First value of the kernel.
        kernel_initializer <- Named<dyn Initializer> = glorot();
        /// First value of the bias.
        bias_initializer <- Named<dyn Initializer> = zeros();
        /// Penalty on the kernel.
        kernel_regularizer <- Named<dyn Regularizer> = Named::default();
        /// Penalty on the bias.
        bias_regularizer <- Named<dyn Regularizer> = Named::default();
        /// What the kernel is made to be after each step of training.
        kernel_constraint <- Named<dyn Constraint> = Named::default();
        /// What the bias is made to be after each step of training.
        bias_constraint <- Named<dyn Constraint> = Named::default();
    }
    unset { quantization_config }
    then {}
    read {}
    skip { kernel: Variable, bias: Variable }
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

impl Layer for Dense {
    const CLASS: &'static str = "Dense";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
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
        builder.regularize_and_constrain(&self.kernel, &self.kernel_regularizer, &self.kernel_constraint)?;
        if self.use_bias {
            self.bias = builder.add_weight("bias", [self.units], self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
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
