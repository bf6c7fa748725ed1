//! Quantized vectors of embeddings.

use super::config::QuantizationConfig;
use super::{Asked, Scales, unpacked, whole};
use crate::Error;
use crate::graph::{Builder, Tensor, Variable};
use crate::types::Quantized;

/// The vectors of an embedding: `[numbers, features]`.
#[derive(Clone, Debug, Default)]
pub(in crate::layers) struct QuantizedTable {
    mode: Option<Quantized>,
    scales: Scales,
    features: usize,
}

fn told(what: String) -> Error {
    Error::Argument { what: format!("quantization_config: {what}") }
}

impl QuantizedTable {
    /// Makes the variables, and returns that of the vectors.
    ///
    /// # Errors
    /// They are too large, or the config is wrong.
    pub(in crate::layers) fn build(
        &mut self,
        builder: &mut Builder,
        mode: Quantized,
        config: &QuantizationConfig,
        [numbers, features]: [usize; 2],
    ) -> Result<Variable, Error> {
        (self.mode, self.features) = (Some(mode), features);
        let what = "embeddings";
        match mode {
            Quantized::Int4(block) => {
                let block = config.block(block).map_err(told)?;
                let asked = Asked { what, rows: features, columns: numbers, by_column: true, groups: None };
                self.scales.of_four_bits(builder, &asked, [numbers, features.div_ceil(2)], block)
            }
            _ => self.scales.of_eight_bits(builder, what, vec![numbers, features], vec![numbers]),
        }
    }

    /// The same of the weights of the way back, `[features, numbers]`.
    ///
    /// # Errors
    /// As there.
    pub(in crate::layers) fn build_back(
        &mut self,
        builder: &mut Builder,
        mode: Quantized,
        config: &QuantizationConfig,
        [numbers, features]: [usize; 2],
        forth: &QuantizedTable,
    ) -> Result<Variable, Error> {
        (self.mode, self.features) = (Some(mode), features);
        let what = "reverse_embeddings";
        match mode {
            Quantized::Int4(block) => {
                let block = config.block(block).map_err(told)?;
                let groups = Some(forth.scales.groups());
                let asked = Asked { what, rows: features, columns: numbers, by_column: false, groups };
                self.scales.of_four_bits(builder, &asked, [features.div_ceil(2), numbers], block)
            }
            _ => self.scales.of_eight_bits(builder, what, vec![features, numbers], vec![numbers]),
        }
    }

    pub(in crate::layers) fn is_built(&self) -> bool {
        self.mode.is_some()
    }

    fn is_packed(&self) -> bool {
        matches!(self.mode, Some(Quantized::Int4(_)))
    }

    /// Returns the whole numbers, `[numbers, features]`.
    fn numbers(&self, vectors: &Variable) -> Tensor {
        let stored = whole(vectors);
        if self.is_packed() { unpacked(stored, self.features) } else { stored }
    }

    /// Returns the vectors as floats.
    pub(in crate::layers) fn floats(&self, vectors: &Variable) -> Tensor {
        let numbers = self.numbers(vectors);
        if self.scales.has_blocks() {
            return self.scales.by_blocks_of_columns(numbers.transpose(&[1, 0])).transpose(&[1, 0]);
        }
        numbers / self.scales.scale().expand_last()
    }

    /// Returns how well each number suits vectors, by the same vectors.
    pub(in crate::layers) fn reversed(
        &self,
        x: Tensor,
        vectors: &Variable,
        config: &QuantizationConfig,
    ) -> Tensor {
        let kernel = self.numbers(vectors).transpose(&[1, 0]);
        let floats = self.scales.has_blocks().then(|| self.scales.by_blocks_of_columns(kernel));
        self.logits(x, kernel, floats, config)
    }

    /// The same by weights of the way back.
    pub(in crate::layers) fn reversed_of(
        &self,
        x: Tensor,
        weights: &Variable,
        config: &QuantizationConfig,
    ) -> Tensor {
        let stored = whole(weights);
        let kernel = match self.is_packed() {
            true => unpacked(stored.transpose(&[1, 0]), self.features).transpose(&[1, 0]),
            false => stored,
        };
        let floats = self.scales.has_blocks().then(|| self.scales.by_blocks(kernel));
        self.logits(x, kernel, floats, config)
    }

    /// `kernel`: whole numbers `[features, numbers]`; `floats`: the same as floats, where blocks have scales of their own.
    fn logits(
        &self,
        x: Tensor,
        kernel: Tensor,
        floats: Option<Tensor>,
        config: &QuantizationConfig,
    ) -> Tensor {
        // Without a config the inputs of the way back are rounded whatever the mode is.
        let activations = config.activations(Quantized::Int8).ok().flatten();
        let (x, of_inputs) = match activations {
            Some(activations) => activations.quantize(x, &[-1]),
            None => (x, Tensor::full(&[], 1.0)),
        };
        match floats {
            Some(floats) => x.matmul(floats) / of_inputs,
            None => x.matmul(kernel) / (of_inputs * self.scales.scale()),
        }
    }
}
