//! WGSL kernels of Rhyton and what is known about them; no device.
//!
//! * [`expr`], [`pointwise`]: elementwise expressions and the table of functions that they are made of.
//! * [`elementary`]: exponential functions that a compiler can make vectors of.
//! * [`program`]: expressions as one straight-line program.
//! * [`narrow`]: floats of 16 bits.
//! * [`philox`]: the random generator.
//! * [`table`]: one row per kernel. [`source`]: the WGSL of a dispatch. [`library`]: shared functions.
//! * [`params`]: the uniform words of kernels as structs.
//! * [`caps`]: what a device can do. [`dispatch`]: one dispatch as plain data.

#![forbid(unsafe_code)]

pub mod caps;
pub mod dispatch;
pub mod elementary;
pub mod expr;
pub mod library;
pub mod narrow;
pub mod params;
pub mod philox;
pub mod pointwise;
pub mod program;
pub mod source;
pub mod table;
