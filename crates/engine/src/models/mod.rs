//! Models as graphs of layer calls over symbols: what is configured, summarised and saved.

mod infer;
mod network;
mod symbol;

pub mod registry;

pub use network::{Call, Network, NetworkKind};
pub use symbol::{IntoSymbols, Symbol};
