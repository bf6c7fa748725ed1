//! Each example with a mean square of 1.

use super::Axes;
use super::layer_normalization::{of_normalized, ones};
use crate::Error;
use crate::graph::{
    Builder, CallContext, Integers, IntoTensor, Layer, Precision, Resolver, Shape, Tensor, Variable,
};

config! {
    /// x / √(mean of x² + epsilon) · scale, over an axis of each example.
    RMSNormalization() {
        /// Axes that the mean is taken over: the last one or several, along which the scale lies.
        axis <- Axes = Axes::One(-1);
        /// Added to the mean square. Default 1e-6.
        epsilon: f64 = 1e-6;
    }
    unset {}
    then {}
    read {}
    skip { scale: Variable }
}

impl Layer for RMSNormalization {
    const CLASS: &'static str = "RMSNormalization";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn precision(&self) -> Precision {
        Precision::Wide
    }

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let axes = self.axis.of_rank(input.rank())?;
        // Keras multiplies by the scale along the last axes, whatever the mean is taken over, and so refuses others.
        if !axes.iter().copied().eq(input.rank() - axes.len()..input.rank()) {
            let what = format!("axis {:?} is not the last one or several of {input}", self.axis.list());
            return Err(Error::Argument { what });
        }
        let shape = axes.iter().map(|a| input.known(*a as isize)).collect::<Result<Vec<_>, _>>()?;
        self.scale = builder.add_weight("scale", shape, ones(), true)?;
        Ok(())
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        of_normalized(cx)
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        let mean = x.square().mean_keep(self.axis.list());
        x / (mean + self.epsilon).sqrt() * self.scale.into_tensor()
    }
}
