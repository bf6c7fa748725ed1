//! Messages of TensorFlow's files. The code is generated from `proto/`, see the README there.

#[allow(dead_code, missing_docs, clippy::all, clippy::pedantic)]
#[rustfmt::skip]
mod tensorflow;

pub use tensorflow::*;
