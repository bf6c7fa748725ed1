//! Products of floats of 8 bits.

use crate::Error;
use crate::graph::{Builder, CallContext, DType, Half, IntoTensor, Tensor, Variable, fail};
use crate::initializers::{Ones, Zeros};

/// Scales of the inputs, the kernel and the gradient of what a layer gives, and the largest numbers of each in steps before.
#[derive(Clone, Debug, Default)]
pub(in crate::layers) struct Float8 {
    inputs: Variable,
    kernel: Variable,
}

/// The largest float of 8 bits with 3 for the fraction (`float8_e4m3fn`).
const MOST: f64 = 448.0;

impl Float8 {
    /// Makes the variables.
    ///
    /// # Errors
    /// They are too large.
    pub(in crate::layers) fn build(builder: &mut Builder, history: usize) -> Result<Self, Error> {
        let mut add = |what: &str| -> Result<Variable, Error> {
            let name = |end: &str| format!("{what}_{end}");
            let scale = builder.add_typed(&name("scale"), [], DType::F32, Ones::default(), false)?;
            builder.add_typed(&name("amax_history"), [history], DType::F32, Zeros::default(), false)?;
            Ok(scale)
        };
        let (inputs, kernel) = (add("inputs")?, add("kernel")?);
        add("outputs_grad")?;
        Ok(Float8 { inputs, kernel })
    }

    /// Returns inputs and kernel as floats of 8 bits have them.
    pub(in crate::layers) fn rounded(&self, x: Tensor, kernel: Tensor, cx: &CallContext) -> (Tensor, Tensor) {
        if cx.training {
            let what = "a layer of float8 is not trained here, it predicts: train the model before it is quantized, or in Keras";
            fail(Error::Shape { layer: String::new(), what: what.into() });
        }
        (rounded(x, &self.inputs), rounded(kernel, &self.kernel))
    }
}

/// Returns a bias as Keras adds it to products of such floats: rounded to bfloat16.
pub(in crate::layers) fn narrow_bias(bias: &Variable) -> Tensor {
    bias.into_tensor().float_as(DType::Half(Half::BF16)).float_as(DType::F32)
}

fn rounded(x: Tensor, scale: &Variable) -> Tensor {
    let scale = scale.into_tensor();
    let x = (x / scale).clip(-MOST, MOST);
    // The distance of neighbours: 2^-9 up to 2^-6, and twice as much from each power of two on.
    let mut step = Tensor::full(&[], 2f64.powi(-9));
    for power in -5..=8 {
        let from = 2f64.powi(power);
        step = step + (1.0 - x.abs().less(from)) * (from / 16.0);
    }
    (x / step).round() * step * scale
}
