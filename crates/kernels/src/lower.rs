//! Placeholder: lowered kernels come with the shaders.
#![allow(missing_docs)]
use crate::caps::Caps;
use crate::dispatch::Lowered;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    Sum,
    Max,
    Min,
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PackedEntry {
    pub input: Option<usize>,
    pub len: usize,
    pub scale: f32,
}
pub fn matmul(_m: usize, _k: usize, _n: usize, _ta: bool, _tb: bool, _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn reduce(_k: Reduction, _outer: usize, _len: usize, _inner: usize, _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn softmax(_rows: usize, _len: usize, _log: bool, _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn sparse_cross_entropy(_rows: usize, _classes: usize, _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn sparse_cross_entropy_grad(_rows: usize, _classes: usize, _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn argmax(_rows: usize, _len: usize, _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn concat(_outer: usize, _lens: &[usize], _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn slice(_outer: usize, _whole: usize, _start: usize, _part: usize, _pad: bool, _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn transpose(_shape: &[usize], _order: &[usize], _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn packed_sums(_e: &[PackedEntry], _c: &Caps) -> Lowered {
    Lowered::default()
}
pub fn pointwise(_count: usize, _p: &crate::program::Program, _c: &Caps) -> Lowered {
    Lowered::default()
}
