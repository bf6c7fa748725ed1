//! The training engine of Rhyton: graphs of ops with gradients, plans, devices, layers, training.
//!
//! Floors, lowest first; a module imports only from below its own: [`types`], [`export`], [`host`], [`graph`], [`ops`], [`autograd`] with activations,
//! initializers, regularizers and constraints, layers with losses, metrics and optimizers, models, [`plan`], [`device`], train, callbacks.

#![deny(unsafe_code)]

#[macro_use]
mod debug;

pub mod activations;
pub mod autograd;
pub mod callbacks;
mod config;
pub mod constraints;
pub mod device;
pub mod export;
pub mod graph;
pub mod host;
pub mod initializers;
pub mod layers;
pub mod losses;
mod macros;
pub mod metrics;
pub mod models;
pub mod names;
pub mod ops;
pub mod optimizers;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod regularizers;
pub mod train;
pub mod types;
pub mod words;

pub use rhyton_error::Error;
