//! Quantized kernels of Dense and EinsumDense.

use super::config::{AbsMax, QuantizationConfig};
use super::float8::{Float8, narrow_bias};
use super::{Asked, Scales, straight, unpacked, whole};
use crate::Error;
use crate::graph::{Builder, CallContext, IntoTensor, Tensor, Variable};
use crate::ops::{Lettered, contract};
use crate::types::Quantized;

fn told(what: String) -> Error {
    Error::Argument { what: format!("quantization_config: {what}") }
}

/// The kernel of a Dense layer.
#[derive(Clone, Debug, Default)]
pub(in crate::layers) struct QuantizedMatrix {
    mode: Option<Quantized>,
    activations: Option<AbsMax>,
    scales: Scales,
    float8: Float8,
    columns: usize,
}

impl QuantizedMatrix {
    /// Makes the variables, and returns the kernel's; an empty handle where it is one of floats.
    ///
    /// # Errors
    /// They are too large, or the config is wrong.
    pub(in crate::layers) fn build(
        &mut self,
        builder: &mut Builder,
        mode: Quantized,
        config: &QuantizationConfig,
        [rows, columns]: [usize; 2],
    ) -> Result<Variable, Error> {
        self.mode = Some(mode);
        self.activations = config.activations(mode).map_err(told)?;
        self.columns = columns;
        match mode {
            Quantized::Int8 => {
                self.scales.of_eight_bits(builder, "kernel", vec![rows, columns], vec![columns])
            }
            Quantized::Int4(block) => {
                let block = config.block(block).map_err(told)?;
                let asked = Asked { what: "kernel", rows, columns, by_column: false, groups: None };
                self.scales.of_four_bits(builder, &asked, [rows, columns.div_ceil(2)], block)
            }
            Quantized::Float8(history) => {
                self.float8 = Float8::build(builder, history)?;
                Ok(Variable::default())
            }
        }
    }

    pub(in crate::layers) fn is_built(&self) -> bool {
        self.mode.is_some()
    }

    /// Returns x · kernel.
    pub(in crate::layers) fn product(&self, x: Tensor, kernel: &Variable, cx: &CallContext) -> Tensor {
        let numbers = match self.mode {
            Some(Quantized::Float8(_)) => {
                let (x, kernel) = self.float8.rounded(x, kernel.into_tensor(), cx);
                return x.matmul(kernel);
            }
            Some(Quantized::Int4(_)) => unpacked(whole(kernel), self.columns),
            _ => whole(kernel),
        };
        if self.scales.has_blocks() {
            return x.matmul(self.scales.by_blocks(numbers));
        }
        let scale = self.scales.scale();
        let given = match self.activations {
            Some(activations) => {
                let (rounded, of_inputs) = activations.quantize(x, &[-1]);
                rounded.matmul(numbers) / (of_inputs * scale)
            }
            None => x.matmul(numbers) / scale,
        };
        straight(given, cx.training, || x.matmul(numbers / scale))
    }

    /// Returns the bias as it is added to the product.
    pub(in crate::layers) fn bias(&self, bias: &Variable) -> Tensor {
        match self.mode {
            Some(Quantized::Float8(_)) => narrow_bias(bias),
            _ => bias.into_tensor(),
        }
    }
}

/// The kernel of an EinsumDense layer.
#[derive(Clone, Debug, Default)]
pub(in crate::layers) struct QuantizedTensor {
    matrix: QuantizedMatrix,
    /// Letters of the input, the kernel and the output.
    letters: [Vec<char>; 3],
    shape: Vec<usize>,
}

impl QuantizedTensor {
    /// As [`QuantizedMatrix::build`], for a kernel of this shape.
    ///
    /// # Errors
    /// As there; or the equation has an ellipsis, which Keras does not quantize.
    pub(in crate::layers) fn build(
        &mut self,
        builder: &mut Builder,
        mode: Quantized,
        config: &QuantizationConfig,
        letters: [&[char]; 3],
        shape: &[usize],
    ) -> Result<Variable, Error> {
        self.letters = letters.map(<[char]>::to_vec);
        self.shape = shape.to_vec();
        let [_, kernel, output] = letters;
        let length = |c: &char| kernel.iter().position(|k| k == c).map_or(1, |at| shape[at]);
        let is_summed = |at: usize| !output.contains(&kernel[at]);
        let over = |summed: bool| -> usize {
            let sizes = (0..kernel.len()).filter(|at| is_summed(*at) == summed).map(|at| shape[at]);
            // No array is of such a size, which is told where it is asked for.
            sizes.fold(1, usize::saturating_mul)
        };
        match mode {
            Quantized::Int8 => {
                self.matrix.mode = Some(mode);
                self.matrix.activations = config.activations(mode).map_err(told)?;
                let scale = output.iter().map(length).collect();
                self.matrix.scales.of_eight_bits(builder, "kernel", shape.to_vec(), scale)
            }
            _ => self.matrix.build(builder, mode, config, [over(true), over(false)]),
        }
    }

    pub(in crate::layers) fn is_built(&self) -> bool {
        self.matrix.is_built()
    }

    /// Returns the contraction of both.
    pub(in crate::layers) fn product(&self, x: Tensor, kernel: &Variable, cx: &CallContext) -> Tensor {
        let [input, letters, output] = &self.letters;
        let contracted = |x: Tensor, kernel: Tensor| {
            let factors = vec![Lettered::new(x, input.clone()), Lettered::new(kernel, letters.clone())];
            contract(factors, output)
        };
        let scales = &self.matrix.scales;
        let summed: Vec<isize> =
            (0..input.len()).filter(|i| !output.contains(&input[*i])).map(|i| i as isize).collect();
        // What the inputs were multiplied by, along the axes of the output.
        let of_inputs = |scale: Tensor| {
            let kept: Vec<char> = input.iter().copied().filter(|c| output.contains(c)).collect();
            let lengths = scale.shape();
            let length = |c: &char| input.iter().position(|i| i == c).map_or(1, |at| lengths[at]);
            let order: Vec<usize> = output.iter().filter_map(|c| kept.iter().position(|k| k == c)).collect();
            let flat = scale.reshape(kept.iter().map(length).collect::<Vec<_>>());
            flat.transpose(&order).reshape(output.iter().map(length).collect::<Vec<_>>())
        };
        let numbers = match self.matrix.mode {
            Some(Quantized::Float8(_)) => {
                let (x, kernel) = self.matrix.float8.rounded(x, kernel.into_tensor(), cx);
                return contracted(x, kernel);
            }
            Some(Quantized::Int4(_)) => {
                let numbers = unpacked(whole(kernel), self.matrix.columns);
                let floats = match scales.has_blocks() {
                    true => scales.by_blocks(numbers),
                    false => numbers / scales.scale(),
                };
                let floats = floats.reshape(self.shape.clone());
                let Some(activations) = self.matrix.activations.filter(|_| !scales.has_blocks()) else {
                    return contracted(x, floats);
                };
                let (rounded, scale) = activations.quantize(x, &summed);
                let given = contracted(rounded, floats) / of_inputs(scale);
                return straight(given, cx.training, || contracted(x, floats));
            }
            _ => whole(kernel),
        };
        let given = match self.matrix.activations {
            Some(activations) => {
                let (rounded, scale) = activations.quantize(x, &summed);
                contracted(rounded, numbers) / (of_inputs(scale) * scales.scale())
            }
            None => contracted(x, numbers) / scales.scale(),
        };
        straight(given, cx.training, || contracted(x, numbers) / scales.scale())
    }

    /// Returns the bias as it is added to the product.
    pub(in crate::layers) fn bias(&self, bias: &Variable) -> Tensor {
        self.matrix.bias(bias)
    }
}
