//! The crate's error, grouped by whose fault it is.

/// What can go wrong in the engine.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer or op was given shapes or types that do not fit.
    #[error("{}{what}", place(layer))]
    Shape {
        /// Path of the layer; empty where there is none.
        layer: String,
        /// What was found and what would fit.
        what: String,
    },
    /// An argument of a layer, optimizer or call is out of its range.
    #[error("{what}")]
    Argument {
        /// What was given and what would be right.
        what: String,
    },
    /// A class or function name that nobody registered.
    #[error("unknown {kind} `{name}`; {advice}")]
    Unknown {
        /// `layer`, `activation`, `loss` ...
        kind: &'static str,
        /// The name.
        name: String,
        /// How to register it.
        advice: String,
    },
    /// A config does not describe the object that it should.
    #[error("config of {object}: {what}")]
    Config {
        /// Class and name.
        object: String,
        /// What was found and what would be right.
        what: String,
    },
    /// The training data are not what the model takes.
    #[error("{what}")]
    Data {
        /// What, with the first position.
        what: String,
    },
    /// The model is not in the state that the call needs.
    #[error("{what}")]
    State {
        /// What to do first.
        what: String,
    },
    /// The device failed or is gone.
    #[error("device {device}: {what}")]
    Device {
        /// Its name.
        device: String,
        /// What it said.
        what: String,
    },
    /// An op has no gradient where one is needed.
    #[error("{op} has no gradient (in {layer})")]
    NoGradient {
        /// The op.
        op: String,
        /// Path of the layer.
        layer: String,
    },
    /// A callback failed.
    #[error("callback {callback}: {source}")]
    Callback {
        /// Its name.
        callback: String,
        /// Its own error.
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
}

fn place(layer: &str) -> String {
    if layer.is_empty() { String::new() } else { format!("layer {layer}: ") }
}
