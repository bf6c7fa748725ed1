//! WGSL kernels of Rhyton and what is known about them; no device.
//!
//! * [`expr`], [`pointwise`]: elementwise expressions and the table of functions that they are made of.
//! * [`program`]: expressions as one straight-line program.
//! * [`philox`]: the random generator.
//! * [`table`]: one row per kernel. [`source`]: the WGSL of a dispatch. [`library`]: shared functions.
//! * [`params`]: the uniform words of kernels as structs.
//! * [`caps`]: what a device can do. [`dispatch`]: one dispatch as plain data.

#![forbid(unsafe_code)]

pub mod caps;
pub mod dispatch;
pub mod expr;
pub mod library;
pub mod params;
pub mod philox;
pub mod pointwise;
pub mod program;
pub mod source;
pub mod table;
