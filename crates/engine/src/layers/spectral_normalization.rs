//! A layer whose kernel is kept at a spectral norm of 1 (Miyato et al., 2018).

use serde::{Deserialize, Serialize};

use super::inner::Inner;
use crate::Error;
use crate::graph::{
    Builder, CallContext, Integers, IntoTensor, Layer, LayerRef, MAKE_FLOATS, Resolver, Shape, Tensor,
    Variable, assign, assigned, fail, is_assigned, renew,
};
use crate::initializers::TruncatedNormal;

/// What vectors are divided by at least where they are made to have length 1: Keras' `epsilon()`.
const EPSILON: f64 = 1e-7;

/// Divides the kernel of a layer by its largest singular value at each step of training, which power iterations find.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpectralNormalization {
    layer: Inner,
    #[serde(default = "one")]
    power_iterations: usize,
    #[serde(skip)]
    kernel: Variable,
    #[serde(skip)]
    vector_u: Variable,
}

fn one() -> usize {
    1
}

impl SpectralNormalization {
    /// Returns it of a layer with a kernel, or with embeddings, and one iteration a step.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        SpectralNormalization {
            layer: Inner::of(layer.into()),
            power_iterations: one(),
            kernel: Variable::default(),
            vector_u: Variable::default(),
        }
    }
}

builders! {
    impl SpectralNormalization {
        /// Sets how many iterations there are in a step of training. Default 1.
        #[must_use]
        pub fn power_iterations(mut self, power_iterations: usize) -> Self {
            self.power_iterations = power_iterations;
            self
        }
    }
}

/// Returns a vector of length 1.
fn unit(x: Tensor) -> Tensor {
    let squares = x.square().sum_keep(&[0, 1]);
    x * (1.0 / squares.sqrt()).minimum(1.0 / EPSILON)
}

impl SpectralNormalization {
    /// Makes the kernel what it is in this step, and keeps where the iterations arrived.
    fn normalize(&self) {
        if is_assigned(&self.kernel) {
            fail(Error::State {
                what:
                    "a kernel that is normalized is used twice in a step of training, which is not supported"
                        .into(),
            });
            return;
        }
        let (kernel, before) = (self.kernel.into_tensor(), assigned(&self.vector_u));
        let shape = kernel.shape();
        let Some((columns, rest)) = shape.split_last() else { return };
        let weights = kernel.reshape([rest.iter().product(), *columns]);
        let mut u = before.float_as(weights.ty().dtype);
        let mut v = u;
        for _ in 0..self.power_iterations {
            v = unit(u.matmul_with(weights, false, true));
            u = unit(v.matmul_with(weights, false, false));
        }
        let sigma = v.matmul_with(weights, false, false).matmul_with(u, false, true);
        let none = weights.abs().max_keep(&[0, 1]).equal(0.0);
        let made = none.select(weights, weights / none.select(1.0, sigma)).reshape(shape);
        assign(&self.vector_u, none.select(before, u.float_as(before.ty().dtype)));
        renew(&self.kernel, made);
    }
}

impl Layer for SpectralNormalization {
    const CLASS: &'static str = "SpectralNormalization";
    const REQUIRED: &'static [&'static str] = &["layer"];

    fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
        self.layer.bind(resolver)?;
        self.layer.get().map_or(Ok(()), |layer| layer.without_activity_penalty(Self::CLASS))
    }

    fn check(&self) -> Result<(), Error> {
        if self.power_iterations == 0 {
            return Err(Error::Argument { what: "power_iterations is 0, but must be positive".into() });
        }
        if self.power_iterations > 1000 {
            let what = format!("power_iterations is {}, but must be 1000 at most", self.power_iterations);
            return Err(Error::Argument { what });
        }
        Ok(())
    }

    fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
        let Some(layer) = self.layer.get() else { return Ok(()) };
        layer.build(builder.resolver(), std::slice::from_ref(input))?;
        let named = |name: &str| layer.own_variables().into_iter().find(|v| v.name() == name);
        let Some(kernel) = named("kernel").or_else(|| named("embeddings")) else {
            let what = format!("layer: {} has neither a kernel nor embeddings to normalize", layer.name());
            return Err(Error::Argument { what });
        };
        let columns = kernel.shape().last().copied().unwrap_or(1);
        builder.share(&kernel);
        self.kernel = kernel;
        self.vector_u =
            builder.add_weight("vector_u", [1, columns], TruncatedNormal::new().stddev(0.02), false)?;
        Ok(())
    }

    fn integers(&self, _cx: &CallContext) -> Integers {
        Integers::Refuses(format!(
            "SpectralNormalization makes integers of what a layer gives for integers, which loses it; {MAKE_FLOATS}"
        ))
    }

    fn call(&self, x: Tensor, cx: &CallContext) -> Tensor {
        if cx.training {
            self.normalize();
        }
        let made = self.layer.get().and_then(|layer| layer.call(&[x], cx).first().copied());
        made.map_or(x, |y| y.float_as(x.ty().dtype))
    }

    fn inner(&self) -> Vec<(String, LayerRef)> {
        self.layer.get().map(|layer| ("layer".to_owned(), layer.clone())).into_iter().collect()
    }
}
