//! Ops: one file each, with the methods of [`Tensor`](crate::graph::Tensor) that make them.
//!
//! To add an op: one file with `impl OpDef` (type rule, definition, lowering, gradient), its cases, one row in [`OPS`]. To add an
//! elementwise function: a row of the pointwise table in `rhyton-kernels`, and a method in `pointwise.rs`.

mod argmax;
mod argsort;
mod batch_matmul;
pub mod cases;
mod concat;
mod constant;
mod contract;
mod conv;
mod cross_entropy;
mod cumulative;
mod gather;
mod matmul;
mod packed_sums;
mod pointwise;
mod pool;
mod reduce;
mod resample;
mod reshape;
mod resize;
mod reverse;
mod sample;
mod slice;
mod softmax;
mod take_along;
mod transpose;
mod windows;

pub use constant::Numbers;
pub(crate) use constant::count_up;
pub(crate) use contract::{Lettered, contract};
pub(crate) use gather::over_rows;
pub use packed_sums::{Entry, packed_sums};
pub(crate) use pointwise::count_less;
pub use pointwise::{pointwise, pointwise_many, random_uniform};
pub use resize::Interpolation;
pub(crate) use sample::Sample;
pub use windows::Windows;

use cases::Case;

/// A row of the op table.
#[derive(Debug)]
pub struct Row {
    /// Name of the op.
    pub name: &'static str,
    /// Instances with inputs that tests, gradient checks and benches run over.
    pub cases: fn() -> Vec<Case>,
}

/// Every op that is not elementwise.
pub static OPS: &[Row] = &[
    Row { name: "matmul", cases: matmul::cases },
    Row { name: "batch_matmul", cases: batch_matmul::cases },
    Row { name: "conv2d", cases: conv::cases },
    Row { name: "pool2d", cases: pool::cases },
    Row { name: "pool2d_grad", cases: pool::grad_cases },
    Row { name: "reduce", cases: reduce::cases },
    Row { name: "softmax", cases: softmax::cases },
    Row { name: "sparse_cross_entropy", cases: cross_entropy::cases },
    Row { name: "sparse_cross_entropy_grad", cases: cross_entropy::grad_cases },
    Row { name: "argmax", cases: argmax::cases },
    Row { name: "concat", cases: concat::cases },
    Row { name: "slice", cases: slice::cases },
    Row { name: "transpose", cases: transpose::cases },
    Row { name: "gather", cases: gather::cases },
    Row { name: "gather_grad", cases: gather::grad_cases },
    Row { name: "resample", cases: resample::cases },
    Row { name: "reverse", cases: reverse::cases },
    Row { name: "cumulative", cases: cumulative::cases },
    Row { name: "argsort", cases: argsort::cases },
    Row { name: "take_along", cases: take_along::cases },
    Row { name: "spread_along", cases: take_along::grad_cases },
    Row { name: "sample", cases: sample::cases },
    Row { name: "packed_sums", cases: packed_sums::cases },
];
