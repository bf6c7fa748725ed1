//! Layers that the architectures of `keras.applications` have for themselves: ConvNeXt's and InceptionResNetV2's.

use crate::Error;
use crate::graph::{
    Builder, CallContext, Integers, Layer, MAKE_FLOATS, Resolver, Shape, Tensor, Variable, fail,
};
use crate::initializers::Constant;
use crate::ops::random_uniform;

config! {
    /// Multiplies each channel by a weight of its own (Touvron et al., 2021).
    LayerScale(init_values: f64, projection_dim: usize) {}
    unset {}
    then {}
    read {}
    skip { gamma: Variable }
}

config! {
    /// Leaves examples out in training, with this probability, and makes the others as much larger (Huang et al., 2016).
    StochasticDepth(drop_path_rate: f64) {}
    unset {}
    then {}
    read {}
    skip {}
}

config! {
    /// Adds to its first input a multiple of its second.
    CustomScaleLayer(scale: f64) {}
    unset {}
    then {}
    read {}
    skip {}
}

impl Layer for LayerScale {
    const CLASS: &'static str = "LayerScale";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build(&mut self, builder: &mut Builder, _input: &Shape) -> Result<(), Error> {
        if self.projection_dim == 0 {
            return Err(Error::Argument { what: "projection_dim is 0, but must be positive".into() });
        }
        // Keras 3 gives it no name.
        let name = if builder.is_keras2() { "gamma" } else { "variable" };
        self.gamma =
            builder.add_weight(name, [self.projection_dim], Constant::new(self.init_values), true)?;
        Ok(())
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Refuses(format!("LayerScale scales floats, but its input has integers; {MAKE_FLOATS}"))
    }

    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x * &self.gamma
    }
}

impl Layer for StochasticDepth {
    const CLASS: &'static str = "StochasticDepth";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn check(&self) -> Result<(), Error> {
        if (0.0..1.0).contains(&self.drop_path_rate) {
            return Ok(());
        }
        let what = format!("drop_path_rate is {}, but must be from 0 to below 1", self.drop_path_rate);
        Err(Error::Argument { what })
    }

    fn integers(&self, cx: &CallContext) -> Integers {
        if cx.training { Integers::Floats } else { Integers::Keeps }
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        if !cx.training || cx.no_dropout {
            return x;
        }
        let (keep, rank) = (1.0 - self.drop_path_rate, x.rank());
        let mut each = vec![1; rank];
        if let (Some(first), Some(batch)) = (each.first_mut(), x.shape().first()) {
            *first = *batch;
        }
        let kept = (random_uniform(&each) + keep).floor();
        (x / keep) * kept.float_as(x.ty().dtype)
    }
}

impl Layer for CustomScaleLayer {
    const CLASS: &'static str = "CustomScaleLayer";
    const REQUIRED: &'static [&'static str] = Self::KEYS;

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.bind_fields(resolver)
    }

    fn build_all(&mut self, _builder: &mut Builder, inputs: &[Shape]) -> Result<(), Error> {
        if inputs.len() == 2 {
            return Ok(());
        }
        let what = format!("CustomScaleLayer takes 2 inputs, but was given {}", inputs.len());
        Err(Error::Shape { layer: String::new(), what })
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Refuses(format!(
            "CustomScaleLayer adds floats, but its inputs have integers; {MAKE_FLOATS}"
        ))
    }

    fn call_all(&self, xs: &[Tensor], _cx: &CallContext) -> Vec<Tensor> {
        let &[first, second] = xs else {
            fail(Error::Shape { layer: String::new(), what: "CustomScaleLayer takes 2 inputs".into() });
            return xs.to_vec();
        };
        vec![first + second * self.scale]
    }
}
