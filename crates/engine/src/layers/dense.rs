//! A fully connected layer.

use serde_json::{Map, Value};

use super::lora::{self, Asked, Lora};
use super::quantized::{QuantizationConfig, QuantizedMatrix, without_lora};
use crate::Error;
use crate::graph::{
    Activation, Adapted, Builder, CallContext, Constraint, Initializer, Layer, Named, Regularizer, Resolver,
    Shape, Tensor, Variable,
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
    unset {}
    then {
        /// Sets how the layer was quantized, as Keras keeps it beside a quantized dtype policy.
        quantization_config <- QuantizationConfig = QuantizationConfig::default();
        /// Sets the rank of a product of two small matrices that is added to the kernel, which is frozen (LoRA).
        lora_rank <- Option<usize> = None;
        /// Sets what that product is multiplied by, times 1 / rank. Keras takes the rank when the layer is built, whatever stands here.
        lora_alpha <- Option<f64> = None;
    }
    read {}
    skip { kernel: Variable, bias: Variable, lora: Lora, quantized: QuantizedMatrix }
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
        let mode = builder.quantized()?;
        if let Some(mode) = mode {
            without_lora(self.lora_rank, mode)?;
            self.kernel = self.quantized.build(builder, mode, &self.quantization_config, shape)?;
        }
        if !self.kernel.is_built() {
            self.kernel = builder.add_weight("kernel", shape, self.kernel_initializer.clone(), true)?;
            builder.regularize_and_constrain(
                &self.kernel,
                &self.kernel_regularizer,
                &self.kernel_constraint,
            )?;
        }
        if self.use_bias {
            self.bias = builder.add_weight("bias", [self.units], self.bias_initializer.clone(), true)?;
            builder.regularize_and_constrain(&self.bias, &self.bias_regularizer, &self.bias_constraint)?;
        }
        match self.lora_rank {
            None | Some(0) => Ok(()),
            Some(rank) => self.enable_lora(builder, rank, None),
        }
    }

    fn enable_lora(&mut self, builder: &mut Builder, rank: usize, alpha: Option<f64>) -> Result<(), Error> {
        let alpha = alpha.unwrap_or(rank as f64);
        let asked = Asked {
            what: "kernel",
            constraint: ("kernel_constraint", &self.kernel_constraint),
            regularizer: &self.kernel_regularizer,
            rank,
            alpha,
        };
        self.lora.build(builder, &self.kernel, &asked)?;
        (self.lora_rank, self.lora_alpha) = (Some(rank), Some(alpha));
        Ok(())
    }

    fn adapted(&self) -> Option<Adapted> {
        self.lora.adapted(&self.kernel)
    }

    fn config(&self) -> Map<String, Value> {
        lora::config(self)
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        let product = match self.quantized.is_built() {
            true => self.quantized.product(x, &self.kernel, cx),
            false => x.matmul(self.lora.added(&self.kernel)),
        };
        let y = match self.use_bias {
            true => product + self.quantized.bias(&self.bias),
            false => product,
        };
        self.activation.apply(y)
    }

    fn supports_masking(&self) -> bool {
        true
    }
}
