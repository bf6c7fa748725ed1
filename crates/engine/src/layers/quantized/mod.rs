//! Kernels that are kept as whole numbers of 8 or 4 bits, or computed with floats of 8 bits: layers of Keras 3 after `model.quantize`.

mod config;
mod float8;
mod kernels;
mod tables;

use crate::Error;
use crate::graph::{Builder, DType, Initializer, Integer, IntoTensor, Tensor, Variable};
use crate::initializers::{Ones, Zeros};
use crate::types::Quantized;

pub use config::QuantizationConfig;
pub(super) use kernels::{QuantizedMatrix, QuantizedTensor};
pub(super) use tables::QuantizedTable;

/// The whole numbers of this type.
const BYTES: DType = DType::Whole(Integer::I8);

/// What stands beside a matrix of whole numbers: scales, and with blocks of rows what is zero in each, and the block of each row.
#[derive(Clone, Debug, Default)]
pub(super) struct Scales {
    scale: Variable,
    zero: Variable,
    groups: Variable,
}

/// The number of the block that each row is in, at first.
struct Blocks(usize);

impl Initializer for Blocks {
    fn spec(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn init(&self, shape: &[usize], _seed: u64) -> Result<Vec<f32>, Error> {
        Ok((0..shape.iter().product()).map(|row: usize| (row / self.0) as f32).collect())
    }
}

/// A matrix that a layer asks for.
pub(super) struct Asked<'a> {
    /// Name of the kernel, and the beginning of the others'.
    pub what: &'a str,
    /// Rows, over which a product sums, and columns.
    pub rows: usize,
    pub columns: usize,
    /// Says that the scales stand by columns first (those of embeddings).
    pub by_column: bool,
    /// Says that the blocks are those of another matrix (the way back of embeddings).
    pub groups: Option<&'a Variable>,
}

impl Scales {
    /// Makes the variables of a matrix of whole numbers of 4 bits, and returns the matrix' own, whose stored shape is the caller's.
    ///
    /// # Errors
    /// They are too large.
    pub(super) fn of_four_bits(
        &mut self,
        builder: &mut Builder,
        asked: &Asked<'_>,
        stored: [usize; 2],
        block: Option<usize>,
    ) -> Result<Variable, Error> {
        let what = asked.what;
        let kernel = builder.add_typed(what, stored, BYTES, Zeros::default(), false)?;
        let shape = match block {
            None => vec![asked.columns],
            Some(block) if asked.by_column => vec![asked.columns, asked.rows.div_ceil(block)],
            Some(block) => vec![asked.rows.div_ceil(block), asked.columns],
        };
        self.scale = builder.add_weight(&format!("{what}_scale"), shape.clone(), Ones::default(), false)?;
        if let Some(block) = block {
            let zero = format!("{what}_zero");
            self.zero = match asked.groups {
                // Keras has these as floats.
                Some(groups) => {
                    self.groups = groups.clone();
                    builder.add_weight(&zero, shape, Zeros::default(), false)?
                }
                None => {
                    let zeros = builder.add_typed(&zero, shape, BYTES, Zeros::default(), false)?;
                    self.groups =
                        builder.add_typed("g_idx", [asked.rows], DType::F32, Blocks(block), false)?;
                    zeros
                }
            };
        }
        Ok(kernel)
    }

    /// Makes the variables of whole numbers of 8 bits.
    ///
    /// # Errors
    /// They are too large.
    pub(super) fn of_eight_bits(
        &mut self,
        builder: &mut Builder,
        what: &str,
        shape: Vec<usize>,
        scale: Vec<usize>,
    ) -> Result<Variable, Error> {
        let kernel = builder.add_typed(what, shape, BYTES, Zeros::default(), false)?;
        self.scale = builder.add_weight(&format!("{what}_scale"), scale, Ones::default(), false)?;
        Ok(kernel)
    }

    /// Returns the scales.
    pub(super) fn scale(&self) -> Tensor {
        self.scale.into_tensor()
    }

    /// Returns whether rows have scales by blocks, whose zero is not 0.
    pub(super) fn has_blocks(&self) -> bool {
        self.zero.is_built()
    }

    /// Returns the groups of the rows.
    pub(super) fn groups(&self) -> &Variable {
        &self.groups
    }

    /// Returns `[rows, columns]` of floats, of whole numbers with blocks of rows.
    pub(super) fn by_blocks(&self, numbers: Tensor) -> Tensor {
        let groups = self.groups.into_tensor();
        let zero = whole(&self.zero).rows_at(groups);
        (numbers - zero) * self.scale().rows_at(groups)
    }

    /// [`Scales::by_blocks`] where the scales stand by columns first.
    pub(super) fn by_blocks_of_columns(&self, numbers: Tensor) -> Tensor {
        let groups = self.groups.into_tensor();
        let zero = whole(&self.zero).transpose(&[1, 0]).rows_at(groups);
        (numbers - zero) * self.scale().transpose(&[1, 0]).rows_at(groups)
    }
}

/// Returns the whole numbers of a variable, to compute with.
pub(super) fn whole(variable: &Variable) -> Tensor {
    variable.into_tensor().as_type(DType::F32)
}

/// Returns the numbers of 4 bits that bytes hold, the lower ones first: along the last axis, which has so many.
pub(super) fn unpacked(bytes: Tensor, columns: usize) -> Tensor {
    let high = (bytes / 16.0).floor();
    let low = bytes - high * 16.0;
    let low = low - (1.0 - low.less(8.0)) * 16.0;
    let mut shape = bytes.shape();
    let last = shape.len() - 1;
    shape[last] *= 2;
    Tensor::concat(&[low.expand_last(), high.expand_last()], last + 1).reshape(shape).slice(last, 0, columns)
}

/// Returns what a layer gives, with the gradient of `floats`, which it is near: rounding has none of its own.
pub(super) fn straight(given: Tensor, training: bool, floats: impl FnOnce() -> Tensor) -> Tensor {
    if !training {
        return given;
    }
    let floats = floats();
    floats + (given - floats).stop_gradient()
}

/// Says that a layer with a quantized kernel has a low-rank addition, which is not supported.
pub(super) fn without_lora(rank: Option<usize>, mode: Quantized) -> Result<(), Error> {
    match rank {
        None | Some(0) => Ok(()),
        Some(_) => Err(Error::Argument {
            what: format!(
                "lora_rank in a layer of {} is not supported: adapt the layer before it is quantized, and save it, which adds both",
                mode.mode()
            ),
        }),
    }
}
