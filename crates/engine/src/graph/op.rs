//! What an op is: [`OpDef`] for who writes one, [`DynOp`] for who uses it.

use std::any::Any;
use std::fmt::Debug;

use rhyton_kernels::caps::Caps;
use rhyton_kernels::dispatch::Lowered;

use super::Tensor;
use crate::Error;
use crate::export::{Exporter, Source};
use crate::types::TensorType;

/// Float types that an op's definition runs in: f64 as the oracle, f32 as the CPU device's fallback.
pub trait Real: num_traits::Float + num_traits::NumAssign + Send + Sync + Debug + 'static {
    /// From f64, rounding.
    fn of(x: f64) -> Self;
}
impl Real for f32 {
    fn of(x: f64) -> f32 {
        x as f32
    }
}
impl Real for f64 {
    fn of(x: f64) -> f64 {
        x
    }
}

/// An operand of a definition: integers come converted.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, F> {
    /// Shape.
    pub shape: &'a [usize],
    /// Elements, row-major.
    pub data: &'a [F],
}

/// An operand on the CPU device: words, to be read as the type says.
#[derive(Clone, Copy, Debug)]
pub struct CpuView<'a> {
    /// Type and shape.
    pub ty: &'a TensorType,
    /// Elements as words.
    pub words: &'a [u32],
}

impl<'a> CpuView<'a> {
    /// As f32.
    pub fn f32(self) -> &'a [f32] {
        bytemuck::cast_slice(self.words)
    }
    /// As i32.
    pub fn i32(self) -> &'a [i32] {
        bytemuck::cast_slice(self.words)
    }
}

/// How the CPU device cuts an op's output, seen as a matrix, into tiles. A function of the shapes alone, so that the
/// bits do not depend on the number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Rows of the output.
    pub rows: usize,
    /// Columns of the output.
    pub cols: usize,
    /// Rows of a tile.
    pub tile_rows: usize,
    /// Columns of a tile.
    pub tile_cols: usize,
}

/// One tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Tile {
    pub row: usize,
    pub rows: usize,
    pub col: usize,
    pub cols: usize,
}

impl Tiling {
    /// Number of tiles.
    pub fn len(&self) -> usize {
        self.rows.div_ceil(self.tile_rows) * self.cols.div_ceil(self.tile_cols)
    }
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Tile number `i`.
    pub fn tile(&self, i: usize) -> Tile {
        let across = self.cols.div_ceil(self.tile_cols);
        let (row, col) = (i / across * self.tile_rows, i % across * self.tile_cols);
        Tile {
            row,
            rows: self.tile_rows.min(self.rows - row),
            col,
            cols: self.tile_cols.min(self.cols - col),
        }
    }
}

/// What [`OpDef::backward`] gets.
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// The op's inputs.
    pub inputs: &'a [Tensor],
    /// Its output.
    pub output: Tensor,
    /// The gradient of the output.
    pub grad: Tensor,
    /// Which inputs' gradients are wanted; others may be `None`.
    pub needs: &'a [bool],
}

/// An op: one file has all of it. Elementwise ops are rows of the pointwise table instead.
pub trait OpDef: Debug + Send + Sync + 'static {
    /// Name, as in plans and messages.
    const NAME: &'static str;

    /// The only check of its inputs' shapes, and the type of its output. That of their types is [`OpDef::takes_integers`].
    ///
    /// # Errors
    /// What does not fit, in one sentence.
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String>;

    /// Returns whether input `i` may be words of integers: kernels read others as floats, and a node with such an input is an error.
    fn takes_integers(&self, _i: usize) -> bool {
        false
    }

    /// The definition: naive, in any float type.
    fn host<F: Real>(&self, inputs: &[View<F>], out: &mut [F]);

    /// The GPU's work.
    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered;

    /// Gradients, one per input, made of ops. A gradient may have a shape that its input broadcasts to.
    ///
    /// # Errors
    /// There is none; the default says so.
    fn backward(&self, _cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        Err(Error::NoGradient { op: Self::NAME.into(), layer: String::new() })
    }

    /// Whether [`OpDef::backward`] takes a gradient of a shape that only broadcasts to the output's; others get it whole.
    fn takes_narrow_gradient(&self) -> bool {
        false
    }

    /// Returns whether the sum of what it gives for several sets of inputs is what it gives for them one behind the other along the first axis. So a loop
    /// makes the gradient of a weight once, and not in every trip.
    fn sums_first_axis(&self) -> bool {
        false
    }

    /// Returns whether it only moves numbers or chooses among them: of floats of 16 bits it gives such without rounding.
    fn moves(&self) -> bool {
        false
    }

    /// Adds the TensorFlow nodes that compute it, for the serving graph of a SavedModel, and gives the one that has its output; `None` (the
    /// default) where it has none: a model with it is saved without a serving graph.
    fn export(&self, _cx: &mut Exporter) -> Option<Source> {
        None
    }

    /// Floating-point operations.
    fn flops(&self, _inputs: &[TensorType], output: &TensorType) -> u64 {
        output.len() as u64
    }

    /// How the CPU device runs it by tiles with [`OpDef::cpu_tile`]; `None` to use the definition.
    fn tiling(&self, _inputs: &[TensorType], _output: &TensorType) -> Option<Tiling> {
        None
    }

    /// Computes one tile, row-major and tight.
    fn cpu_tile(&self, _inputs: &[CpuView], _tile: Tile, _out: &mut [f32]) {}
}

/// [`OpDef`] without its types.
#[allow(missing_docs)]
pub trait DynOp: Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn as_any(&self) -> &dyn Any;
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String>;
    fn host_f32(&self, inputs: &[View<f32>], out: &mut [f32]);
    fn host_f64(&self, inputs: &[View<f64>], out: &mut [f64]);
    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered;
    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error>;
    fn takes_narrow_gradient(&self) -> bool;
    fn sums_first_axis(&self) -> bool;
    fn moves(&self) -> bool;
    fn export(&self, cx: &mut Exporter) -> Option<Source>;
    fn flops(&self, inputs: &[TensorType], output: &TensorType) -> u64;
    fn tiling(&self, inputs: &[TensorType], output: &TensorType) -> Option<Tiling>;
    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]);
}

impl<T: OpDef> DynOp for T {
    fn name(&self) -> &'static str {
        T::NAME
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        let wrong = inputs.iter().enumerate().find(|(i, t)| !t.dtype.is_float() && !self.takes_integers(*i));
        if let Some((i, ty)) = wrong {
            let (name, dtype) = (T::NAME, ty.dtype.name());
            return Err(format!(
                "{name} takes floats, but input {i} is of {dtype}: make floats of it, by to_f32()"
            ));
        }
        // Floats of 16 bits are held as f32, and what is computed of them is.
        let held = |ty: &TensorType| {
            if ty.dtype.half().is_some() { TensorType::f32(ty.shape.clone()) } else { ty.clone() }
        };
        let held: Vec<TensorType> = inputs.iter().map(held).collect();
        OpDef::infer(self, &held)
    }
    fn host_f32(&self, inputs: &[View<f32>], out: &mut [f32]) {
        OpDef::host(self, inputs, out);
    }
    fn host_f64(&self, inputs: &[View<f64>], out: &mut [f64]) {
        OpDef::host(self, inputs, out);
    }
    fn lower(&self, inputs: &[TensorType], output: &TensorType, caps: &Caps) -> Lowered {
        OpDef::lower(self, inputs, output, caps)
    }
    fn backward(&self, cx: &Backward) -> Result<Vec<Option<Tensor>>, Error> {
        OpDef::backward(self, cx)
    }
    fn takes_narrow_gradient(&self) -> bool {
        OpDef::takes_narrow_gradient(self)
    }
    fn sums_first_axis(&self) -> bool {
        OpDef::sums_first_axis(self)
    }
    fn moves(&self) -> bool {
        OpDef::moves(self)
    }
    fn export(&self, cx: &mut Exporter) -> Option<Source> {
        OpDef::export(self, cx)
    }
    fn flops(&self, inputs: &[TensorType], output: &TensorType) -> u64 {
        OpDef::flops(self, inputs, output)
    }
    fn tiling(&self, inputs: &[TensorType], output: &TensorType) -> Option<Tiling> {
        OpDef::tiling(self, inputs, output)
    }
    fn cpu_tile(&self, inputs: &[CpuView], tile: Tile, out: &mut [f32]) {
        OpDef::cpu_tile(self, inputs, tile, out);
    }
}
