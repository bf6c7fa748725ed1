//! Models as graphs of layer calls over symbols: what is configured, summarised and saved; and the registry.

mod adapt;
mod infer;
mod network;
pub mod ops;
mod prefix;
pub mod registry;
mod serving;
mod symbol;

pub use network::{Call, Network, NetworkKind};
pub use prefix::{Fed, Origin, Prefix};
pub use serving::{Port, Serving, serving};
pub use symbol::{IntoSymbols, Symbol};
