//! The commands, each with its options, as a user types them.

#[path = "../common/mod.rs"]
mod common;

mod inspect;
mod predict;
mod train;
